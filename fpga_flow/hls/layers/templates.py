"""What each own HLS layer tells hls4ml: how its configuration and its call are written, and its header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def register(
    backend: str, layer: Any, header: Path, config: str, call: str, values: Callable[[Any], dict[str, Any]]
) -> None:
    """Make a layer known to one of hls4ml's backends.

    Args:
        layer: the class that stands for the layer in hls4ml.
        header: is copied into the projects that have the layer.
        config, call: the C++ text of its configuration and of the call of its function; in braces stand hls4ml's names
            of its attributes and variables, or those of `values`.
        values: of a node, what else the texts need.
    """
    import hls4ml
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

    class Config(LayerConfigTemplate):
        def __init__(self) -> None:
            super().__init__(layer)

        def format(self, node: Any) -> str:
            return config.format(**{**self._default_config_params(node), **values(node)})

    class Function(FunctionCallTemplate):
        def __init__(self) -> None:
            super().__init__(layer, include_header=[f"nnet_utils/{header.name}"])

        def format(self, node: Any) -> str:
            return call.format(**{**self._default_function_params(node), **values(node)})

    made_for = hls4ml.backends.get_backend(backend)
    made_for.register_template(Config)
    made_for.register_template(Function)
    made_for.register_source(header)
