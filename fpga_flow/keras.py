"""TensorFlow, Keras 2 and QKeras, imported at their first use: it takes seconds, and many commands need none of them.

Every module takes them from here, so that one place tells TensorFlow to use Keras 2 (`tf_keras`), which QKeras needs.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fpga_flow import doing
from fpga_flow.errors import ToolError


class _Lazy:
    """A module that is imported when the first of its attributes is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_load(self._name), attribute)


def _load(name: str) -> Any:
    if name in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") == "1":
        return _mended(sys.modules[name])
    if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise ToolError(
            "expected TensorFlow with Keras 2, but it was imported with Keras 3 before: "
            "set the environment variable TF_USE_LEGACY_KERAS=1"
        )
    if "tensorflow" not in sys.modules:
        doing.now("loading TensorFlow")
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up notes are not for our users
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the networks are small, and only the CPU trains reproducibly
    with warnings.catch_warnings(), _without_stderr():
        warnings.simplefilter("ignore")  # deprecations inside these packages, which we can't mend
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise ToolError(f"expected the Python package {name} to be installed, got: {error}") from error
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are about Keras' inside, too
    return _mended(module)


def _mended(module: Any) -> Any:
    """Keras 2 compiles grouped convolutions by XLA, since TensorFlow once could not train them on a CPU. It can now,
    and takes a tenth of the time or less.
    """
    if module.__name__ == "tf_keras":
        for layer in (module.layers.Conv1D, module.layers.Conv2D):
            layer._jit_compiled_convolution_op = layer.convolution_op
    return module


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep what C++ code writes to standard error away: TensorFlow greets there, whatever its log level says."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


keras: Any = _Lazy("tf_keras")
qkeras: Any = _Lazy("qkeras")
tf: Any = _Lazy("tensorflow")


def save_h5(model: Any, path: Path) -> None:
    """Save a model as .h5, the one form that QKeras and hls4ml both read; without Keras' advice against it.

    The file is made in memory: where a disk is full, HDF5 does not raise an OSError but may crash the process.
    """
    import h5py

    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with h5py.File(content, "w") as file:
            model.save(file, save_format="h5", include_optimizer=False)
    path.write_bytes(content.getvalue())


def load_h5(path: Path, custom_objects: dict[str, Any]) -> Any:
    """Load a model of Keras and QKeras layers from .h5, not compiled for training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return qkeras.utils.load_qmodel(str(path), custom_objects=custom_objects, compile=False)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Keras' warnings about a model that is not ours away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, and make TensorFlow's operations deterministic."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
