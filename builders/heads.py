"""The last layers of a model, their losses and their metrics, as the task asks for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names

from . import data
from .losses import SmoothedSparseCategoricalCrossentropy

TASKS = ("classification", "multilabel", "regression")
LOSSES = ("huber", "mean_absolute_error", "mean_squared_error")
DEFAULT_LOSS = "mean_squared_error"

Outputs: TypeAlias = int | tuple[int, ...] | Mapping[str, int | tuple[int, ...]]
Tasks: TypeAlias = str | Mapping[str, str] | None

_EITHER = "A single output can be either, so say which."


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Args:
        name: Name of the output.
        kind: "binary", "multiclass", "multilabel" or "regression".
        shape: Shape of the output for one sample.
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, name: str, task: Any, outputs: Any) -> Head:
        """Chooses the head for a task.

        Args:
            name: Name of the output.
            task: One of `TASKS`. Left out, several outputs are the classes of a classification; a
                single output can be either and has to be said.
            outputs: Number of classes (1 for two classes told apart by one probability), of labels
                or of target columns, or the shape of a sample's targets.

        Raises:
            ValueError: If the task is unknown or cannot be told, or `outputs` is no count.
        """
        if task is not None:
            ranges.names("task", task, TASKS)
        shape = _shape(outputs, task)
        if task is None and shape == (1,):
            ranges.fail("task", task, f"one of {list(TASKS)}", _EITHER)
        if task in ("multilabel", "regression"):
            return cls(name, task, shape)
        return cls(name, "binary" if shape == (1,) else "multiclass", shape)

    def outputs(self, features: Any) -> Any:
        """Returns the output, in 32 bits even where the model computes in 16."""
        activation = {"regression": "linear", "multiclass": "softmax"}.get(self.kind, "sigmoid")
        units = math.prod(self.shape)
        flat = len(self.shape) == 1
        name = self.name if flat else f"{self.name}_units"
        x = keras.layers.Dense(units, activation, dtype="float32", name=name)(features)
        return x if flat else keras.layers.Reshape(self.shape, name=self.name)(x)

    def loss(self, regression: str, smoothing: float) -> Any:
        """Returns the loss.

        Args:
            regression: Name of the loss of a regression.
            smoothing: Share of the label smoothing.
        """
        if self.kind == "regression":
            return regression
        if self.kind != "multiclass":
            return keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
        if smoothing > 0:
            return SmoothedSparseCategoricalCrossentropy(smoothing)
        return "sparse_categorical_crossentropy"

    def metrics(self) -> list[Any]:
        """Returns new metrics: "mae" and "rmse", or "accuracy", with "auc" for probabilities."""
        if self.kind == "regression":
            return ["mae", keras.metrics.RootMeanSquaredError(name="rmse")]
        if self.kind == "multiclass":
            return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        several = {"multi_label": True, "num_labels": self.shape[0]} if self.shape[0] > 1 else {}
        return [
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.AUC(name="auc", **several),
        ]

    def check(self, targets: Any, received: str) -> None:
        """Checks an array of targets.

        Args:
            targets: The targets of some samples.
            received: What to call them in an error.

        Raises:
            ValueError: If they have another shape, or values outside of the classes.
        """
        if self.kind == "multiclass":
            return self._check_classes(targets, received)
        shapes = [self.shape, ()] if self.shape == (1,) else [self.shape]
        if tuple(targets.shape[1:]) not in shapes:
            expected = " or ".join(str((None, *shape)) for shape in shapes)
            _fail_targets(received, f"of shape {expected}", f"shape {tuple(targets.shape)}")
        if self.kind == "regression":
            return _check_numbers(targets, received)
        if strange := _values_outside(targets, (0, 1)):
            _fail_targets(received, "0 and 1", f"also {strange}")

    def _check_classes(self, targets: Any, received: str) -> None:
        shape = tuple(targets.shape[1:])
        if shape not in [(), (1,)]:
            advice = " Take the number of the class: y.argmax(-1)" if shape == self.shape else ""
            expected = "one class number for each sample"
            _fail_targets(received, expected, f"shape {tuple(targets.shape)}.{advice}".rstrip("."))
        if strange := _values_outside(targets, range(self.shape[0])):
            expected = f"the integers from 0 to {self.shape[0] - 1} (`outputs={self.shape[0]}`)"
            _fail_targets(received, expected, f"also {strange}")


@dataclass(frozen=True)
class HeadSpace:
    """The outputs of a model, and the ranges of their losses."""

    heads: tuple[Head, ...]
    named: bool
    loss: ranges.Range
    label_smoothing: ranges.Range

    @classmethod
    def of(
        cls, outputs: Outputs, task: Tasks, loss: Names | None, label_smoothing: FloatRange
    ) -> HeadSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not of the form that the builders' docstrings tell.
        """
        heads = _heads(outputs, task)
        kinds = {head.kind for head in heads}
        if loss is not None and "regression" not in kinds:
            advice = "Leave it out: the task decides it."
            ranges.fail("loss", loss, "None where nothing is a regression", advice)
        smoothing = ranges.floats("label_smoothing", label_smoothing, below=1)
        if kinds == {"regression"} and smoothing != ranges.Fixed("label_smoothing", 0.0):
            ranges.fail(
                "label_smoothing", label_smoothing, "0 in a regression, which has no labels"
            )
        chosen = ranges.names("loss", DEFAULT_LOSS if loss is None else loss, LOSSES)
        return cls(heads, isinstance(outputs, Mapping), chosen, smoothing)

    def compile(self, hp: Any, inputs: Any, features: Any, optimizer: Any) -> keras.Model:
        """Returns the compiled model from `inputs` through `features` to all outputs."""
        loss, smoothing = self.loss.declare(hp), self.label_smoothing.declare(hp)
        outputs = {head.name: head.outputs(features) for head in self.heads}
        losses = {head.name: head.loss(loss, smoothing) for head in self.heads}
        metrics = {head.name: head.metrics() for head in self.heads}
        if self.named:
            model = keras.Model(inputs, outputs)
            model.compile(optimizer, loss=losses, metrics=metrics)
            return model
        [name] = outputs
        model = keras.Model(inputs, outputs[name])
        model.compile(optimizer, loss=losses[name], metrics=metrics[name])
        return model

    @property
    def classes(self) -> int:
        """Number of the classes of a classification with one output and no name, else 0."""
        head = self.heads[0]
        if self.named or head.kind not in ("binary", "multiclass"):
            return 0
        return max(head.shape[0], 2)

    def check(self, targets: Any, received: str) -> None:
        """Checks the targets: an array, or a dictionary of arrays by the names of the outputs.

        Raises:
            ValueError: If they do not fit the heads.
        """
        if not self.named:
            return self.heads[0].check(targets, received)
        names = [head.name for head in self.heads]
        if not isinstance(targets, Mapping) or set(targets) != set(names):
            came = list(targets) if isinstance(targets, Mapping) else type(targets).__name__
            _fail_targets(received, f"a dictionary with the keys {names}", str(came))
        for head in self.heads:
            head.check(targets[head.name], f"{received}[{head.name!r}]")


