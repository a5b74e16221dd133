"""How much a weight matters: the scores by which pruning chooses, the least first.

magnitude  |w| (Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks")
gradient   |w * dL/dw|, the first-order change of the loss L without the weight, from the mean gradient over training
           samples (Molchanov et al. 2017, "Pruning Convolutional Neural Networks for Resource Efficient Inference")
movement   -sum of w * dL/dw over the steps of training: weights that move away from zero score high (Sanh et al. 2020,
           "Movement Pruning", section 4)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_flow import training
from fpga_flow.compress.base import Key
from fpga_flow.datasets.base import Dataset
from fpga_flow.keras import tf

Criterion = Literal["magnitude", "gradient", "movement"]
Scores = dict[Key, NDArray[np.float32]]

#: Training samples from which the gradient is taken.
_SAMPLES = 4096


class Scorer:
    """Scores the kernels of a model, which may change between two calls."""

    def __init__(self, criterion: Criterion, model: Any, kernels: Mapping[Key, Any], dataset: Dataset) -> None:
        self._criterion, self._model, self._kernels, self._dataset = criterion, model, kernels, dataset
        self._moved = {key: tf.Variable(tf.zeros(kernel.shape)) for key, kernel in self._movement().items()}

    def _movement(self) -> Mapping[Key, Any]:
        return self._kernels if self._criterion == "movement" else {}

    @property
    def state(self) -> list[Any]:
        """Variables that a checkpoint must hold."""
        return list(self._moved.values())

    @property
    def gradients(self) -> list[Callable[[Any, Any], Any]]:
        """What watches the gradients in training, see `training.Hooks`."""
        return [self._watch(kernel, self._moved[key]) for key, kernel in self._movement().items()]

    def scores(self) -> Scores:
        """The scores of all kernels as they are now, each of its kernel's shape."""
        if self._criterion == "movement":
            return {key: score.numpy() for key, score in self._moved.items()}
        if self._criterion == "magnitude":
            return {key: np.abs(kernel.numpy()) for key, kernel in self._kernels.items()}
        variables = list(self._kernels.values())
        found = training.gradients(self._model, self._dataset.train, variables, _SAMPLES)
        return {
            key: np.abs(kernel.numpy() * gradient)
            for (key, kernel), gradient in zip(self._kernels.items(), found, strict=True)
        }

    @staticmethod
    def _watch(kernel: Any, moved: Any) -> Callable[[Any, Any], Any]:
        def watch(variable: Any, gradient: Any) -> Any:
            if variable is kernel:
                moved.assign_sub(variable * gradient)
            return gradient

        return watch
