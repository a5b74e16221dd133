"""The speed of C simulation against stock hls4ml's, in one run: building, running, emulating, peak memory.

    python benchmarks/csim.py [--quick] [--json FILE]

For each of five networks, hls4ml writes its project. Then, in turns and five times over, hls4ml's own build_lib.sh
builds it (what `ModelGraph.compile()` runs), `ModelGraph.predict()` computes, and fpga_flow builds and runs the same
folder; the network's emulator and Keras compute the same samples. All outputs must be the same, bit for bit. Ratios are
of medians; those of builds are of CPU seconds, which other work on the machine disturbs least. `--quick` measures once,
without LeNet-5 in io_parallel. Takes about 8 minutes on 2 cores. Exit code 1 if a bar is missed or an output differs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from helpers.csim_models import CASES, Case, make
from helpers.result import ROOT, Bar, print_bars, result, write

sys.path.insert(0, str(ROOT))
PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "numpy"]
#: Samples for stock hls4ml and for Keras, ours, and the emulator: about half a second each.
SAMPLES = {
    "MLP 64-32-10": (20_000, 400_000),
    "jet MLP 16-64-32-32-5": (15_000, 400_000),
    "LeNet-5, io_stream": (200, 4_000),
    "separable CNN 32x32x3, io_stream": (200, 4_000),
    "MLP 784-300-100-10": (300, 10_000),
}


def stock_build(folder: Path) -> dict[str, float]:
    """Seconds and peak memory of hls4ml's own build script."""
    for library in folder.glob("firmware/*.so"):
        library.unlink()
    started = time.perf_counter()
    with open(os.devnull, "w") as null:
        child = os.posix_spawn(
            "/bin/bash", ["bash", "-c", 'cd "$0" && exec bash build_lib.sh', str(folder)], dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, null.fileno(), 1), (os.POSIX_SPAWN_DUP2, null.fileno(), 2)],
        )  # fmt: skip
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"build_lib.sh failed in {folder}")
    return {
        "seconds": time.perf_counter() - started,
        "cpu": used.ru_utime + used.ru_stime,
    }


def own_build(folder: Path) -> dict[str, float]:
    """The same of ours, of a project that was not built before; what all projects share is there."""
    from fpga_flow import csim

    design = csim.Design.read(folder)
    shutil.rmtree(csim.build(design).executable.parent)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    own = time.process_time()
    csim.build(design)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + time.process_time() - own
    started = time.perf_counter()
    csim.build(design)
    return {"seconds": seconds, "cpu": cpu, "unchanged": time.perf_counter() - started}


