"""Keras layers that Keras lacks; they can be trained, and become HLS code as they are."""

from __future__ import annotations

from typing import Any

from fpga_flow.keras import keras, tf
from fpga_flow.networks.sampling import Clamp, DeformableSampling


class ChannelShuffle(keras.layers.Layer):
    """The channels (last axis) of `groups` groups in turn: the first one of each group, then the second one of each,
    ... (Zhang et al., "ShuffleNet", 2018, section 3.1), so that the next grouped convolution reads all groups.
    """

    def __init__(self, groups: int, **options: Any) -> None:
        """Raises:
        ValueError: `groups` is none.
        """
        super().__init__(**options)
        if not isinstance(groups, int) or groups < 1:
            raise ValueError(f'layer "{self.name}": expected groups of 1 or more, got {groups}')
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        """Check the number of channels.

        Raises:
            ValueError: the groups don't divide it.
        """
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f'layer "{self.name}": expected groups that divide its {channels} channels, got {self.groups}'
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The same values (batch, ..., channels) in the new order."""
        shape, channels = tf.shape(inputs), inputs.shape[-1]
        parts = tf.reshape(inputs, tf.concat([shape[:-1], [self.groups, channels // self.groups]], axis=0))
        return tf.ensure_shape(tf.reshape(tf.linalg.matrix_transpose(parts), shape), inputs.shape)

    def get_config(self) -> dict[str, Any]:
        """The configuration, from which Keras makes the layer again."""
        return {**super().get_config(), "groups": self.groups}


class CReLU(keras.layers.Layer):
    """Concatenated ReLU: max(x, 0), and behind it max(-x, 0), in twice as many channels (last axis), so that filters
    need not come in pairs of opposite sign (Shang et al., "Understanding and Improving Convolutional Neural Networks
    via Concatenated Rectified Linear Units", 2016).
    """

    def call(self, inputs: Any) -> Any:
        """(batch, ..., 2 * channels) of (batch, ..., channels)."""
        return tf.nn.relu(tf.concat([inputs, -inputs], axis=-1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Twice as many channels."""
        return (*input_shape[:-1], 2 * input_shape[-1])


#: All of our own layers, by their names.
BUILT_IN = {each.__name__: each for each in (ChannelShuffle, CReLU, Clamp, DeformableSampling)}


def own() -> dict[str, Any]:
    """All layers besides those of Keras and QKeras, by their names: our own ones, and those of plugins."""
    from fpga_flow.hls.layers.plugin import LAYERS

    return {**BUILT_IN, **{name: module.LAYER for name, module in LAYERS.items()}}
