"""A disk that is full, or can't be written, at every stage: one clear error, earlier work kept, and it goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fpga_flow import cli
from fpga_flow.progress import Progress
from tests.hard.disks import disk
from tests.hard.kills import SPEC

pytestmark = pytest.mark.usefixtures("plain_graphs")
STAGES = ["float", "prune", "quantize", "store", "hls", "csim", "resources", "report"]


@pytest.mark.parametrize(
    "kind", ["fake", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("full", "nearly full", "read only"))]
)
def test_at_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC)
    root = tmp_path / "disk"
    root.mkdir()
    samples = 0 if kind == "fake" else 10  # to compile takes longer than all the rest
    command = ["fpga-flow", "run", str(spec), "--set", f"csim.samples={samples}", "--out", str(root / "runs")]
    monkeypatch.setattr(sys, "argv", command)
    with disk(kind, root) as bad:
        for number, stage in enumerate(STAGES):
            begun: list[str] = []

            def start(self: Progress, one: object, stage: str = stage, begun: list[str] = begun) -> None:
                begun.append(one.name)
                if one.name == stage:
                    bad.fail()

            def done(self: Progress, one: object, stage: str = stage) -> None:
                if stage == "report" and one.stage.name == "resources":
                    bad.fail()

            monkeypatch.setattr(Progress, "start", start)
            monkeypatch.setattr(Progress, "done", done)
            with pytest.raises(SystemExit) as caught:
                cli.main()
            said = capsys.readouterr().err
            assert caught.value.code in (2, 3), said
            assert said.count("\n") == 1, said
            assert said.startswith(f"error: {root}/runs/tiny/"), said
            assert "No space left on device" in said or "Read-only file system" in said
            assert begun == STAGES[max(0, number - 1) : number + 1][-2:] or stage == "report"
            bad.mend()
        monkeypatch.undo()
        monkeypatch.setattr(sys, "argv", [*command, "--json"])
        cli.main()
        record = json.loads(capsys.readouterr().out)[0]
        assert record["csim"]["exact"] is (samples > 0)
        assert all(stage["cached"] for stage in record["stages"])
        left = [path for path in (root / "runs").rglob("*") if path.name.endswith((".unfinished", ".partial"))]
        assert left == []
