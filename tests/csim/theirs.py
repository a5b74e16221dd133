"""A project that hls4ml alone writes, with two inputs and two outputs, for tests of what needs no project of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write(folder: Path, io_type: str = "io_parallel") -> Any:
    """Write it into `folder`; hls4ml's ModelGraph."""
    import hls4ml

    from fpga_flow.hls.convert import Architecture
    from fpga_flow.keras import keras, save_h5, seed_everything

    if not hasattr(np, "product"):  # hls4ml 1.3 calls it, numpy 2 no longer has it
        setattr(np, "product", np.prod)  # noqa: B010
    seed_everything(1)
    one, other = keras.Input((4,), name="one"), keras.Input((3,), name="other")
    both = keras.layers.Concatenate(name="both")([keras.layers.Dense(5, name="first")(one), other])
    hidden = keras.layers.Activation("relu", name="relu")(keras.layers.Dense(6, name="second")(both))
    outputs = [keras.layers.Dense(3, name="out")(hidden), keras.layers.Dense(2, name="extra")(hidden)]
    model = keras.Model([one, other], outputs)
    weights = folder.with_name(folder.name + ".h5")
    save_h5(model, weights)
    settings = hls4ml.utils.config_from_keras_model(Architecture(model), granularity="name", backend="Vitis")
    config = hls4ml.utils.config.create_config(
        output_dir=str(folder), project_name="net", backend="Vitis", io_type=io_type
    )
    config["KerasH5"], config["HLSConfig"] = str(weights), settings
    graph = hls4ml.converters.keras_v2_to_hls(config)
    graph.write()
    return graph
