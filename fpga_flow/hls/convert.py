"""The only module that calls hls4ml's converters.

hls4ml gets a plain Keras model whose weights are already values of their types, and for every layer every type; so none
of its own guesses at types and none of its rewrites of QKeras quantizers, some of which are silently wrong, has a part
in it. After conversion, what hls4ml will generate is compared with what was asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fpga_flow.errors import ToolError
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.layers import plugin, register
from fpga_flow.hls.plain import plain_model
from fpga_flow.hls.settings import HlsSettings
from fpga_flow.hls.written import written
from fpga_flow.keras import save_h5

#: hls4ml stamps each project with a random number; a fixed one makes projects reproducible.
STAMP = "fpgaflow"
_HARD_DC = "DA_HARD_DC"


def convert(layers: Sequence[HlsLayer], settings: HlsSettings, folder: Path) -> Any:
    """Write hls4ml's project for lowered layers into `folder` (made here) and return hls4ml's ModelGraph.

    What hls4ml prints and warns of goes to `folder/hls4ml.log`.

    Raises:
        ToolError: hls4ml failed, or would generate other types, strategies or reuse factors than were asked for.
    """
    folder.mkdir(parents=True)
    layers = [written(layer, layer.strategy, BACKENDS[settings.backend]) for layer in layers]
    with open(folder / "hls4ml.log", "w", encoding="utf-8") as log, _into(log), _fixed_environment():
        try:
            graph = _graph(plain_model(layers), layers, settings, folder)
            _check(graph, layers, settings)
            _write(graph)
        except (ToolError, OSError):
            raise
        except Exception as error:  # hls4ml raises bare exceptions; its log and the chained cause keep the details
            raise ToolError(f"hls4ml failed to convert the network: {type(error).__name__}: {error}") from error
    return graph


@contextlib.contextmanager
def _fixed_environment() -> Iterator[None]:
    """hls4ml's distributed arithmetic asks the environment how deep additions may be: its own default, whatever is
    there, so that a spec alone says what its C++ is.
    """
    before = os.environ.get(_HARD_DC)
    os.environ[_HARD_DC] = "2"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_HARD_DC]
        else:
            os.environ[_HARD_DC] = before


@contextlib.contextmanager
def _into(log: TextIO) -> Iterator[None]:
    """Send what is printed, and the texts of warnings, into a log."""
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # hls4ml leaves files open; the text has their paths
        try:
            yield
        finally:
            log.writelines(f"{each.category.__name__}: {each.message}\n" for each in said)


def _hls4ml() -> Any:
    if not hasattr(np, "product"):  # hls4ml 1.3 still calls it, numpy 2 no longer has it
        setattr(np, "product", np.prod)  # noqa: B010  (its type stubs don't know the name either)
    import hls4ml

    return hls4ml


class Architecture(dict[str, Any]):
    """A model's JSON in the form in which hls4ml's Keras 2 parser takes it."""

    def __init__(self, model: Any) -> None:
        super().__init__(json.loads(model.to_json()))
        self.get_layer = model.get_layer


def _graph(model: Any, layers: Sequence[HlsLayer], settings: HlsSettings, folder: Path) -> Any:
    hls4ml = _hls4ml()
    backend = BACKENDS[settings.backend]
    for name in filter(None, (backend.hls4ml, backend.inherits)):
        register(name, backend.types)
        for kind in sorted({layer.kind for layer in layers if layer.kind in plugin.LAYERS}):
            plugin.register(kind, name, backend.types)
    weights = folder / "keras_model.h5"
    save_h5(model, weights)
    hls_config = hls4ml.utils.config_from_keras_model(Architecture(model), granularity="name", backend=backend.hls4ml)
    hls_config["Model"]["Strategy"] = settings.strategy.capitalize()
    if any(layer.grouped_or_dilated for layer in layers):  # as hls4ml does by itself where it finds its convolutions
        hls_config["Model"]["PipelineStyle"] = "dataflow"
    _configure(hls_config["LayerName"], layers, settings)
    config = hls4ml.utils.config.create_config(
        output_dir=str(folder),
        project_name=settings.project,
        backend=backend.hls4ml,
        part=settings.part,
        clock_period=settings.clock_ns,
        io_type=settings.io_type,
        **{key: value.format(board=settings.board) for key, value in backend.options.items()},
    )
    config["KerasH5"] = str(weights)
    config["HLSConfig"] = hls_config
    # code that C simulation runs and synthesis does not see
    config["TraceOutput"] = backend.simulation is not None and settings.io_type in backend.simulation.traced
    try:
        return hls4ml.converters.keras_v2_to_hls(config)
    finally:
        weights.unlink()


def _configure(config: dict[str, Any], layers: Sequence[HlsLayer], settings: HlsSettings) -> None:
    """Put every layer's types and settings into hls4ml's configuration (by layer name)."""
    config["inputs"]["Precision"]["result"] = layers[0].input_type.hls()
    for layer in layers:
        if layer.kind == "reshape":
            continue
        entry = config[layer.name]
        entry["Trace"] = True
        entry["Precision"]["result"] = _result(layer)
        if layer.function == "softmax":
            _configure_softmax(entry, layer)
        if layer.table is not None:
            entry["Precision"]["table"] = layer.result_type.hls()
        if layer.accum_type is not None:
            entry["Precision"]["accum"] = layer.accum_type.hls()
        if layer.weights is not None:
            entry["Precision"] |= {name: type_.hls() for name, type_ in _weight_types(layer).items()}
            entry["Strategy"] = layer.strategy.capitalize()
            entry["ReuseFactor"] = layer.reuse_factor
            linear = config.get(f"{layer.name}_linear")  # hls4ml sets it behind the layer, then optimises it away
            if linear is not None:
                linear["Precision"]["result"] = _result(layer)


def _configure_softmax(entry: dict[str, Any], layer: HlsLayer) -> None:
    """Tables of e**-d for the distance d of a logit from the greatest, in steps of at most 2**-6, and of 1 / sum."""
    range_bits = layer.input_type.integer - 1
    sum_bits = int(np.ceil(np.log2(layer.n_out))) + 1
    entry["Implementation"] = "stable"
    entry["TableSize"] = 2 ** int(np.clip(range_bits + 6, sum_bits + 6, layer.input_type.width - 1))
    types = {
        "exp_table_t": "ufixed<18,1,RND,SAT>",
        "inv_table_t": "ufixed<18,1,RND,SAT>",
        "accum_t": f"ufixed<{17 + sum_bits},{sum_bits},RND,SAT>",
        "inv_inp_t": f"ufixed<18,{sum_bits},RND,SAT>",
    }
    for name in types:
        entry["Precision"].pop(name.removesuffix("_t"), None)  # hls4ml takes these from here, and ignores them there
    entry |= types


def _result(layer: HlsLayer) -> str:
    rounds = layer.kind == "activation" and layer.table is None
    return layer.result_type.hls(rounding=rounds, symmetric=layer.symmetric)


def _weight_types(layer: HlsLayer) -> dict[str, FixedPoint]:
    types = {"weight": layer.weight_type, "bias": layer.bias_type}
    return {name: type_ for name, type_ in types.items() if type_ is not None}


def _check(graph: Any, layers: Sequence[HlsLayer], settings: HlsSettings) -> None:
    """Compare what hls4ml made of each layer with what was asked for."""
    nodes = {node.name: node for node in graph.get_layers()}
    wrong = []
    for layer in layers:
        if layer.kind == "reshape":
            continue
        node = nodes.get(layer.name)
        if node is None:
            wrong.append(f"{layer.name}: gone")
            continue
        if not node.get_attr("function_cpp"):  # hls4ml leaves out layers that a backend has no template for
            wrong.append(f"{layer.name}: no code")
        asked = {"result": _result(layer)}
        made = {"result": _made(node.get_output_variable().type.precision, modes=layer.kind == "activation")}
        if layer.weights is not None and layer.strategy == "distributed_arithmetic":
            if "da_codegen" not in node.attributes:  # there the weights went, into its additions
                wrong.append(f"{layer.name}: no distributed arithmetic")
        elif layer.weights is not None:
            for name, type_ in _weight_types(layer).items():
                asked[name], made[name] = type_.hls(), _made(node.weights[name].type.precision)
        if layer.accum_type is not None and layer.strategy != "distributed_arithmetic":
            asked["accum"], made["accum"] = layer.accum_type.hls(), _made(node.get_attr("accum_t").precision)
        if layer.weights is not None:
            asked |= {"strategy": layer.strategy, "reuse factor": str(layer.reuse_factor)}
            made |= {
                "strategy": str(node.get_attr("strategy")).lower(),
                "reuse factor": str(node.get_attr("reuse_factor")),
            }
        wrong += [
            f"{layer.name}: asked for {key} {asked[key]}, got {made[key]}" for key in asked if asked[key] != made[key]
        ]
    if wrong:
        raise ToolError("hls4ml would generate something else than was asked for:\n" + "\n".join(wrong))


def _made(precision: Any, *, modes: bool = True) -> str:
    """An hls4ml type in the form of `FixedPoint.hls`, without `modes` only its values: where nothing is rounded, as
    every result fits, hls4ml passes the modes of other layers on.
    """
    if getattr(precision, "fractional", None) is None and not hasattr(precision, "integer"):
        return str(precision)
    type_ = FixedPoint(precision.width, precision.integer, precision.signed)
    mode = f"{precision.rounding_mode},{precision.saturation_mode}"
    return type_.hls() if not modes or mode in ("TRN,WRAP", "None,None") else f"{type_.hls()[:-1]},{mode}>"


def _write(graph: Any) -> None:
    graph.config.config["Stamp"] = STAMP
    graph.config.backend.writer.write_hls(graph)  # graph.write() would stamp anew
