"""Plugins: what other installed packages add to passes, data sets, networks, HLS layers and boards.

A package says in its metadata what it adds, as entry points of the groups in `GROUPS`, each with the name that specs
use, for example in its pyproject.toml

    [project.entry-points."fpga_flow.passes"]
    shave = "acme_flow.shave"

Only what is installed is looked at: nothing in a spec, a model or a data file makes code be imported. The modules are
imported when something of their kind is first needed. One that can't be imported, does not keep the contract of its
kind, or has a name that is taken is left out, and what needs it says why; all else goes on. The contracts are stated in
`compress/base.py`, `datasets/base.py`, `networks/__init__.py` and `hls/layers/plugin.py`; boards are YAML files.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from fpga_flow.errors import ToolError, suggest

_PREFIX = "fpga_flow."
#: The groups of entry points, and what is in them.
GROUPS = {
    "fpga_flow.passes": "compression pass",
    "fpga_flow.datasets": "data set",
    "fpga_flow.networks": "network family",
    "fpga_flow.hls_layers": "HLS layer",
    "fpga_flow.boards": "folder of boards",
}


class PluginError(Exception):
    """Why a plugin can't be used."""


@dataclass(frozen=True)
class Plugin:
    """An entry point: its group and name, the module that it names, and the installed package that has it."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    @property
    def package(self) -> str:
        """The package with its version, as tables have it."""
        return f"{self.distribution} {self.version}"

    def __str__(self) -> str:
        what = GROUPS.get(self.group, "entry point")
        return f'{what} "{self.name}" of {self.package} (entry point {self.name} = {self.value} in {self.group})'

    def module(self) -> Any:
        """The module, imported; what that prints goes to standard error.

        Raises:
            PluginError: it can't be imported.
        """
        with _importing(self.value), contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(self.value)

    @cached_property
    def identity(self) -> dict[str, str]:
        """What the digest of a stage holds of it: the package, its version, and a digest of its code.

        Raises:
            PluginError: its code is not in files.
        """
        return {"package": self.package, "entry_point": f"{self.name} = {self.value}", "code": self._code()}

    def _code(self) -> str:
        """A digest of the files of the outermost package that holds the module, or of the module alone."""
        from fpga_flow import runs  # takes a while to import, which lists of boards need not

        root = _root(self.value)
        files = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]
        return runs.sources_digest(root.parent, files)

    def folder(self) -> Path:
        """The folder of the package that it names, of which no code is run but that of packages around it.

        Raises:
            PluginError: there is no such package, or it is not a folder.
        """
        with _importing(self.value):
            spec = importlib.util.find_spec(self.value)
        places = [Path(each) for each in (spec.submodule_search_locations or [])] if spec is not None else []
        if len(places) != 1 or not places[0].is_dir():
            raise PluginError(f"expected a package that is a folder, got {self.value}, which is none")
        return places[0]


@cache
def everything() -> tuple[Plugin, ...]:
    """The entry points of all groups whose names begin as ours do, by group, name and package."""
    found: dict[str, list[Plugin]] = {}
    for each in metadata.distributions():
        if _PREFIX not in (each.read_text("entry_points.txt") or ""):
            continue  # to read the names of all packages takes long
        # of two packages of a name, Python imports the first one on its path
        found.setdefault(each.name, [
            Plugin(point.group, point.name, point.value, each.name, each.version)
            for point in each.entry_points
            if point.group.startswith(_PREFIX)
        ])  # fmt: skip
    plugins = [plugin for each in found.values() for plugin in each]
    return tuple(sorted(plugins, key=lambda one: (one.group, one.name, one.package, one.value)))


def entries(group: str) -> list[Plugin]:
    """The entry points of a group."""
    return [each for each in everything() if each.group == group]


def unknown_groups() -> Iterator[tuple[Plugin, str]]:
    """Entry points of groups that begin as ours but are none of them, with what was expected."""
    for each in everything():
        if each.group not in GROUPS:
            yield each, f"expected a known group, got {each.group}: {suggest(each.group, GROUPS)}"


#: From a plugin and its module to all that is wrong with it.
Check = Callable[[Plugin, Any], Iterator[str]]


class Registry(Mapping[str, Any]):
    """What there is of a kind by its name: the built-in ones, in their order, and those of plugins.

    Plugins are imported at the first look.
    """

    def __init__(self, group: str, built_in: Mapping[str, Any], check: Check) -> None:
        """Args:
        group: the group of entry points.
        built_in: the modules by name, or the names of modules that are imported when they are needed.
        check: finds what is wrong with a plugin's module.
        """
        self.group, self.built_in, self._check = group, built_in, check

    def __getitem__(self, name: str) -> Any:
        found = self.built_in.get(name)
        if found is None:
            return self._found[0][name]
        return importlib.import_module(found) if isinstance(found, str) else found

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self._found[0]

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self._found[0]

    def __len__(self) -> int:
        return len(self.built_in) + len(self._found[0])

    @property
    def broken(self) -> Mapping[str, str]:
        """Names that plugins alone would have, and why they have none of them."""
        problems = [(plugin, why) for plugin, why in self.problems if plugin.name not in self.built_in]
        return {plugin.name: f"{plugin} can't be used: {why}" for plugin, why in problems}

    @property
    def problems(self) -> Sequence[tuple[Plugin, str]]:
        """The plugins that can't be used, and why."""
        return self._found[1]

    def plugin(self, name: str) -> Plugin | None:
        """The plugin that has this name; None if it is built in."""
        if name in self.built_in:
            return None
        return next((each for each in entries(self.group) if each.name == name and name in self._found[0]), None)

    def origin(self, name: str) -> str:
        """Where something is from: `fpga_flow`, or a plugin's package with its version."""
        plugin = self.plugin(name)
        return "fpga_flow" if plugin is None else plugin.package

    def identities(self, *names: str) -> list[dict[str, str]]:
        """What the digest of a stage must hold of those of the names that are plugins'."""
        return [plugin.identity for name in names if (plugin := self.plugin(name)) is not None]

    def of_plugins(self) -> dict[str, Any]:
        """Those of plugins alone."""
        return dict(self._found[0])

    @cached_property
    def _found(self) -> tuple[dict[str, Any], list[tuple[Plugin, str]]]:
        """The modules of plugins by name, and the plugins that can't be used."""
        working: dict[str, Any] = {}
        problems: list[tuple[Plugin, str]] = []
        for plugin in entries(self.group):
            try:
                _check_name(plugin, self.built_in)
                module = plugin.module()
                if wrong := list(self._check(plugin, module)):
                    raise PluginError("; ".join(wrong))
                plugin.identity  # noqa: B018  (its code must be in files)
                working[plugin.name] = module
            except (PluginError, ToolError) as error:  # a layer can't be looked at without TensorFlow
                problems.append((plugin, str(error)))
        return working, problems


