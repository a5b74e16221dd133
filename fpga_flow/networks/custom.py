"""`custom`: the user's own Python function builds the Keras model. It runs only with `--trust-code`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import Field

from fpga_flow.errors import FieldError, suggest
from fpga_flow.keras import keras
from fpga_flow.networks import blocks
from fpga_flow.networks.rebuild import opened
from fpga_flow.spec.base import Form, Section

_FUNCTION = ("network", "function")


class Options(Section):
    """A function that is called with `(input_shape, classes, **options)` and returns a Keras 2 model whose outputs are
    logits.

    family    the name of this family
    function  `module:function` or `path/to/file.py:function`
    options   what the function gets besides the input's shape and the number of classes
    """

    family: Literal["custom"]
    function: Annotated[str, Form(r"([^:]+\.py|\w+(\.\w+)*):[A-Za-z_]\w*", "module:function or path/file.py:function")]
    options: dict[str, Any] = Field(default_factory=dict)


def source(options: Options) -> Path:
    """The file that holds the function; it is not run.

    Raises:
        FieldError: there is no such file or module.
    """
    name = options.function.rpartition(":")[0]
    if name.endswith(".py"):
        if not os.path.isfile(name):
            raise FieldError(_FUNCTION, f'no such file: "{name}"')
        return Path(name)
    parts = name.split(".")
    for folder in ["", *sys.path]:
        path = Path(folder).joinpath(*parts)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if os.path.isfile(file):
                return file
    raise FieldError(_FUNCTION, f'expected a Python module on the path, got "{name}"')


def build(options: Options, input_shape: tuple[int, ...], classes: int) -> Any:
    """The model that the user's function returns. Its code runs here: the caller has asked for the user's trust.

    Raises:
        FieldError: the function is missing, fails, or returns no Keras 2 model of this input shape and output size.
    """
    file, name = source(options), options.function
    keras_model = keras.Model  # loads Keras 2 before the user's code can load Keras 3
    keras.backend.reset_uids()  # layers without a name get the same one each time that the function is called
    with _running(name):
        module = _module(file, name.rpartition(":")[0])
    wanted = name.rpartition(":")[2]
    if not callable(getattr(module, wanted, None)):
        functions = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise FieldError(_FUNCTION, f'expected a function of {file}, got "{wanted}": {suggest(wanted, functions)}')
    with _running(name):
        model = getattr(module, wanted)(input_shape, classes, **options.options)
    if not isinstance(model, keras_model):
        raise FieldError(_FUNCTION, f"expected a model of Keras 2 (tf_keras) from {name}, got {type(model).__name__}")
    try:
        got = (model.input_shape, model.output_shape)
    except AttributeError as error:
        raise FieldError(_FUNCTION, f"expected a model with input and output tensors from {name}, got none") from error
    expected = ((None, *input_shape), (None, classes))
    if got != expected:
        raise FieldError(_FUNCTION, f"expected a model with input and output shapes {expected}, got {got}")
    return _with_named_input(model)


@contextlib.contextmanager
def _running(name: str) -> Iterator[None]:
    """Whatever the user's code raises becomes a `FieldError`; what it prints goes to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise FieldError(_FUNCTION, f"{name} failed: {text}") from error


def _module(file: Path, name: str) -> ModuleType:
    """The module of the file, run. One that is named can import what lies beside its package."""
    if not name.endswith(".py"):
        with _on_path(str(Path.cwd())):
            return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"fpga_flow_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python file: {file}")
    module = importlib.util.module_from_spec(spec)
    with _on_path(str(file.resolve().parent)):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _with_named_input(model: Any) -> Any:
    """The model without models inside of it, and with the name of its input that every family has: the later stages
    know it by its name.
    """
    try:
        functional = keras.Model(model.inputs, model.outputs, name=model.name)
    except ValueError as error:  # a subclass of keras.Model has no graph of layers
        text = "expected a Sequential or functional model, whose layers can be seen"
        raise FieldError(_FUNCTION, f"{text}, got {type(model).__name__}") from error
    return opened(functional, blocks.INPUT)
