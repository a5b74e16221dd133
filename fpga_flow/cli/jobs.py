"""The commands that do work on specs, models, projects and files."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fpga_flow.cli import completion
from fpga_flow.cli.options import Fresh, Json, MLflow, Out, Quiet, Set, Specs, TrustCode, app, print_json
from fpga_flow.errors import InputError, Problem
from fpga_flow.printing import say

if TYPE_CHECKING:
    from fpga_flow.spec.load import Loaded
    from fpga_flow.tracking import Tracker


@app.command()
def run(
    specs: Specs,
    set_: Set = [],  # noqa: B006  (typer copies it)
    out: Out = Path("runs"),
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="The last stage to do.")] = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    mlflow: MLflow = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the whole flow: train, compress, generate the HLS project, simulate it, estimate its resources, report.

    Example: `fpga-flow run hls_configs/digits_mlp.yaml --set hls.board=kv260`
    """
    from fpga_flow import flow, runs, terminal
    from fpga_flow.progress import Progress
    from fpga_flow.spec.check import check_all
    from fpga_flow.spec.load import load

    if len(specs) > 1:  # an error in the last is better found before the first one runs
        with terminal.status("checking", quiet=quiet):
            loaded, problems = check_all(specs, set_, trust_code=trust_code)
        _raise(problems)
    else:
        loaded = [load(specs[0], set_)]
    _check_stage(until, loaded)
    tracker = _tracker(out) if mlflow else None
    outcomes = []
    for each in loaded:
        with Progress(quiet=quiet, to_stderr=as_json) as progress:
            outcome = flow.run(each, out, progress, fresh=fresh, until=until, trust_code=trust_code)
            runs.mark_latest(outcome.folder)
            progress.outcome(outcome)
            if tracker is not None and outcome.record:
                tracker.run(outcome)
            outcomes.append(outcome)
    if as_json:
        print_json([{**outcome.record, "folder": str(outcome.folder)} for outcome in outcomes])
    flow.raise_failures(outcomes)


@app.command()
def sweep(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec with a section sweep, or the name of an "
                                        "example.", autocompletion=completion.specs)],
    set_: Set = [],  # noqa: B006  (typer copies it)
    out: Out = Path("runs"),
    jobs: Annotated[int | None, typer.Option(min=1, max=4096, help="Local processes; left out: one for each "
                                             "processor. With --cluster its jobs; left out: one.")] = None,
    dask: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Work on the Dask cluster of this scheduler, for "
                                             "example tcp://head:8786.")] = None,
    cluster: Annotated[Literal["slurm", "htcondor"] | None, typer.Option(help="Work in jobs of this batch system, with "
                                                                         "Dask's settings for it.")] = None,
    storage: Annotated[str | None, typer.Option(metavar="URL", help="Keep the trials in this database, for example "
                       "postgresql+psycopg://user@host/sweeps; left out: SQLite in the sweep's folder.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Go on with a grid of more than 10,000 points.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Begin all trials anew, or go on with those there "
                                        "are.")] = False,
    trust_code: TrustCode = False,
    mlflow: MLflow = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Sweep what the spec's section `sweep` names, for example bit widths, against accuracy and FPGA resources.

    Killed, it loses no finished trial, and the same command goes on. `optuna-dashboard` shows its study.db.

    Example: `fpga-flow sweep hls_configs/digits_mlp.yaml --jobs 2`
    """
    from fpga_flow.spec.load import load
    from fpga_flow.sweep import engine
    from fpga_flow.sweep.plan import SweepOptions
    from fpga_flow.sweep.show import SweepProgress

    if dask is not None and (cluster is not None or jobs is not None):
        raise InputError.at("--dask", "expected no --jobs or --cluster beside it: the cluster has workers of its own")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # of batch systems: as Ctrl-C
    tracker = _tracker(out) if mlflow else None
    how = SweepOptions(out, jobs, dask, cluster, storage, fresh, yes, trust_code)
    with SweepProgress(quiet=quiet, to_stderr=as_json) as progress:
        outcome = engine.run_sweep(load(spec, set_), how, progress)
        progress.outcome(outcome)
        if tracker is not None:
            tracker.sweep(outcome)
    if as_json:
        print_json({**outcome.result.to_dict(), "folder": str(outcome.folder)})
    outcome.raise_failures()


@app.command()
def check(
    specs: Specs,
    set_: Set = [],  # noqa: B006  (typer copies it)
    trust_code: TrustCode = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check specs, and the data, boards and networks that they name, without running anything.

    Example: `fpga-flow check hls_configs/*.yaml`
    """
    from fpga_flow import terminal
    from fpga_flow.spec.check import check_all

    notes: list[str] = []
    with terminal.status("checking", quiet=quiet):
        _, problems = check_all(specs, set_, trust_code=trust_code, note=notes.append)
    if as_json:
        print_json([{"file": p.place.file, "line": p.place.line, "column": p.place.column, "field": p.field,
                      "message": p.message} for p in sorted(set(problems))])  # fmt: skip
    _raise(problems)
    if not quiet and not as_json:
        for text in notes:
            say(f"note: {text}")
        say(f"{len(specs)} spec{'s are' if len(specs) > 1 else ' is'} fine")


