"""The work of each stage of the flow: what it does in its folder, and what it has to tell."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fpga_flow import boards, compress, csim, datasets, doing, runs, storage
from fpga_flow.compress.base import Context
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.project import HlsProject, generate
from fpga_flow.keras import seed_everything
from fpga_flow.networks import from_spec
from fpga_flow.networks.network import Network
from fpga_flow.networks.own_quantizers import with_quantized_input
from fpga_flow.resources.estimate import LUT_KIND
from fpga_flow.resources.numbers import estimates_of
from fpga_flow.resources.report import ResourceReport, shortfalls
from fpga_flow.run_json import contents
from fpga_flow.runs import Done, Stage
from fpga_flow.spec.model import FlowSpec


class Ui:
    """Who watches a run is told of its progress. This one keeps quiet; others override what they show."""

    def start(self, stage: Stage) -> None:
        """A stage begins."""

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """An epoch of training is over: its row of the history, and how many there will be."""

    def samples(self, done: int, total: int) -> None:
        """So many samples are simulated."""

    def done(self, done: Done) -> None:
        """A stage is finished, or was read back."""

    def note(self, text: str) -> None:
        """Something else worth a line."""


class Work:
    """The work of each stage. A stage finds the ones before it in `finished`."""

    def __init__(self, spec: FlowSpec, dataset: datasets.Dataset, ui: Ui, *, trust_code: bool = False) -> None:
        self.spec, self.dataset, self.ui, self.trust_code = spec, dataset, ui, trust_code
        self.finished: list[Done] = []

    def do(self, stage: Stage, folder: Path) -> dict[str, Any]:
        """Do a stage in its folder; what it has to tell, as JSON values."""
        if stage.name in compress.OTHER_STAGES:
            result: dict[str, Any] = getattr(self, f"_{stage.name}")(folder)
            return result
        return self._compress(stage, folder)

    def _float(self, folder: Path) -> dict[str, Any]:
        from fpga_flow import training

        seed_everything(self.spec.seed)
        model = from_spec.build(self.spec.network, self.dataset, trust_code=self.trust_code)
        history = training.fit(
            model, self.dataset, self.spec.training, self.spec.seed,
            checkpoint=_checkpoint(folder), report=self.ui.epoch,
        )  # fmt: skip
        Network(model).save(folder)
        return {"accuracy": training.evaluate(model, self.dataset.test), "history": history}

    def _compress(self, stage: Stage, folder: Path) -> dict[str, Any]:
        spec = self.spec
        context = Context(
            spec.training, spec.precision, spec.seed, _checkpoint(folder), self.ui.epoch, spec.hls,
            trained=lambda: Network.load(self._folder("float")), trust_code=self.trust_code,
        )  # fmt: skip
        options = spec.compress[stage.number - 2].options
        network, made = compress.apply(stage.name, self._network(), self.dataset, options, context)
        network.save(folder)
        return asdict(made)

    def _store(self, folder: Path) -> dict[str, Any]:
        network = self._network()
        data = storage.encode(network)
        doing.now("coding the weights with codes of fixed length")
        final = {"encoded": len(data), "fixed_length": len(storage.encode(network, "packed"))}
        doing.now("decoding the weights, to compare them")
        decoded, summary = storage.examine(data)
        storage.verify(network, decoded)
        storage.write(folder / "model.fpz", data)
        original = Network.load(self._folder("float")).model.count_params()
        passes = [done.folder for done in self.finished if "accuracy_before" in done.result]
        return {
            **summary.to_dict(),
            "bytes_original": 4 * original,
            "ratio_original": round(4 * original / len(data), 3),
            "after_passes": [*map(_sizes, passes[:-1]), *([final] if passes else [])],
        }

    def _hls(self, folder: Path) -> dict[str, Any]:
        from fpga_flow import training
        from fpga_flow.hls import fit, lower, reference, settings

        model, hls = with_quantized_input(self._network().model, self.spec.precision), self.spec.hls
        board = boards.load(hls.board)
        chosen = settings.settings(self.spec.name, hls, board)
        doing.now("finding the exact types of all results")
        lowered, found = lower.lower(model, hls.softmax, hls.io_type), None
        for error in settings.check(lowered, hls, BACKENDS[chosen.backend]):  # passes may have changed the shapes
            raise error
        if settings.asks_to_fit(hls):
            doing.now("choosing strategies that fit the board")
            layers, found = fit.choose(lowered, hls, chosen, board)
        else:
            layers = settings.apply(lowered, hls, BACKENDS[chosen.backend])
        doing.now("computing what the C++ must compute")
        outputs = reference.predict(model, layers, self.dataset.test.x)
        doing.now("writing the C++")
        project = folder / "project"
        shutil.rmtree(project, ignore_errors=True)  # a killed run may have left a half of it
        generate(
            layers, chosen, self.dataset.test.x, outputs, project,
            tolerance=hls.softmax_tolerance if hls.softmax else 0.0,
        )  # fmt: skip
        np.save(folder / "expected.npy", outputs)
        return {
            "backend": chosen.backend,
            "accuracy": training.accuracy(outputs, self.dataset.test.y),
            "layers": [contents.layer(layer) for layer in layers],
            "fit": found.to_dict() if found else None,
            "size": contents.size(layers),
        }

    def _csim(self, folder: Path) -> dict[str, Any]:
        from fpga_flow import training
        from fpga_flow.hls import reference

        hls = self._folder("hls")
        project = HlsProject.load(hls / "project")
        if self.spec.csim.samples == 0:
            return _nothing_simulated(project.tolerance)
        samples = slice(self.spec.csim.samples)
        inputs = project.layers[0].input_type.quantize(self.dataset.test.x[samples])
        expected = np.load(hls / "expected.npy", allow_pickle=False)[samples]
        outcome = csim.simulate(
            project,
            inputs,
            expected,
            stock_headers=self.spec.csim.stock_headers,
            layer_outputs=partial(reference.predict_layers, project.layers),
            report=self.ui.samples,
        )
        np.save(folder / "outputs.npy", outcome.outputs)
        return {
            "accuracy": training.accuracy(outcome.outputs, self.dataset.test.y[samples]),
            "samples": outcome.samples,
            "mismatches": outcome.mismatches,
            "max_abs_diff": outcome.max_abs_diff,
            "exact": outcome.exact,
            "tolerance": project.tolerance,
            "headers": outcome.headers,
            "build_seconds": outcome.build_seconds,
            "run_seconds": outcome.run_seconds,
            "first": str(outcome.first) if outcome.first else None,
        }

    def _resources(self, folder: Path) -> dict[str, Any]:
        project = HlsProject.load(self._folder("hls") / "project")
        doing.now("estimating")
        board = boards.load(self.spec.hls.board)
        # the estimate counts AMD's LUTs, which say little about what other parts have
        usable = board.usable() if board.lut_kind == LUT_KIND else None
        result = {"estimates": [_judged(made, usable) for made in estimates_of(project)]}
        runs.write_json(folder / "estimate.json", result)
        return result

    def _folder(self, name: str) -> Path:
        return next(done.folder for done in self.finished if done.stage.name == name)

    def _network(self) -> Network:
        """The network as the last stage that made one left it."""
        return Network.load([done.folder for done in self.finished if (done.folder / "model.h5").is_file()][-1])


def _judged(made: ResourceReport, usable: Mapping[str, int] | None) -> dict[str, Any]:
    """A report as an entry of `resources` in run.json, compared with what a network may use of the board, if known."""
    lacks = () if usable is None else shortfalls(made, usable)
    return {
        **made.to_dict(),
        "fits": None if usable is None else not lacks,
        "lacks": [asdict(each) for each in lacks],
        "usable": usable,
    }


def _checkpoint(folder: Path) -> Path:
    """Where the training of a stage is written to; the stage's folder is rid of it at the end, see `runs`."""
    unfinished = folder / runs.UNFINISHED
    unfinished.mkdir(exist_ok=True)
    return unfinished / "checkpoint.npz"


#: The sizes of networks, by the digests of their files: points of a sweep have networks in common.
_known_sizes: dict[tuple[str, ...], dict[str, int]] = {}


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of a stage's network as model.fpz, and with codes of fixed length only."""
    digests = tuple(runs.file_digest(file) for file in Network.files(folder))
    if digests not in _known_sizes:
        network = Network.load(folder)
        sizes = {"encoded": len(storage.encode(network)), "fixed_length": len(storage.encode(network, "packed"))}
        _known_sizes[digests] = sizes
    return _known_sizes[digests]


def _nothing_simulated(tolerance: float) -> dict[str, Any]:
    """What the csim stage tells where no sample was to be simulated: nothing is known, so nothing is exact."""
    return {
        "accuracy": None,
        "samples": 0,
        "mismatches": 0,
        "max_abs_diff": None,
        "exact": False,
        "tolerance": tolerance,
        "headers": None,
        "build_seconds": 0.0,
        "run_seconds": 0.0,
        "first": None,
    }
