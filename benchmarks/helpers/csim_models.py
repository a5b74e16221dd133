"""The five networks of the C simulation's benchmark, as the HLS projects that hls4ml alone writes for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """A network with hls4ml's settings for it; `mlp` tells which bars hold."""

    name: str
    mlp: bool
    build: Callable[[], Any]
    io_type: str = "io_parallel"
    strategy: str = "Latency"
    reuse_factor: int = 1


def _quantizer(bits: int, integer: int) -> str:
    return f"quantized_bits({bits},{integer},alpha=1)"


def _dense(units: int, name: str, bits: int = 6) -> Any:
    from qkeras import QDense

    return QDense(units, kernel_quantizer=_quantizer(bits, 0), bias_quantizer=_quantizer(bits, 0), name=name)


def _relu(name: str, bits: int = 6) -> Any:
    from qkeras import QActivation

    return QActivation(f"quantized_relu({bits},2)", name=name)


def _mlp(sizes: tuple[int, ...]) -> Any:
    from fpga_flow.keras import keras

    tensor = inputs = keras.Input((sizes[0],), name="inputs")
    for number, units in enumerate(sizes[1:-1], 1):
        tensor = _relu(f"relu{number}")(_dense(units, f"fc{number}")(tensor))
    return keras.Model(inputs, _dense(sizes[-1], "out")(tensor))


def _lenet5() -> Any:
    from qkeras import QConv2D

    from fpga_flow.keras import keras

    tensor = inputs = keras.Input((28, 28, 1), name="inputs")
    for number, filters in enumerate((6, 16), 1):
        tensor = QConv2D(
            filters, 5, kernel_quantizer=_quantizer(6, 0), bias_quantizer=_quantizer(6, 0), name=f"conv{number}"
        )(tensor)
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{number}")(_relu(f"relu{number}")(tensor))
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    for number, units in enumerate((120, 84), 3):
        tensor = _relu(f"relu{number}")(_dense(units, f"fc{number}")(tensor))
    return keras.Model(inputs, _dense(10, "out")(tensor))


def _separable_cnn() -> Any:
    from qkeras import QConv2D, QSeparableConv2D

    from fpga_flow.keras import keras

    options: dict[str, Any] = {"bias_quantizer": _quantizer(6, 0)}
    tensor = inputs = keras.Input((32, 32, 3), name="inputs")
    tensor = _relu("relu1")(QConv2D(16, 3, kernel_quantizer=_quantizer(6, 0), name="conv1", **options)(tensor))
    tensor = keras.layers.MaxPooling2D(2, name="pool1")(tensor)
    for number, filters in enumerate((24, 32), 2):
        tensor = QSeparableConv2D(
            filters, 3, depthwise_quantizer=_quantizer(6, 0), pointwise_quantizer=_quantizer(6, 0),
            name=f"sep{number}", **options,
        )(tensor)  # fmt: skip
        tensor = _relu(f"relu{number}")(tensor)
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{number}")(tensor)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    return keras.Model(inputs, _dense(10, "out")(tensor))


CASES = (
    Case("MLP 64-32-10", True, lambda: _mlp((64, 32, 10))),
    Case("jet MLP 16-64-32-32-5", True, lambda: _mlp((16, 64, 32, 32, 5))),
    Case("LeNet-5, io_stream", False, _lenet5, "io_stream", "Resource"),
    Case("separable CNN 32x32x3, io_stream", False, _separable_cnn, "io_stream"),
    Case("MLP 784-300-100-10", True, lambda: _mlp((784, 300, 100, 10)), strategy="Resource", reuse_factor=100),
)


def make(case: Case, folder: Path, io_type: str = "") -> Any:
    """Write a case's project into `folder` by hls4ml alone; hls4ml's ModelGraph, and the Keras model."""
    from fpga_flow.keras import seed_everything
    from tests import stock_hls4ml

    def configure(settings: dict[str, Any]) -> None:
        settings["Model"]["Strategy"], settings["Model"]["ReuseFactor"] = case.strategy, case.reuse_factor
        for name, layer in settings["LayerName"].items():
            layer |= {"Strategy": case.strategy, "ReuseFactor": case.reuse_factor}
            if name == "inputs":
                layer["Precision"]["result"] = "fixed<8,2>"
            elif not name.startswith("relu"):
                layer["Precision"] |= {"result": "fixed<26,12>", "accum": "fixed<26,12>"}

    seed_everything(1)
    model = case.build()
    return stock_hls4ml.write(model, folder, io_type or case.io_type, configure=configure), model