def memory(who: str, folder: str) -> float:
    """Megabytes that the largest process of a build has. To be called in a new process: Linux counts those of the
    process that starts another one as the other's.
    """
    (stock_build if who == "stock" else own_build)(Path(folder))
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the function returned."""
    started = time.perf_counter()
    value = function()
    return time.perf_counter() - started, value


def measure(case: Case, folder: Path, rounds: int) -> dict[str, Any]:
    """All figures of a network."""
    import numpy as np

    from fpga_flow import csim
    from fpga_flow.csim import run
    from fpga_flow.hls.emulate import Emulator
    from fpga_flow.hls.lower import lower
    from fpga_flow.networks.own_quantizers import with_quantized_input
    from fpga_flow.spec.model import Precision

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        graph, model = make(case, folder)
        graph.compile()
    few, many = SAMPLES[case.name]
    quantized = with_quantized_input(model, Precision.model_validate({"input": "fixed<8,2>", "layers": {}}))
    layers = lower(quantized, io_type=case.io_type)
    x = layers[0].input_type.quantize(np.random.default_rng(1).uniform(-2, 2, (many, *layers[0].input_shape)))
    single = x.astype(np.float32)
    emulator = Emulator(layers)
    times: dict[str, list[float]] = {}
    same = True
    for _ in range(rounds):
        for who, build in (("stock build", stock_build), ("build", own_build)):
            for key, value in build(folder).items():
                times.setdefault(f"{who} {key}", []).append(value)
        graph.predict(x[:few])  # whatever a first run has to do is done, here and below
        seconds, theirs = timed(lambda: graph.predict(x[:few]))
        times.setdefault("stock predict", []).append(few / seconds)
        simulator = csim.build(csim.Design.read(folder))
        run.run(simulator, x)
        for jobs in (1, 2):
            seconds, ours = timed(partial(run.run, simulator, x, jobs=jobs))
            times.setdefault(f"run, {jobs} job{'s' if jobs > 1 else ''}", []).append(many / seconds)
        seconds, emulated = timed(lambda: emulator.predict(single))
        times.setdefault("emulator", []).append(many / seconds)
        seconds, keras = timed(lambda: quantized.predict(single[: few * 10], batch_size=1024, verbose=0))
        times.setdefault("keras", []).append(min(few * 10, many) / seconds)
        emulated = emulated.reshape(many, -1)
        same &= np.array_equal(ours[:few], np.asarray(theirs).reshape(few, -1)) and np.array_equal(ours, emulated)
        same &= np.array_equal(ours[: len(keras)], keras.reshape(len(keras), -1))
    figures = {key: median(values) for key, values in times.items()}
    for who, name in (("stock", "stock build megabytes"), ("own", "build megabytes")):
        with get_context("spawn").Pool(1) as pool:
            figures[name] = pool.apply(memory, (who, str(folder)))
    return {"name": case.name, "mlp": case.mlp, "samples": many, "identical": bool(same), **figures}


def measure_parallel_lenet(folder: Path, rounds: int) -> dict[str, Any]:
    """The builds of LeNet-5 in io_parallel, whose windows hls4ml writes out as straight-line code."""
    case = next(case for case in CASES if case.name.startswith("LeNet"))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        make(case, folder, "io_parallel")
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for who, build in (("stock build", stock_build), ("build", own_build)):
            for key, value in build(folder).items():
                times.setdefault(f"{who} {key}", []).append(value)
    return {"name": "LeNet-5, io_parallel", **{key: median(values) for key, values in times.items()}}


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """How many times stock's figures ours are."""
    found = {
        "build": row["stock build cpu"] / row["build cpu"],
        "unchanged": row["stock build seconds"] / row["build unchanged"],
    }
    if "keras" in row:
        found |= {
            "run": row["run, 1 job"] / row["stock predict"],
            "second core": row["run, 2 jobs"] / row["run, 1 job"],
            "emulator": row["emulator"] / row["stock predict"],
            "emulator over keras": row["emulator"] / row["keras"],
            "memory": row["build megabytes"] / row["stock build megabytes"],
        }
    return {key: round(value, 2) for key, value in found.items()}


def bars_of(row: dict[str, Any]) -> list[Bar]:
    """What a network's ratios are to reach."""
    name, found = row["name"], row["ratios"]
    if "keras" not in row:
        return [Bar.at_least(f"{name}: build", found["build"], 30)]
    return [
        Bar.at_least(f"{name}: all outputs identical", row["identical"], 1),
        Bar.at_least(f"{name}: build", found["build"], 6 if row["mlp"] else 5),
        Bar.at_least(f"{name}: unchanged project", found["unchanged"], 50),
        Bar.at_least(f"{name}: run of the C++, one process", found["run"], 15),
        Bar.at_least(f"{name}: two processes over one", found["second core"], 1.5),
        Bar.at_least(f"{name}: emulator", found["emulator"], 80 if row["mlp"] else 30),
        Bar.at_least(f"{name}: emulator over Keras", found["emulator over keras"], 1),
        Bar.at_most(f"{name}: peak memory of the build", found["memory"], 0.5),
    ]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, without LeNet-5 in io_parallel")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    rounds, rows = 1 if options.quick else 5, []
    with tempfile.TemporaryDirectory(prefix="fpga_flow_bench_") as name:
        for number, case in enumerate(CASES):
            rows.append(measure(case, Path(name) / f"net{number}", rounds))
            rows[-1]["ratios"] = ratios(rows[-1])
            print(case.name, rows[-1]["ratios"], flush=True)
        if not options.quick:
            rows.append(measure_parallel_lenet(Path(name) / "parallel", rounds))
            rows[-1]["ratios"] = ratios(rows[-1])
            print(rows[-1]["name"], rows[-1]["ratios"], flush=True)
    from fpga_flow.csim import compiler

    bars = [bar for row in rows for bar in bars_of(row)]
    all_met = print_bars(bars)
    if options.json:
        cxx = compiler.find()
        figures = {"compiler": f"{cxx.kind} {cxx.version.strip()}", "cpus": os.cpu_count(), "networks": rows}
        write(options.json, result("csim", figures, PACKAGES, bars))
    sys.exit(0 if all_met else 1)


if __name__ == "__main__":
    main()
