"""The report of a small run: what it shows, that it stands alone, and what it makes of odd runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """A parsed report: its text without scripts, its elements, and its figures."""

    def __init__(self, text: str):
        super().__init__()
        self.source = text.replace(get_plotlyjs(), "")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.figures: dict[str, Any] = {}
        self._inside: list[tuple[str, dict[str, str]]] = []
        self.feed(self.source)
        self.text = re.sub(r"[ \n]+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {key: value or "" for key, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "link", "img", "input", "br"):
            self._inside.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside, f"</{tag}> closes nothing"
        opened, _ = self._inside.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self._inside[-1] if self._inside else ("", {})
        if tag == "script" and "data-for" in attributes:
            assert not re.search("[<>/]", data)  # which only escapes keep out of the figures' texts
            self.figures[attributes["data-for"]] = json.loads(data)
        elif tag == "script":
            self.scripts.append(data)
        elif tag == "style":
            self.styles.append(data)
        elif data.strip():
            self.words.append(data.strip())

    def having(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def texts_of_figure(self, name: str) -> list[str]:
        found: list[str] = []

        def walk(value: Any) -> None:
            if isinstance(value, str):
                found.append(value)
            elif isinstance(value, dict):
                [walk(each) for each in value.values()]
            elif isinstance(value, list):
                [walk(each) for each in value]

        walk(self.figures[name])
        return found


@pytest.fixture
def page(fake_run) -> Page:
    return Page(fake_run.write())


def test_shows_all_sections_and_links_to_them(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    linked = [each["href"].removeprefix("#") for each in page.having("a")]
    sections = [
        "summary", "accuracy", "training", "compression", "layers", "resources", "weights", "sparsity", "inputs",
        "confusion", "run",
    ]  # fmt: skip
    assert [each["id"] for each in page.having("section")] == sections
    assert set(linked) == set(sections)
    assert all(each["aria-labelledby"] in ids for each in page.having("section"))


def test_shows_the_numbers_of_the_record(page: Page, fake_run) -> None:
    size = fake_run.record["size"]
    for expected in (
        "fake_net", "zeros in dense save no multipliers", "0123456789abcdef", "2026-01-02 03:04:05+00:00",
        "C simulation: exact on 40 samples",
        "Every output of the C++ equals the network's bit for bit.", "Fits pynq-z2", "97.50\u202f%", "96.25\u202f%",
        f"{size['parameters']:,}", f"{size['nonzero']:,}", "105\u202fns", "21 cycles of 5\u202fns", "200 MHz",
        "10,000 37,240 26.9\u202f%", "xc7z020clg400-1", "fixed<15,6>", "hls4ml 1.3.0", "0.0625", "cat", "owl",
        "All samples 120 30 40", "Whole design 44 10,000 400 8 0 0 21 1", "epochs 5",
    ):  # fmt: skip
        assert expected in page.text, expected
    assert "patience" not in page.text


def test_labels_every_group_of_resource_numbers_with_its_source(fake_run) -> None:
    other = {**fake_run.record["resources"][0], "source": "open-synthesis", "lut": 9876, "fits": None}
    for key in ("usable", "lacks", "latency_cycles", "ii"):  # what a source may not know
        other.pop(key)
    unknown = ("multipliers", "uram", "latency_cycles", "ii")
    layers = [{**layer, **dict.fromkeys(unknown)} for layer in other["layers"]]
    other |= {"latency_cycles": None, "ii": None, "uram": None, "clock_ns": None, "layers": layers}
    fake_run.record["resources"].append(other)
    page = Page(fake_run.write())
    assert page.text.count("open-synthesis") >= 3
    assert "9,876" in page.text
    assert set(page.figures) >= {"figure-resources-1", "figure-resources-2"}


def test_needs_nothing_but_itself(page: Page) -> None:
    for tag, attributes in page.elements:
        for key in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(key, "#")
            assert value.startswith(("#", "data:")), f"<{tag} {key}={value!r}>"
        assert "http" not in attributes.get("style", "")
        assert tag not in ("iframe", "object", "embed", "base")
    for text in [*page.styles, *page.scripts]:
        assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest|//cdn", text)
    assert "http" not in page.source
    assert not any("src" in each for each in page.having("script"))


def test_has_plotly_once(fake_run) -> None:
    assert fake_run.write().count(get_plotlyjs()) == 1


def test_describes_every_figure_in_words(page: Page) -> None:
    plots = [attributes for attributes in page.having("div") if attributes.get("class") == "plot"]
    assert [each["id"] for each in plots] == list(page.figures)
    assert all(each["role"] == "group" and len(each["aria-label"]) > 20 for each in plots)
    assert all(each["alt"] for each in page.having("img"))
    assert len(page.having("figcaption")) == len(plots) + len(page.having("img"))
    assert page.having("html") == [{"lang": "en"}]


def test_tables_scroll_and_can_be_reached_with_the_keyboard(page: Page) -> None:
    regions = [each for each in page.having("div") if each.get("class") == "scroll"]
    assert len(regions) == 8
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)


def test_is_the_same_for_the_same_run(make_run: Callable[..., Any]) -> None:
    assert make_run().write() == make_run().write()


def test_is_written_whole_over_an_old_one(fake_run) -> None:
    (fake_run.folder / "report.html").write_text("old")
    fake_run.write()
    assert (fake_run.folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in fake_run.folder.iterdir() if file.is_file()] == ["report.html"]


def test_an_old_report_stays_if_a_new_one_cannot_be_made(fake_run) -> None:
    (fake_run.folder / "report.html").write_text("old")
    del fake_run.record["csim"]
    with pytest.raises(KeyError):
        fake_run.write()
    assert (fake_run.folder / "report.html").read_text() == "old"


def test_escapes_names(make_run: Callable[..., Any]) -> None:
    run = make_run(classes=(HOSTILE, "<b>bold</b>", "{{ 7 * 7 }}"))
    run.record["name"] = HOSTILE
    run.record["passes"][0]["name"] = HOSTILE
    run.record["layers"][0]["kind"] = HOSTILE
    run.record["spec"]["name"] = HOSTILE
    run.record["resources"][0]["board"] = HOSTILE
    run.record["resources"][0]["layers"][0]["name"] = HOSTILE
    page = Page(run.write())
    assert HOSTILE not in page.source
    assert "<script>alert" not in page.source
    assert "<b>" not in page.source
    assert len(page.scripts) == 1  # the page's own; plotly is cut out before parsing
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert "{{ 7 * 7 }}" in page.text
    # plotly reads HTML in texts: none may be left as an element
    texts = page.texts_of_figure("figure-accuracy") + page.texts_of_figure("figure-resources-1")
    assert any(text.startswith("&lt;/script&gt;") for text in texts)
    assert not any("<" in text.replace("<extra></extra>", "") for text in texts)


def test_training_marks_the_kept_epoch(page: Page) -> None:
    figure = page.figures["figure-training-1"]
    assert [trace["name"] for trace in figure["data"]] == [
        "training", "validation", "training", "validation", "learning rate",
    ]  # fmt: skip
    assert {shape["x0"] for shape in figure["layout"]["shapes"]} == {4}
    assert "Epoch 4 of 5 was kept: validation loss 0.625, validation accuracy 85.00\u202f%." in page.text
    assert sum(name.startswith("figure-training-") for name in page.figures) == 3


def test_training_of_which_all_rounds_were_taken_back(fake_run) -> None:
    for row in fake_run.stage("float").result["history"]:
        row["best"] = False
    page = Page(fake_run.write())
    assert "None of the 5 epochs was kept: they cost too much accuracy" in page.text
    assert not page.figures["figure-training-1"]["layout"].get("shapes")


def test_a_missed_budget_of_widths_is_told(fake_run) -> None:
    missed = {"within": False, "accuracy": 0.9254, "floor": 0.9402}
    fake_run.record["passes"][0]["widths"] = missed
    page = Page(fake_run.write())
    assert (
        "accuracy on validation samples is 92.54\u202f%, below the 94.02\u202f% that max_accuracy_drop asks for"
        in page.text
    )


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_training_without_validation(make_run: Callable[..., Any], missing: float | None) -> None:
    run = make_run(validation=False)
    for row in run.stage("float").result["history"]:
        row.update(val_loss=missing, val_accuracy=missing)
    page = Page(run.write())
    assert [trace["name"] for trace in page.figures["figure-training-1"]["data"]] == [
        "training", "training", "learning rate",
    ]  # fmt: skip
    assert "Epoch 5 of 5 was kept: training loss 0.4, training accuracy 90.00\u202f%." in page.text
    assert "There are no validation samples." in page.text
    assert "All samples 120 0 40" in page.text


def test_training_of_one_epoch_and_of_a_loss_of_zero(fake_run) -> None:
    history = fake_run.stage("float").result["history"]
    del history[1:]
    history[0].update(loss=0.0, best=False)
    figure = Page(fake_run.write()).figures["figure-training-1"]
    assert figure["data"][0]["mode"] == "markers"
    assert figure["layout"]["yaxis"]["title"]["text"] == "loss"
    assert "type" not in figure["layout"]["yaxis"]  # a logarithmic axis has no zero


def test_axis_of_the_loss_is_logarithmic_and_says_so(page: Page) -> None:
    axis = page.figures["figure-training-1"]["layout"]["yaxis"]
    assert (axis["type"], axis["title"]["text"]) == ("log", "loss (logarithmic)")
    assert {"0.5", "1", "2"} <= set(axis["ticktext"])


def test_axis_of_a_loss_that_hardly_changes_is_linear(fake_run) -> None:
    for row in fake_run.stage("float").result["history"]:
        row.update(loss=1.2 + 0.01 * row["epoch"], val_loss=1.4)
    assert "type" not in Page(fake_run.write()).figures["figure-training-1"]["layout"]["yaxis"]


def test_failed_simulation(fake_run) -> None:
    first = 'sample 7, output 2: expected 0.5 (16 in fixed<15,6>), got 0; the first layer that differs is "dense_1"'
    fake_run.record["csim"].update(exact=False, mismatches=3, max_abs_diff=0.5, first=first)
    page = Page(fake_run.write())
    assert "C simulation: 3 of 40 samples differ" in page.text
    assert f"First difference: {first}. Largest difference of an output: 0.5." in page.text
    assert "bit for bit" not in page.text
    assert any(each.get("class") == "banner bad" for each in page.having("div"))


def test_simulation_within_a_tolerance_is_not_called_exact(fake_run) -> None:
    fake_run.record["csim"].update(exact=False, max_abs_diff=0.0078125, tolerance=0.02)
    page = Page(fake_run.write())
    assert "C simulation: within the tolerance of 0.02 on 40 samples" in page.text
    assert "Not bit for bit: the outputs of the C++ differ from the network's by up to 0.0078125." in page.text
    assert "exact on" not in page.text
    assert not any(each.get("class") == "banner bad" for each in page.having("div"))


def test_simulation_beyond_a_tolerance(fake_run) -> None:
    fake_run.record["csim"].update(exact=False, mismatches=1, max_abs_diff=0.5, tolerance=0.02, first="sample 7")
    text = Page(fake_run.write()).text
    assert "C simulation: 1 of 40 samples differs by more than the tolerance of 0.02" in text


def test_simulation_of_no_sample_proves_nothing(fake_run) -> None:
    fake_run.record["csim"]["samples"] = 0
    np.save(fake_run.stage("csim").folder / "outputs.npy", np.zeros((0, 3)))
    page = Page(fake_run.write())
    assert "nothing is proven" in page.text
    assert "confusion" not in [each["id"] for each in page.having("section")]


def test_simulation_of_fewer_samples(fake_run) -> None:
    fake_run.record["csim"]["samples"] = 12
    outputs = fake_run.stage("csim").folder / "outputs.npy"
    np.save(outputs, np.load(outputs)[:12])
    page = Page(fake_run.write())
    assert "the generated C++, on the first 12 test samples" in page.text
    assert "on 12 test samples" in page.text


def test_design_that_does_not_fit(fake_run) -> None:
    resources = fake_run.record["resources"][0]
    resources["usable"].update(lut=8000, dsp=0)
    resources.update(
        fits=False,
        lacks=[{"resource": "lut", "needed": 10000, "usable": 8000}, {"resource": "dsp", "needed": 8, "usable": 0}],
    )
    page = Page(fake_run.write())
    assert "Does not fit pynq-z2" in page.text
    assert "LUT: 10,000 needed, 8,000 usable, 2,000 too many; DSP: 8 needed, 0 usable, 8 too many." in page.text
    assert "125.0\u202f%" in page.text
    assert "none there" in page.text
    assert "Not drawn, because the board has none: DSP." in page.text
    assert [each["style"] for each in page.having("span") if each.get("class") == "limit"] == ["left: 80.000%"] * 5


def test_resources_without_a_board(fake_run) -> None:
    resources = fake_run.record["resources"][0]
    resources.update(fits=None, board="")
    del resources["usable"], resources["lacks"]
    page = Page(fake_run.write())
    assert "Fits" not in page.text
    assert "Does not fit" not in page.text
    assert "share of the whole design in %" in page.texts_of_figure("figure-resources-1")


def test_many_layers_share_few_colours(make_run: Callable[..., Any]) -> None:
    page = Page(make_run(shapes={f"dense_{number}": (4, 4) for number in range(12)}).write())
    names = [trace["name"] for trace in page.figures["figure-resources-1"]["data"]]
    assert len(names) == 7
    assert names[-1] == "7 other parts"


def test_bars_are_shares_of_what_is_usable(page: Page) -> None:
    figure = page.figures["figure-resources-1"]
    assert [trace["y"] for trace in figure["data"]] == [["LUT", "FF", "DSP"]] * 4
    assert sum(trace["x"][0] for trace in figure["data"]) == pytest.approx(100 * 10000 / 37240)
    assert figure["layout"]["xaxis"]["rangemode"] == "tozero"


def test_run_without_pruning(make_run: Callable[..., Any]) -> None:
    page = Page(make_run(passes=["quantize"]).write())
    names = [trace["name"] for trace in page.figures["figure-weights-1"]["data"]]
    assert names == ["float", "final", "value not used", "value used"]


def test_run_without_any_pass(make_run: Callable[..., Any]) -> None:
    page = Page(make_run(passes=[]).write())
    assert sum(name.startswith("figure-training-") for name in page.figures) == 1
    assert "figure-weights-1" in page.figures


def test_run_without_weights(fake_run) -> None:
    (fake_run.stage("hls").folder / "project" / "weights.npz").unlink()
    sections = [each["id"] for each in Page(fake_run.write()).having("section")]
    assert "weights" not in sections
    assert "sparsity" not in sections


def test_run_without_simulated_outputs(fake_run) -> None:
    (fake_run.stage("csim").folder / "outputs.npy").unlink()
    page = Page(fake_run.write())
    assert "confusion" not in [each["id"] for each in page.having("section")]
    assert "#confusion" not in [each["href"] for each in page.having("a")]


@pytest.mark.parametrize("one_hot", [True, False])
def test_confusions(make_run: Callable[..., Any], one_hot: bool) -> None:
    page = Page(make_run(one_hot=one_hot).write())
    assert "cat 13 1 0 92.9\u202f%" in page.text
    assert "cat taken for dog: 1 (7.1\u202f% of the class)" in page.text


def test_confusions_of_many_classes_are_a_list(make_run: Callable[..., Any]) -> None:
    page = Page(make_run(classes=[f"class {number}" for number in range(70)]).write())
    assert "class 0 taken for class 1" in page.text
    assert "and 10 more classes" in page.text
    assert not any(each.get("class") == "confusion" for each in page.having("table"))


def test_long_lists_of_factors_are_shortened(fake_run) -> None:
    fake_run.dataset.scaling.update(method="standard", offset=[0.5] * 100, factor=[number / 4 for number in range(100)])
    text = Page(fake_run.write()).text
    assert "0, 0.25, 0.5, 0.75, … (100 values from 0 to 24.75, one per feature)" in text


def test_importing_it_is_light_and_writing_needs_no_tensorflow(fake_run) -> None:
    heavy = ["plotly", "jinja2", "h5py", "numpy", "tensorflow", "keras", "tf_keras", "qkeras"]
    script = f"import sys, fpga_flow.report; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    script = f"import sys, fpga_flow.report.page; print([name for name in {heavy[4:]} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
