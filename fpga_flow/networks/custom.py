"""`custom`: the user's own Python function builds the Keras model. It runs only with `--trust-code`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError
from fpga_flow.keras import keras
from fpga_flow.spec.base import Section

_FUNCTION = ("network", "function")


class Options(Section):
    """`function` is `module:function` or `path/to/file.py:function`; it is called with
    `(input_shape, classes, **options)` and returns a Keras 2 model whose outputs are logits."""

    family: Literal["custom"]
    function: Annotated[str, Field(pattern=r"^[^:]+:[A-Za-z_]\w*$")]
    options: dict[str, Any] = Field(default_factory=dict)


def source(options: Options) -> Path:
    """The file that holds the function; it is not run.

    Raises:
        FieldError: there is no such file or module.
    """
    name = options.function.rpartition(":")[0]
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise FieldError(_FUNCTION, f'no such file: "{name}"')
        return path
    parts = name.split(".")
    for folder in ["", *sys.path]:
        path = Path(folder).joinpath(*parts)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    raise FieldError(_FUNCTION, f'expected a Python module on the path, got "{name}"')


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """The model that the user's function returns. Its code runs here: the caller has asked for the user's trust.

    Raises:
        FieldError: the function is missing, fails, or returns no Keras 2 model of this input shape and output size.
    """
    file = source(options)
    function = options.function.rpartition(":")[2]
    spec = importlib.util.spec_from_file_location(f"fpga_flow_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise FieldError(_FUNCTION, f'expected a Python file, got "{file}"')
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        model = getattr(module, function)(input_shape, classes, **options.options)
    except Exception as error:  # the user's code may raise anything; it is named, and chained for --debug
        raise FieldError(_FUNCTION, f"{options.function} failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, keras.Model):
        raise FieldError(_FUNCTION, f"expected a tf_keras.Model from {options.function}, got {type(model).__name__}")
    expected = ((None, *input_shape), (None, classes))
    got = (model.input_shape, model.output_shape)
    if got != expected:
        raise FieldError(_FUNCTION, f"expected a model with input and output shapes {expected}, got {got}")
    return model
