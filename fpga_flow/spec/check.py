"""Checking a spec's sections against each other, the data, the board and the network: before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from fpga_flow import boards, compress, datasets, doing
from fpga_flow.errors import FieldError, InputError, Problem
from fpga_flow.hls import backends, fit
from fpga_flow.hls.backends import Backend
from fpga_flow.keras import seed_everything
from fpga_flow.networks import from_spec
from fpga_flow.networks.rebuild import opened
from fpga_flow.networks.sites import Site
from fpga_flow.spec.advice import advice
from fpga_flow.spec.checks import csim, layers, passes, sweep, teachers, training
from fpga_flow.spec.load import Loaded, load

#: Samples that an untrained network sees where types are left to the data.
_SAMPLES = 64


def check(
    loaded: Loaded,
    *,
    trust_code: bool = False,
    dataset: datasets.Dataset | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> datasets.Dataset:
    """Find everything that is wrong with a spec, and load its data (unless they are given).

    The network is built, quantized and lowered with untrained weights, which shows what its layers, patterns,
    precisions and reuse factors will meet. `note` gets what is right, but worth knowing.

    Raises:
        InputError: the spec's problems, all of them, each with its place.
    """
    found = _Collector(loaded)
    sections = loaded.sections
    doing.now("reading the data")
    if dataset is None and "data" in sections:
        dataset = found.call(lambda: datasets.load(sections["data"], sections.get("seed", 0)))
    doing.now("checking the spec")
    backend = found.call(lambda: _backend(sections)) if "hls" in sections else None
    if "hls" in sections and sections.get("sweep") is not None:
        found.all(sweep.check_boards(sections["sweep"], sections["hls"].backend))
    if sections.get("sweep") is not None and "compress" in sections:
        found.all(sweep.check_strategy(sections["sweep"], sections["compress"]))
    if backend is not None:
        board = boards.load(sections["hls"].board)
        found.all(fit.check(sections["hls"], board))
        if sections.get("sweep") is not None:
            found.all(sweep.check_board(sections["sweep"], board))
    if dataset is not None and "csim" in sections:
        found.all(csim.check_samples(sections["csim"].samples, len(dataset.test.x)))
    if dataset is not None and not len(dataset.validation.x):
        found.all(passes.check_budgets(sections.get("compress")))
    if backend is not None and "csim" in sections:
        found.all(csim.check_simulated(sections["csim"].samples, backend))
    if "network" in sections and "training" in sections:
        found.all(training.check_epochs(sections["training"], sections["network"].family))
    if dataset is not None and "training" in sections:
        found.all(training.check_augment(sections["training"].augment, dataset.input_shape))
    if dataset is not None and "network" in sections:
        seed_everything(sections.get("seed", 0))  # the bounds of sums depend on the untrained weights
        model = found.call(lambda: from_spec.build(sections["network"], dataset, trust_code=trust_code))
        if model is not None:
            found.all(layers.check(model, sections, backend or backends.VITIS, dataset.train.x[:_SAMPLES]))
        if model is not None and sections.get("sweep") is not None:
            found.all(sweep.check_varied(loaded, model))
            found.all(sweep.check_samples(sections["sweep"], dataset))
        if "compress" in sections:
            student = partial(_student, sections, model, dataset.train.x[:_SAMPLES]) if not found.problems else None
            settings = sections.get("training")
            found.all(teachers.check(sections["compress"], model, settings, dataset, student, trust_code=trust_code))
    if found.problems or dataset is None:
        raise InputError(found.problems)
    outlined, _ = passes.outlined(model, sections["compress"], fits=True)
    told = [dataset.note] if dataset.note else []
    for text in (*told, *advice(sections, opened(outlined), backend or backends.VITIS)):
        note(text)
    return dataset


def typed_layers(loaded: Loaded, dataset: datasets.Dataset, *, trust_code: bool = False) -> list[Site]:
    """The layers of a valid spec's network, as its passes leave it, that have types."""
    sections = loaded.sections
    seed_everything(sections["seed"])
    return passes.sites(from_spec.build(sections["network"], dataset, trust_code=trust_code), sections["compress"])


def check_all(
    names: Sequence[str],
    changes: Sequence[str] = (),
    *,
    trust_code: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[list[Loaded], list[Problem]]:
    """Load and check several specs, each of them a path or the name of an example: the good ones, and all problems.
    `note` gets what is right, but worth knowing.
    """
    specs: list[Loaded] = []
    problems: list[Problem] = []
    for name in names:
        try:
            loaded = load(name, changes)
            told: list[str] = []
            with doing.within(name):
                check(loaded, trust_code=trust_code, note=told.append)
            for text in told:
                note(f"{name}: {text}")
            specs.append(loaded)
        except InputError as error:
            problems += error.problems
    return specs, problems


def explained(loaded: Loaded, error: FieldError, *, trust_code: bool = False) -> InputError:
    """All that is wrong with a spec of which one error is known; or that error with its place."""
    try:
        check(loaded, trust_code=trust_code)
    except InputError as found:
        return found
    return InputError([loaded.place(error)])


class _Collector:
    """Gathers what goes wrong instead of stopping at it."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.problems = loaded, list(loaded.problems)

    def call(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, or None after noting its problems."""
        try:
            return work()
        except FieldError as error:
            self.all([error])
        except InputError as error:
            self.problems.extend(error.problems)
        return None

    def all(self, errors: Iterable[FieldError]) -> None:
        """Note all errors that don't just follow from others."""
        self.problems.extend(self.loaded.place(error) for error in errors if not self.loaded.may_follow(error))


def _backend(sections: dict[str, Any]) -> Backend:
    """The backend that the `hls` section and its board choose."""
    hls = sections["hls"]
    return backends.choose(hls.backend, boards.load(hls.board), sections.get("name", ""))


def _student(sections: dict[str, Any], model: Any, x: Any, number: int) -> Any | None:
    """The model as the pass of this number gets it, but for its values; None if its shapes depend on them."""
    before = sections["compress"][:number]
    outlined, known = passes.outlined(model, before, fits=True)
    if not known:
        return None
    if any(one.name == "quantize" for one in before):
        return compress.quantize.quantize_model(outlined, sections.get("precision"), x)
    return outlined
