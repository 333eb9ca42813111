"""The learning rates of a model's optimizers, and the base rates that schedules scale.

Several callbacks may scale one rate: it is its base times the factors of all of them. The base is
the rate that an optimizer has before the first of them changes it. It is remembered, for a second
`fit` finds the optimizer with the rate with which the first one ended. What others make of the rate
in the course of a training changes the base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import keras


@dataclass
class _Record:
    base: float
    last: float  # as the optimizer held it after it was set
    batches: int = 0  # those that the optimizer had seen when the callbacks entered
    factors: dict[int, float] = field(default_factory=dict)  # by the callback's id
    earlier: dict[int, float] = field(default_factory=dict)  # those that gave the rate `found`
    found: float | None = None  # the rate with which an earlier training ended
    training: bool = False


_RECORDS: WeakKeyDictionary[Any, _Record] = WeakKeyDictionary()


class Rate:
    """The rate of one optimizer.

    Args:
        optimizer: A Keras optimizer; of one with loss scaling the inner one counts.
        name: Where the model has it.

    Raises:
        ValueError: If the rate is not a number that can be changed.
    """

    def __init__(self, optimizer: Any, name: str) -> None:
        self.optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self.name = name
        if not hasattr(self.optimizer.learning_rate, "assign"):  # a tensor, not a variable
            raise ValueError(
                f"Expected the learning rate of `model.{name}` to be a number, for a callback to "
                f"change. Received: an optimizer {type(self.optimizer).__name__} with a schedule "
                "of its own, such as a `keras.optimizers.schedules.LearningRateSchedule`. Pass "
                "`learning_rate=0.001` to the optimizer, or leave out the callback."
            )

    @property
    def base(self) -> float:
        return _RECORDS[self.optimizer].base

    @property
    def current(self) -> float:
        """The rate in the optimizer; with JAX only valid while the model's state is in it."""
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))

    @property
    def changed_by_others(self) -> bool:
        return self.current != _RECORDS[self.optimizer].last

    @property
    def last(self) -> float:
        """The rate of the latest batch, unless others have changed it within the epoch."""
        return _RECORDS[self.optimizer].last

    @property
    def restored(self) -> bool:
        """Whether the optimizer is no longer as it was when the callbacks entered."""
        return self.changed_by_others or self.batches != _RECORDS[self.optimizer].batches

    @property
    def batches(self) -> int:
        """How many batches the optimizer has seen."""
        each = self.optimizer.gradient_accumulation_steps or 1
        return int(keras.ops.convert_to_numpy(self.optimizer.iterations)) * each

    def enter(self, callback: object) -> None:
        """Adds a callback, before the training begins."""
        record = _RECORDS.get(self.optimizer)
        if record is None or self.changed_by_others:
            record = _RECORDS[self.optimizer] = _Record(self.current, self.current)
        elif record.training:  # The factors are an earlier training's.
            record.factors, record.earlier, record.training = {}, {}, False
            record.found = record.last
        record.batches = self.batches
        record.factors[id(callback)] = 1.0

    def begin(self) -> None:
        """Closes the entry of callbacks."""
        _RECORDS[self.optimizer].training = True

    def find(self) -> None:
        """Notes the present rate as the one with which an earlier training ended."""
        record = _RECORDS[self.optimizer]
        record.found, record.batches = self.current, self.batches

    def recall(self, callback: object, factor: float) -> None:
        """Notes the factor that a callback had at the end of the earlier training."""
        _RECORDS[self.optimizer].earlier[id(callback)] = factor

    def left_to(self, callback: object) -> float | None:
        """Returns the factor of a callback by which the found rate is that of all, if there is."""
        record = _RECORDS[self.optimizer]
        others = [factor for key, factor in record.earlier.items() if key != id(callback)]
        without = record.base * math.prod(others)
        return None if record.found is None or without == 0 else record.found / without

    def adopt(self) -> None:
        """Takes what others have made of the rate into the base."""
        record = _RECORDS[self.optimizer]
        product = math.prod(record.factors.values())
        if self.changed_by_others and product:
            record.base, record.last = self.current / product, self.current

    def scale(self, callback: object, factor: float) -> None:
        """Sets the rate, with the factor of one callback."""
        record = _RECORDS[self.optimizer]
        record.factors[id(callback)] = factor
        self.optimizer.learning_rate = record.base * math.prod(record.factors.values())
        record.last = self.current


def of_model(model: Any, names: Sequence[str]) -> list[Rate]:
    """Returns the rates of the optimizers that a model has as attributes of these names.

    Raises:
        ValueError: If there is none, or its rate cannot be changed.
    """
    return [rate for name in names for rate in _of_attribute(model, name)]


def _of_attribute(model: Any, name: str) -> list[Rate]:
    optimizer = getattr(model, name, None)
    parts = getattr(optimizer, "optimizers", None)
    if parts:  # keras.optimizers.MultiOptimizer
        return [Rate(part, f"{name}_{i}") for i, part in enumerate(parts)]
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"Expected the model to have a Keras optimizer as `model.{name}`. Received: "
            f"{type(model).__name__}.{name}={optimizer!r}. Compile the model with an optimizer, or "
            'name its attributes: `optimizers=["generator_optimizer", "critic_optimizer"]`.'
        )
    return [Rate(optimizer, name)]
