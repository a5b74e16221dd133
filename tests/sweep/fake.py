"""Spaces, plans and studies of no network, for tests of the engine; `fake_work` is the work on their points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from fpga_flow import runs
from fpga_flow.spec.load import Loaded
from fpga_flow.spec.yaml_file import Document
from fpga_flow.sweep import options
from fpga_flow.sweep.plan import Plan
from fpga_flow.sweep.space import Dimension, Field, Space
from fpga_flow.sweep.study import Study
from fpga_flow.sweep.work import Do, Measured, Task


def space(**choices: Sequence[Any]) -> Space:
    """A space with these dimensions, each a field of the same name at the top of the spec."""
    first = {name: values[0] for name, values in choices.items()}
    document = Document("fake.yaml", {"name": "fake", "seed": 1, **first})
    section = ("sweep", "parameters")
    dimensions = [
        Dimension(name, (*section, name), (Field((name,)),), tuple(values), None) for name, values in choices.items()
    ]
    return Space(document, tuple(dimensions))


class Spec(SimpleNamespace):
    """What the engine asks of a spec."""

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """What the report shows of it."""
        return {"name": self.name}


def plan(name: str, own: Space, base: dict[str, Any] | None = None, **sweep: Any) -> Plan:
    """A plan to search a space; `sweep` are keys of the spec's section."""
    own.base.data["name"] = name
    section = options.Sweep.model_validate({"parameters": {"a": {"path": "a", "values": [0]}}, **sweep})
    digest = runs.digest(name, [[each.name, each.choices] for each in own.dimensions], section.strategy.name)
    spec = Spec(name=name, seed=1, hls=SimpleNamespace(board="none"), csim=SimpleNamespace(samples=None))
    return Plan(Loaded(own.base, {}, (), (), None), spec, section, own, base, digest, "", {"test_accuracy": 450}, ())


def study(url: str, own: Space, *, alone: bool = True, name: str = "fake", seed: int = 1, **sweep: Any) -> Study:
    """The study of a space."""
    return Study(url, name, plan("fake", own, **sweep).sweep, own, seed, alone=alone)


class Here:
    """An executor in the process itself: quick to begin with."""

    slots = 2

    def __init__(self, do: Do) -> None:
        self.do, self.tasks = do, []

    def submit(self, task: Task) -> None:
        """Put it behind the others."""
        self.tasks.append(task)

    def finished(self, seconds: float) -> Iterator[tuple[int, Measured]]:
        """Do the first one now."""
        task = self.tasks.pop(0)
        yield task.number, self.do(task)

    def memory(self) -> None:
        """Unknown."""

    def close(self) -> None:
        """Nothing is left."""
