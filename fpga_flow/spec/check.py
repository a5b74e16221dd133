"""Checking a spec's sections against each other, the data, the board and the network: before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fpga_flow import boards, compress, datasets, networks
from fpga_flow.errors import FieldError, InputError, Problem
from fpga_flow.spec.load import Loaded


def check(loaded: Loaded, *, trust_code: bool = False, dataset: datasets.Dataset | None = None) -> datasets.Dataset:
    """Find everything that is wrong with a spec, and load its data (unless they are given).

    The network is built, quantized and lowered with untrained weights, which shows what its layers, patterns, precisions
    and reuse factors will meet.

    Raises:
        InputError: the spec's problems, all of them, each with its place.
    """
    problems = list(loaded.problems)
    sections = loaded.sections
    found = _Collector(loaded, problems)
    seed = sections.get("seed", 0)
    board = model = None
    if dataset is None and "data" in sections:
        dataset = found.call(lambda: datasets.load(sections["data"], seed))
    if "hls" in sections:
        board = found.call(lambda: boards.load(sections["hls"].board))
    if dataset is not None and "network" in sections:
        model = found.call(lambda: _build(sections["network"], dataset, trust_code))
    if model is not None and "compress" in sections and "precision" in sections:
        fits = found.all(_check_passes(sections["compress"], model, sections["precision"]))
        if fits and board is not None:
            found.all(_check_hls(model, sections["precision"], sections["hls"]))
    if problems:
        raise InputError(problems)
    assert dataset is not None  # else there would be a problem
    return dataset


class _Collector:
    """Gathers what goes wrong instead of stopping at it."""

    def __init__(self, loaded: Loaded, problems: list[Problem]):
        self.loaded, self.problems = loaded, problems

    def call(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, or None after noting its problems."""
        try:
            return work()
        except FieldError as error:
            self.problems.append(self.loaded.place(error))
        except InputError as error:
            self.problems.extend(error.problems)
        return None

    def all(self, errors: Iterator[FieldError]) -> bool:
        """Note all errors; whether there were none."""
        before = len(self.problems)
        self.problems.extend(self.loaded.place(error) for error in errors)
        return len(self.problems) == before


def build_network(options: Any, dataset: datasets.Dataset) -> Any:
    """The Keras model that a spec's `network` section describes, for the data: untrained."""
    return networks.FAMILIES[options.family].build(options, dataset.input_shape, len(dataset.classes))


def _build(options: Any, dataset: datasets.Dataset, trust_code: bool) -> Any:
    if options.family == "custom" and not trust_code:
        raise FieldError(
            ("network", "function"),
            f"{options.function} is Python code, which would be run: pass --trust-code if you trust it",
        )
    return build_network(options, dataset)


def _check_passes(passes: Any, model: Any, precision: Any) -> Iterator[FieldError]:
    for number, one in enumerate(passes):
        yield from compress.PASSES[one.name].check(one.options, model, precision, ("compress", number, one.name))
    if not any(one.name == "quantize" for one in passes):
        yield FieldError(("compress",), "expected a quantize pass, since HLS code needs fixed-point types, got none")


def _check_hls(model: Any, precision: Any, hls: Any) -> Iterator[FieldError]:
    from fpga_flow.hls import preflight

    try:
        yield from preflight.check(compress.quantize.quantize_model(model, precision), hls)
    except FieldError as error:
        yield error
