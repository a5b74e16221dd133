"""Projects for the tests of the C simulation: of ours, and of hls4ml alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import boards
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import settings
from fpga_flow.hls.emulate import Emulator
from fpga_flow.hls.lower import lower
from fpga_flow.hls.project import HlsProject, generate
from fpga_flow.keras import keras, seed_everything
from fpga_flow.spec.model import Hls
from tests import stock_hls4ml
from tests.hls import cases


def ours(case: cases.Case, folder: Path, io_type: str = "io_parallel", **options: Any) -> HlsProject:
    """A project of a case of the layers' matrix, or one like them."""
    hls = Hls(io_type=io_type, **options)
    layers = settings.apply(lower(cases.model(case), io_type=io_type), hls)
    samples = layers[0].input_type.quantize(cases.samples(case))
    outputs = Emulator(layers).predict(samples).reshape(len(samples), -1)
    board = boards.load("arria10-gx-devkit" if options.get("backend") == "quartus" else "pynq-z2")
    return generate(layers, settings.settings("net", hls, board), samples, outputs, folder)


def write_weights(file: Path, values: str) -> None:
    """Change weights in the file that is simulated, and in the header beside it, which HLS tools read."""
    file.write_text(values)
    header = file.with_suffix(".h")
    text, changed = re.subn(r"= \{.*?\};", f"= {{{values}}};", header.read_text(), flags=re.DOTALL)
    assert changed == 1, header
    header.write_text(text)


def retype(folder: Path, typedef: str, type_: FixedPoint) -> None:
    """Change a type where a user would: in firmware/defines.h."""
    defines = folder / "firmware" / "defines.h"
    name = f"ap_{type_}"
    text, changed = re.subn(rf"typedef \S+ {typedef};", f"typedef {name} {typedef};", defines.read_text())
    assert changed == 1, typedef
    defines.write_text(text)


def theirs(folder: Path, io_type: str = "io_parallel", *, type_: str = "") -> np.ndarray:
    """A network of layers `fc1` and `out` as hls4ml alone writes it; its first layer's weights (64, 8).

    Args:
        type_: of all results and accumulators, of inputs in fixed<8,3>; left out, all types are ap_fixed<16,6>,
            hls4ml's default.
    """

    def configure(config: dict[str, Any]) -> None:
        for name, layer in config.get("LayerName", {}).items():
            types = {key: type_ for key in ("result", "accum") if key in layer["Precision"]}
            layer["Precision"] |= {"result": "fixed<8,3>"} if name == "inputs" else types

    seed_everything(1)
    inputs = keras.Input((64,), name="inputs")
    tensor = keras.layers.Dense(8, activation="relu", name="fc1")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(4, name="out")(tensor))
    rng = np.random.default_rng(5)
    weights = [rng.choice([-0.03125, 0.03125], weight.shape) for weight in model.weights]
    model.set_weights(weights)
    stock_hls4ml.write(model, folder, io_type, granularity="name" if type_ else "model", configure=configure)
    return np.asarray(weights[0])
