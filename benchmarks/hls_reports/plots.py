"""A page with the estimates against the reports, and with resources against bit widths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fpga_flow.report import resource_figures, sheet, text
from fpga_flow.report.resource_figures import NUMBER_NAMES, Point
from fpga_flow.resources.report import STAGES, ResourceReport
from hls_reports.errors import Estimated, summary
from hls_reports.margins import Covered
from hls_reports.margins import summary as coverage

#: What the figures are called, by what the numbers are of.
TITLES = {
    "projects": "whole projects, csynth",
    "layers": "layers and other parts, csynth",
    "synthesis of reported projects": "whole projects, from csynth as reported to post-synthesis",
    "synthesis of estimated projects": "whole projects, post-synthesis",
}


def page(covered: Mapping[str, Sequence[Covered]], widths: Sequence[tuple[int, Sequence[ResourceReport]]]) -> str:
    """The page as HTML.

    Args:
        covered: numbers with their intervals, by what they are of.
        widths: bit widths of a network with its reports at both stages.
    """
    sections = [section for of, title in TITLES.items() for section in _scatters(title, covered[of])]
    return sheet.page("Resource estimates against published reports", [*sections, *_widths(widths)])


def _scatters(title: str, covered: Sequence[Covered]) -> Iterator[sheet.Section]:
    """A figure for each number."""
    for name in [name for name in NUMBER_NAMES if any(each.number.name == name for each in covered)]:
        of_name = [each for each in covered if each.number.name == name]
        kinds = sorted({each.number.kind for each in of_name})
        points = [point for kind in kinds for each in of_name if (point := _point(each)).group == kind]
        rows = [("kind", "numbers", "sources", "median error", "inside of the interval")]
        rows += [_row(kind, [each for each in of_name if each.number.kind == kind]) for kind in kinds]
        heading = f"{NUMBER_NAMES[name]}: {title}"
        yield sheet.Section(
            heading,
            resource_figures.against_reports(points, name),
            f"Scatter of {len(points)} estimates against what was reported; the table below sums it up",
            "Each number is estimated with constants, and has an interval, that have not seen its source. A point is "
            "filled if what was reported is inside of the 80 % interval (the vertical line). On the dashed line both "
            "are the same. Zeros stand at 0.5.",
            rows,
        )


def _point(each: Covered) -> Point:
    number = each.number
    name = number.report.row.get("project") or number.report.row["id"] if number.report else ""
    words = f"{number.kind}, {number.source} {name}, {number.tool}"
    return Point(words, number.kind, number.reported, number.estimated, each.low, each.high)


def _row(kind: str, covered: Sequence[Covered]) -> tuple[str, ...]:
    numbers: list[Estimated] = [each.number for each in covered]
    error, inside = summary(numbers), coverage(covered)
    return kind, str(error.rows), str(error.sources), f"{error.median:.1f} %", text.percent(inside.by_rows, 0)


def _widths(widths: Sequence[tuple[int, Sequence[ResourceReport]]]) -> Iterator[sheet.Section]:
    for place, stage in enumerate(STAGES):
        reports = [(width, of_width[place]) for width, of_width in widths]
        rows = [("bits", *NUMBER_NAMES.values())]
        rows += [(str(width), *(text.number(getattr(each, name)) for name in NUMBER_NAMES)) for width, each in reports]
        yield sheet.Section(
            f"Against bit width: MLP 16-64-32-32-5, {stage}",
            resource_figures.against_widths(reports),
            "Lines of resources and cycles against the bits of weights and data; the table below holds the numbers",
            f"Estimates of {stage} of a network with random weights; weights and data have so many bits. The bands are "
            "80 % intervals.",
            rows,
        )
