"""Placements tried: each trained from the same network, measured, and compared with a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fpga_flow import doing, training
from fpga_flow.compress.base import Context, following, retrain
from fpga_flow.compress.downsample import choices, measures
from fpga_flow.compress.downsample.choices import Candidate
from fpga_flow.compress.downsample.places import Layout
from fpga_flow.compress.rounds import SavedRounds
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import CheckFailed, FieldError, FieldPath
from fpga_flow.networks import channel_cut
from fpga_flow.networks.network import Network

#: Costs that have a budget, in words.
_BUDGETED = {"macs": "the multiplications", "feature_maps": "the feature maps"}


@dataclass(frozen=True)
class Trials:
    """What all trials of a pass have in common: the network (with a flat model), its layout, what the pass got."""

    network: Network
    layout: Layout
    dataset: Dataset
    options: Any
    context: Context

    def one(self, candidate: Candidate, path: FieldPath) -> tuple[Network, dict[str, Any]]:
        """The network with a placement, trained on, and what there is to tell of it and of the present placement."""
        before = self._before()
        made = candidate.build(self.network.model, self.layout, path)
        network, history = self._train(made, self.context)
        return network, self._told(network, history, [before, self._tell(candidate, network.model)])

    def best(self, candidates: Sequence[Candidate], path: FieldPath) -> tuple[Network, dict[str, Any]]:
        """The best of several placements; it goes on from where a killed pass stopped.

        Raises:
            CheckFailed: none is within the budget.
        """
        before = self._before()
        told: dict[str, Any] = {"placements": [], "histories": [], "best": None}
        saved = SavedRounds(self.context.checkpoint)
        best, told = saved.load(self.network, told)
        for number, candidate in list(enumerate(candidates))[len(told["placements"]) :]:
            with doing.within(f"placement {number + 1} of {len(candidates)}"):
                network, history, row = self._tried(candidate, number, path, before)
            if row["fits"] and (told["best"] is None or self._rank(row) > self._rank(told["best"])):
                best, told["best"] = network, row
            told["placements"].append(row)
            told["histories"].append(history)
            saved.save(best, told, number + 1)
            self.context.forget_training(number)
        rows, chosen = told["placements"], told["best"]
        if chosen is None:
            listed = "; ".join(_words(row, before) for row in rows)
            raise CheckFailed(f"downsample: expected a placement within the budget, got {listed}")
        joined: training.History = []
        for row, history in zip(rows, told["histories"], strict=True):
            joined += following(history, len(joined), kept=row == chosen)
        return best, {**self._told(best, joined, rows), "chosen": chosen["placement"], "untrained": before}

    def _tried(
        self, candidate: Candidate, number: int, path: FieldPath, before: dict[str, Any]
    ) -> tuple[Network, training.History, dict[str, Any]]:
        """One of several placements; the network as it was where it is not possible."""
        try:
            model = candidate.build(self.network.model, self.layout, path)
        except FieldError as error:
            return self.network, [], {**self._placed(candidate), "refused": error.message, "fits": False}
        network, history = self._train(model, self.context.of_training(number))
        row = self._tell(candidate, network.model)
        return network, history, {**row, "fits": self._fits(row, before)}

    def _train(self, model: Any, context: Context) -> tuple[Network, training.History]:
        network = Network(model, self.network.promises)
        return network, retrain(network, self.dataset, self.options, context)

    def _before(self) -> dict[str, Any]:
        """What there is to tell of the present placement, before it is trained on."""
        return self._tell(Candidate(("present",), self.layout.present()), self.network.model)

    def _placed(self, candidate: Candidate) -> dict[str, Any]:
        return {"placement": list(candidate.names), "at": choices.at(self.layout, candidate.places)}

    def _tell(self, candidate: Candidate, model: Any) -> dict[str, Any]:
        """What there is to tell of a placement, as JSON values."""
        part = self.dataset.validation
        accuracy = training.evaluate(model, part) if len(part.x) else None
        row = {**self._placed(candidate), "accuracy": accuracy, **measures.size(model)}
        if self.options.resources:
            row["resources"] = measures.resources(model, self.dataset, self.context)
        return row

    def _told(self, network: Network, history: training.History, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sizes = {key: channel_cut.size(each.model) for key, each in (("before", self.network), ("after", network))}
        return {"history": history, "placements": rows, **sizes}

    def _fits(self, row: dict[str, Any], before: dict[str, Any]) -> bool:
        """Whether a placement is within the budget."""
        drop = self.options.max_accuracy_drop
        accurate = drop is None or row["accuracy"] >= before["accuracy"] - drop - 1e-9
        shares = {key: getattr(self.options, key) for key in _BUDGETED}
        return accurate and all(share is None or row[key] <= share * before[key] for key, share in shares.items())

    def _rank(self, row: dict[str, Any]) -> tuple[float, ...]:
        """The placement of the greatest rank is taken."""
        accuracy, costs = row["accuracy"], (-row["macs"], -row["feature_maps"])
        return (accuracy, *costs) if self.options.max_accuracy_drop is None else (*costs, accuracy)


def _words(row: dict[str, Any], before: dict[str, Any]) -> str:
    """A placement in words."""
    name = " = ".join(row["placement"])
    if "refused" in row:
        return f"{name} (not possible)"
    shares = [f"{row[key] / before[key]:.3g} of {what}" for key, what in _BUDGETED.items()]
    return f"{name} ({', '.join(shares)}, accuracy {row['accuracy']:.4f} after {before['accuracy']:.4f})"
