"""Settings of quantizers in model files that would take hours or all memory: QKeras computes 2**bits in whole numbers,
and with powers of two even 2**2**bits, whatever the file says.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fpga_flow.keras import qkeras
from fpga_flow.spec.yaml_file import shortened

#: The largest magnitude of each setting; of powers of two, bits are those of the exponent.
_MOST = {"bits": 64, "total_bits": 64, "integer": 64, "number_of_unrolls": 64}
_MOST_OF_PO2 = {**_MOST, "bits": 16, "total_bits": 16}


def excess(name: str, settings: Mapping[str, Any]) -> str:
    """Which setting of a quantizer, or of whatever else has such settings, is too large, in words; empty if none is."""
    for key, most in (_MOST_OF_PO2 if "po2" in name else _MOST).items():
        value = settings.get(key)
        if isinstance(value, (int, float)) and not abs(value) <= most:
            return f"expected {key} of {-most} to {most}, got {shortened(str(value))}"
    return ""


def excess_of_text(text: str) -> str:
    """The same of a quantizer that is written as a call, for example "quantized_bits(4,0,alpha=1.0)"."""
    name, *arguments = text.split("(")  # as QKeras does
    function = getattr(qkeras, name, None)
    if len(arguments) != 1 or not isinstance(function, type):
        return ""
    from qkeras.safe_eval import GetParams  # QKeras is there by now, imported as it must be

    try:
        by_place, by_name = GetParams(f"({arguments[0]}")
        settings = inspect.signature(function).bind_partial(*by_place, **by_name).arguments
    except Exception:  # its parser raises anything; QKeras will refuse the text by the same error
        return ""
    return excess(name, settings)
