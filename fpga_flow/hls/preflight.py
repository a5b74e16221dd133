"""Is a quantized network, with the settings asked for, one whose HLS code will be exact? If not, it is refused here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fpga_flow.errors import FieldError
from fpga_flow.hls import settings
from fpga_flow.hls.lower import lower


def check(model: Any, hls: Any) -> Iterator[FieldError]:
    """Everything for which a quantized Keras model can't become exact HLS code with the spec's `hls` section."""
    try:
        layers = lower(model, hls.softmax)
    except FieldError as error:
        yield error
        return
    for layer in layers:
        if not re.fullmatch(r"[A-Za-z_]\w*", layer.name) or "bias" in layer.name.lower():
            yield FieldError(
                ("network",),
                f'layer "{layer.name}" has a name that hls4ml gets wrong: '
                'expected letters, digits and _, without "bias"',
            )
    yield from settings.check(layers, hls)
