"""The page: what the template needs, gathered from a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from fpga_flow.datasets.base import Dataset
from fpga_flow.report import (
    compression,
    compression_figures,
    confusion,
    figures,
    histogram,
    pictures,
    resources,
    text,
    weights,
)
from fpga_flow.report.drawing import Drawn
from fpga_flow.report.rendering import fill
from fpga_flow.report.resource_figures import RESOURCE_NAMES
from fpga_flow.runs import Done

#: Of more classes than this only the first ones are listed.
MOST_CLASSES = 60


@dataclass(frozen=True)
class Verdict:
    """What the C simulation says: `state` is `good`, `bad` or `open`."""

    state: str
    title: str
    detail: str


@dataclass(frozen=True)
class Training:
    """One training: its figure, and in words what was kept."""

    name: str
    figure: Drawn
    epochs: int
    detail: str
    has_validation: bool


@dataclass(frozen=True)
class Stage:
    """A row of the accuracies; `before` is None for a stage that did not start from a network."""

    name: str
    before: float | None
    after: float
    samples: int
    remark: str


def render(record: Mapping[str, Any], dataset: Dataset, finished: Sequence[Done], plotly_at: str | None = None) -> str:
    """The whole page; with plotly in it, or taken from the file `plotly_at`."""
    layers = record["layers"]
    collected = weights.collect(layers, finished)
    stages = _stages(record, dataset)
    context = {
        "record": record,
        "dataset": dataset,
        "verdict": verdict(record["csim"]),
        "resources": [resources.shown(each) for each in record["resources"]],
        "parts": list(dict.fromkeys((each["part"], each["board"]) for each in record["resources"])),
        "resource_names": tuple(RESOURCE_NAMES.items()),
        "stages": stages,
        "tested": len(dataset.test.x),
        "accuracy_figure": figures.accuracies(
            [(stage.name, stage.after, interval(stage.after, stage.samples)) for stage in stages]
        ),
        "interval": interval,
        "trainings": _trainings(finished),
        "compression": _compression(record, collected),
        "totals": {key: sum(layer[key] for layer in layers) for key in ("parameters", "nonzero", "macs")},
        "histograms": [(counted, figures.weights(counted)) for counted in map(histogram.count, collected)],
        "pictures": [pictures.draw(each) for each in collected if each.final.size],
        "colours": {"negative": pictures.NEGATIVE, "positive": pictures.POSITIVE, "density": pictures.DENSITY},
        "confusion": confusion.measure(dataset, finished),
        "classes": _classes(dataset),
        "most_classes": MOST_CLASSES,
        "spec": yaml.safe_dump(dict(record["spec"]), sort_keys=False, allow_unicode=True),
    }
    return fill("page.html.j2", plotly_at=plotly_at, **context)


def interval(share: float, samples: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a share that was counted on so many samples."""
    if not samples:
        return 0.0, 1.0
    z = 1.959964
    middle = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z / (1 + z * z / samples) * math.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2))
    return min(share, middle - half), max(share, middle + half)


def verdict(simulation: Mapping[str, Any]) -> Verdict:
    """What a C simulation says, by its entry in run.json."""
    samples, wrong = simulation["samples"], simulation["mismatches"]
    largest, tolerance = simulation["max_abs_diff"], simulation.get("tolerance", 0.0)
    if not samples:
        return Verdict("open", "C simulation: nothing compared", "No sample was simulated, so nothing is proven.")
    if wrong:
        beyond = f" by more than the tolerance of {text.short(tolerance)}" if tolerance else ""
        return Verdict(
            "bad",
            f"C simulation: {wrong:,} of {samples:,} samples {'differs' if wrong == 1 else 'differ'}{beyond}",
            f"The C++ does not compute what the network computes. First difference: "
            f"{simulation['first'] or 'not recorded'}. Largest difference of an output: {text.short(largest)}.",
        )
    if not simulation["exact"]:
        return Verdict(
            "good",
            f"C simulation: within the tolerance of {text.short(tolerance)} on {samples:,} samples",
            f"Not bit for bit: the outputs of the C++ differ from the network's by up to {text.short(largest)}.",
        )
    return Verdict(
        "good",
        f"C simulation: exact on {samples:,} samples",
        "Every output of the C++ equals the network's bit for bit.",
    )


