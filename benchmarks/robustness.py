"""How hard the flow is to break: kills, bad input, much work.

    python benchmarks/robustness.py [--quick] [--only PART]... [--json FILE]

Each part is a function of tests/hard, which the tests call with small counts:

kill_run       SIGKILL at 200 moments of `run`: half of them at any time, half just before a file is changed
kill_sweep     the same of `sweep`, with trained points, and
kill_search    with points that take no training: of the study, the workers and the outputs
specs_loaded   20,000 specs, made up or changed, are read
specs_made     5,000 specs that hypothesis makes of the schema are read
specs_checked  2,000 of them are checked with their data, networks and HLS layers, which takes most of the time
models         5,000 mutated model files .h5, .keras and .json
stored         50,000 mutated .fpz files
golden         50,000 mutated golden records
load           a sweep of 1,000 cached points, the report of one of 10,000, a comparison of 10,000 runs, all in Chromium

With `--only`, the other parts keep the figures that FILE has. `--quick` takes a hundredth. Takes hours. Exit code 1 if
a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.result import ROOT, Bar, commit, print_bars, result, write

sys.path.insert(0, str(ROOT))

from tests.hard import loads, trials

PACKAGES = ["tensorflow", "tf_keras", "QKeras", "hls4ml", "h5py", "numpy", "optuna"]
FORMS = ("h5", "keras", "json")
COUNTS = {
    "kill_run": 200, "kill_sweep": 200, "kill_search": 200,
    "specs_loaded": 20_000, "specs_made": 5_000, "specs_checked": 2_000,
    "models": 5_000, "stored": 50_000, "golden": 50_000, "load": 1_000,
}  # fmt: skip
#: Most bytes that a process may have, and seconds in a browser.
MOST_BYTES, MOST_SECONDS = 2e9, 3.0


def load(count: int, folder: Path) -> dict[str, Any]:
    """The figures of much work at once."""
    work = {
        "sweep": (loads.cached_sweep, count), "sweep_report": (loads.sweep_report, 10 * count),
        "comparison": (loads.compared_runs, 10 * count),
    }  # fmt: skip
    figures = {}
    for name, (function, rows) in work.items():
        (folder / name).mkdir(parents=True)
        figures[name] = function(rows, folder / name)
    return figures


def models(count: int, folder: Path) -> dict[str, Any]:
    """The figures of model files, by form."""
    each = -(-count // len(FORMS))
    return {form: trials.model_files(each, form, folder / form, tell=print).figures() for form in FORMS}


def part(name: str, count: int, folder: Path) -> dict[str, Any]:
    """The figures of a part."""
    if name == "load":
        return load(count, folder)
    if name == "models":
        folder.mkdir()
        return {"forms": models(count, folder)}
    functions: dict[str, Callable[..., Any]] = {
        "kill_run": trials.killed_run, "kill_sweep": trials.killed_sweep, "kill_search": trials.killed_search,
        "specs_loaded": trials.loaded_specs, "specs_made": trials.generated, "specs_checked": trials.checked_specs,
        "stored": trials.stored_files, "golden": trials.golden_files,
    }  # fmt: skip
    return trials.figures(functions[name](count, folder, tell=print))


def bars(figures: dict[str, Any]) -> list[Bar]:
    """What the figures are held against."""
    made = []
    for name, found in figures.items():
        if name == "load":
            for what, each in found.items():
                if what == "commit":
                    continue
                if each["browser_seconds"] is not None:
                    made.append(Bar.at_most(f"{what}: seconds in a browser", each["browser_seconds"], MOST_SECONDS))
                made.append(Bar.at_most(f"{what}: bytes of memory", each["peak_bytes"], MOST_BYTES))
        elif name.startswith("kill"):
            made.append(Bar.at_least(f"{name}: kills", found["kills"], COUNTS[name]))
            made.append(Bar.at_most(f"{name}: things wrong afterwards", found["wrong"], 0))
        else:
            judged = list(found["forms"].values()) if name == "models" else [found]
            made.append(Bar.at_least(f"{name}: inputs", sum(each["inputs"] for each in judged), COUNTS[name]))
            made.append(Bar.at_most(f"{name}: broken", sum(each["broken"] for each in judged), 0))
            made.append(Bar.at_most(f"{name}: megabytes grown", max(each["grown_mb"] for each in judged), 2_000))
    return made


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of each")
    parser.add_argument("--only", action="append", choices=list(COUNTS), help="this part; repeatable")
    parser.add_argument("--count", type=int, help="so many, instead of the full count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    if options.only and options.json and options.json.exists():
        figures = json.loads(options.json.read_text(encoding="utf-8"))["figures"]
    for name in options.only or COUNTS:
        count = options.count or max(2, COUNTS[name] // (100 if options.quick else 1))
        with tempfile.TemporaryDirectory(prefix="fpga_flow_robustness_") as folder:
            figures[name] = {**part(name, count, Path(folder) / name), "commit": commit()}
        print(f"{name}: {json.dumps(figures[name])}", flush=True)
        if options.json:
            write(options.json, result("robustness", figures, PACKAGES, bars(figures)))
    sys.exit(0 if print_bars(bars(figures)) else 1)


if __name__ == "__main__":
    main()
