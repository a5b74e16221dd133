"""What several test files use: small data, small networks, the folder of real data where there is one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpga_flow import cli
from fpga_flow.datasets.base import Dataset, Part

ROOT = Path(__file__).parent.parent


def real_data(name: str) -> Path:
    """The folder of a real data set; the test is skipped where it is missing."""
    folder = Path(os.environ.get("FPGA_FLOW_DATA") or ROOT.parent / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(f"no data set {name} in {folder.parent}")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the tests compile is kept apart from what the user's own work has; processes of one run share it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["FPGA_FLOW_CACHE"] = str(shared / "cache")


@pytest.fixture(autouse=True, scope="session")
def _checked_records() -> Iterator[None]:
    """Each run.json that a test makes is held against its schema."""
    from fpga_flow.run_json import contents
    from fpga_flow.run_json.schema import RunRecord

    make = contents.make

    def checked(*arguments: Any, **options: Any) -> dict[str, Any]:
        made = make(*arguments, **options)
        RunRecord.model_validate_json(json.dumps(made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "make", checked)
        yield


@pytest.fixture
def command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Call `fpga-flow` with some arguments in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fpga-flow", *map(str, arguments)])
        code: Any = 0
        try:
            cli.main()
        except SystemExit as leave:
            code = leave.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def plain_graphs() -> Iterator[None]:
    """TensorFlow runs its graphs as they are: to optimise each takes longer than the training of a small network."""
    from fpga_flow.keras import tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def blobs(samples: int = 300, shape: tuple[int, ...] = (8,), classes: int = 3, seed: int = 0) -> Dataset:
    """A data set that a small network learns in a second: classes are noisy copies of random patterns in [0, 1]."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((classes, *shape))
    labels = rng.integers(classes, size=samples)
    x = np.clip(patterns[labels] + rng.normal(0, 0.15, (samples, *shape)), 0, 1).astype(np.float32)
    y = np.eye(classes, dtype=np.float32)[labels]
    cuts = [slice(0, samples // 2), slice(samples // 2, 3 * samples // 4), slice(3 * samples // 4, samples)]
    parts = [Part(x[cut], y[cut]) for cut in cuts]
    return Dataset(
        "blobs", *parts, tuple(map(str, range(classes))), {"method": "none"}, f"blobs-{samples}-{shape}-{seed}"
    )
