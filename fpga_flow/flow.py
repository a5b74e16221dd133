"""The whole flow: a spec's stages one after the other, each done or read back, to run.json and the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fpga_flow import boards, compress, csim, datasets, doing, report, runs
from fpga_flow.errors import CheckFailed, FieldError, InputError, dotted, under
from fpga_flow.hls import backends, settings
from fpga_flow.networks import from_spec
from fpga_flow.resources.report import title
from fpga_flow.run_json import contents
from fpga_flow.runs import Run, Stage
from fpga_flow.spec.check import check, explained
from fpga_flow.spec.load import Loaded
from fpga_flow.spec.model import FlowSpec
from fpga_flow.stages import Ui, Work

_QUIET = Ui()


@dataclass(frozen=True)
class Outcome:
    """A run that went through all stages asked for. `failures` are checks that did not pass, in words.

    `report` is None if the run was stopped before it.
    """

    folder: Path
    record: dict[str, Any]
    report: Path | None
    failures: tuple[str, ...] = ()

    def raise_failures(self) -> None:
        """Raise `CheckFailed` if a check did not pass."""
        raise_failures([self])

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fpga_flow.report import notebook

        return notebook.run(self.record, self.folder, self.report)


def raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Raise `CheckFailed` with all checks of all runs that did not pass, each behind its run's folder."""
    if failed := [f"{outcome.folder}: {failure}" for outcome in outcomes for failure in outcome.failures]:
        raise CheckFailed("\n".join(failed))


def stage_names(spec: FlowSpec) -> list[str]:
    """The names of a spec's stages, in their order."""
    return ["float", *(one.name for one in spec.compress), "store", "hls", "csim", "resources"]


def run(
    loaded: Loaded,
    out: Path = Path("runs"),
    ui: Ui = _QUIET,
    *,
    fresh: bool = False,
    until: str | None = None,
    trust_code: bool = False,
    shared_script: bool = False,
    dataset: datasets.Dataset | None = None,
) -> Outcome:
    """Run a spec. Stages that are there already are read back.

    Args:
        loaded: the spec, see `spec.load.load`.
        out: the folder of all runs.
        ui: is told of the progress.
        fresh: whether all stages are done again.
        until: the name of the last stage to do (the last of that name); left out: all, and the report.
        trust_code: whether Python code that the spec names may be run.
        shared_script: whether reports take plotly from a file beside the run folders, instead of holding 4 MB of it
            each.
        dataset: the spec's data, if they are loaded already.

    Raises:
        InputError: something is wrong with the spec or its data; then nothing has been written.
        ToolError: the C++ compiler is missing or failed, or hls4ml failed.
    """
    try:
        return _run(loaded, dataset, out, ui, fresh, until, trust_code, shared_script)
    except FieldError as error:
        raise explained(loaded, error, trust_code=trust_code) from error


def _run(
    loaded: Loaded,
    given: datasets.Dataset | None,
    out: Path,
    ui: Ui,
    fresh: bool,
    until: str | None,
    trust_code: bool,
    shared_script: bool,
) -> Outcome:
    started = datetime.now(UTC)
    spec, dataset = _spec_and_data(loaded, given, trust_code)
    stages = plan(spec, dataset)
    wanted = _until(stages, until)
    the_run = Run(out, spec.name, runs.digest([stage.digest for stage in stages]), stages)
    notes = None if fresh else _earlier_notes(the_run)
    if notes is None or not all(the_run.has(stage) for stage in wanted):
        notes = []
        check(loaded, trust_code=trust_code, dataset=dataset, note=notes.append)
        if spec.csim.samples != 0 and any(stage.name == "csim" for stage in wanted):
            csim.compiler.find()  # missing, it is better missed before the training than after it
    for text in notes:
        ui.note(f"note: {text}")
    with the_run.locked(lambda: ui.note("another process works on this run: waiting for it")):
        work = Work(spec, dataset, ui, trust_code=trust_code)
        for stage in wanted:
            if fresh:
                the_run.forget(stage)
            done = None if fresh else the_run.finished(stage)
            if done is None:
                waiting = partial(doing.now, f"waiting for another run, which does the stage {stage.name}, too")
                with the_run.alone(stage, waiting):
                    done = None if fresh else the_run.finished(stage)  # another run may have done it meanwhile
                    if done is None:
                        ui.start(stage)
                        done = the_run.do(stage, partial(work.do, stage))
            work.finished.append(done)
            ui.done(done)
        if wanted != stages:
            return Outcome(the_run.folder, {}, None)
        doing.now("writing the report")
        made = contents.make(spec, the_run, dataset, work.finished, started, notes)
        runs.write_json(the_run.folder / "run.json", made)
        runs.write_text(the_run.folder / "spec.yaml", contents.spec_yaml(spec))
        path = the_run.folder / "report.html"
        page = report.write(made, dataset, work.finished, path, shared_script=shared_script)
    return Outcome(the_run.folder, made, page, tuple(_failures(made)))


