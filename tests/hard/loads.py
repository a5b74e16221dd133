"""Much work at once: a sweep whose thousand points are all there, and reports of ten thousand rows in a browser."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


#: What is there once a page is drawn: its first figure, and the hundredth row of its first table.
SWEEP_DRAWN = ("#figure-trials .main-svg", "#trial-table tbody tr:nth-child(100)")
COMPARISON_DRAWN = ("#figure-accuracy .main-svg", "#table-1 tbody tr:nth-child(100)")


def cached_sweep(points: int, folder: Path) -> dict[str, Any]:
    """A sweep of so many points (of no networks), and the same command once more, with all of them there."""
    plan = {"choices": {"a": list(range(points // 10)), "b": list(range(10))}, "here": True, "samples": 10}
    command = ["-m", "tests.sweep.run_fake", json.dumps(plan), "--out", str(folder), "--json"]
    seconds, _, _ = _measured(command)
    cached, most, said = _measured(command)
    report = next(folder.rglob("report.html"))
    return {
        "rows": len(json.loads(said)["trials"]),
        "first_seconds": seconds,
        "seconds": cached,
        "peak_bytes": most,
        "bytes": report.stat().st_size,
        "browser_seconds": in_browser(report, SWEEP_DRAWN),
    }


def sweep_report(rows: int, folder: Path) -> dict[str, Any]:
    """The report of a sweep of so many trials."""
    path = folder / "report.html"
    return _page(["-m", "tests.report.sweeps", str(rows), str(path)], rows, path, SWEEP_DRAWN)


def compared_runs(rows: int, folder: Path) -> dict[str, Any]:
    """`fpga-flow report` of so many runs: the same record, with other names, accuracies and LUTs."""
    from tests.report.conftest import build

    record = build(folder / "first").record
    rng = random.Random(0)
    for number in range(rows):
        run = folder / "runs" / "net" / str(number)
        run.mkdir(parents=True)
        accuracy = {"accuracy": rng.random()}
        metrics = {**record["metrics"], "final": accuracy, "csim": accuracy}
        resources = [{**each, "lut": rng.randrange(100_000)} for each in record["resources"]]
        spec = {**record["spec"], "seed": number, "training": {"epochs": rng.randrange(9)}}
        changed = {**record, "digest": f"{number:016x}", "metrics": metrics, "resources": resources, "spec": spec}
        (run / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    path = folder / "comparison.html"
    command = ["-m", "fpga_flow.cli", "report", str(folder / "runs"), "--out", str(path)]
    return _page(command, rows, path, COMPARISON_DRAWN)


def _page(command: list[str], rows: int, page: Path, drawn: Sequence[str]) -> dict[str, Any]:
    seconds, most, _ = _measured(command)
    return {
        "rows": rows,
        "seconds": seconds,
        "peak_bytes": most,
        "bytes": page.stat().st_size,
        "browser_seconds": in_browser(page, drawn),
    }


def _measured(arguments: list[str]) -> tuple[float, int, str]:
    """Seconds that Python takes with these arguments, the most bytes that it or a process it began has had, and what
    it says.
    """
    with tempfile.NamedTemporaryFile("r") as peak:
        command = [sys.executable, "-m", "tests.hard.peak", peak.name, sys.executable, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        seconds = round(time.monotonic() - started, 2)
        if done.returncode:
            raise RuntimeError(f"{arguments[:2]} gave exit code {done.returncode}: {done.stderr[-2000:]}")
        return seconds, int(peak.read()), done.stdout


def in_browser(page: Path, drawn: Sequence[str]) -> float | None:
    """Seconds of its own time (other work on the machine doesn't count) that Chromium takes to load a page until all
    of `drawn` (CSS selectors) are there; None where there is no Chromium or no playwright.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if CHROMIUM is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1280, "height": 1000})
        clock = opened.context.new_cdp_session(opened)
        clock.send("Performance.enable", {"timeDomain": "threadTicks"})
        opened.goto(page.as_uri())
        for each in drawn:
            opened.locator(each).first.wait_for()
        measured = {each["name"]: each["value"] for each in clock.send("Performance.getMetrics")["metrics"]}
        browser.close()
    return round(float(measured["TaskDuration"]), 2)
