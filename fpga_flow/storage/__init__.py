"""The .fpz file: a whole network, Huffman-coded, that stands alone; docs/reference/fpz.md describes its format.

Where to look, from the whole to its parts:

file.py          the file: sections with checksums
architecture.py  the network without its weights
building.py      a Keras model from these, and back
encoder.py       a weight as bytes
decoder.py       the same back
layout.py        what both agree on
rules.py         weights that share values by a rule
sparse.py        where the weights are that are not zero
alphabet.py      their distinct values
values.py        streams of values
streams.py       streams of symbols
huffman.py       codes of symbols
ans.py           another kind of them
bits.py          numbers as bits
summary.py       what is to be told of a file
show.py          that as tables
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_flow import sizes
from fpga_flow.errors import CheckFailed, FieldError, InputError
from fpga_flow.networks.network import Network
from fpga_flow.networks.promises import Mask, Promise, Sharing
from fpga_flow.storage.file import MAX_BYTES
from fpga_flow.storage.streams import Coding
from fpga_flow.storage.summary import Summary, summarise
from fpga_flow.whole import whole_file

#: The C decoder.
HEADER = Path(__file__).with_name("fpz.h")


def encode(network: Network, coding: Coding = "huffman") -> bytes:
    """A network as the content of a .fpz file: architecture, weights bit for bit (but -0.0 becomes 0.0), promises.

    Each weight gets the smallest of several codings: with "packed", of those with numbers of fixed width alone; with
    "ans", asymmetric numeral systems are among them, too, which the C decoder does not read.

    Raises:
        FieldError: the model is neither functional nor Sequential, or has weights that are not finite or not float32.
        ToolError: "ans" needs a package that is missing.
    """
    from fpga_flow.storage import ans, architecture, building, file

    model = network.model
    if not getattr(model, "_is_graph_network", False):  # Keras has no public name for functional models
        raise FieldError(("network",), f"expected a functional or Sequential model, got {type(model).__name__}")
    if coding == "ans":
        ans.require()
    return file.join(architecture.write(model), building.sources(network), coding)


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


def examine(data: bytes | memoryview, max_bytes: int = MAX_BYTES, name: str = "model.fpz") -> tuple[Network, Summary]:
    """What `decode` gives, and how large the parts of the file are.

    Raises:
        InputError, ToolError: see `decode`.
    """
    from fpga_flow.storage import building, file

    contents = file.split(data, name, max_bytes, with_rows=True)
    network = building.build(contents, name)
    layers = building.weighted(network.model)
    return network, summarise(contents, ((layer.name, building.names(layer)) for layer in layers))


def verify(network: Network, decoded: Network) -> None:
    """Check that a network that was encoded and decoded is the same, its promised zeros and sharing rules, too.

    Raises:
        CheckFailed: its architecture or a weight differs in anything, or such a promise is gone.
    """
    from fpga_flow.storage import architecture, building

    if not architecture.are_equal(network.model, decoded.model):
        raise CheckFailed("model.fpz: the decoded architecture differs from the one that was encoded")
    for (values, promised), (others, found), name in zip(
        *([each for layer in building.sources(one) for each in layer] for one in (network, decoded)),
        [f"{layer.name}.{name}" for layer in building.weighted(network.model) for name in building.names(layer)],
        strict=True,
    ):
        if not np.array_equal(values, others):
            raise CheckFailed(f"model.fpz: {int((values != others).sum())} decoded values of {name} differ")
        for each in promised:
            if not _is_kept(each, values, found):
                raise CheckFailed(f"model.fpz: what {each.made_by} promised of {name} is gone")


def _is_kept(promise: Promise, values: NDArray[np.float32], found: Sequence[Promise]) -> bool:
    """Whether decoded promises of a weight hold what a promise says, as far as files hold it."""
    from fpga_flow.storage import rules

    if isinstance(promise, Mask):
        return any(isinstance(each, Mask) and not (each.mask & ~promise.mask).any() for each in found)
    if rules.group_values(promise, values) is None:  # files need not hold it
        return True
    return any(isinstance(each, Sharing) and each.rule == promise.rule for each in found)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(data)


def read(path: Path, max_bytes: int = MAX_BYTES) -> tuple[Network, Summary]:
    """`examine` a file.

    Raises:
        InputError: it is missing, or see `decode`.
        ToolError: see `decode`.
    """
    return examine(content(path), max_bytes, str(path))


def content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: there is none.
    """
    if path.is_dir():
        raise InputError.at(str(path), "expected a .fpz file, got a folder")
    try:
        return sizes.read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise InputError.at(str(path), f"expected a .fpz file, got: {error.strerror}") from error


def unpack(network: Network, folder: Path) -> None:
    """Write a decoded network as `model.h5` and `promises.npz`, and beside them the C decoder `fpz.h`."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save(folder)
    shutil.copyfile(HEADER, folder / HEADER.name)