@app.command("import")
def import_model(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model file: .keras, .h5, .fpz, or .json with --weights.")
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="A data set, or a .npz or .csv file.",
            autocompletion=completion.data,
        ),
    ],
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="The .h5 file of a .json.")] = None,
    set_: Set = [],  # noqa: B006  (typer copies it)
    weight_bits: Annotated[int, typer.Option(min=2, max=24, help="Bits of weights and biases of a float model.")] = 8,
    activation_bits: Annotated[int, typer.Option(min=2, max=24, help="Bits of activations of a float model.")] = 8,
    input_bits: Annotated[int, typer.Option(min=2, max=24, help="Bits of the input, if the model has none.")] = 8,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The spec; left out: beside the model.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the spec if it is there already.")] = False,
    trust_code: Annotated[bool, typer.Option("--trust-code", help="Run Python code that the model holds.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a spec for a trained Keras 2 or QKeras model, from which `fpga-flow run` goes on.

    A QKeras model keeps its quantizers. A float model gets types by the ranges that its weights, and its activations on
    the training samples, have.

    Example: `fpga-flow import model.h5 --data digits --set data.scale=16 --out my.yaml`
    """
    from fpga_flow import importing, terminal
    from fpga_flow.networks.ranges import Bits
    from fpga_flow.tables import print_table

    path = out or Path(model).with_suffix(".yaml")
    importing.check_out(path, force=force)
    with terminal.status("import", quiet=quiet):
        made = importing.make(
            model, data, importing.spec_name(path), weights=weights, changes=set_,
            bits=Bits(weight_bits, activation_bits, input_bits), trust_code=trust_code,
        )  # fmt: skip
    importing.write(made, path, force=force)
    if as_json:
        print_json({**made.to_dict(), "spec": str(path)})
    elif not quiet:
        print_table(
            ["layer", "kind", "shape", "becomes"], [[r.name, r.kind, str(r.shape), r.becomes] for r in made.layers]
        )
        say(f"test accuracy as it is: {made.accuracy:.2%}; next: fpga-flow run {path}")


@app.command()
def csim(
    projects: Annotated[list[Path], typer.Argument(metavar="PROJECT...", help="Folders of HLS projects (hls4ml's own, "
                                                   "too), or of runs.")],
    inputs: Annotated[Path | None, typer.Option(metavar="FILE", help="Samples: .npy, .npz, or text, a sample a line. "
                                                "Left out: the project's test data.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, max=10**7, help="So many random samples instead.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the random samples.")] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Make a golden record: all outputs of all "
                                                "layers.")] = None,
    check: Annotated[list[Path], typer.Option(metavar="FILE", help="Compare with a golden record. Repeatable.")] = [],  # noqa: B006
    update: Annotated[list[Path], typer.Option(metavar="FILE", help="Show what changed since a golden record, write it "
                                               "anew. Repeatable.")] = [],  # noqa: B006
    tolerance: Annotated[list[str], typer.Option(metavar="[OUTPUT=]NUMBER", help="How far outputs may be from what is "
                         "expected; above 0, layers of golden records decide nothing. Repeatable.")] = [],  # noqa: B006
    reproducer: Annotated[Path | None, typer.Option(metavar="DIR", help="Where --check writes the first mismatch as a "
                          "case of its own; left out: csim_mismatch/<record>.")] = None,
    stock_headers: Annotated[bool, typer.Option("--stock-headers", help="Compile the project's own headers alone, "
                                                "not faster ones with the same results.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Look at every layer: exact or not, overflows, range "
                                        "used.")] = False,
    stress: Annotated[bool, typer.Option("--stress", help="Search for inputs that provoke overflows.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Simulate the C++ of an HLS project, and say whether it computes what it should.

    That is what the network computes, for projects of fpga-flow; or what it computed before, by a golden record. Exits
    with 1 if it does not.

    Example: `fpga-flow csim my_project --check golden/my_project.npz --junit results.xml`
    """
    from fpga_flow import terminal
    from fpga_flow.csim import command

    options = command.Options(
        inputs, samples, seed, record, tuple(check), tuple(update), tuple(tolerance), reproducer, stock_headers, junit,
        trace, stress,
    )  # fmt: skip
    with terminal.status(quiet=quiet) as started:
        results = command.execute(projects, options, started)
    if as_json:
        print_json([result.to_dict() for result in results])
    elif not quiet:
        for result in results:
            if result.passed is not False:
                say(result.report())
    command.raise_failures(results)


@app.command()
def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .fpz file.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write model.h5, promises.npz and the C decoder "
                                             "fpz.h into this folder.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Show what a model.fpz holds, layer by layer and byte by byte, and unpack it.

    A spec can name a .fpz file where it names any other trained model (`network.path`).

    Example: `fpga-flow unpack runs/digits_mlp/6c455aba4d5d116c/4-store/model.fpz --out unpacked`
    """
    from fpga_flow import storage, terminal
    from fpga_flow.storage import show

    with terminal.status("decoding", quiet=quiet):
        network, summary = storage.read(file)
    if out is not None:
        storage.unpack(network, out)
    if as_json:
        print_json(summary.to_dict())
    elif not quiet:
        show.print_summary(summary)


@app.command()
def resources(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="The folder of an HLS project, or of a run.")],
    build: Annotated[bool, typer.Option("--build", help="Run the vendor's tools on the project first.")] = False,
    steps: Annotated[str | None, typer.Option(help="What --build does, out of csim,synth,cosim,export,vsynth; left "
                                              "out: all but csim.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Make Verilog and VHDL of the network, simulate it, synthesise "
                                        "it with Yosys; for a board with open tools, make a bitstream.")] = False,
    board: Annotated[str | None, typer.Option(metavar="NAME", help="The board of --open; left out: the "
                                              "project's.", autocompletion=completion.boards)] = None,
    baud: Annotated[int | None, typer.Option(metavar="BITS", help="Bits a second of the serial line in the bitstream; "
                                             "left out: 115200.")] = None,
    family: Annotated[list[str], typer.Option(metavar="NAME", help="What --open synthesises for: xc7, xcup, ecp5, "
                                              "ice40, gowin; left out: the board's. Repeatable.")] = [],  # noqa: B006
    timeout: Annotated[float | None, typer.Option(metavar="MINUTES", help="The most that a step may take; left out: "
                                                  "240 of --build, 60 of --open.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Show what an HLS project needs of its FPGA: the estimate, what open tools measured, and every vendor report in
    its folder.

    Exits with 1 if the project's board is too small by the most certain of them.

    Example: `fpga-flow resources runs/digits_mlp/6c455aba4d5d116c --open --board ulx3s-85f`
    """
    from fpga_flow.resources import command, show

    options = command.Options(build, steps, open_, board, baud, tuple(family), timeout)
    with show.BuildProgress(quiet=quiet, to_stderr=as_json) as progress:
        made = command.execute(project, options, progress)
    if as_json:
        print_json(made.to_dict())
    elif not quiet:
        show.print_numbers(made)
    made.raise_failures()


def _tracker(out: Path) -> Tracker:
    """What logs to MLflow; missing, it is better missed before the work than after it."""
    from fpga_flow.tracking import Tracker

    return Tracker(out)


def _check_stage(until: str | None, specs: Sequence[Loaded]) -> None:
    from fpga_flow.flow import stage_names

    for spec in [each.spec for each in specs if each.spec is not None and until is not None]:
        if until not in (names := stage_names(spec)):
            message = f'expected one of the stages {", ".join(names)}, got "{until}"'
            raise InputError.at("--until", message)


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InputError(problems)