def _heads(outputs: Outputs, task: Tasks) -> tuple[Head, ...]:
    if not isinstance(outputs, Mapping):
        return (Head.of("head", task, outputs),)
    tasks = task if isinstance(task, Mapping) else dict.fromkeys(outputs, task)
    if not outputs or set(tasks) != set(outputs):
        ranges.fail("task", task, f"a task, or a dictionary with the keys {list(outputs)}")
    data.check_layer_names("outputs", outputs)
    return tuple(Head.of(name, tasks[name], outputs[name]) for name in outputs)


def _shape(outputs: Any, task: str | None) -> tuple[int, ...]:
    if task == "regression" and isinstance(outputs, tuple):
        return ranges.shape(outputs, "outputs", "It is the shape of the targets of one sample.")
    return (ranges.count("outputs", outputs),)


def _values_outside(targets: Any, known: Any) -> list[Any]:
    """Returns up to three values that are not among the known ones."""
    values = np.unique(np.asarray(keras.ops.convert_to_numpy(targets))).tolist()
    return [value for value in values if value not in known][:3]


def _check_numbers(targets: Any, received: str) -> None:
    values = np.asarray(keras.ops.convert_to_numpy(targets))
    if values.dtype.kind not in "biuf":
        _fail_targets(received, "numbers", f"dtype {values.dtype}")
    missing = int((~np.isfinite(values)).sum())
    if missing:
        _fail_targets(received, "finite", f"{missing} that are NaN or infinite")


def _fail_targets(received: str, expected: str, came: str) -> None:
    raise ValueError(f"Expected the targets `{received}` to be {expected}. Received: {came}.")
