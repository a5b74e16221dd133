"""What the network computes, exactly: the numbers that the C simulation must give.

QKeras computes in float32, which is exact while every sum has at most 24 bits: then its own predictions are the
reference. Wider networks are computed from the lowered layers (`emulate/`), with QKeras as a witness; sums of more
than 53 bits are refused when the network is lowered. Networks with a function that is looked up are computed so, too:
of a real number x that it rounds to q, QKeras computes x + (q - x), whose last bit may be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.errors import CheckFailed
from fpga_flow.hls.emulate import FLOAT32_BITS, Emulator, softmax
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.training import outputs

#: A difference of outputs is noise up to this share of the largest output. More is explained in this share of samples:
#: by a rounding that float32 tips over.
NOISE, NOISY_SAMPLES = 0.01, 0.05


def predict(model: Any, layers: Sequence[HlsLayer], x: NDArray[np.floating]) -> NDArray[np.float64]:
    """The outputs (n, *output_shape) of a quantized network for samples (n, *input_shape), exact.

    Softmax, which HLS code looks up in tables, is computed in double.

    Args:
        layers: what `lower` made of the model.

    Raises:
        CheckFailed: what `lower` made of the model is not the model.
    """
    # far outside of its type, QKeras' own rounding is off in its last bits
    quantized = layers[0].input_type.quantize(x)
    own = outputs(model, quantized).astype(np.float64)
    logits = [layer for layer in layers if layer.function != "softmax"]
    if not _float32_is_exact(layers):
        exact = Emulator(logits).predict(quantized)
        _check_agree(own, exact)
        own = exact
    return softmax(own) if layers[-1].function == "softmax" else own


def _check_agree(own: NDArray[np.float64], exact: NDArray[np.float64]) -> None:
    """QKeras' own outputs may differ from the exact ones where float32 rounds; they are a witness all the same.

    Raises:
        CheckFailed: they differ in more samples, and by more, than that explains.
    """
    off = np.abs(own - exact) > NOISE * np.max(np.abs(exact), initial=0.0)
    count, samples = int(off.reshape(len(off), -1).any(axis=1).sum()), len(off)
    if count > NOISY_SAMPLES * samples:
        raise CheckFailed(
            f"the network as it was lowered gives other outputs than QKeras in {count} of {samples} samples, by up "
            f"to {np.max(np.abs(own - exact)):.6g}: expected at most {NOISY_SAMPLES:.0%}, which float32 explains"
        )


def predict_layers(layers: Sequence[HlsLayer], x: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """The outputs of every layer for samples (n, *input_shape), by layer name: (n, *output_shape), of the lowered
    layers alone.
    """
    return Emulator(layers).predict_layers(x)


def _float32_is_exact(layers: Sequence[HlsLayer]) -> bool:
    return all(
        layer.function != "lookup" and (layer.accum_type or layer.result_type).width <= FLOAT32_BITS for layer in layers
    )
