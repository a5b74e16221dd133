"""The report of a sweep in Chromium: by mouse, by keyboard, on a phone, without a network, with thousands of trials."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fpga_flow.report import sweep
from fpga_flow.report.text import NONE
from fpga_flow.sweep.result import Parameter, SweepResult, Trial

from .sweeps import PARAMETERS, REFUSED, grid, many, swept, trial
from .test_report import HOSTILE
from .test_sweep_report import named

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync",
]  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH or in $CHROMIUM")

MINUS = "\N{MINUS SIGN}"

#: Texts with less contrast to what is behind them than WCAG asks for: 4.5, or 3 for large ones.
FAINT = """() => {
  const rgba = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = (colour) => colour.slice(0, 3).map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = rgba(getComputedStyle(each).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const faint = [];
  let seen = 0;
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((each) => each.nodeType === 3).map((each) => each.data.trim()).join("");
    if (!text || /^(SCRIPT|STYLE|NOSCRIPT|OPTION)$/.test(element.tagName) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const colour = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [light, dark] = [colour, behind(element)].map(luminance).sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24;
    seen += 1;
    if ((light + 0.05) / (dark + 0.05) < (large ? 3 : 4.5)) faint.push(`${element.tagName} ${text}`);
  }
  return { faint, seen };
}"""


class Watched:
    """A page in the browser, whose errors and requests are kept."""

    def __init__(self, page: Any):
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.context.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path) -> Any:
        self.page.goto(path.as_uri())
        return self.page

    def draw_all(self) -> None:
        """Scroll down to the end, since figures are drawn when they come near."""
        for figure in self.page.locator(".plot").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".main-svg").first.wait_for()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Makes pages of a size; none of them may have had an error or have asked for anything but files."""
    made: list[Watched] = []

    def make(width: int = 1280, height: int = 1000) -> Watched:
        made.append(Watched(browser.new_page(viewport={"width": width, "height": height})))
        return made[-1]

    yield make
    for each in made:
        each.page.context.close()
        assert each.errors == []
        assert [url for url in each.requests if not url.startswith(("file:", "data:", "blob:file:"))] == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a grid, beside the reports of its runs."""
    folder = tmp_path_factory.mktemp("runs")
    result = grid()
    for each in result.trials:
        if each.report:
            run = folder / "sweep" / each.report
            run.parent.mkdir(parents=True)
            run.write_text(f"<title>run {each.number}</title>")
    path = folder / "sweep" / "report.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(sweep.render(result), encoding="utf-8")
    return path


def place(page: Any, row: int) -> tuple[float, float]:
    """Where the point of a trial is in the window."""
    return page.evaluate(
        """(row) => {
          const plot = document.getElementById("figure-trials");
          plot.scrollIntoView({ block: "center" });
          const trace = plot.data.find((each) => each.customdata?.includes(row));
          const at = trace.customdata.indexOf(row);
          const { xaxis, yaxis } = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          return [box.x + xaxis._offset + xaxis.d2p(trace.x[at]), box.y + yaxis._offset + yaxis.d2p(trace.y[at])];
        }""",
        row,
    )


def test_can_be_read_in_a_window_and_on_a_phone(watched: Callable[..., Watched], report: Path) -> None:
    for width in (1280, 390):
        here = watched(width)
        page = here.open(report)
        here.draw_all()
        for folded in page.locator("details > summary").all():
            if not folded.evaluate("each => each.parentElement.open"):
                folded.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = page.evaluate(FAINT)
        assert found["faint"] == []
        assert found["seen"] > 500


def test_the_mouse_shows_values_and_opens_reports(watched: Callable[..., Watched], report: Path) -> None:
    page = watched().open(report)
    result = grid()
    with_report, without = 21, 22  # of the front, with no other point near
    assert result.trials[with_report].report
    assert not result.trials[without].report

    page.mouse.move(*place(page, with_report))
    hover = page.locator("#figure-trials .hoverlayer")
    hover.get_by_text(f"Trial {with_report}").wait_for()
    for name, value in result.trials[with_report].values.items():
        assert f"{name}: {value:.12g}" in hover.text_content()
    with page.expect_popup() as opened:
        page.mouse.click(*place(page, with_report))
    opened.value.wait_for_load_state()
    assert opened.value.title() == f"run {with_report}"
    assert opened.value.evaluate("opener") is None
    opened.value.close()
    page.bring_to_front()

    page.mouse.move(*place(page, without))
    hover.get_by_text(f"Trial {without}").wait_for()
    page.mouse.click(*place(page, without))
    page.locator("#trial").get_by_role("heading", name=f"Trial {without}", exact=True).wait_for()
    assert len(page.context.pages) == 1

    page.get_by_role("combobox", name="Across", exact=True).select_option("DSP")
    page.get_by_role("combobox", name="Up", exact=True).select_option("latency (cycles)")
    titles = page.evaluate(
        "['xaxis', 'yaxis'].map((axis) => document.getElementById('figure-trials').layout[axis].title.text)"
    )
    assert titles == ["DSP", "latency in cycles"]
    latencies = page.evaluate(
        "document.getElementById('figure-trials').data.filter((each) => each.customdata).flatMap((each) => each.y)"
    )
    assert sorted(latencies) == sorted(
        each.measures["latency_cycles"] for each in result.done() if each.measures["latency_cycles"] is not None
    )


def test_curves_and_sensitivities_follow_their_choices(watched: Callable[..., Watched], report: Path) -> None:
    here = watched()
    page = here.open(report)
    here.draw_all()
    page.get_by_role("combobox", name="Parameter", exact=True).select_option("sparsity")
    assert "each tried with every value of sparsity" in page.locator("#curve-note").text_content()
    best, median = page.evaluate("document.getElementById('figure-curve-lut').data.slice(2).map((each) => each.y)")
    assert best[0] == 1000 * 4 * 4
    assert median == sorted(median, reverse=True)
    page.get_by_role("combobox", name="Change of", exact=True).select_option("LUT")
    figure = page.locator("#figure-sensitivity")
    expected = [[f"{MINUS}900", f"{MINUS}500"], ["", f"{MINUS}100"]]
    assert figure.evaluate("(each) => each.data[0].text") == expected
    assert set(figure.locator(".heatmap-label").all_text_contents()) == {*expected[0], expected[1][1]}


def test_the_table_needs_no_mouse(watched: Callable[..., Watched], report: Path) -> None:
    page = watched().open(report)
    result = grid()

    def column(place: int) -> list[str]:
        return page.locator(f"#trial-table tbody tr > :nth-child({place})").all_text_contents()

    assert [int(each) for each in column(1)] == list(range(36))

    head = page.locator("#trial-table th", has=page.get_by_role("button", name="LUT"))
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [each.get_attribute("aria-sort") for each in page.locator("#trial-table th[scope=col]").all()].count(
        "none"
    ) > 5
    place = 1 + page.locator("#trial-table thead th").all_text_contents().index("LUT ▲")
    known = sorted(each.measures["lut"] for each in result.done())
    assert column(place) == [f"{each:,}" for each in known] + [NONE] * 3
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(place) == [f"{each:,}" for each in reversed(known)] + [NONE] * 3

    page.get_by_label("Containing").focus()
    page.keyboard.type("weight=4 lut<10000")
    expected = {each.number for each in result.done() if each.values["weight"] == 4 and each.measures["lut"] < 10_000}
    assert {int(each) for each in column(1)} == expected
    assert page.locator("#rows-shown").text_content() == f"1 to {len(expected)} of {len(expected)} trials"
    page.keyboard.press("Control+A")
    page.keyboard.type("nothing of that kind")
    assert page.locator("#rows-shown").text_content() == "No trial"
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.get_by_role("combobox", name="Show", exact=True).focus()
    page.keyboard.type("refused")
    assert {int(each) for each in column(1)} == {0, 3, 6}

    page.get_by_role("combobox", name="Show", exact=True).select_option("front")
    number = result.front[-1]
    page.get_by_role("button", name=f"Trial {number}", exact=True).focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name=f"Trial {number}", exact=True).get_attribute("aria-pressed") == "true"
    panel = page.locator("#trial")
    assert panel.get_by_role("heading", name=f"Trial {number}", exact=True).is_visible()
    assert panel.get_by_role("link", name="Spec").get_attribute("href") == f"front/{number}.yaml"
    shown = page.evaluate("document.getElementById('figure-trials').data.at(-1).x")
    assert shown == [result.trials[number].measures["lut"]]

    page.get_by_role("combobox", name="Show", exact=True).select_option("all")
    page.get_by_role("button", name="Trial 3", exact=True).press("Enter")
    assert REFUSED in panel.text_content()
    assert page.evaluate("document.getElementById('figure-trials').data.at(-1).x") == []
    reported = next(each for each in result.trials if each.report)
    with page.expect_popup() as opened:
        page.get_by_role("link", name=f"Report of trial {reported.number}", exact=True).press("Enter")
    opened.value.wait_for_load_state()
    assert opened.value.title() == f"run {reported.number}"


def test_names_are_never_run(watched: Callable[..., Watched], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    hostile = HOSTILE + "<img src=x onerror='window.hit=1'><a href='javascript:window.hit=1'>%{x}"
    path.write_text(sweep.render(named(hostile)), encoding="utf-8")
    here = watched()
    page = here.open(path)
    here.draw_all()
    page.mouse.move(*place(page, 0))
    page.locator("#figure-trials .hoverlayer").get_by_text("Trial 0").wait_for()
    page.get_by_role("button", name="Trial 2", exact=True).click()
    assert page.locator("#trial .reason").text_content() == hostile
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.locator("a").evaluate_all("all => all.filter((each) => !each.href.startsWith('file:'))") == []
    texts = page.locator("#figure-parallel").text_content()
    assert hostile[:39] in texts  # the axis's name
    assert hostile[:13] + "…" in texts  # a value


def odd_sweeps() -> dict[str, SweepResult]:
    same = {"weight": 4, "activation": 4, "sparsity": 0.5}
    only_accuracy = [Trial(number, "done", same, {"accuracy": 0.5}, True) for number in range(3)]
    nothing = {"accuracy": 0.5, "lut": None, "dsp": float("nan")}
    lists = Parameter("hidden", ("network.hidden",), ([16], [16, 32], True, None, "x" * 300))
    rate = Parameter("rate", ("training.learning_rate",), None)
    return {
        "none": swept([]),
        "refused": swept([trial(0, {"weight": 2, "activation": 4, "sparsity": 0.0})]),
        "one": swept([trial(0, same)]),
        "same": swept([trial(number, same) for number in range(5)]),
        "infeasible": swept([trial(0, {"weight": 8, "activation": 8, "sparsity": 0.0})]),
        "one measure": SweepResult("n", "d", "tpe", "b", PARAMETERS, ("accuracy",), {}, tuple(only_accuracy), (0,)),
        "unknown": SweepResult(
            "n", "d", "tpe", "b", PARAMETERS, ("accuracy", "lut"), {}, (Trial(0, "done", {}, nothing, True),), (0,)
        ),
        "values": swept(
            [Trial(number, "done", {"hidden": each}, {"accuracy": number / 10, "lut": 10 - number}, True)
             for number, each in enumerate(lists.values or ())], (lists,),
        ),
        "range": swept(
            [Trial(number, "done", {"rate": 10 ** (-number / 10)}, {"accuracy": number / 50, "lut": 10**number}, True)
             for number in range(50)], (rate,),
        ),
        "no parameter": swept([trial(0, same)], ()),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", odd_sweeps())
def test_odd_sweeps_are_drawn_without_errors(watched: Callable[..., Watched], tmp_path: Path, name: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(sweep.render(odd_sweeps()[name]), encoding="utf-8")
    here = watched()
    page = here.open(path)
    here.draw_all()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    for choice in page.locator("select").all():
        for option in choice.locator("option").all():
            choice.select_option(option.get_attribute("value"))


@pytest.mark.slow
def test_ten_thousand_trials(watched: Callable[..., Watched], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(sweep.render(many(10_000)), encoding="utf-8")
    assert path.stat().st_size < 15e6
    here = watched()
    clock = here.page.context.new_cdp_session(here.page)
    clock.send("Performance.enable", {"timeDomain": "threadTicks"})  # other work on the machine doesn't count
    page = here.open(path)
    page.locator("#figure-trials canvas").first.wait_for()
    page.locator("#trial-table tbody tr").nth(99).wait_for()
    seconds = {each["name"]: each["value"] for each in clock.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
    here.draw_all()
    page.get_by_label("Containing").fill("weight=8 width_layer_3<=9")
    assert re.fullmatch(r"1 to 100 of 1,\d{3} trials", page.locator("#rows-shown").text_content())
    page.get_by_role("button", name="Next").press("Enter")
    assert page.locator("#rows-shown").text_content().startswith("101 to 200 of")
    memory = page.evaluate("performance.memory.usedJSHeapSize")
    print(f"10,000 trials: drawn in {seconds:.2f} s of the page's own time, {memory / 1e6:.0f} MB")
    assert seconds < 3
    assert memory < 2e9
