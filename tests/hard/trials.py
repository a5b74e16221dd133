"""The promises that are measured by counts: a function for each, for tests with small ones, and for the benchmark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fpga_flow.errors import InputError
from fpga_flow.spec.check import check_all
from fpga_flow.spec.load import load
from tests.hard import files, generated_specs, kills, models, specs
from tests.hard.judging import Judgement, judge

Tell = Callable[[str], None]


def loaded_specs(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """Specs that are read, and each of their sections checked by itself."""
    return judge(specs.specs(count, seed, specs.shipped_texts()), "spec.yaml", _new(folder), _load, tell)


def generated(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """The same with specs that hypothesis makes."""
    inputs = (text.encode("utf-8", "surrogatepass") for text in generated_specs.collected(count, seed))
    return judge(inputs, "spec.yaml", _new(folder), _load, tell)


def checked_specs(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """Specs that are checked as `fpga-flow check` does: with their data, board, network and HLS layers."""

    def work(file: Path) -> None:
        _, problems = check_all([str(file)])
        if problems:
            raise InputError(problems)

    return judge(specs.specs(count, seed, specs.shipped_texts()), "spec.yaml", _new(folder), work, tell)


def model_files(count: int, form: str, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """Model files of a form that are loaded as far as a Keras model with its weights."""
    made = models.made_files(_new(folder))
    weights = folder / "weights.h5"
    weights.write_bytes(made["weights"])

    def work(file: Path) -> None:
        models.load(file, weights if form == "json" else None)

    return judge(models.mutated(made, form, count, seed), f"model.{form}", folder, work, tell)


def stored_files(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """.fpz files that are read as far as their weights."""
    return judge(files.stored(count, seed), "model.fpz", _new(folder), files.read_stored, tell)


def golden_files(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> Judgement:
    """Golden records that are read."""
    return judge(files.golden(count, seed, _new(folder)), "golden.npz", folder, files.read_golden, tell)


def killed_run(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> kills.Kills:
    """SIGKILL at so many moments of `fpga-flow run`."""
    spec = _new(folder) / "tiny.yaml"
    spec.write_text(kills.SPEC)
    return kills.kill_often(["run", str(spec), "--quiet"], folder, count, seed, kills.contents_of_runs, tell=tell)


def killed_sweep(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> kills.Kills:
    """SIGKILL at so many moments of `fpga-flow sweep`, whose points are trained."""
    spec = _new(folder) / "tiny.yaml"
    spec.write_text(kills.SPEC)
    command = ["sweep", str(spec), "--quiet", "--jobs", "1"]
    return kills.kill_often(command, folder, count, seed, kills.contents_of_runs, tell=tell)


def killed_search(count: int, folder: Path, seed: int = 0, tell: Tell = str) -> kills.Kills:
    """SIGKILL at so many moments of a sweep whose points take no training: of its study, workers and outputs."""
    plan = {"choices": {"a": list(range(5)), "b": list(range(4)), "wait": [0.05]}, "samples": 10}
    command = [json.dumps(plan), "--quiet", "--jobs", "2"]
    return kills.kill_often(
        command, _new(folder), count, seed, kills.contents_of_runs, module="tests.sweep.run_fake", tell=tell
    )


def _load(file: Path) -> None:
    if problems := load(file).problems:
        raise InputError(problems)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def figures(found: Judgement | kills.Kills) -> dict[str, Any]:
    """What a benchmark writes down."""
    if isinstance(found, Judgement):
        return found.figures()
    return {
        "kills": found.kills,
        "at_a_time": found.by_time,
        "at_a_change_of_a_file": found.at_changes,
        "finished": found.finished,
        "wrong": len(found.wrong),
        "first_wrong": found.wrong[:5],
        "seconds": found.seconds,
    }