def _check_name(plugin: Plugin, built_in: Mapping[str, Any]) -> None:
    """Raise PluginError if another one of its kind has its name: which one is meant can't be told."""
    others = [each.package for each in entries(plugin.group) if each.name == plugin.name and each != plugin]
    taken = "the one built in" if plugin.name in built_in else " and ".join(others)
    if taken:
        raise PluginError(f'expected a name of its own, got "{plugin.name}", which {taken} has, too')


def module_problems(
    module: Any, functions: Sequence[str], section: type | None = None, tag: str = "", name: str = ""
) -> Iterator[str]:
    """What a plugin's module lacks of its contract.

    Args:
        functions: that it must have.
        section: the class that its `Options` must be derived from.
        tag: the field of `Options` whose type must be a Literal of `name` alone.
    """
    if not (module.__doc__ or "").strip():
        yield "expected a docstring whose first paragraph says what it is, got none"
    for each in functions:
        if not callable(getattr(module, each, None)):
            yield f"expected a function {each}, got {_kind(module, each)}"
    if section is None:
        return
    options = getattr(module, "Options", None)
    if not (isinstance(options, type) and issubclass(options, section)):
        base = f"{section.__module__}.{section.__name__}"
        yield f"expected Options, a class derived from {base}, got {_kind(module, 'Options')}"
    elif tag and not _is_literal(options, tag, name):
        yield f'expected Options with the field {tag}: Literal["{name}"], got another one or none'


def name_problems(name: str, pattern: str, words: str, refused: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with a plugin's name."""
    if not re.fullmatch(pattern, name):
        yield f'expected as name {words}, got "{name}"'
    if name in refused:
        yield f'expected a name that means nothing else, got "{name}"'


def _is_literal(options: Any, field: str, value: str) -> bool:
    found = options.model_fields.get(field)
    return found is not None and get_origin(found.annotation) is Literal and get_args(found.annotation) == (value,)


def _kind(module: Any, name: str) -> str:
    """What a module has by a name, in words."""
    return f"a value of type {type(getattr(module, name)).__name__}" if hasattr(module, name) else "none"


@contextlib.contextmanager
def _importing(name: str) -> Iterator[None]:
    """Whatever a plugin raises while it is imported becomes a `PluginError`."""
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        raise PluginError(f"expected the name of a module, got {name}")
    try:
        yield
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(f"expected a module that can be imported, got {text}") from error


def _root(name: str) -> Path:
    """The folder of the outermost ordinary package around an imported module, or the module's file."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        module = sys.modules[".".join(parts[:count])]
        file = getattr(module, "__file__", None)
        if file is None:  # a namespace, which packages of others share
            continue
        path = Path(file).parent if hasattr(module, "__path__") else Path(file)
        if path.exists():
            return path
        break
    raise PluginError(f"expected code in files, got {name}, which is in none")
