"""The passes train many small networks."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _plain_graphs(plain_graphs: None) -> None:
    """All of them without optimised graphs."""
