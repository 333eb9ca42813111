"""How a model is trained: the hyperparameters of `fit`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras_tuner.errors import FatalValueError

from kt_extensions import ranges
from kt_extensions.callbacks import ScheduleSpace
from kt_extensions.ranges import FloatRange, IntRange, Names, Switch

from . import data, inputs
from .space import ModelSpace

CLASS_WEIGHTS = ("balanced", "none")


@dataclass(kw_only=True, eq=False)
class TunedTraining(ModelSpace, kt.HyperModel):  # type: ignore[misc]
    """A hypermodel that tunes how its models are trained, too.

    `kt_extensions.Tuner` and its subclasses call `prepare_search` with the arguments of `search`
    before the first trial: data that do not fit end the search there. In any other tuner of
    KerasTuner they do so at the first trial's `fit`.
    """

    input_normalization: Switch = True
    batch_size: IntRange = (16, 128)
    epochs: IntRange | None = None
    patience: IntRange | None = None
    class_weight: Names = "none"
    schedule: Names = ("fixed", "cosine")
    decay_rate: FloatRange = (0.01, 1.0)
    gamma: FloatRange = (0.8, 0.99)
    drop: FloatRange = (0.1, 0.7)
    step_epochs: IntRange = (2, 10)
    schedule_patience: IntRange = (2, 5)
    warmup_epochs: IntRange = 0
    name: str | None = None
    tunable: bool = True

    def __post_init__(self) -> None:
        kt.HyperModel.__init__(self, name=self.name, tunable=self.tunable)
        super().__post_init__()
        self._batch_size = ranges.doublings("batch_size", self.batch_size)
        self._epochs = ranges.unless_none("epochs", self.epochs, _positive)
        self._patience = ranges.unless_none("patience", self.patience, _positive)
        self._class_weight = ranges.names("class_weight", self.class_weight, CLASS_WEIGHTS)
        self._schedule = ScheduleSpace.of(
            schedule=self.schedule,
            decay_rate=self.decay_rate,
            gamma=self.gamma,
            drop=self.drop,
            step_epochs=self.step_epochs,
            schedule_patience=self.schedule_patience,
            warmup_epochs=self.warmup_epochs,
        )
        if "balanced" in self._class_weight.levels and not self._heads.classes:
            advice = "Leave it out."
            expected = "'none' unless the task is the classification of one output"
            ranges.fail("class_weight", self.class_weight, expected, advice)

    def build(self, hp: Any) -> keras.Model:
        """Returns the compiled model that the values of `hp` describe."""
        model = super().build(hp)
        for space in (self._epochs, self._patience, self._class_weight, self._schedule):
            space.declare(hp)
        return model

    def declare_training(self, hp: Any) -> None:
        """Adds to `hp` what `fit` tunes beside `build`, as a search over arrays does."""
        if self.tunable:
            self._batch_size.declare(hp)

    def prepare_search(self, hp: Any, *args: Any, **kwargs: Any) -> None:
        """Checks the data of a search, and adds the batch size to `hp` if it can be tuned.

        Args:
            hp: Hyperparameters of the search.
            *args: As `search` takes them.
            **kwargs: As `search` takes them.

        Raises:
            ValueError: If the data do not fit the model, or cannot be normalized or their classes
                be counted; if `epochs` is both given and tuned.
        """
        x, y = data.fit_arguments(args, kwargs)
        self._check_data(x, y, kwargs.get("validation_data"))
        self._check_weights(y, kwargs)
        if self.epochs is not None and ("epochs" in kwargs or len(args) > 3):
            raise ValueError(
                "Expected `epochs` in one place. Received: epochs in `search` (or from the oracle, "
                f"as of Hyperband), and epochs={self.epochs!r} in {type(self).__name__}, which "
                "tunes it. Leave one of them out."
            )
        self._declare_batch_size(hp if self.tunable else hp.copy(), args, kwargs)

    def _check_data(self, x: Any, y: Any, validation: Any) -> None:
        if data.is_arrays(x):
            data.check_arrays(y, "y")
            self.check(x, y)
        if isinstance(validation, tuple | list) and data.is_arrays(validation[:2]):
            self.check(validation[0], validation[1], "validation_data")
        for name, batches in {"x": x, "validation_data": validation}.items():
            if hasattr(batches, "element_spec"):
                self._check_inputs(data.inputs_of(batches, name), name)
        if True in self._input_normalization.levels:
            inputs.check_adaptable(x)

    def _check_weights(self, y: Any, kwargs: dict[str, Any]) -> None:
        if "balanced" not in self._class_weight.levels:
            return
        _check_countable(y)
        given = [w for w in ("class_weight", "sample_weight") if kwargs.get(w) is not None]
        if given:
            raise ValueError(
                f"Expected no `{given[0]}` beside {type(self).__name__}(class_weight="
                f"{self.class_weight!r}), which weighs the samples. Received: {given[0]} in "
                "`search`. Leave one of them out."
            )

    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Trains a model as `hp` tells.

        A batch size passed by the caller is used as it is and not tuned, and data that come in
        batches (a `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator) keep theirs.

        Args:
            hp: Hyperparameters of the trial.
            model: A model built with them.
            *args: As `model.fit` takes them.
            **kwargs: As `model.fit` takes them.

        Returns:
            What `model.fit` returns, a `keras.callbacks.History`.

        Raises:
            keras_tuner.errors.FatalValueError: If the data do not fit the model.
        """
        if not self.tunable:
            hp = hp.copy()
        try:
            self.prepare_search(hp, *args, **kwargs)
            kwargs |= self._training(hp, args, kwargs)
            x, _ = data.fit_arguments(args, kwargs)
            split = kwargs.get("validation_split", 0.0)
            inputs.adapt_inputs(model, inputs.training_part(x, split))
        except ValueError as error:
            raise FatalValueError(str(error)) from error
        return self.train(hp, model, *args, **kwargs)

    def train(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Calls `model.fit`; a family that trains in several phases has its own way."""
        return model.fit(*args, **kwargs)

    def _training(self, hp: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Returns the tuned arguments of `Model.fit`."""
        chosen = {
            "callbacks": [*(kwargs.get("callbacks") or []), *self._callbacks(hp, kwargs)],
            "epochs": self._epochs.declare(hp),
            "class_weight": self._weights(hp, args, kwargs),
            "batch_size": self._declare_batch_size(hp, args, kwargs),
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def _callbacks(self, hp: Any, kwargs: dict[str, Any]) -> list[keras.callbacks.Callback]:
        monitor = "val_loss" if _validates(kwargs) else "loss"
        callbacks = replace(self._schedule, monitor=monitor).declare(hp)
        patience = self._patience.declare(hp)
        if patience is None:
            return callbacks
        return [*callbacks, keras.callbacks.EarlyStopping(monitor, patience=patience)]

    def _weights(self, hp: Any, args: Any, kwargs: dict[str, Any]) -> dict[int, float] | None:
        if self._class_weight.declare(hp) != "balanced":
            return None
        _, y = data.fit_arguments(args, kwargs)
        part = inputs.training_part(y, kwargs.get("validation_split", 0.0))
        return balanced_weights(part, self._heads.classes)

    def _declare_batch_size(self, hp: Any, args: Any, kwargs: Any) -> int | None:
        x, _ = data.fit_arguments(args, kwargs)
        if "batch_size" in kwargs or len(args) > 2 or not data.is_arrays(x):
            return None
        size: int = self._batch_size.declare(hp)
        return size


def balanced_weights(y: Any, classes: int) -> dict[int, float]:
    """Returns the weight of each class that gives all classes the same sum of weights.

    Args:
        y: Numbers of classes. Shape `(n,)` or `(n, 1)`.
        classes: How many classes there are. A class without a sample weighs 1.

    Raises:
        ValueError: If `y` is no array.

    Example:

    >>> import numpy as np
    >>> balanced_weights(np.array([0, 0, 0, 1]), 2)
    {0: 0.6666666666666666, 1: 2.0}

    Source:
        King and Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9 (2001).
    """
    _check_countable(y)
    numbers = np.asarray(keras.ops.convert_to_numpy(y)).ravel().astype(int)
    counts = np.bincount(numbers, minlength=classes)
    present = int((counts > 0).sum())
    return {
        number: len(numbers) / (present * int(count)) if count else 1.0
        for number, count in enumerate(counts)
    }


def _check_countable(y: Any) -> None:
    if not data.is_arrays(y):
        raise ValueError(
            f"Expected targets in an array, to count the classes. Received: {type(y).__name__}. "
            "Pass arrays, or class_weight='none'."
        )


def _positive(name: str, argument: Any) -> ranges.Range:
    return ranges.integers(name, argument, minimum=1)


def _validates(kwargs: dict[str, Any]) -> bool:
    return kwargs.get("validation_data") is not None or bool(kwargs.get("validation_split"))
