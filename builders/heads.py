"""The last layer of a model, its loss and its metrics, as the task asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges

TASKS = ("classification", "regression")
_EITHER = "A single output can be either, so say which."


@dataclass(frozen=True)
class Head:
    """What a task makes of a model's last features.

    Args:
        outputs: Number of units of the last layer.
        activation: Its activation.
        loss: Name of the loss.
        metric: Name of the metric beside the loss.
    """

    outputs: int
    activation: str
    loss: str
    metric: str

    @classmethod
    def of(cls, task: str | None, outputs: Any) -> Head:
        """Chooses the head for a task.

        Args:
            task: "classification" or "regression". Left out, several outputs are the classes of a
                classification; a single output can be either and has to be said.
            outputs: Number of classes (1 for two classes told apart by one probability), or of
                target columns in a regression.

        Raises:
            ValueError: If the task is unknown or cannot be told, or `outputs` is no count.
        """
        count = ranges.count("outputs", outputs)
        if task is None and count == 1:
            ranges.fail("task", task, f"one of {list(TASKS)}", _EITHER)
        if task not in (None, *TASKS):
            ranges.fail("task", task, f"one of {list(TASKS)}")
        if task == "regression":
            return cls(count, "linear", "mean_squared_error", "mae")
        if count == 1:
            return cls(count, "sigmoid", "binary_crossentropy", "accuracy")
        return cls(count, "softmax", "sparse_categorical_crossentropy", "accuracy")

    def compile(self, inputs: Any, features: Any, optimizer: Any) -> keras.Model:
        """Returns the compiled model from `inputs` through `features` to the head's outputs."""
        outputs = keras.layers.Dense(self.outputs, self.activation, name="head")(features)
        model = keras.Model(inputs, outputs)
        model.compile(optimizer, loss=self.loss, metrics=[self.metric])
        return model
