"""A search by AutoQKeras (Coelho et al. 2021), QKeras' own, in a process of its own.

    python benchmarks/helpers/autoqkeras.py FILE

FILE is a JSON document: `spec` and `changes` (as `spec.load.load` takes them), `network` (the folder of that which the
quantize pass gets), `names` (by parameter `input`, `<layer>.weight` or `<layer>.activation`: its widths),
`trials`, `epochs`, `delta`, `folder` (of the search's own files). Prints `trials` as JSON: of each the widths by
parameter, the accuracy on the validation samples, the score.

The search is AutoQKeras', with its Bayesian tuner, its score (of which `delta` says how many per cent of accuracy a
halving of the bits is worth) and its training. What it needs on Keras 2 beside Keras 3 is done here, from outside:

- keras-tuner asks for the package `keras`: it gets `tf_keras`;
- QKeras writes models in a form of Keras before 2.13, and reads them with classes that the new form does not find: what
  is new in the form is left out;
- keras-tuner imports TensorBoard, whose callbacks nobody uses: that step is left out.

Pruned weights are zeroed again after each batch, as the flow does it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import datasets, training
from fpga_flow.compress.quantize import calibration
from fpga_flow.keras import keras, seed_everything
from fpga_flow.networks.network import Network
from fpga_flow.networks.ranges import Ranges
from fpga_flow.networks.rebuild import rebuild
from fpga_flow.networks.sites import find_sites, prepare
from fpga_flow.number_types import FixedWidth
from fpga_flow.spec.load import load


def search(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials of a search, best first."""
    autoqkeras, tuner = _loaded()
    spec = load(task["spec"], task["changes"]).spec
    assert spec is not None
    dataset = datasets.load(spec.data, spec.seed)
    network = Network.load(Path(task["network"]))
    options = next(one.options for one in spec.compress if one.name == "quantize")
    seed_everything(spec.seed)
    reference = _reference(network.model)
    loss = training.cross_entropy(dataset.train.y)
    reference.compile(keras.optimizers.legacy.Adam(options.learning_rate), loss=loss, metrics=["acc"])
    quantizers, limit, widths = _choices(network.model, dataset, task["names"])
    goal = {"delta_p": task["delta"], "delta_n": task["delta"], "rate": 2.0, "stress": 1.0}
    goal |= {"input_bits": 8, "output_bits": 8, "ref_bits": 8, "config": {"default": ["parameters", "activations"]}}
    made = autoqkeras.AutoQKeras(
        reference, metrics=["acc"], goal={"type": "bits", "params": goal}, output_dir="search",
        directory=task["folder"], custom_tuner=tuner, transfer_weights=True, limit=limit, tune_filters="none",
        tune_filters_exceptions="^$", quantization_config=quantizers, max_trials=task["trials"], seed=spec.seed,
        num_initial_points=max(2, task["trials"] // 3),
    )  # fmt: skip
    patience = keras.callbacks.EarlyStopping("val_loss", patience=task["epochs"])
    made.fit(
        dataset.train.x, dataset.train.y, validation_data=(dataset.validation.x, dataset.validation.y),
        epochs=task["epochs"], batch_size=spec.training.batch_size, verbose=0,
        callbacks=[patience, _kept_zeros(network)],
    )  # fmt: skip
    return [
        {
            "values": dict(_widths(trial, widths)),
            "accuracy": trial.metrics.get_best_value("val_acc"),
            "score": trial.score,
        }
        for trial in made.tuner.oracle.get_best_trials(task["trials"])
    ]


def _loaded() -> tuple[Any, Any]:
    """AutoQKeras, and its Bayesian tuner."""
    import tf_keras

    sys.modules["keras"] = tf_keras
    import keras_tuner
    from qkeras import autoqkeras, utils

    read = utils.model_from_json

    def older(value: Any) -> Any:
        if isinstance(value, dict):
            new = ("module", "registered_name", "build_config")
            return {key: older(each) for key, each in value.items() if key not in new}
        return [older(each) for each in value] if isinstance(value, list) else value

    utils.model_from_json = lambda text, custom_objects: read(json.dumps(older(json.loads(text))), custom_objects)

    class Tuner(keras_tuner.BayesianOptimization):
        def __init__(self, hypermodel: Any, autoqkeras_config: Any, **options: Any) -> None:
            super().__init__(hypermodel, **options)

        def _configure_tensorboard_dir(self, *given: Any, **options: Any) -> None:
            """Nobody watches it."""

    return autoqkeras, Tuner


def _reference(model: Any) -> Any:
    """The network with a layer behind its input that can be quantized."""

    def replace(layer: Any) -> list[Any]:
        if isinstance(layer, keras.layers.InputLayer):
            return [keras.layers.Activation("linear", name="inputs_quantized")]
        return [type(layer).from_config(layer.get_config())]

    return rebuild(prepare(model), replace)


def _choices(model: Any, dataset: Any, names: dict[str, list[int]]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """AutoQKeras' quantizers with their bits, its `limit` of them to layers, and for the names of its hyperparameters
    ours with their widths by quantizer.

    Weights have a power of two as scale, which QKeras finds; activations the integer bits that the flow finds.
    """
    prepared = prepare(model)
    sites = find_sites(prepared)
    ranges = Ranges(prepared, sites, calibration(dataset), "mse")
    bias = "quantized_bits(8,1,1,alpha=1.0)"
    quantizers: dict[str, Any] = {"kernel": {}, "bias": {bias: 8}, "activation": {}, "linear": {}}
    limit: dict[str, Any] = {}
    widths: dict[str, Any] = {}

    def offer(parameter: str, layer: str, kind: str, texts: dict[str, int]) -> list[str]:
        quantizers[kind] |= texts
        widths[f"^{layer}$_{kind}_quantizer"] = (parameter, texts)
        return list(texts)

    def integer(width: int, layer: str, key: str) -> int:
        return max(0, ranges.close(FixedWidth(width, signed=False), layer, key).integer)

    inputs = {
        f"quantized_bits({width},{integer(width, '', 'input')},keep_negative=0,alpha=1.0)": width
        for width in names["input"]
    }
    limit["^inputs_quantized$"] = [offer("input", "inputs_quantized", "linear", inputs)] * 3
    for site in sites:
        layer = site.layer.name
        weighted = site.names[-1]
        if "weight" in site.keys:
            kernels = {f"quantized_bits({width},0,1,alpha='auto_po2')": width for width in names[f"{layer}.weight"]}
            limit[f"^{layer}$"] = [offer(f"{layer}.weight", layer, "kernel", kernels), [bias], []]
        else:
            parameter = f"{weighted}.activation"
            relus = {
                f"quantized_relu({width},{integer(width, layer, 'activation')})": width for width in names[parameter]
            }
            limit[f"^{layer}$"] = [[], [], offer(parameter, layer, "activation", relus)]
    return quantizers, limit, widths


def _widths(trial: Any, widths: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The parameters and widths of a trial's hyperparameters."""
    for name, quantizer in trial.hyperparameters.values.items():
        if name in widths:
            parameter, offered = widths[name]
            yield parameter, offered[quantizer]


def _kept_zeros(network: Network) -> Any:
    """A callback that keeps pruned weights at zero."""
    masks = {
        promise.layer: (network.model.get_layer(promise.layer).kernel.numpy() != 0).astype(np.float32)
        for promise in network.promises
        if promise.weight == "kernel"
    }

    class KeptZeros(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for name, mask in masks.items():
                kernel = self.model.get_layer(name).kernel
                kernel.assign(kernel * mask)

    return KeptZeros()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        found = search(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(json.dumps(found))
