"""Much work at once: a sweep whose thousand points are all there, and a report of ten thousand rows in a browser."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def cached_sweep(points: int, folder: Path) -> dict[str, Any]:
    """A sweep of so many points (of no networks), and the same command once more, with all of them there: seconds, and
    the most memory (in bytes) of any process so far.
    """
    plan = {"choices": {"a": list(range(points // 10)), "b": list(range(10))}, "here": True, "samples": 10}
    command = [sys.executable, "-m", "tests.sweep.run_fake", json.dumps(plan), "--out", str(folder), "--json"]
    seconds, said = [], ""
    for _ in range(2):
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        seconds.append(round(time.monotonic() - started, 2))
        if done.returncode:
            raise RuntimeError(f"the sweep gave exit code {done.returncode}: {done.stderr[-2000:]}")
        said = done.stdout
    return {
        "points": len(json.loads(said)["trials"]),
        "seconds": seconds[0],
        "cached_seconds": seconds[1],
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        "report": str(next(folder.rglob("report.html"))),
    }


def large_report(rows: int, folder: Path) -> dict[str, Any]:
    """The report of a sweep of so many trials: seconds to write it, its bytes, and its path."""
    from fpga_flow.report import sweep
    from tests.report.sweeps import many

    result = many(rows)
    started = time.monotonic()
    path = folder / "report.html"
    path.write_text(sweep.render(result), encoding="utf-8")
    seconds = round(time.monotonic() - started, 2)
    return {"rows": rows, "seconds": seconds, "bytes": path.stat().st_size, "report": str(path)}


def in_browser(page: Path) -> float | None:
    """Seconds of its own time (other work on the machine doesn't count) that Chromium takes to load the report of a
    sweep and draw its first figure and table; None where there is no Chromium or no playwright.
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
        opened.locator("#figure-trials .main-svg").first.wait_for()
        opened.locator("#trial-table tbody tr").nth(99).wait_for()
        measured = {each["name"]: each["value"] for each in clock.send("Performance.getMetrics")["metrics"]}
        browser.close()
    return round(float(measured["TaskDuration"]), 2)
