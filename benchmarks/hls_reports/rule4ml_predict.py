"""What rule4ml predicts for networks. Runs in a Python that has rule4ml, which need not be this project's.

Reads a JSON list of networks from standard input, and writes a list of numbers by name to standard output:

    {"inputs": 16, "layers": [["dense", 64], ["relu", 64], ...], "precision": "ap_fixed<16, 6>", "board": "pynq-z2",
     "strategy": "latency", "reuse_factor": 1, "hls4ml": "1.1.0", "vivado": "2020.1"}
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

#: rule4ml's names of what it predicts, by ours.
NAMES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM", "latency_cycles": "CYCLES"}


def build(network: dict[str, Any]) -> Any:
    """The network as a Keras model, with weights of no matter."""
    import keras

    values = inputs = keras.layers.Input(shape=(network["inputs"],))
    for kind, size in network["layers"]:
        values = keras.layers.Dense(size)(values) if kind == "dense" else keras.layers.Activation(kind)(values)
    model = keras.Model(inputs, values)
    model.build((None, network["inputs"]))
    return model


def main() -> None:
    """Predict all networks."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    networks = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        from rule4ml.models.wrappers import MultiModelWrapper

        estimator = MultiModelWrapper()
        estimator.load_default_models()
        predictions = []
        for network in networks:
            config = {key: network[key] for key in ("strategy", "precision", "reuse_factor")}
            table = estimator.predict(
                build(network),
                hls_configs=[{"board": network["board"], "model": config}],
                hls4ml_versions=network["hls4ml"],
                vivado_versions=network["vivado"],
            )
            predictions.append({name: max(0.0, float(table[column].iloc[0])) for name, column in NAMES.items()})
    json.dump(predictions, sys.stdout)


if __name__ == "__main__":
    main()
