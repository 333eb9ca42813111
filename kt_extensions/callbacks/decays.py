"""Callbacks that apply a schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import keras

from kt_extensions import schedules
from kt_extensions.callbacks.base import RateCallback
from kt_extensions.callbacks.clock import UNITS, Time
from kt_extensions.checking import fail
from kt_extensions.schedules import Schedule


class ScheduledRate(RateCallback):
    """Applies a schedule of `kt_extensions.schedules`, or any function from time to a factor.

    Args:
        schedule: Function from the time to the factor of the rate.
        unit: What the schedule counts: `"epoch"`, with fractions, or `"step"`. A step is a batch,
            also where gradients are accumulated.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> from kt_extensions import schedules
    >>> callback = ScheduledRate(schedules.staircase(schedules.inverse_time(0.5)))
    >>> history = model.fit(x, y, epochs=10, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        unit: str = "epoch",
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        super().__init__(optimizers=optimizers)
        check_schedule("schedule", schedule, "a function from time to a factor of the rate")
        if unit not in UNITS:
            raise ValueError(
                f"Expected `unit` to be 'epoch' or 'step'. Received: unit={unit!r}. It is what the "
                "schedule counts."
            )
        self._schedule = schedule
        self._unit = unit

    def factor(self, now: Time, base: float) -> float:
        return self._schedule(now.in_unit(self._unit))


def check_schedule(name: str, schedule: object, expected: str) -> None:
    """Checks an argument that is to be a function from time to a factor.

    Args:
        name: Its name.
        schedule: What was passed.
        expected: What it is to be, in words.

    Raises:
        ValueError: If it cannot be called, or is a schedule of Keras, which returns whole rates.
    """
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        advice = (
            "A Keras `LearningRateSchedule` returns whole rates: take a schedule of "
            "`kt_extensions.schedules`, or pass yours to the optimizer, without this callback."
        )
        fail(name, schedule, expected, advice)
    if not callable(schedule):
        advice = "`kt_extensions.schedules` and `kt_extensions.callbacks` have some."
        fail(name, schedule, expected, advice)


class StepDecay(ScheduledRate):
    """Multiplies the rate by a factor every so many epochs, or at given epochs.

    `StepDecay(0.5, every=2)`, of a rate of 0.1:

    | epoch | 0 | 1 | 2 | 3 | 4 | 5 |
    |---|---|---|---|---|---|---|
    | rate | 0.1 | 0.1 | 0.05 | 0.05 | 0.025 | 0.025 |

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2.

    Args:
        factor: The factor of each drop, above 0 and at most 1.
        every: The epochs between drops.
        milestones: The epochs, from 0, that begin with a drop, instead of `every`.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above, or not exactly one of `every` and `milestones`
            is given.

    Example:

    >>> callback = StepDecay(0.1, milestones=[30, 60, 80])
    >>> history = model.fit(x, y, epochs=90, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        factor: float,
        *,
        every: float | None = None,
        milestones: Iterable[float] | None = None,
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        schedule = schedules.step(factor, every=every, milestones=milestones)
        super().__init__(schedules.staircase(schedule), optimizers=optimizers)


class CosineDecay(RateCallback):
    """Lowers the rate along half a cosine, epoch by epoch, until the end of the training.

    `CosineDecay(4)`, of a rate of 0.1:

    | epoch | 0 | 1 | 2 | 3 | 4 |
    |---|---|---|---|---|---|
    | rate | 0.1 | 0.0854 | 0.05 | 0.0146 | 0 |

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR
    2017, equation 5, without restarts.

    Args:
        epochs: Epochs until the end of the decay. By default the `epochs` of `fit`: of a trial that
            a scheduler promotes, those up to its next stop, so that its rate rises again there.
        final: The factor at the end, in [0, 1].
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> history = model.fit(x, y, epochs=90, callbacks=[CosineDecay()])  # doctest: +SKIP
    """

    def __init__(
        self,
        epochs: float | None = None,
        *,
        final: float = 0.0,
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        super().__init__(optimizers=optimizers)
        if epochs is not None:
            schedules.check(
                "epochs", epochs, lambda e: 0 < e < math.inf, "a positive number or None"
            )
        schedules.cosine(1, final=final)
        self._epochs, self._planned, self._final = epochs, epochs, final

    def factor(self, now: Time, base: float) -> float:
        if self._planned is None:
            expected = "the number of epochs where the training does not tell it"
            fail("epochs", self._planned, expected, "Write `CosineDecay(epochs=90)`.")
        return schedules.cosine(self._planned, final=self._final)(math.floor(now.epochs))

    def _plan(self, epochs: float) -> None:
        if self._epochs is None and epochs > 0:
            self._planned = epochs