def plan(spec: FlowSpec, dataset: datasets.Dataset) -> tuple[Stage, ...]:
    """The stages of a spec with their digests. Each depends on the one before it, its own part of the spec, the code
    that does it, and the versions that matter to it; so specs that begin alike share their first stages.
    """
    network = spec.network.model_dump(mode="json")
    network["sources"] = from_spec.sources(spec.network)
    previous = runs.digest(
        "float",
        dataset.digest,
        spec.seed,
        network,
        spec.training.model_dump(mode="json"),
        runs.code_digest("stages.py", "networks", "training.py", "saved.py", "augment.py", "keras.py"),
        runs.versions("tensorflow", "tf_keras", "numpy"),
        *datasets.DATASETS.identities(spec.data.name),
    )
    stages = [Stage(1, "float", previous)]

    def add(name: str, *parts: Any) -> None:
        nonlocal previous
        previous = runs.digest(name, previous, *parts)
        stages.append(Stage(len(stages) + 1, name, previous))

    precision = spec.precision.model_dump(mode="json") if spec.precision else None
    board = boards.load(spec.hls.board)
    sections = {"precision": precision, "hls": spec.hls.model_dump(mode="json"), "board": board.model_dump(mode="json")}
    for number, one in enumerate(spec.compress):
        uses: dict[str, Any] = {name: sections[name] for name in compress.PASSES[one.name].uses(one.options)}
        for path, teacher in compress.teachers(one.name, one.options).items():
            with under(("compress", number, one.name, *path)):
                uses[dotted(path)] = from_spec.sources(teacher.network)
        code = runs.code_digest(
            "compress/__init__.py",
            "compress/base.py",
            "compress/rounds.py",
            "compress/sharing.py",
            *compress.sources(one.name),
            *getattr(compress.PASSES[one.name], "CODE", ()),
            "hls/settings.py",
            "fixed_point.py",
            "number_types.py",
            "patterns.py",
        )
        packages = runs.versions("QKeras", *getattr(compress.PASSES[one.name], "PACKAGES", ()))
        plugin = compress.PASSES.identities(one.name)
        add(one.name, one.options.model_dump(mode="json"), uses, code, packages, *plugin)
    network_made = previous
    add("store", runs.code_digest("storage", "networks/model_config.py"))
    previous = network_made  # what follows does not depend on the file
    hls_options = {
        **spec.hls.model_dump(mode="json"),
        "backend": backends.choose(spec.hls.backend, board, spec.name).name,
    }
    code = runs.code_digest("run_json/contents.py", "hls", "fixed_point.py", "patterns.py")
    by_board = [board.usable(), runs.code_digest("resources/estimate")] if settings.asks_to_fit(spec.hls) else None
    for_input = None if any(one.name == "quantize" for one in spec.compress) else precision
    add(
        "hls",
        spec.name,
        for_input,
        hls_options,
        board.part,
        board.clock_ns,
        by_board,
        code,
        runs.versions("hls4ml", "da4ml"),
    )
    hls = previous
    add("csim", spec.csim.model_dump(mode="json"), runs.code_digest("csim"))
    previous = hls  # the resources don't depend on the simulation
    add("resources", sections["board"], runs.code_digest("resources"))
    return tuple(stages)


def _spec_and_data(
    loaded: Loaded, given: datasets.Dataset | None, trust_code: bool
) -> tuple[FlowSpec, datasets.Dataset]:
    """The spec and its data, if they are valid by themselves; else all that can be found wrong is raised."""
    doing.now("reading the data")
    if loaded.spec is not None:
        try:
            return loaded.spec, given or datasets.load(loaded.spec.data, loaded.spec.seed)
        except InputError:
            pass  # found again, with everything else that is wrong
    check(loaded, trust_code=trust_code)
    raise AssertionError("check finds what is wrong with a spec that is invalid, or whose data are")


def _earlier_notes(the_run: Run) -> list[str] | None:
    """What there was to say of the spec when it was run before; None where that is not known."""
    try:
        found: list[str] = json.loads((the_run.folder / "run.json").read_text(encoding="utf-8"))["notes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found


def _until(stages: tuple[Stage, ...], until: str | None) -> tuple[Stage, ...]:
    if until is None:
        return stages
    found = [stage.number for stage in stages if stage.name == until]
    if not found:
        names = ", ".join(stage.name for stage in stages)
        raise InputError.at("--until", f'expected one of the stages {names}, got "{until}"')
    return stages[: found[-1]]


def _failures(made: dict[str, Any]) -> list[str]:
    failures = []
    simulation = made["csim"]
    if simulation["mismatches"]:
        failures.append(
            f"the C simulation differs from the network in {simulation['mismatches']} of {simulation['samples']} "
            f"samples: {simulation['first']}"
        )
    for each in made["resources"]:
        # csynth counts about twice the LUTs that are left in the end
        if each["fits"] is False and each["stage"] != "csynth":
            lacking = ", ".join(
                f"{short['resource']} {short['needed']:,} of {short['usable']:,}" for short in each["lacks"]
            )
            by = title(each["source"], each["stage"])
            failures.append(f"the design does not fit {each['board']} by the {by}: {lacking}")
    return failures
