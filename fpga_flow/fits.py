"""Which boards a run fits: the resource numbers in its run.json, against what each board lets a network use.

Numbers are compared only where LUTs are of the same kind (`Board.lut_kind`). The clock is not looked at: a slower part
may need more registers to keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from fpga_flow.boards import Board
from fpga_flow.resources.report import ResourceReport, Shortfall, shortfalls
from fpga_flow.run_json import reading


class _Record(BaseModel):
    """What is read of run.json; its other keys are of no use here."""

    resources: list[ResourceReport] = Field(min_length=1)


@dataclass(frozen=True)
class Fit:
    """Whether a run fits a board.

    report    the numbers that were compared, the most certain; None if none are comparable
    lacks     what the run needs more of than a network may use
    made_for  what the numbers were made for: "this part", "this family", or another family or part
    """

    board: Board
    report: ResourceReport | None
    lacks: tuple[Shortfall, ...]
    made_for: str

    @property
    def fits(self) -> bool | None:
        """None if there is nothing to compare."""
        return None if self.report is None else not self.lacks

    def lacks_text(self) -> str:
        """What the run lacks, for people."""
        return "; ".join(f"{each.resource} {each.needed:,} of {each.usable:,}" for each in self.lacks)

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON values, without the board."""
        return {
            "fits": self.fits,
            "lacks": [asdict(each) for each in self.lacks],
            "source": self.report.source if self.report else None,
            "stage": self.report.stage if self.report else None,
            "made_for": self.made_for,
        }


def read(path: Path) -> list[ResourceReport]:
    """The resource numbers of a run, from its run.json or from its folder.

    Raises:
        InputError: the file can't be read, or holds no resource numbers.
    """
    return reading.read(path, _Record).resources


def judge(reports: Sequence[ResourceReport], boards: Sequence[Board], known: Sequence[Board]) -> list[Fit]:
    """Whether a run with these numbers fits each of the boards; `known` boards tell families and LUTs of the parts."""
    homes = [(report, _home(report, known)) for report in reports]
    return [_judge(homes, board) for board in boards]


def _judge(homes: Sequence[tuple[ResourceReport, Board | None]], board: Board) -> Fit:
    comparable = [(report, home) for report, home in homes if _lut_kind(report, home) == board.lut_kind]
    if not comparable:
        report, home = homes[-1]
        return Fit(board, None, (), _made_for(report, home, board))
    report, home = max(comparable, key=lambda each: each[0].certainty)
    return Fit(board, report, shortfalls(report, board.usable()), _made_for(report, home, board))


def _home(report: ResourceReport, known: Sequence[Board]) -> Board | None:
    """A board with the part that the numbers were made for."""
    return next((board for board in known if _plain(board.part) == _plain(report.part)), None)


def _lut_kind(report: ResourceReport, home: Board | None) -> str | None:
    if home is not None:
        return home.lut_kind
    return "lut6" if report.part.lower().startswith("xc") else None  # AMD's parts since Virtex-5


def _made_for(report: ResourceReport, home: Board | None, board: Board) -> str:
    if _plain(report.part) == _plain(board.part):
        return "this part"
    if home is None:
        return report.part or "an unknown part"
    return "this family" if home.family == board.family else home.family


def _plain(part: str) -> str:
    """A part's name as it can be compared: tools write xc7z020clg400-1 and xc7z020-clg400-1 for the same."""
    return part.lower().replace("-", "")
