"""Runs side by side: the same values in every format, sources apart, and a page that can be sorted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fpga_flow import runs
from fpga_flow.errors import InputError
from fpga_flow.report import comparison_page, comparison_runs, comparison_text

from .conftest import FakeRun
from .test_report import HOSTILE
from .test_sweep_in_browser import Watched, browser, watched  # noqa: F401  (fixtures)


def save(run: FakeRun, changes: dict[str, Any], lut: int, **spec: Any) -> Path:
    """Write a run's record with some changes; `spec` is the run's spec."""
    made = {**run.record, **changes, "spec": {"name": "net", **spec}}
    made["resources"] = [{**each, "lut": lut} for each in run.record["resources"]]
    runs.write_json(run.folder / "run.json", made)
    return run.folder


@pytest.fixture
def folder(make_run: Callable[..., FakeRun], tmp_path: Path) -> Path:
    """Three runs: the second is smaller, the third was synthesised, too, and nothing of it was simulated."""
    passes = [{"prune": {"sparsity": share}} for share in (0.5, 0.75)]
    save(make_run(), {"name": "large"}, 900, compress=[passes[0], {"quantize": {}}])
    save(make_run(), {"name": "small", "digest": "fedcba9876543210"}, 800, compress=[passes[1], {"quantize": {}}])
    last = make_run()
    nothing = {**last.record["csim"], "samples": 0, "exact": False}
    metrics = {**last.record["metrics"], "csim": {"accuracy": None}}
    save(last, {"name": HOSTILE, "csim": nothing, "metrics": metrics}, 950, compress=[passes[1], {"quantize": {}}])
    record = json.loads((last.folder / "run.json").read_text())
    measured = {**record["resources"][0], "source": "post-synthesis", "tool": "Vivado", "lut": 500, "fits": None}
    runs.write_json(last.folder / "run.json", {**record, "resources": [*record["resources"], measured]})
    (last.folder / "report.html").write_text("<title>report</title>")
    return tmp_path


def test_every_value_of_every_run(folder: Path) -> None:
    made = comparison_runs.gather([folder])
    rows = made.rows()
    assert [row["name"] for row in rows] == ["large", "small", HOSTILE]
    assert [row["estimate.lut"] for row in rows] == [900, 800, 950]
    assert [row["post-synthesis.lut"] for row in rows] == [None, None, 500]
    assert [row["spec.compress.prune.sparsity"] for row in rows] == [0.5, 0.75, 0.75]
    assert [row["csim.exact"] for row in rows] == [True, True, None]
    assert rows[0]["estimate.latency_ns"] == 105.0
    assert not any(key.startswith(("spec.name", "spec.compress.quantize", "versions")) for key in rows[0])
    read = list(csv.DictReader(io.StringIO(comparison_text.comma_separated(made))))
    assert [{key: str(value) if value is not None else "" for key, value in row.items()} for row in rows] == read


def test_markdown(folder: Path) -> None:
    text = comparison_text.markdown(
        comparison_runs.gather([folder / "run-0", folder / "run-1", folder / "run-2" / "run.json"])
    )
    tables = dict(each.split("\n\n", 1) for each in text.removeprefix("## ").split("\n\n## "))
    assert list(tables) == [
        "Accuracy and C simulation", "Size", "Resources: estimate", "Resources: post-synthesis",
        "What differs in the specs", "Runs",
    ]  # fmt: skip
    assert "| small fedcba | pynq-z2 | xc7z020clg400-1 | **800** |" in tables["Resources: estimate"]
    assert "| large 012345 | pynq-z2 | xc7z020clg400-1 | 900 |" in tables["Resources: estimate"]
    assert "large" not in tables["Resources: post-synthesis"]
    assert tables["What differs in the specs"].splitlines()[:3] == [
        "| run | compress.prune.sparsity |", "| --- | --- |", "| large 012345 | 0.5 |",
    ]  # fmt: skip
    for line in text.splitlines():
        assert line.startswith(("|", "##")) or not line
    assert "<script" not in text


@pytest.fixture
def call(command_line: Callable[..., tuple[int, str, str]]) -> Any:
    """Call `fpga-flow report`: exit code, standard output, standard error."""
    return partial(command_line, "report")


def test_command(call: Any, folder: Path) -> None:
    made = comparison_runs.gather([folder])
    assert call(str(folder)) == (0, comparison_text.markdown(made), "")
    assert call(str(folder), "--format", "csv") == (0, comparison_text.comma_separated(made), "")
    code, out, err = call(str(folder), "--json")
    assert (code, json.loads(out), err) == (0, {"runs": made.rows()}, "")
    for name in ("a.html", "a.md", "a.csv", "a.json"):
        out = folder / name
        assert call(str(folder), "--out", str(out)) == (0, f"3 runs are compared in {out}\n", "")
    assert (folder / "a.md").read_text() == comparison_text.markdown(made)
    assert json.loads((folder / "a.json").read_text()) == {"runs": made.rows()}
    assert "<!DOCTYPE html>" in (folder / "a.html").read_text()


def test_bad_input(call: Any, folder: Path) -> None:
    (folder / "empty").mkdir()
    for arguments, error in [
        ([str(folder / "no")], f"{folder / 'no'}: expected a finished run, or a folder with finished runs, but "
                               "there is no such folder"),
        ([str(folder / "empty")], f"{folder / 'empty'}: expected a finished run, or a folder with finished runs, but "
                                  "found none in it"),
        ([str(folder), "--format", "html"], "--format html: expected a file for the page, for example --out "
                                            "comparison.html"),
        ([str(folder), "--out", "a.txt"], "--out: expected --format, or a name that ends with .html, .md, .csv, .json, "
                                          "got a.txt"),
        ([str(folder), "--json", "--format", "csv"], "--json: expected no other --format beside it, got csv"),
        ([str(folder), "--out", "no/a.html"], '--out: no such folder: "no"'),
    ]:  # fmt: skip
        assert call(*arguments) == (2, "", f"error: {error}\n")
    (folder / "run-1" / "run.json").write_text('{"name": "a"}')
    with pytest.raises(InputError) as caught:
        comparison_runs.gather([folder])
    assert f"{folder / 'run-1' / 'run.json'}: digest: the key is missing" in str(caught.value)


def test_records_of_others(folder: Path) -> None:
    """No formula in a spreadsheet, no command to a terminal, no number that is none."""
    file = folder / "run-0" / "run.json"
    record = json.loads(file.read_text())
    record["name"] = "=HYPERLINK(1)"
    record["spec"]["name"] = "@SUM(1)\x1b[2J\u202e"
    file.write_text(json.dumps(record))
    compared = comparison_runs.gather([folder])
    (row,) = [
        row for row in csv.DictReader(comparison_text.comma_separated(compared).splitlines()) if "HYPER" in row["name"]
    ]
    assert (row["name"], row["spec.name"]) == ("'=HYPERLINK(1)", r"'@SUM(1)\x1b[2J\u202e")
    texts = (comparison_text.markdown(compared), comparison_page.render(compared, folder))
    assert all(r"@SUM(1)\x1b[2J\u202e" in text.replace(r"\\", "\\") for text in texts)
    record["size"]["macs"] = 10**400
    file.write_text(json.dumps(record))
    with pytest.raises(InputError, match="expected JSON as a run records it, got something else"):
        comparison_runs.gather([folder])


def test_page_is_complete_and_escapes_names(folder: Path) -> None:
    made = comparison_runs.gather([folder])
    text = comparison_page.render(made, folder)
    assert HOSTILE not in text
    assert 'href="run-2/report.html"' in text
    assert "http://" not in text.replace("http://www.w3.org", "").split("<script>")[0]
    for table in made.tables:
        assert table.title in text
    assert text == comparison_page.render(made, folder)


def test_page_in_a_browser(watched: Callable[..., Watched], folder: Path) -> None:  # noqa: F811
    path = folder / "comparison.html"
    path.write_text(comparison_page.render(comparison_runs.gather([folder]), folder), encoding="utf-8")
    for width in (1280, 390):
        here = watched(width)
        page = here.open(path)
        here.draw_all()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("#figure-accuracy .point").count() == 4
        table = page.locator("section", has_text="Resources: estimate").locator("table").first
        first = table.locator("tbody tr").first
        for order in ("small", HOSTILE.strip()):
            table.locator("button", has_text="LUT").press("Enter")
            assert order in first.inner_text()
        assert table.locator(".best", has_text="800").count() == 1
    page.get_by_role("link", name=HOSTILE.strip()[:10]).first.click()
    page.wait_for_url("**/run-2/report.html")
