"""What the flow needs and what it finds of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any

from fpga_flow import boards, compress, csim, datasets, plugins, process
from fpga_flow.errors import ToolError
from fpga_flow.hls.layers.plugin import LAYERS
from fpga_flow.networks import FAMILIES
from fpga_flow.plugins import Plugin
from fpga_flow.process import Deadline
from fpga_flow.resources import tools
from fpga_flow.resources.open import tools as open_tools
from fpga_flow.resources.open.tools import OpenTool
from fpga_flow.rtl import verilator

#: Minutes within which the compiler tells its version.
_MINUTES = 1.0
_PACKAGES = ("tensorflow", "tf_keras", "QKeras", "hls4ml", "da4ml", "scikit-learn", "plotly")


def examine() -> list[dict[str, Any]]:
    """One entry per thing: what, found (its version, or empty), needed for, how to get it, required."""
    return [_compiler(), *(_package(name) for name in _PACKAGES), *_open_tools(), *_vendor_tools(), *_plugins()]


def _plugins() -> list[dict[str, Any]]:
    """The plugins. One that can't be used is not found, and `how` says why; only what needs it is in the way of."""
    wrong: dict[Plugin, list[str]] = {}
    for plugin, why in (*plugins.unknown_groups(), *_plugin_problems()):
        wrong.setdefault(plugin, []).append(why)
    entries = []
    for plugin in plugins.everything():
        what = f"plugin {plugin.package}: {plugin.name}"
        found = "" if plugin in wrong else plugin.value
        needed_for = plugins.GROUPS.get(plugin.group, plugin.group)
        entries.append({**_entry(what, found, needed_for, "; ".join(wrong.get(plugin, []))), "required": False})
    return entries


def _plugin_problems() -> list[tuple[Plugin, str]]:
    """What is wrong with plugins, found by importing them."""
    registries = (compress.PASSES, datasets.DATASETS, FAMILIES, LAYERS)
    return [*boards.problems(), *(each for registry in registries for each in registry.problems)]


def _open_tools() -> list[dict[str, Any]]:
    """The open tools; the first call of some compiles them for minutes, so that the path must do, too."""
    entries = []
    for name, find in [("Verilator", _verilator), *((each.name, _finder(each)) for each in open_tools.ALL)]:
        try:
            found = find()
        except ToolError:
            found = ""
        entry = _entry(name, found, "resources --open", 'pip install "fpga_flow[open]"')
        entries.append({**entry, "required": False})
    return entries


def _verilator() -> str:
    return verilator.find().version


def _finder(tool: OpenTool) -> Callable[[], str]:
    return lambda: tool.find().path


def _vendor_tools() -> list[dict[str, Any]]:
    """The vendor's tools, which nothing but builds needs. They take seconds to tell their version: the path must do."""
    entries = []
    for name, find, variable, suite in (
        ("Vitis HLS", tools.vitis_hls, tools.HLS_VARIABLE, "AMD Vitis"),
        ("Vivado HLS", tools.vivado_hls, tools.VIVADO_HLS_VARIABLE, "Xilinx Vivado of 2020.1"),
        ("Vivado", tools.vivado, tools.VIVADO_VARIABLE, "AMD Vitis"),
    ):
        try:
            found = find().path
        except ToolError:
            found = ""
        entry = _entry(name, found, "resources --build", f"install {suite}, or set {variable}")
        entries.append({**entry, "required": False})
    return entries


def _compiler() -> dict[str, Any]:
    try:
        path = csim.compiler.find().path
        said = process.run([path, "--version"], Deadline.after(_MINUTES)).said.splitlines()
        version = said[0] if said else path
    except ToolError:
        version = ""
    return _entry("C++ compiler", version, "C simulation", "install g++, or set CXX")


def _package(name: str) -> dict[str, Any]:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = ""
    return _entry(name, version, "the flow", f"pip install {name}")


def _entry(what: str, found: str, needed_for: str, how: str) -> dict[str, Any]:
    return {"what": what, "found": found, "needed for": needed_for, "how": how, "required": True}
