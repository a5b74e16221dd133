"""The .fpz file: a whole network, Huffman-coded, that stands alone; its format is described in docs/fpz.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from fpga_flow.errors import FieldError, InputError
from fpga_flow.networks.network import Network
from fpga_flow.storage.file import MAX_BYTES

Coding = Literal["huffman", "ans"]


def encode(network: Network, coding: Coding = "huffman") -> bytes:
    """A network as the content of a .fpz file: architecture, weights bit for bit (but -0.0 becomes 0.0), promises.

    Each weight gets the smallest of several codings. With "ans", asymmetric numeral systems are one of them, which the
    C decoder does not read.

    Raises:
        FieldError: the model is neither functional nor Sequential, or has weights that are not finite or not float32.
        ToolError: "ans" needs a package that is missing.
    """
    from fpga_flow.keras import keras
    from fpga_flow.storage import ans, architecture, building, file

    model = network.model
    if not isinstance(model, keras.Sequential) and type(model) is not keras.Model and not hasattr(model, "_is_graph_network"):
        raise FieldError(("network",), f"expected a functional or Sequential model, got {type(model).__name__}")
    if coding == "ans":
        ans.require()
    return file.join(architecture.write(model), building.sources(network), with_ans=coding == "ans")


def decode(data: bytes | memoryview, max_bytes: int = MAX_BYTES, name: str = "model.fpz") -> Network:
    """The network in the content of a .fpz file: the same layers and weights; masks and shared values are promised
    again by "storage".

    Args:
        max_bytes: the most bytes of float32 that its weights may have.
        name: of the file, for messages.

    Raises:
        InputError: it is no such file, damaged, or too large, or its model is none of Keras' and QKeras' layers alone.
        ToolError: it is coded with "ans", which needs a package that is missing.
    """
    from fpga_flow.storage import building, file

    return building.build(file.split(data, name, max_bytes), name)
