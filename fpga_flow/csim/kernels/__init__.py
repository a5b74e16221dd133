"""Faster C++ for hls4ml's functions in the C simulation, with the same results bit for bit.

`kernels.h` is included in front of a project's own headers, and defines functions of hls4ml again, which call what
`kernels.cpp` computes on native integers. It may stand only for the headers that it was written for, which `fitting`
tells by their digests; all others are compiled as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent
#: To be compiled once for each compiler, and linked to every project.
SOURCE = FOLDER / "kernels.cpp"
#: By backend: SHA-256 of each header of a project that kernels.h includes, by its path in the firmware folder.
DIGESTS: dict[str, dict[str, str]] = json.loads((FOLDER / "digests.json").read_text(encoding="utf-8"))

_FILL_BUFFER = re.compile(
    r"template<class data_T, typename CONFIG_T>\nclass fill_buffer_(\w+) : public nnet::FillConv[12]DBuffer<.*?\n};\n",
    re.DOTALL,
)
_CONFIG = re.compile(r"struct \w+ : nnet::conv([12])d_config \{\n(.*?)\n};", re.DOTALL)
_NUMBER = re.compile(r"static const unsigned (\w+) = (\d+);")
_USES = re.compile(r"using fill_buffer = [\w:]*\bfill_buffer_(\w+)<")


def fitting(firmware: Path) -> tuple[str, ...]:
    """The headers (paths in a project's `firmware` folder) that kernels.h includes, if all of them are byte for byte
    those of hls4ml that it was written for; otherwise none.
    """
    for digests in DIGESTS.values():
        if all(_digest(firmware / name) == digest for name, digest in digests.items()):
            return tuple(digests)
    return ()


def code_gen(firmware: Path) -> str | None:
    """The text of a project's nnet_code_gen.h with the windows of convolutions as loops; None if none is changed.

    For a convolution of arrays, hls4ml writes out the copying of every window, assignment by assignment, in a class
    fill_buffer_<layer>. Where that text is what hls4ml writes for the sizes that parameters.h has, the class becomes an
    Im2col of these sizes, which copies the same; any other text stays as it is. To be included behind kernels.h and in
    front of the project, whose own file its include guard then keeps out.
    """
    try:
        text = (firmware / "nnet_utils" / "nnet_code_gen.h").read_text(encoding="utf-8")
        windows = _windows((firmware / "parameters.h").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None  # the compiler will say what it misses

    def shortened(found: re.Match[str]) -> str:
        window = windows.get(found[1])
        return window.im2col if window is not None and window.is_written_out_in(found[0]) else found[0]

    changed = _FILL_BUFFER.sub(shortened, text)
    if changed == text:
        return None
    return changed.replace('#include "nnet_', '#include "nnet_utils/nnet_')


class _Windows:
    """The windows of a convolution: of a layer's name, dimensions, and sizes as its configuration has them."""

    def __init__(self, name: str, dimensions: str, sizes: dict[str, int]) -> None:
        self.name, self.dimensions = name, dimensions
        self.height, self.width = sizes.get("in_height", 1), sizes["in_width"]
        self.channels = sizes["n_chan"]
        self.window = sizes.get("filt_height", 1), sizes["filt_width"]
        self.stride = sizes.get("stride_height", 1), sizes["stride_width"]
        self.pad = sizes.get("pad_top", 0), sizes["pad_left"]
        padded = self.height + self.pad[0] + sizes.get("pad_bottom", 0), self.width + self.pad[1] + sizes["pad_right"]
        self.out = tuple(
            (size - window) // stride + 1 for size, window, stride in zip(padded, self.window, self.stride, strict=True)
        )
        self.partitions = sizes["n_partitions"]
        self.pixels = self.out[0] * self.out[1] // self.partitions

    @property
    def im2col(self) -> str:
        """The class as a loop."""
        image = (self.height, self.width, self.channels)
        numbers = ", ".join(map(str, (*image, *self.window, *self.stride, *self.pad, *self.out, self.pixels)))
        return (
            "template<class data_T, typename CONFIG_T>\n"
            f"class fill_buffer_{self.name} : public ::kernels::Im2col<data_T, {numbers}> {{\n}};\n"
        )

    def is_written_out_in(self, text: str) -> bool:
        """Whether a text is the class as hls4ml writes it: with an assignment for each value that is copied."""
        windows = self.out[0] * self.out[1]
        copies = windows * self.window[0] * self.window[1] * self.channels
        fits = self.partitions * self.pixels == windows and text.count("] = ") == copies
        return fits and text == self._written_out()

    def _written_out(self) -> str:
        inputs, window = "in_width * CONFIG_T::n_chan", "filt_width * CONFIG_T::n_chan"
        if self.dimensions == "2":
            inputs, window = f"in_height * CONFIG_T::{inputs}", f"filt_height * CONFIG_T::{window}"
        lines = [
            "template<class data_T, typename CONFIG_T>",
            f"class fill_buffer_{self.name} : public nnet::FillConv{self.dimensions}DBuffer<data_T, CONFIG_T> {{",
            "    public:",
            "    static void fill_buffer(",
            f"        data_T data[CONFIG_T::{inputs}],",
            f"        data_T buffer[CONFIG_T::n_pixels][CONFIG_T::{window}],",
            "        const unsigned partition",
            "    ) {",
        ]
        for partition in range(self.partitions):
            lines.append(f"        if (partition == {partition:>3}) {{")
            for pixel in range(self.pixels):
                row, column = divmod(partition * self.pixels + pixel, self.out[1])
                sources = self._sources(row * self.stride[0] - self.pad[0], column * self.stride[1] - self.pad[1])
                copies = (f"buffer[{pixel}][{place}] = {source:>10};" for place, source in enumerate(sources))
                lines.append("            " + " ".join(copies))
            lines += ["", "        }"]
        return "\n".join([*lines, "    }", "};", ""])

    def _sources(self, top: int, left: int) -> list[str]:
        """What a window with this corner copies: elements of the image, or zeros outside of it."""
        return [
            f"data[{(row * self.width + column) * self.channels + channel}]"
            if 0 <= row < self.height and 0 <= column < self.width
            else "0"
            for row in range(top, top + self.window[0])
            for column in range(left, left + self.window[1])
            for channel in range(self.channels)
        ]


def _windows(parameters: str) -> dict[str, _Windows]:
    """The windows of the convolutions that parameters.h configures, by the names of their fill_buffer classes."""
    found = {}
    for dimensions, body in _CONFIG.findall(parameters):
        used = _USES.search(body)
        sizes = {name: int(number) for name, number in _NUMBER.findall(body)}
        needed = {"in_width", "n_chan", "filt_width", "stride_width", "pad_left", "pad_right", "n_partitions"}
        divisors = ("stride_height", "stride_width", "n_partitions")
        if used and needed <= sizes.keys() and all(sizes.get(name, 1) > 0 for name in divisors):
            found[used[1]] = _Windows(used[1], dimensions, sizes)
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
