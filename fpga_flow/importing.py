"""`fpga-flow import`: from a trained model and data to a spec that runs.

The spec's network is of the family `imported`. A float network gets a quantize pass with types by `networks/ranges.py`;
one with quantizers of its own keeps them, and gets a type of its input if it does not round that itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from fpga_flow import datasets, doing, runs
from fpga_flow.errors import FieldError, FieldPath, InputError, Place, Problem, dotted
from fpga_flow.networks import from_spec, imported, model_file, own_quantizers, ranges
from fpga_flow.printing import printable
from fpga_flow.spec.check import check
from fpga_flow.spec.load import Loaded, from_document
from fpga_flow.spec.yaml_file import parse


@dataclass(frozen=True)
class Row:
    """A layer of the model: its name, class and output shape, and what becomes of it."""

    name: str
    kind: str
    shape: tuple[int, ...]
    becomes: str


@dataclass(frozen=True)
class Made:
    """A spec for a model: its text, the model's layers, and its accuracy on the test samples as it is."""

    text: str
    layers: tuple[Row, ...]
    quantized: bool
    accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        layers = [{**asdict(row), "shape": list(row.shape)} for row in self.layers]
        return {"layers": layers, "quantized": self.quantized, "accuracy": self.accuracy}


def make(
    model: str,
    data: str,
    name: str,
    *,
    weights: str | None = None,
    changes: Sequence[str] = (),
    bits: ranges.Bits = ranges.Bits(),  # noqa: B008  (it is frozen)
    trust_code: bool = False,
) -> Made:
    """A spec for a trained model and its data. Nothing is written.

    Args:
        model: the model's file, see `networks/model_file.py`.
        data: the name of a data set, or a .npz or .csv file.
        name: of the spec.
        weights: the .h5 file with the weights of a .json.
        changes: to the spec, `path.to.field=value`, made before it is checked.

    Raises:
        InputError: all that is wrong with the model's layers, or the first thing that is wrong elsewhere.
    """
    draft = _draft(model, data, name, weights)
    try:
        options = imported.Options(family="imported", path=model, weights=weights)
        _check_layers(model_file.read(model, weights), trust_code)
        loaded = _load(draft, changes)
        dataset = datasets.load(loaded.sections["data"], loaded.sections["seed"])
        doing.now("looking at what the model computes")
        network = from_spec.build(options, dataset, trust_code=trust_code)
        quantized = own_quantizers.are_there(network)
        rows = _add_types(loaded.document.data, network, dataset, bits, quantized=quantized)
        text = yaml.safe_dump(loaded.document.data, sort_keys=False, width=120)
        final = from_document(parse(text, f"{name}.yaml"))
        if final.problems:
            raise InputError(final.problems)
        check(final, trust_code=trust_code, dataset=dataset)
    except FieldError as error:
        raise InputError([_placed(Problem(Place(""), dotted(error.path), error.message), model, data)]) from error
    except InputError as error:
        raise InputError([_placed(problem, model, data) for problem in error.problems]) from error
    from fpga_flow import training

    source = printable(Path(model).name)
    head = f"# Made by `fpga-flow import` from {source}. Paths are as seen from where the flow runs.\n"
    return Made(head + text, tuple(rows), quantized, training.evaluate(network, dataset.test))


def write(made: Made, out: Path, *, force: bool = False) -> None:
    """Write the spec, whole or not at all.

    Raises:
        InputError: the file is there already, and `force` is false; or its folder is not.
    """
    check_out(out, force=force)
    runs.write_text(out, made.text)


def check_out(out: Path, *, force: bool = False) -> None:
    """Refuse what `write` would refuse, before any work is done."""
    if out.is_dir() or (out.exists() and not force):
        there = "expected a file, got a folder" if out.is_dir() else "it is there already: pass --force to replace it"
        raise InputError.at(str(out), there)
    if not out.parent.is_dir():
        raise InputError.at(str(out), f'no such folder: "{out.parent}"')


def spec_name(out: Path) -> str:
    """The name of a spec from that of its file: letters, digits and _, a letter first."""
    plain = re.sub(r"\W", "_", out.stem, flags=re.ASCII)
    return plain if plain[:1].isalpha() else f"model_{plain}".rstrip("_")


def _draft(model: str, data: str, name: str, weights: str | None) -> dict[str, Any]:
    suffix = Path(data).suffix.lower()
    from_file = {".npz": "npz", ".csv": "csv"}
    network = {"family": "imported", "path": model, **({"weights": weights} if weights else {})}
    return {
        "name": name,
        "data": {"name": from_file[suffix], "path": data} if suffix in from_file else {"name": data},
        "network": network,
        "training": {"epochs": 0},
        "compress": [],
    }


def _load(draft: dict[str, Any], changes: Sequence[str]) -> Loaded:
    loaded = from_document(parse(yaml.safe_dump(draft, sort_keys=False), ""), changes)
    if loaded.problems:
        raise InputError(loaded.problems)
    return loaded


def _check_layers(file: model_file.ModelFile, trust_code: bool) -> None:
    """Refuse all layers of which their class alone says that they can't be used."""
    if not trust_code and (reason := model_file.untrusted(file)):
        raise FieldError(model_file.PATH, reason)
    found = [each for each in file.findings() if not each.code]
    if found:
        raise InputError([Problem(Place(str(file.path)), "", f"{each.where} {each.what}") for each in found])


def _add_types(
    spec: dict[str, Any], network: Any, dataset: datasets.Dataset, bits: ranges.Bits, *, quantized: bool
) -> list[Row]:
    """Put the passes and the types into the spec; what becomes of each layer."""
    if quantized:
        if own_quantizers.input_type(network) is None:
            low, high = float(dataset.train.x.min()), float(dataset.train.x.max())
            spec["precision"] = {"input": str(ranges.holding(low, high, bits.input))}
        return [_row(layer, "kept") for layer in network.layers[1:]]
    types = ranges.profile(network, dataset.train.x, bits).to_dict()
    if not any("quantize" in one for one in spec["compress"]):
        spec["compress"].append({"quantize": {"epochs": 0}})
    spec["precision"] = types
    return [_row(layer, _becomes(layer, types["layers"])) for layer in network.layers[1:]]


def _row(layer: Any, becomes: str) -> Row:
    return Row(layer.name, type(layer).__name__, tuple(layer.output_shape[1:]), becomes)


def _becomes(layer: Any, types: dict[str, dict[str, str]]) -> str:
    """The types of a layer, with those of the activation function inside of it."""
    inside = getattr(getattr(layer, "activation", None), "__name__", "")
    given = {**types.get(layer.name, {}), **types.get(f"{layer.name}_{inside}", {})}
    if "BatchNormalization" in type(layer).__name__:
        return "folded into the layer before it"
    return ", ".join(f"{key} {type_}" for key, type_ in given.items()) or "as it is"


def _placed(problem: Problem, model: str, data: str) -> Problem:
    """A problem of a spec that is no file yet, with what the user gave in place of its lines."""
    if problem.place.file and not problem.place.line:  # of a file, or of --set
        return problem
    section = problem.field.partition(".")[0]
    places: dict[str, FieldPath] = {"data": (f"--data {data}",), "network": (model,)}
    place = str(places.get(section, (model,))[0])
    shown = "" if section == "network" else problem.field
    return Problem(Place(place), shown, problem.message)
