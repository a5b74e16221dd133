"""The report of a sweep: what stands in the page, for readers and for its script, and what it makes of odd sweeps."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from fpga_flow.report import drawing, sweep, sweep_data, sweep_figures
from fpga_flow.report.sweep_data import Dimension
from fpga_flow.sweep.result import Parameter, Sensitivity, SweepResult, Trial

from .sweeps import PARAMETERS, REFUSED, WEIGHT, grid, many, swept, trial
from .test_report import HOSTILE, Page

SECTIONS = ["summary", "trials", "front", "curves", "parallel", "sensitivity", "importance", "progress", "spec"]


def read(result: SweepResult) -> tuple[Page, dict[str, Any]]:
    """The page, and the data of its script."""
    page = Page(sweep.render(result))
    (data,) = [each for each in page.scripts if each.startswith("{")]
    assert not re.search("[<>&]", data)
    return page, json.loads(data)


@pytest.fixture(scope="module")
def whole() -> tuple[Page, dict[str, Any]]:
    return read(replace(grid(), samples={"accuracy": 100}, notes=("only a few jets",)))


def sections(page: Page) -> list[str]:
    return [each["id"] for each in page.having("section")]


def test_all_sections_are_linked_and_nothing_is_loaded(whole: tuple[Page, Any]) -> None:
    page, _ = whole
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert sections(page) == SECTIONS
    linked = [each["href"] for each in page.having("a")]
    assert {each[1:] for each in linked if each.startswith("#")} == set(SECTIONS)
    assert not [
        each for each in linked if not re.fullmatch(r"#\w+|sweep\.\w+|front/\d+\.yaml|\.\./\w+/report\.html", each)
    ]
    assert [each for each in page.having("link") if each["href"] != "data:,"] == []
    assert not [attributes for _, attributes in page.elements if "src" in attributes]
    assert all(each["aria-labelledby"] in ids for each in page.having("section"))


def test_the_head_says_what_was_searched_and_found(whole: tuple[Page, Any]) -> None:
    page, _ = whole
    for expected in (
        "small_net", "0123456789abcdef", "grid", "pynq-z2", "Trials 36", "Measured 33", "be made 3",
        "Stopped early 0", "Failed 0", "accuracy, as much as possible; LUT, as little as possible",
        "fits the board; LUT at most 40,000; accuracy at least 50.00\u202f%",
        "90\u202fs of all trials together, from 2026-01-02 02:59:57 to 2026-01-02 03:00:35",
        "weight 2, 4, 6, 8 precision.layers.*.weight", "sparsity 0, 0.5, 0.75 compress.prune.sparsity", "Best LUT",
        "name: small_net", "only a few jets",
    ):  # fmt: skip
        assert expected in page.text, expected


def test_the_front_has_links_and_intervals_where_the_samples_are_known(whole: tuple[Page, Any]) -> None:
    page, _ = whole
    result = grid()
    links = [each["href"] for each in page.having("a")]
    for number in result.front:
        assert f"front/{number}.yaml" in links
    best = result.trials[result.front[0]]
    low, high = sweep.interval(best.measures["accuracy"] or 0, 100)
    assert f"{100 * low:.1f}\u202f% to {100 * high:.1f}\u202f%" in page.text
    assert "95\u202f% confidence interval" in page.text
    unsure, _ = read(result)
    assert "confidence interval" not in unsure.text
    assert "Points are chosen by the accuracy on validation samples" in unsure.text


def test_the_script_gets_every_trial_as_columns(whole: tuple[Page, Any]) -> None:
    _, data = whole
    result = grid()
    names = [each["name"] for each in data["measures"]]
    assert names == ["accuracy", "test_accuracy", "lut", "dsp", "latency_cycles"]
    assert [names[place] for place in data["axes"]] == ["lut", "accuracy"]
    for row, each in enumerate(result.trials):
        values = [
            parameter["numbers"][column[row]]
            for parameter, column in zip(data["parameters"], data["values"], strict=True)
        ]
        assert values == [each.values[parameter.name] for parameter in PARAMETERS]
        assert data["errors"][data["error"][row]] == each.error
        assert data["report"][row] == each.report
        for name, column in zip(names, data["results"], strict=True):
            value = each.measures.get(name)
            assert column[row] == (None if value is None else pytest.approx(value, rel=1e-6))
    kinds = [data["kinds"][each] for each in data["kind"]]
    assert [row for row, kind in enumerate(kinds) if kind == "front"] == sorted(result.front)
    assert [row for row, kind in enumerate(kinds) if kind == "refused"] == [0, 3, 6]
    assert {row for row, kind in enumerate(kinds) if kind == "breaks a constraint"} == {
        each.number for each in result.done() if not each.feasible
    }
    assert data["best"] == result.front[0]


def curve_of(result: SweepResult, place: int) -> sweep_data.Curve:
    return sweep_data.curves(result, [Dimension.of(each, result.trials) for each in result.parameters])[place]


def test_a_curve_compares_only_settings_that_were_tried_with_every_value() -> None:
    curve = curve_of(grid(), 0)  # weights of 2 bits were refused without pruning: those settings don't count
    assert (curve.labels, curve.settings, curve.counts) == (("2", "4", "6", "8"), 6, (6, 6, 6, 6))
    # 1000 * 2 * activation * (1 - 0.8 * sparsity)
    low, high = 1000 * 2 * 4 * 0.4, 1000 * 2 * 8 * 0.6
    middle = (1000 * 2 * 6 * 0.4 + 1000 * 2 * 8 * 0.4) / 2
    assert curve.measures["lut"][:, 0].tolist() == pytest.approx([middle, low, high])
    assert curve.measures["dsp"][:, 3].tolist() == [40, 40, 40]


def test_a_curve_counts_all_trials_where_few_settings_are_whole() -> None:
    rows = [(2, 4, 0.5), (4, 6, 0.5), (6, 8, 0.0), (8, 4, 0.75), (8, 8, 0.5)]
    trials = [trial(number, dict(zip(("weight", "activation", "sparsity"), each, strict=True)))
              for number, each in enumerate(rows)]  # fmt: skip
    curve = curve_of(swept(trials), 0)
    assert (curve.settings, curve.counts) == (0, (1, 1, 1, 2))


def test_a_range_of_numbers_is_shown_in_parts() -> None:
    rate = Parameter("rate", ("training.learning_rate",), None)
    trials = [Trial(number, "done", {"rate": (number + 1) / 1000}, {"accuracy": number / 100, "lut": 5}, True)
              for number in range(60)]  # fmt: skip
    curve = curve_of(swept(trials, (rate,)), 0)
    assert curve.counts == (5,) * 12
    assert curve.labels[0] == "0.001 to 0.005"
    assert curve.places is not None
    assert curve.places[0] == pytest.approx(0.003)
    assert curve.measures["accuracy"][:, 0].tolist() == pytest.approx([0.02, 0.0, 0.04])


def test_values_of_all_kinds_are_told_apart() -> None:
    values = ["fixed<6,1>", "fixed<4,1>", 0.1 + 0.2, 4, 4.0, True, None, [16, 32], {"a": 1}]
    parameter = Parameter("any", ("x",), tuple(value for value in values if not isinstance(value, float)))
    trials = [Trial(number, "done", {"any": value}, {"accuracy": 0.5, "lut": 7}, True)
              for number, value in enumerate(values)]  # fmt: skip
    page, data = read(swept(trials, (parameter,)))
    labels = ["fixed<6,1>", "fixed<4,1>", "4", "true", "null", "[16, 32]", "(a 1)"]
    assert data["parameters"] == [{"name": "any", "labels": [*labels, "0.3"], "numbers": None}]
    assert data["values"] == [[0, 1, 7, 2, 2, 3, 4, 5, 6]]
    assert data["curves"][0]["places"] is None
    assert ", ".join(labels) in page.text


def test_no_trial_yet() -> None:
    page, data = read(swept([], hypervolume=(), importances={}))
    assert sections(page) == ["summary", "spec"]
    assert "No trial has finished yet." in page.text
    assert data["number"] == []


def test_all_trials_refused() -> None:
    trials = [trial(number, {"weight": 2, "activation": 4, "sparsity": 0.0}) for number in range(3)]
    page, data = read(swept(trials))
    assert sections(page) == ["summary", "trials", "spec"]
    assert "All 3 trials were refused, stopped or failed" in page.text
    assert data["errors"] == [REFUSED]
    assert "figure-trials" not in page.figures
    one, _ = read(swept(trials[:1]))
    assert "The only trial was refused" in one.text


def test_one_trial() -> None:
    result = swept([trial(0, {"weight": 4, "activation": 4, "sparsity": 0.5})])
    page, data = read(result)
    assert sections(page) == [each for each in SECTIONS if each != "sensitivity"]
    assert data["important"] == [0, 1, 2]
    assert [each["counts"] for each in data["curves"]] == [[1], [1], [1]]


def test_no_trial_keeps_the_constraints() -> None:
    values = {"weight": 8, "activation": 8, "sparsity": 0.0}
    page, _ = read(swept([trial(0, values)]))
    assert "No trial keeps the constraints" in page.text
    assert "1 trial was measured, so there is no front." in page.text
    assert "front" not in sections(page)


def test_one_objective_with_one_measure_is_shown_over_the_trials() -> None:
    trials = [Trial(number, "done", {"weight": 4}, {"accuracy": 0.5}, True) for number in range(3)]
    result = SweepResult("n", "d", "random", "b", (WEIGHT,), ("accuracy",), {}, tuple(trials), (0,))
    page, data = read(result)
    assert data["axes"] == [-1, 0]
    assert "Constraints none" in page.text
    assert data["parallel"] == [0]


def test_the_first_objective_stands_against_the_second_one_or_lut() -> None:
    def axes(*objectives: str) -> list[str]:
        result = replace(grid(), objectives=objectives)
        _, data = read(result)
        return [data["measures"][place]["name"] for place in data["axes"]]

    assert axes("accuracy") == ["lut", "accuracy"]
    assert axes("lut") == ["accuracy", "lut"]
    assert axes("accuracy", "dsp", "lut") == ["dsp", "accuracy"]


def test_a_measure_that_nobody_knows_has_no_column() -> None:
    trials = [replace(each, measures={**each.measures, "latency_cycles": float("nan"), "energy": None})
              for each in grid().trials]  # fmt: skip
    _, data = read(swept(trials))
    assert [each["name"] for each in data["measures"]] == ["accuracy", "test_accuracy", "lut", "dsp"]


def named(name: str) -> SweepResult:
    """A sweep in which everything has this name."""
    parameter = Parameter(name, (name,), (name, "b" * 500))
    trials = [
        Trial(0, "done", {name: name}, {"accuracy": 0.5, "lut": 3}, True),
        Trial(1, "done", {name: "b" * 500}, {"accuracy": 0.5, "lut": 4}, True),
        Trial(2, "failed", {name: name}, error=name),
    ]
    return replace(
        swept(trials, (parameter,)), name=name, digest=name, strategy=name, board=name, spec=name,
        constraints={name: {name: name}}, importances={"accuracy": {name: 1.0}},
        sensitivities=(Sensitivity(name, name, {"lut": 1.0}),),
    )  # fmt: skip


def test_hostile_names_are_only_text() -> None:
    page, data = read(named(HOSTILE))
    plain, _ = read(named("name"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert data["parameters"][0]["name"] == HOSTILE
    assert HOSTILE in data["errors"]


@pytest.mark.parametrize(
    "path",
    [
        "javascript:alert(1)", "JAVASCRIPT:alert(1)", "https://x.org/a", "//x.org/a", "/etc/passwd", "\\\\x\\a",
        "data:text/html,x",
    ],
)  # fmt: skip
def test_reports_are_relative_paths(path: str) -> None:
    trials = [Trial(0, "done", {"weight": 4}, {"accuracy": 0.5, "lut": 1}, True, report=path)]
    with pytest.raises(ValueError) as error:
        sweep.render(swept(trials, (WEIGHT,)))
    assert str(error.value) == f"expected a path relative to the sweep's folder, got {path!r}"


def test_a_relative_path_is_quoted() -> None:
    assert sweep_data.link("../a b/100%#1?/report.html") == "../a%20b/100%25%231%3F/report.html"
    assert sweep_data.link(None) is None


def test_sensitivities_are_a_table_of_parameters_and_values(whole: tuple[Page, Any]) -> None:
    page, data = whole
    found = data["sensitivity"]
    assert (found["rows"], found["columns"]) == (["weight hidden", "weight output"], ["2", "4"])
    accuracy, lut = found["measures"]
    assert (accuracy["label"], accuracy["change"]) == ("accuracy", [[-0.2, -0.01], [None, 0.005]])
    assert (lut["label"], lut["change"]) == ("LUT", [[-900, -500], [None, -100]])
    assert "weight hidden 4 \N{MINUS SIGN}1.00 \N{MINUS SIGN}500" in page.text
    assert "weight output 4 +0.50 \N{MINUS SIGN}100" in page.text


def test_cells_of_sensitivities_can_be_read() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        return sum(each * weight for each, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    for _, colour in json.loads(sweep_figures.sensitivity(1).json)["data"][0]["colorscale"]:
        assert (luminance(colour) + 0.05) / (luminance(drawing.INK) + 0.05) >= 4.5


def test_importances_are_bars_and_a_table(whole: tuple[Page, Any]) -> None:
    page, _ = whole
    (bars,) = page.figures["figure-importance"]["data"]
    assert bars["x"] == pytest.approx([70, 20, 10])
    assert page.figures["figure-importance"]["layout"]["yaxis"]["ticktext"] == ["weight", "activation", "sparsity"]
    assert "weight 70.0\u202f%" in page.text


def test_the_hypervolume_is_drawn_where_it_changes() -> None:
    volumes = [(5, 0.1), (3, 0.1), (8, 0.1), (9, 0.4), (1, 0.4), (2, 0.4)]
    (line,) = json.loads(sweep_figures.growth(volumes).json)["data"]
    assert line["x"] == [1, 4, 6]
    assert line["y"] == pytest.approx([10, 40, 40])
    assert line["customdata"] == [5, 9, 2]
    (single,) = json.loads(sweep_figures.growth([(0, 1.0)]).json)["data"]
    assert (single["x"], single["y"]) == ([1], [100])


def test_only_the_most_important_of_many_parameters_have_axes() -> None:
    result = replace(many(50), importances={"accuracy": {"width layer_19": 0.9}})
    _, data = read(result)
    assert len(data["important"]) == sweep_data.MOST_PARAMETERS
    assert data["important"][-1] == len(data["parameters"]) - 1


def test_a_long_front_is_cut_in_the_table() -> None:
    trials = [Trial(number, "done", {"weight": 4}, {"accuracy": number / 1000, "lut": number}, True)
              for number in range(150)]  # fmt: skip
    page, data = read(swept(trials, (WEIGHT,)))
    assert "the first 100 of 150" in page.text
    assert len([each for each in page.having("a") if each["href"].startswith("front/")]) == 100
    assert data["kind"] == [0] * 150
