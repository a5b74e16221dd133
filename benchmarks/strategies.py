"""What each method saves with each strategy of hls4ml, by the estimate, on one small network.

    python benchmarks/strategies.py [--quick] [--only PAGE] [--out DIR] [--json FILE]

A small network for the 8x8 digits of scikit-learn is trained, compressed by each method alone, and quantized. What is
left of it is estimated (csynth) four times as a stream (the deformable one with all values at once): with strategy
`latency`, with `resource` and `resource_unrolled`, each layer's reuse factor the least possible one of at least
`REUSE`, and with `distributed_arithmetic`. A layer that has not the strategy keeps `latency`; how many do is told. The
seed is one, the test samples are 450: differences of accuracy below one point are noise. Takes ten to twenty
minutes on 2 cores. `--quick` trains for an epoch; `--only` runs the methods of one page and what they are beside;
`--out` keeps the runs, and the same command goes on with them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.result import result, write
from helpers.runs import written

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]
STRATEGIES = ("latency", "resource", "resource_unrolled", "distributed_arithmetic")
EPOCHS, RETRAINING, FROM_THE_START = 20, 10, 20
REUSE = 8
NUMBERS = ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii")
TYPES = {"weight": "fixed<6,auto>", "bias": "fixed<8,auto>", "activation": "ufixed<6,auto>", "result": "fixed<8,auto>"}
#: Layers of few groups, each of which is much of an output.
WHOLE = {"conv_1": 0.0, "output": 0.0}
#: What the patterns `dsp` and `bram` go by: the least reuse factors of at least `REUSE` that the layers can have.
GROUPED = {"strategy": "resource", "reuse_factor": REUSE, "layers": {"conv_1": {"reuse_factor": 9}}}
BOARD = "zcu104"


def conv(*filters: int, **more: Any) -> list[dict[str, Any]]:
    """Convolutions over 3x3 pixels, each followed by pooling."""
    return [{"kernel": 3, "padding": "same", "pool": 2, **more, "filters": each} for each in filters]


#: What most are beside.
CNN = {"family": "cnn", "conv": conv(8, 16), "hidden": [32]}
#: A network whose pooling can go elsewhere.
THREE = {"family": "cnn", "conv": [*conv(8), *conv(8, 8, pool=1)], "hidden": [32]}
#: Beside what compact families are: as many filters in ordinary convolutions, and a dense layer.
PLAIN = {"family": "cnn", "conv": [*conv(8, pool=1), *conv(24, 24)]}
SQUEEZENET = {
    "family": "squeezenet",
    "stem": {"filters": 8},
    "fires": [{"squeeze": 6, "expand": 12, "pool": 2}, {"squeeze": 6, "expand": 12, "pool": 2}],
    "batch_normalization": True,
}
MOBILENET = {"family": "mobilenet", "stem": {"filters": 8}, "blocks": [{"filters": 24, "repeat": 2, "strides": 2}]}
SHUFFLENET = {"family": "shufflenet", "stem": {"filters": 12}, "stages": [{"filters": 24, "repeat": 2}]}
#: Beside what a deformable convolution is: maps so small that all pixels can be there at once.
SMALL_MAPS = {"family": "cnn", "conv": conv(4, 8)}


@dataclass(frozen=True)
class Method:
    """A network, its passes before quantization and behind it, and what it is beside; `page` is the docs' page."""

    name: str
    page: str
    beside: str = "as it is"
    network: Mapping[str, Any] = field(default_factory=lambda: CNN)
    passes: Sequence[Mapping[str, Any]] = ()
    behind: Sequence[Mapping[str, Any]] = ()
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    io_type: str = "io_stream"
    hls: Mapping[str, Any] = field(default_factory=dict)


def pruned(**options: Any) -> list[dict[str, Any]]:
    """A prune pass."""
    return [{"prune": {"epochs": FROM_THE_START, **options}}]


def before(name: str, epochs: int = RETRAINING, **options: Any) -> list[dict[str, Any]]:
    """A pass."""
    return [{name: {"epochs": epochs, **options}}]