def _stages(record: Mapping[str, Any], dataset: Dataset) -> list[Stage]:
    metrics, tested, simulated = record["metrics"], len(dataset.test.x), record["csim"]["samples"]
    stages = [Stage("float", None, metrics["float"]["accuracy"], tested, "training in float32")]
    stages += [
        Stage(each["name"], each["accuracy_before"], each["accuracy_after"], tested, text.options(each["options"]))
        for each in record["passes"]
    ]
    final = metrics["final"]["accuracy"]
    stages.append(Stage("final network", None, final, tested, "as converted to HLS"))
    if not simulated:
        return stages
    remark = "the generated C++" + ("" if simulated == tested else f", on the first {simulated:,} test samples")
    stages.append(Stage("C simulation", None, metrics["csim"]["accuracy"], simulated, remark))
    return stages


def _trainings(finished: Sequence[Done]) -> list[Training]:
    trainings = []
    for name, history in _histories(finished):
        kept = next((row for row in reversed(history) if row.get("best")), None)
        validated = any(_is_number(row.get("val_accuracy")) for row in history)
        number = None if kept is None else kept["epoch"]
        figure, detail = figures.training(history, number), _kept(kept, len(history))
        trainings.append(Training(name, figure, len(history), detail, validated))
    return trainings


def _histories(finished: Sequence[Done]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The history of each training, named by its stage; those of other networks come before that of the stage's own."""
    for done in finished:
        details = done.result.get("details", {})
        others = {f"{done.stage.name}, {name}": each for name, each in details.get("histories", {}).items()}
        every = {**others, done.stage.name: done.result.get("history") or details.get("history")}
        yield from ((name, history) for name, history in every.items() if history)


def _kept(row: Mapping[str, Any] | None, epochs: int) -> str:
    """Which epoch of a training was kept, in words; None of them, where all rounds were taken back."""
    if row is None:
        return f"None of the {epochs} epochs was kept: they cost too much accuracy, and the network stayed as it was."
    key = "val_" if _is_number(row.get("val_accuracy")) else ""
    on = "validation" if key else "training"
    loss, accuracy = text.short(round(row[key + "loss"], 6)), text.percent(row[key + "accuracy"])
    return f"Epoch {row['epoch']} of {epochs} was kept: {on} loss {loss}, {on} accuracy {accuracy}."


def _compression(record: Mapping[str, Any], collected: Sequence[weights.LayerWeights]) -> dict[str, Any]:
    """What the section on compression shows; None and empty where there is nothing to show."""
    steps = compression.steps(record)
    curves = compression.curves(record)
    zeros = compression.zeros(record, collected)
    coded = compression.coded(record)
    huffman = [each for each in coded if each.streams]
    drawn = compression_figures
    return {
        "steps": (steps, drawn.waterfall(steps)),
        "curves": [(curve, drawn.accuracy_against_sparsity(curve)) for curve in curves if curve.points],
        "sensitivities": [(curve, drawn.sensitivity(curve.losses)) for curve in curves if curve.losses],
        "zeros": (zeros, drawn.zeros(zeros)) if zeros else None,
        "shared": compression.shared(record),
        "placements": compression.placements(record),
        "lengths": (drawn.code_lengths(huffman), drawn.code_lengths_by_weight(huffman)) if huffman else None,
        "coded": coded,
        "not_huffman": len(coded) - len(huffman),
    }


def _classes(dataset: Dataset) -> list[tuple[int, str, list[int]]]:
    """Number, name and samples in each part of the classes."""
    labels = [confusion.labels(part.y) for part in (dataset.train, dataset.validation, dataset.test)]
    parts = [np.bincount(numbers, minlength=len(dataset.classes)) for numbers in labels]
    names = dataset.classes[:MOST_CLASSES]
    return [(number, name, [int(part[number]) for part in parts]) for number, name in enumerate(names)]


def _is_number(value: Any) -> bool:
    return value is not None and math.isfinite(value)
