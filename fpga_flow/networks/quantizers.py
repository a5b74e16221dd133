"""QKeras quantizers for fixed-point types: QKeras' own, and two for the types that QKeras can't form.

QKeras computes `2 ** integer` in whole numbers and so stops at types without integer bits, such as fixed<6,0>; the two
classes here shift such values by a power of two (exactly), quantize, and shift back.
"""

from __future__ import annotations

from typing import Any

from fpga_flow.fixed_point import FixedPoint
from fpga_flow.keras import keras, qkeras


class _Shifted(qkeras.BaseQuantizer):
    """Quantizes x * 2**-integer with a quantizer without integer bits, and shifts the result back."""

    def __init__(self, bits: int, integer: int, **options: Any) -> None:
        super().__init__()
        self.bits, self.integer, self.options = bits, integer, options
        self.scale = 2.0**integer
        self.unshifted = self._unshifted()

    def _unshifted(self) -> Any:
        raise TypeError("a shifted quantizer is made from one of its subclasses")

    def __call__(self, x: Any) -> Any:
        return self.unshifted(x / self.scale) * self.scale

    def max(self) -> float:
        """The largest value; QKeras limits weights and initialisers by it."""
        return float(self.unshifted.max()) * self.scale

    def min(self) -> float:
        """The smallest value."""
        return float(self.unshifted.min()) * self.scale

    def get_config(self) -> dict[str, Any]:
        return {"bits": self.bits, "integer": self.integer, **self.options}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The quantizer again; Keras asks for this method by its name."""
        return cls(**config)


@keras.utils.register_keras_serializable("fpga_flow")
class ShiftedBits(_Shifted):
    """`quantized_bits` with negative `integer`."""

    def _unshifted(self) -> Any:
        return qkeras.quantized_bits(self.bits, 0, alpha=1.0, **self.options)


@keras.utils.register_keras_serializable("fpga_flow")
class ShiftedRelu(_Shifted):
    """`quantized_relu` with negative `integer`."""

    def _unshifted(self) -> Any:
        return qkeras.quantized_relu(self.bits, 0)


#: The classes of this module by their names, which Keras must be told to load a model that has them.
OWN = {"ShiftedBits": ShiftedBits, "ShiftedRelu": ShiftedRelu}


def linear(type_: FixedPoint) -> Any:
    """The quantizer into `type_` for weights, biases and linear activations."""
    integer = type_.integer - type_.signed
    if integer < 0:
        return ShiftedBits(type_.width, integer, keep_negative=type_.signed)
    return qkeras.quantized_bits(type_.width, integer, keep_negative=type_.signed, alpha=1.0)


def relu(type_: FixedPoint) -> Any:
    """The quantizer that is a ReLU into `type_`; the sign bit of a signed type stays unused."""
    unsigned = type_.relu()
    quantizer = ShiftedRelu if unsigned.integer < 0 else qkeras.quantized_relu
    return quantizer(unsigned.width, unsigned.integer)


#: The class names of quantizers that are a ReLU, too.
RELUS = ("quantized_relu", "ShiftedRelu")


def type_of(quantizer: Any) -> FixedPoint | None:
    """The type a quantizer rounds into, half to even and saturating; None if it does anything else."""
    name = type(quantizer).__name__
    if name not in ("quantized_bits", "ShiftedBits", *RELUS):
        return None
    config = quantizer.get_config()
    bits, integer = config["bits"], config["integer"]
    plain = name.startswith("Shifted") or _deterministic(config)
    if name == "quantized_bits":
        plain = plain and _one(config["alpha"]) and not config["symmetric"]
    if name == "quantized_relu":
        plain = plain and not config["use_sigmoid"] and config["negative_slope"] == 0.0
        plain = plain and config["relu_upper_bound"] is None
    signed = bool(config.get("keep_negative", False))
    possible = plain and bits >= (2 if signed else 1)
    return FixedPoint(bits, integer + signed, signed) if possible else None


def symmetric_type_of(quantizer: Any) -> FixedPoint | None:
    """The type a symmetric quantizer rounds into, without its least value; None if it does anything else."""
    if type(quantizer).__name__ != "quantized_bits" or not (config := quantizer.get_config())["symmetric"]:
        return None
    plain = _deterministic(config) and _one(config["alpha"]) and config["keep_negative"] and config["bits"] >= 2
    return FixedPoint(config["bits"], config["integer"] + 1) if plain else None


def is_stochastic(quantizer: Any) -> bool:
    """Whether a quantizer throws dice."""
    name = type(quantizer).__name__
    config = quantizer.get_config() if hasattr(quantizer, "get_config") else {}
    return name.startswith(("stochastic", "bernoulli")) or bool(config.get("use_stochastic_rounding", False))


def _one(alpha: Any) -> bool:
    return isinstance(alpha, (int, float)) and alpha == 1.0


def _deterministic(config: dict[str, Any]) -> bool:
    return not config["use_stochastic_rounding"] and config["qnoise_factor"] == 1.0