def weights(type_: str) -> dict[str, dict[str, str]]:
    """The same types, but for the weights."""
    return {"*": {**TYPES, "weight": type_}}


METHODS = (
    Method("as it is", "", ""),
    Method("prune, 75 %", "prune", passes=pruned(sparsity=0.75)),
    Method("prune, 75 %, dsp, of two layers", "prune", hls=GROUPED,
           passes=pruned(sparsity=0.75, pattern="dsp", layers=WHOLE)),
    Method("prune, 75 %, bram, of two layers", "prune", hls=GROUPED,
           passes=pruned(sparsity=0.75, pattern="bram", layers=WHOLE)),
    Method("prune, 2:4", "prune", passes=pruned(pattern="2:4")),
    Method("prune_filters, to 30 %", "prune_filters", passes=before("prune_filters", FROM_THE_START, macs=0.3)),
    Method("low_rank, svd", "low_rank", passes=before("low_rank", method="svd", macs=0.4)),
    Method("low_rank, tucker", "low_rank", passes=before("low_rank", method="tucker", macs=0.4)),
    Method("low_rank, cp", "low_rank", passes=before("low_rank", method="cp", macs=0.4)),
    Method("shrink, width 0.5", "shrink", passes=before("shrink", FROM_THE_START, width=0.5)),
    Method("shrink, conv_2 to 1x1", "shrink", passes=before("shrink", kernels={"conv_2": 1})),
    Method("replace_dense", "replace_dense",
           passes=before("replace_dense", FROM_THE_START, hidden="convolutions")),
    Method("weights of 3 bits", "quantize", types=weights("fixed<3,auto>")),
    Method("power of two, 3 bits", "quantize", types=weights("po2<3>")),
    Method("ternary", "quantize", types=weights("ternary")),
    Method("binary", "quantize", types=weights("binary")),
    Method("cluster, 8 values", "cluster", behind=before("cluster", clusters=8)),
    Method("hash_share, a quarter", "hash_share", passes=before("hash_share", FROM_THE_START, values=0.25)),
    Method("circulant, blocks of 8", "circulant", passes=before("circulant", FROM_THE_START, block=8)),
    Method("transfer, rotate", "transfer", passes=before("transfer", FROM_THE_START, symmetry="rotate")),
    Method("crelu, half of the filters", "crelu",
           network={**CNN, "conv": conv(4, 8, activation="crelu")}),
    Method("conv_2 of 5x5", "dilated", network={**CNN, "conv": [*conv(8), *conv(16, kernel=5)]}),
    Method("conv_2 of 3x3, dilated by 2", "dilated", "conv_2 of 5x5",
           network={**CNN, "conv": [*conv(8), *conv(16, dilation=2)]}),
    Method("three convolutions", "downsample", "", network=THREE),
    Method("downsample, late", "downsample", "three convolutions", network=THREE,
           passes=before("downsample", placement="late")),
    Method("ordinary convolutions", "mobilenet", "", network=PLAIN),
    Method("mobilenet", "mobilenet", "ordinary convolutions", network=MOBILENET),
    Method("squeezenet", "squeezenet", "ordinary convolutions", network=SQUEEZENET),
    Method("shufflenet", "shufflenet", "ordinary convolutions", network=SHUFFLENET),
    Method("small maps", "deformable", "", network=SMALL_MAPS, io_type="io_parallel"),
    Method("deformable", "deformable", "small maps", io_type="io_parallel",
           network={**SMALL_MAPS, "conv": [*conv(4), *conv(8, deformable=True)]},
           types={"*_offsets": {"activation": "fixed<5,3>"}}),
)  # fmt: skip


