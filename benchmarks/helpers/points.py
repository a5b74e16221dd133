"""The points of a sweep over the widths of a shipped spec, each trained once."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fpga_flow import datasets, flow, runs, training
from fpga_flow.networks.network import Network
from fpga_flow.networks.sites import find_sites, prepare
from fpga_flow.spec.load import Loaded, load
from fpga_flow.spec.model import FlowSpec
from fpga_flow.sweep.probe import Probe, of_width, resources_of
from fpga_flow.sweep.result import Parameter, Trial
from helpers.runs import shipped

#: The least width of a weight, and of an activation or the input; and the greatest of all.
WEIGHT, ACTIVATION, WIDEST = 2, 1, 8


class Points:
    """A spec whose input, weights and activations have widths by parameter, all with integer bits found from data.

    changes   made to the spec before, as `--set` takes them
    out       the folder of all runs
    """

    def __init__(self, name: str, changes: Sequence[str], out: Path) -> None:
        self.file, self.changes, self.out = str(shipped(name)), list(changes), out
        spec = self._spec(load(self.file, self.changes))
        names = flow.stage_names(spec)
        number = names.index("quantize")  # stages are counted from 1: the one before has this number
        made = flow.run(load(self.file, self.changes), out, until=names[number - 1]).folder
        self.folder = made / f"{number}-{names[number - 1]}"
        self._input = spec.precision.input
        self._epochs = next(one.options.epochs for one in spec.compress if one.name == "quantize")
        self.dataset, network = datasets.load(spec.data, spec.seed), Network.load(self.folder)
        self.parameters = tuple(self._parameters(network))
        self.probe = Probe(network, self.dataset, lambda values: self._spec(self.loaded(values)))
        self.trained: dict[tuple[tuple[str, Any], ...], Trial] = {}

    def train(self, values: Mapping[str, int]) -> Trial:
        """Train a point, or take it as it was trained before."""
        key = tuple(sorted(values.items()))
        if key not in self.trained:
            started, loaded = time.monotonic(), self.loaded(values)
            folder = flow.run(loaded, self.out, until="quantize").folder
            model = Network.load(next(folder.glob("*-quantize"))).model
            measures: dict[str, float | None] = {
                "accuracy": training.evaluate(model, self.dataset.validation),
                "test_accuracy": training.evaluate(model, self.dataset.test),
                **resources_of(model, self._spec(loaded)),
            }
            seconds = round(time.monotonic() - started, 1)
            number = len(self.trained)
            self.trained[key] = Trial(number, "done", dict(values), measures, seconds=seconds, folder=str(folder))
            print(f"    {_widths(values)}: {_numbers(self.trained[key])}, {seconds:.0f} s", flush=True)
        return self.trained[key]

    def simulate(self, values: Mapping[str, int], samples: int) -> bool:
        """Run the whole flow of a point; whether its C++ computed the same of the first test samples."""
        made = flow.run(self.loaded(values, f"csim.samples={samples}"), self.out).record["csim"]
        return bool(made["exact"] and made["samples"] == samples)

    def loaded(self, values: Mapping[str, int], *changes: str) -> Loaded:
        """The spec of a point."""
        texts = []
        for parameter in self.parameters:
            width = values[parameter.name]
            if parameter.layer is None:
                text = str(of_width(self._input, width))
            else:
                text = f"{'' if parameter.name.endswith('.weight') else 'u'}fixed<{width},auto>"
            texts += [f"{path}={text}" for path in parameter.paths]
        return load(self.file, [*self.changes, *texts, *changes])

    def uniform(self) -> list[tuple[str, dict[str, int]]]:
        """The points with one width: of weights, of weights and activations, and of the input, too."""
        found: dict[tuple[int, ...], tuple[str, dict[str, int]]] = {}
        for width in range(WIDEST, WEIGHT - 1, -1):
            for words, narrowed in (
                ("weights", (".weight",)),
                ("weights and activations", (".weight", ".activation")),
                ("weights, activations and input", (".weight", ".activation", "input")),
            ):
                values = {each.name: width if each.name.endswith(narrowed) else WIDEST for each in self.parameters}
                found.setdefault(tuple(values.values()), (f"{width} bits: {words}", values))
        return list(found.values())

    def autoqkeras(self, trials: int, delta: float) -> dict[str, Any]:
        """The `trials` of a search by AutoQKeras, see helpers/autoqkeras.py, and the `seconds` that it took."""
        names = {each.name: list(each.values or ()) for each in self.parameters}
        task = {"spec": self.file, "changes": self.changes, "network": str(self.folder), "names": names}
        task |= {"trials": trials, "epochs": self._epochs, "delta": delta}
        folder = self.out.resolve() / "autoqkeras" / runs.digest(task)
        if not (done := folder / "result.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            runs.write_json(folder / "task.json", {**task, "folder": str(folder)})
            script = Path(__file__).with_name("autoqkeras.py")
            command, started = [sys.executable, str(script), str(folder / "task.json")], time.monotonic()
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                sys.exit(f"AutoQKeras gave exit code {made.returncode}:\n{made.stderr[-2000:]}")
            seconds = round(time.monotonic() - started)
            runs.write_json(done, {"trials": json.loads(made.stdout), "seconds": seconds})
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return found

    def _spec(self, loaded: Loaded) -> FlowSpec:
        if loaded.spec is None:
            sys.exit("\n".join(map(str, loaded.problems)))
        return loaded.spec

    def _parameters(self, network: Network) -> list[Parameter]:
        made = [Parameter("input", ("precision.input",), tuple(range(ACTIVATION, WIDEST + 1)))]
        for site in find_sites(prepare(network.model)):
            key, least = ("weight", WEIGHT) if "weight" in site.keys else ("activation", ACTIVATION)
            layer = site.names[-1]
            path = f"precision.layers.{layer}.{key}"
            made.append(Parameter(f"{layer}.{key}", (path,), tuple(range(least, WIDEST + 1)), layer))
        return made


def row(method: str, trial: Trial, trainings: int) -> dict[str, Any]:
    """A row of the results."""
    numbers = {key: trial.measures[key] for key in ("accuracy", "test_accuracy", "lut", "ff", "dsp", "bram18")}
    return {"method": method, "widths": dict(trial.values), **numbers, "trainings": trainings}


def _widths(values: Mapping[str, int]) -> str:
    return " ".join(f"{name} {width}" for name, width in values.items())


def _numbers(trial: Trial) -> str:
    measures = {name: math.nan if value is None else value for name, value in trial.measures.items()}
    return (
        f"validation {100 * measures['accuracy']:.2f} %, test {100 * measures['test_accuracy']:.2f} %, "
        f"{measures['lut']:,.0f} LUT, {measures['dsp']:.0f} DSP"
    )
