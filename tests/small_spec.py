"""A spec whose network is trained in a second."""

from __future__ import annotations

from typing import Any

import yaml

_LAYERS = {"*": {"weight": "fixed<6,1>", "bias": "fixed<8,2>", "activation": "ufixed<8,4>"}}


def text(layers: dict[str, Any] | None = None, **sections: Any) -> str:
    """The spec as YAML.

    Args:
        layers: types of layers beside those of all.
        sections: in the place of the spec's, or more of them.
    """
    spec: dict[str, Any] = {
        "name": "tiny",
        "seed": 3,
        "data": {"name": "digits", "scale": 16, "split": {"validation": 0.2, "test": 0.25}},
        "network": {"family": "mlp", "hidden": [6]},
        "training": {"epochs": 1},
        "compress": [{"prune": {"sparsity": 0.5, "epochs": 1}}, {"quantize": {"epochs": 1}}],
        "precision": {"input": "ufixed<5,1>", "layers": {**_LAYERS, **(layers or {})}},
    }
    return yaml.safe_dump({**spec, **sections}, sort_keys=False)
