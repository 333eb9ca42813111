"""Callbacks that warm up the rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kt_extensions import schedules
from kt_extensions.callbacks.base import RateCallback
from kt_extensions.callbacks.clock import Time
from kt_extensions.callbacks.decays import ScheduledRate, check_schedule
from kt_extensions.schedules import Schedule


class LearningRateWarmup(ScheduledRate):
    """Raises the rate from a fraction of it, batch by batch, and leaves it there.

    `LearningRateWarmup(4)`, of a rate of 0.1, as each epoch begins (see `schedules.warmup` for the
    formulas):

    | epoch | 0 | 1 | 2 | 3 | 4 | 5 |
    |---|---|---|---|---|---|---|
    | linear | 0.01 | 0.0325 | 0.055 | 0.0775 | 0.1 | 0.1 |
    | cosine | 0.01 | 0.0232 | 0.055 | 0.0868 | 0.1 | 0.1 |
    | exponential | 0.01 | 0.0178 | 0.0316 | 0.0562 | 0.1 | 0.1 |

    Data of unknown length have the rate of the epoch's middle all through their first epoch, unless
    the length is in steps.

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.

    Args:
        length: How long it takes, in epochs or steps.
        unit: `"epoch"` or `"step"`. A step is a batch, also where gradients are accumulated.
        start: The factor of the first batch, in [0, 1); above 0 if the shape is exponential.
        shape: `"linear"`, `"cosine"` or `"exponential"`.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> callback = LearningRateWarmup(500, unit="step", shape="cosine")
    >>> history = model.fit(x, y, epochs=10, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        length: float,
        *,
        unit: str = "epoch",
        start: float = 0.1,
        shape: str = "linear",
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        schedule = schedules.warmup(length, start=start, shape=shape)
        super().__init__(schedule, unit=unit, optimizers=optimizers)
        self._length = length


class WarmupDecay(LearningRateWarmup):
    """Warms up the rate, and then lowers it.

    The decay counts its time from the end of the warm-up: it is their join. A plateau counts the
    epochs that begin after it, a cosine without a length reaches its end with the training.

    `WarmupDecay(2, StepDecay(0.5, every=1))`, of a rate of 0.1, as each epoch begins:

    | epoch | 0 | 1 | 2 | 3 | 4 |
    |---|---|---|---|---|---|
    | rate | 0.01 | 0.055 | 0.1 | 0.05 | 0.025 |

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.

    Args:
        length: How long the warm-up takes, in epochs or steps.
        decay: Another callback of this module (`StepDecay`, `CosineDecay`, `PlateauDecay`,
            `ScheduledRate`), whose own `optimizers` do not count, or a schedule in epochs. Not a
            callback of Keras, which stands beside this one in `fit`.
        unit: The unit of `length`: `"epoch"` or `"step"`.
        start: The factor of the first batch, in [0, 1); above 0 if the shape is exponential.
        shape: `"linear"`, `"cosine"` or `"exponential"`.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> from kt_extensions.callbacks import CosineDecay
    >>> callback = WarmupDecay(5, CosineDecay())
    >>> history = model.fit(x, y, epochs=90, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(
        self,
        length: float,
        decay: RateCallback | Schedule,
        *,
        unit: str = "epoch",
        start: float = 0.1,
        shape: str = "linear",
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        super().__init__(length, unit=unit, start=start, shape=shape, optimizers=optimizers)
        if not isinstance(decay, RateCallback):
            expected = (
                "a callback of `kt_extensions.callbacks` or a function from epochs to a factor"
            )
            check_schedule("decay", decay, expected)
            decay = ScheduledRate(decay)
        self._decay = decay

    def factor(self, now: Time, base: float) -> float:
        if now.in_unit(self._unit) < self._length:
            return super().factor(now, base)
        return self._decay.factor(now.since(self._end), base)

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "decay": self._decay.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._decay.set_state(state["decay"])

    @property
    def _end(self) -> Time:
        return self._clock.at(self._length, self._unit)

    def _ended_before(self, epoch: int) -> bool:
        return self._clock.beginning_of(epoch).in_unit(self._unit) >= self._length

    def _begin_at(self, epoch: int) -> None:
        self._decay._begin_at(epoch)

    def _plan(self, epochs: float) -> None:
        self._decay._plan(epochs - self._end.epochs)

    def _observe(self, logs: dict[str, Any]) -> None:
        if self._ended_before(self._clock.epoch):
            self._decay._observe(logs)

    def _finish(self) -> None:
        self._decay._finish()

    def _found(self, factor: float) -> None:
        if self._ended_before(self._clock.epoch - 1):
            self._decay._found(factor)