def spec(method: Method, *, quick: bool) -> dict[str, Any]:
    """The spec of a method."""
    passes = [*method.passes, {"quantize": {"epochs": RETRAINING, "learning_rate": 1e-3}}, *method.behind]
    if quick:
        passes = [{name: {**each, "epochs": min(each["epochs"], 1)}} for one in passes for name, each in one.items()]
        for each in (options for one in passes for name, options in one.items() if name == "prune"):
            each["method"] = "one_shot"
    return {
        "name": "".join(each if each.isalnum() else "_" for each in method.name),
        "seed": 1,
        "data": {"name": "digits", "scale": 16, "split": {"validation": 0.15, "test": 0.25}},
        "network": dict(method.network),
        "training": {"epochs": 1 if quick else EPOCHS, "batch_size": 32, "learning_rate": 4e-3},
        "compress": passes,
        "precision": {"input": "ufixed<5,1>", "layers": {"*": TYPES, **method.types}},
        "hls": {"board": BOARD, "io_type": method.io_type, **method.hls},
    }


def measure(method: Method, folder: Path, *, quick: bool) -> dict[str, Any]:
    """The figures of one network: its size, and by strategy what it needs."""
    from fpga_flow import boards, flow, storage
    from fpga_flow.datasets import load as load_data
    from fpga_flow.hls.lower import lower
    from fpga_flow.networks import channel_cut
    from fpga_flow.networks.rebuild import flat
    from fpga_flow.resources.estimate import estimate
    from fpga_flow.spec.load import load
    from fpga_flow.training import evaluate

    loaded = load(str(written(spec(method, quick=quick), folder)))
    done = flow.run(loaded, folder / "runs", until="store")
    (file,) = done.folder.glob("*-store/model.fpz")
    model = storage.read(file)[0].model
    layers = lower(model, io_type=method.io_type)
    board = boards.load(BOARD)
    found = {}
    for strategy in STRATEGIES:
        chosen, kept = given(layers, strategy, method.io_type)
        report = estimate(chosen, io_type=method.io_type, clock_ns=board.clock_ns, part=board.part)
        found[strategy] = {"kept_latency": kept, **{name: getattr(report, name) for name in NUMBERS}}
    data = load_data(loaded.spec.data, loaded.spec.seed)
    return {
        "name": method.name,
        "page": method.page,
        "beside": method.beside,
        "accuracy": round(100 * evaluate(model, data.test), 2),
        **channel_cut.size(flat(model)),
        "nonzero": sum(layer.nonzero for layer in layers if layer.weights is not None),
        "bytes": file.stat().st_size,
        "strategies": found,
    }


def given(layers: Sequence[Any], strategy: str, io_type: str) -> tuple[list[Any], int]:
    """The layers with a strategy, and how many of those with weights keep `latency`, since they can't have it."""
    from fpga_flow.hls.backends import VITIS
    from fpga_flow.hls.strategy import possible

    made, kept = [], 0
    for layer in layers:
        if layer.weights is None:
            made.append(layer)
            continue
        factors = possible(layer, io_type, VITIS).get(strategy, [])
        enough = [factor for factor in factors if factor >= REUSE] if strategy.startswith("resource") else factors[:1]
        kept += not enough
        made.append(replace(layer, strategy=strategy if enough else "latency", reuse_factor=(enough or [1])[0]))
    return made, kept


def chosen(page: str | None) -> list[Method]:
    """All methods, or those of a page and what they are beside."""
    names = {each.name for each in METHODS if page in (None, each.page)}
    names |= {each.beside for each in METHODS if each.name in names}
    return [each for each in METHODS if each.name in names]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="an epoch of each training")
    parser.add_argument("--only", choices=sorted({each.page for each in METHODS} - {""}), metavar="PAGE")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the runs, and go on with those there are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as folder:
        kept = options.out or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        for method in chosen(options.only):
            rows.append(measure(method, kept, quick=options.quick))
            luts = "  ".join(f"{name} {each['lut']:,.0f}" for name, each in rows[-1]["strategies"].items())
            print(
                f"{method.name:<30} {rows[-1]['accuracy']:.2f} %  {rows[-1]['bytes']:>6,} bytes  LUT: {luts}",
                flush=True,
            )
    if options.json:
        write(options.json, result("strategies", rows, PACKAGES, []))


if __name__ == "__main__":
    main()
