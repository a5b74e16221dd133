"""QKeras quantizers for number types: QKeras' own, and ours for the types that QKeras can't form, or not exactly.

QKeras computes `2 ** integer` in whole numbers and so stops at types without integer bits, such as fixed<6,0>;
`ShiftedBits` and `ShiftedRelu` shift such values by a power of two (exactly), quantize, and shift back. QKeras' binary,
ternary and powers of two have scales that are no powers of two, or follow the weights at every step, and thresholds
that are not half-way; `LevelWeights` has none of that, and `ChannelBits` is a fixed-point type for each channel. Their
results are exact in float32, and their gradients straight through (Bengio et al. 2013).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_flow.fixed_point import MAX_WIDTH, FixedPoint
from fpga_flow.keras import keras, qkeras, tf
from fpga_flow.number_types import FixedWidth, Levels


class _Own(qkeras.BaseQuantizer):
    """A quantizer that Keras can make again from its configuration."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The quantizer of a configuration."""
        return cls(**config)


class _Shifted(_Own):
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


class _PerChannel(_Own):
    """Weights divided by a power of two, or by one for each output channel, rounded, and multiplied again.

    exponents  a whole number, or (nested) lists of them in the shape of the weight's last axes
    """

    #: The bits of a weight; QKeras' initialisers want to know them.
    bits: int

    def __init__(self, exponents: Any) -> None:
        super().__init__()
        self.exponents = np.asarray(exponents).tolist()  # plain lists, whatever Keras wraps them in
        if np.asarray(self.exponents).dtype.kind != "i" or np.any(np.abs(self.exponents) > MAX_WIDTH):
            raise ValueError(f"expected whole exponents of {-MAX_WIDTH} to {MAX_WIDTH}, got {str(exponents)[:80]}")
        self.scale = (2.0 ** np.asarray(self.exponents, np.float64)).astype(np.float32)

    def _round(self, x: Any) -> Any:
        raise TypeError("a quantizer of weights is made from one of its subclasses")

    def __call__(self, x: Any) -> Any:
        x = tf.convert_to_tensor(x, tf.float32)
        rounded = tf.stop_gradient(self._round(x / self.scale) * self.scale)
        return rounded + (x - tf.stop_gradient(x))  # the last is zero, but for its gradient

    def _greatest(self) -> float:
        raise TypeError("a quantizer of weights is made from one of its subclasses")

    def max(self) -> float:
        """The largest magnitude of all channels; QKeras limits weights and initialisers by it."""
        return self._greatest() * float(np.max(self.scale))

    def min(self) -> float:
        """The same, negative."""
        return -self.max()


@keras.utils.register_keras_serializable("fpga_flow")
class LevelWeights(_PerChannel):
    """The quantizer into `number_types.Levels`."""

    def __init__(self, kind: str, bits: int, exponents: Any) -> None:
        super().__init__(exponents)
        self.kind, self.bits = kind, bits
        self.levels = Levels(kind, bits)

    def _round(self, x: Any) -> Any:
        thresholds = list(self.levels.thresholds)
        numbers = tf.raw_ops.Bucketize(input=tf.abs(x), boundaries=thresholds)
        magnitudes = tf.gather(tf.constant(self.levels.magnitudes, tf.float32), numbers)
        return tf.where(x >= 0, magnitudes, -magnitudes) + 0.0  # no negative zeros

    def _greatest(self) -> float:
        return self.levels.magnitudes[-1]

    def get_config(self) -> dict[str, Any]:
        """What Keras makes it again from."""
        return {"kind": self.kind, "bits": self.bits, "exponents": self.exponents}


@keras.utils.register_keras_serializable("fpga_flow")
class ChannelBits(_PerChannel):
    """The quantizer into fixed-point types of `bits` bits, of which each channel has its own integer bits."""

    def __init__(self, bits: int, exponents: Any, keep_negative: bool = True) -> None:
        super().__init__(exponents)
        self.bits, self.keep_negative = bits, keep_negative
        self.base = FixedWidth(bits, keep_negative).at(0)

    def _round(self, x: Any) -> Any:
        return tf.round(tf.clip_by_value(x, self.base.min, self.base.max) / self.base.step) * self.base.step

    def _greatest(self) -> float:
        return max(self.base.max, -self.base.min)

    def get_config(self) -> dict[str, Any]:
        """What Keras makes it again from."""
        return {"bits": self.bits, "exponents": self.exponents, "keep_negative": self.keep_negative}


#: The classes of this module by their names, which Keras must be told to load a model that has them.
OWN = {each.__name__: each for each in (ShiftedBits, ShiftedRelu, LevelWeights, ChannelBits)}


def of_weights(type_: FixedPoint | Levels) -> Any:
    """The quantizer of a weight that has one type, which is not open."""
    return linear(type_) if isinstance(type_, FixedPoint) else LevelWeights(type_.kind, type_.width, type_.exponent)


def of_channels(type_: FixedWidth | Levels, exponents: NDArray[np.integer]) -> Any:
    """The quantizer of a weight whose channels (its last axes, in the shape of `exponents`) have the open type
    `type_`, closed by their exponents.
    """
    if isinstance(type_, Levels):
        return LevelWeights(type_.kind, type_.width, exponents.tolist())
    return ChannelBits(type_.width, exponents.tolist(), type_.signed)


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


def is_exact(quantizer: Any) -> bool:
    """Whether it is a quantizer of weights into levels or types by channel, whose results it leaves as they are."""
    return isinstance(quantizer, _PerChannel)


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
