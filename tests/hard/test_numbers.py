"""Networks and data whose numbers are extreme: they go through the whole flow bit for bit, or are refused clearly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fpga_flow import flow
from fpga_flow.errors import InputError
from fpga_flow.keras import keras, quietly
from fpga_flow.spec.load import load

pytestmark = pytest.mark.usefixtures("plain_graphs")
L = keras.layers
Values = NDArray[np.float32]


def spec(folder: Path, x: Values, y: Any, network: dict[str, Any], **changes: Any) -> Path:
    """The file of a spec for these samples (n, features), a quarter of which is for testing."""
    np.savez(folder / "data.npz", x=x, y=y)
    file = folder / "extreme.yaml"
    file.write_text(
        json.dumps(
            {
                "name": "extreme",
                "data": {"name": "npz", "path": str(folder / "data.npz"), "split": {"test": 0.25}},
                "network": network,
                "training": {"epochs": 1, "batch_size": 16},
                "compress": [{"prune": {"sparsity": 0.5, "epochs": 1}}, {"quantize": {"epochs": 1}}],
                "precision": {
                    "input": "fixed<8,2>",
                    "layers": {"*": {"weight": "fixed<6,1>", "bias": "fixed<8,2>", "activation": "ufixed<7,3>"}},
                },
                "hls": {"board": "zcu104"},
                "csim": {"samples": 4},
                **changes,
            }
        )
    )
    return file


def run(file: Path, until: str | None = None) -> flow.Outcome:
    return flow.run(load(file), file.parent / "runs", until=until)


def samples(count: int = 48, features: int = 6, classes: int = 3) -> tuple[Values, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return rng.random((count, features)).astype(np.float32), np.arange(count) % classes


def saved(folder: Path, change: Callable[[Values], Values], units: int = 5) -> dict[str, Any]:
    """A network whose weights are changed, as a section `network`."""
    model = keras.Sequential([keras.Input((6,)), L.Dense(units, "relu"), L.Dense(3)])
    model.set_weights([change(weights) for weights in model.get_weights()])
    with quietly():
        model.save(folder / "model.h5", include_optimizer=False)
    return {"family": "imported", "path": str(folder / "model.h5")}


#: What is made of the weights of a network, and what the flow says to that: nothing if it works.
WEIGHTS: dict[str, tuple[Callable[[Values], Values], str]] = {
    "all zero": (np.zeros_like, ""),
    "all equal": (lambda weights: np.full_like(weights, 0.25), ""),
    "huge": (lambda weights: weights * 0 + np.float32(3e38), ""),
    "huge of both signs": (lambda weights: np.where(weights < 0, -3e38, 3e38).astype(np.float32), ""),
    "denormal": (lambda weights: weights * 0 + np.float32(1e-42), ""),
    "negative zero": (lambda weights: weights * np.float32(-0.0), ""),
    "not a number": (lambda weights: weights * np.float32(np.nan), "expected finite weights"),
    "infinite": (lambda weights: weights + np.float32(np.inf), "expected finite weights"),
}
WITHOUT_TRAINING = {"training": {"epochs": 0}, "compress": [{"quantize": {"epochs": 0}}]}


FAST = ("all zero", "huge of both signs", "not a number")


def run_with(folder: Path, name: str, until: str | None) -> flow.Outcome | None:
    """The run of a network with such weights; None if it is refused as it should be."""
    change, refused = WEIGHTS[name]
    file = spec(folder, *samples(), saved(folder, change), **WITHOUT_TRAINING)
    if not refused:
        return run(file, until)
    with pytest.raises(InputError, match=refused):
        run(file, until)
    return None


@pytest.mark.parametrize("name", FAST)
def test_weights(tmp_path: Path, name: str) -> None:
    run_with(tmp_path, name, "hls")


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_simulated(tmp_path: Path, name: str) -> None:
    if (outcome := run_with(tmp_path, name, None)) is not None:
        assert outcome.record["csim"]["exact"] is True


@pytest.mark.slow
def test_one_unit_and_constant_features(tmp_path: Path) -> None:
    x, y = samples()
    x[:] = 0.5
    outcome = run(spec(tmp_path, x, y, {"family": "mlp", "hidden": [1]}))
    assert outcome.record["csim"]["exact"] is True


@pytest.mark.parametrize(
    ("count", "classes", "message"),
    [(1, 1, "expected"), (2, 2, "expected"), (48, 1, "expected"), (3, 3, "expected"), (0, 1, "expected")],
)
def test_too_little_to_learn_from(tmp_path: Path, count: int, classes: int, message: str) -> None:
    file = spec(tmp_path, *samples(count, classes=classes), {"family": "mlp", "hidden": [2]})
    with pytest.raises(InputError, match=message):
        run(file)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("value", [3e38, pytest.param(-3e38, marks=pytest.mark.slow)])
def test_a_loss_that_is_no_number_any_more(tmp_path: Path, value: float) -> None:
    x, y = samples()
    x[:, 0] = value
    with pytest.raises(InputError, match="training: expected a loss that stays finite, but that of the training is"):
        run(spec(tmp_path, x, y, {"family": "mlp", "hidden": [2]}), "float")


@pytest.mark.slow
def test_denormal_samples(tmp_path: Path) -> None:
    x, y = samples()
    x[:, 0] = 1e-42
    run(spec(tmp_path, x, y, {"family": "mlp", "hidden": [2]}), "hls")
