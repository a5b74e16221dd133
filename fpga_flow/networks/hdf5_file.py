"""Looking at HDF5 files that nobody vouches for, before Keras reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from fpga_flow import sizes


class Outside(ValueError):  # noqa: N818  (it says what is wrong)
    """A file that would read from other files: by links or data, `what`, at `name`."""

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(f"{what} at {name}")


def check(file: Path | IO[bytes]) -> None:
    """Read all of a HDF5 file once, which finds what is damaged.

    Raises:
        Outside: it holds links to other files, or data of theirs.
        OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, RecursionError: it is damaged, or says that
            it holds more than it does.
    """
    import h5py

    size = file.stat().st_size if isinstance(file, Path) else file.seek(0, os.SEEK_END)
    with h5py.File(file, "r") as data:
        total = 0
        for dataset in _datasets(data):
            total += dataset.size * dataset.dtype.itemsize if dataset.shape is not None else 0
            sizes.check(total, size)
            dataset[()]
        for value in data.attrs.values():
            _ = value


def _datasets(data: Any) -> Iterator[Any]:
    """Each data set once, by however many ways it is reached: there can be more ways than can ever be gone."""
    import h5py

    groups, seen = [data], {h5py.h5o.get_info(data.id).addr}
    while groups:
        group = groups.pop()
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise Outside("links into other files", name)
            each = group[name]
            if (address := h5py.h5o.get_info(each.id).addr) in seen:
                continue
            seen.add(address)
            if isinstance(each, h5py.Group):
                groups.append(each)
            elif isinstance(each, h5py.Dataset):
                if each.external or each.is_virtual:
                    raise Outside("data of other files", name)
                yield each
