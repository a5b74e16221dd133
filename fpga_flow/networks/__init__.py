"""Network families: one file each, and this table of them, to which plugins add.

A family is a module with

    Options                                its section of the spec, a `Section`; its field `family` is a Literal of the
                                           name
    build(options, input_shape, classes)   -> a Keras model from (*input_shape) to logits (classes,), untrained, whose
                                           input is `blocks.inputs`. It raises a `FieldError` where the options don't
                                           suit the shape
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fpga_flow import plugins
from fpga_flow.networks import cnn, custom, imported, mlp, mobilenet, resnet, shufflenet, squeezenet, vgg
from fpga_flow.plugins import Plugin, Registry
from fpga_flow.spec.base import Section


def _problems(plugin: Plugin, module: Any) -> Iterator[str]:
    """What is wrong with a plugin's family."""
    refused = ("float",)  # a teacher's
    yield from plugins.name_problems(plugin.name, "[a-z][a-z0-9_]*", "small letters, digits and _", refused)
    yield from plugins.module_problems(module, ("build",), Section, "family", plugin.name)


_BUILT_IN = {
    "mlp": mlp,
    "cnn": cnn,
    "vgg": vgg,
    "resnet": resnet,
    "squeezenet": squeezenet,
    "mobilenet": mobilenet,
    "shufflenet": shufflenet,
    "custom": custom,
    "imported": imported,
}
FAMILIES = Registry("fpga_flow.networks", _BUILT_IN, _problems)
