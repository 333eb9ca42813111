"""What the callbacks that change learning rates share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from kt_extensions.callbacks import rates
from kt_extensions.callbacks.clock import Clock, Time
from kt_extensions.checking import fail


class RateCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Multiplies the learning rate by a factor that depends on the time.

    A subclass gives the factor. It is set before each batch, that is, with `steps_per_execution`
    before each execution, and only where it changes. The logs of each epoch have the rate of its
    last batch as `learning_rate`, or those of several optimizers as `learning_rate_<name>`.

    The base rate is the optimizer's when `fit` begins; if an earlier `fit` of these callbacks has
    left another one there, it is the one before. A training with `initial_epoch` goes on at that
    epoch.

    Several of these callbacks in one training multiply their factors. Where another callback
    changes the rate after the first batch, as `ReduceLROnPlateau` does, the base changes with it.

    Args:
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If `optimizers` holds no names; at the start of the training, if the model has
            no such optimizer, or one whose rate is a Keras `LearningRateSchedule`; in its course,
            if a factor is not a finite number of at least 0.

    Example:

    >>> class Halving(RateCallback):
    ...     def factor(self, now, base):
    ...         return 0.5 ** now.epochs
    >>> Halving().factor(Time(epochs=2, steps=64), base=0.1)
    0.25
    """

    def __init__(self, *, optimizers: str | Sequence[str] = "optimizer") -> None:
        super().__init__()
        self._names = [optimizers] if isinstance(optimizers, str) else list(optimizers)
        if not self._names or not all(isinstance(name, str) for name in self._names):
            raise ValueError(
                "Expected `optimizers` to be the name of one of the model's attributes, or a list "
                f"of such names. Received: optimizers={optimizers!r}. The default is 'optimizer'."
            )
        self._rates: list[rates.Rate] = []
        self._clock = Clock(None)
        self._last: list[float] = []
        self._settled = False
        self._trained = 0  # Batches; one more may have begun when the data turned out to end.

    def factor(self, now: Time, base: float) -> float:
        """Returns the factor of the rate at a time.

        Args:
            now: The time since the training's beginning, that of earlier epochs included.
            base: The base rate of the optimizer.
        """
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """Returns, for JSON, what a later training needs to go on: the batches in an epoch."""
        return {"length": self._clock.length}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` has returned, before the training begins."""
        self._clock.length = state["length"]

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._rates = rates.of_model(self.model, self._names)
        for rate in self._rates:
            rate.enter(self)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        for rate in self._rates:
            rate.begin()
        self._clock.length = self._told("steps") or self._clock.length
        self._settled = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._clock.epoch, self._clock.batch, self._trained = epoch, 0, 0
        if not self._settled:
            self._estimate_length()
            self._clock.start = epoch * (self._clock.length or 0)
            self._begin_at(epoch)
        if epochs := self._told("epochs"):
            self._plan(epochs)
        if not self._settled:
            if self._rates[0].restored:
                self._rates[0].find()
            self._recall()
        self._apply(anew=True)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._clock.batch = batch
        if not self._settled:
            self._take_over()
        self._apply(anew=self._trained == 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._settled:  # What is restored in the first step, with the saved rate, is here.
            self._sync()
            if self._rates[0].changed_by_others:
                self._rates[0].find()
            self._take_over()
            self._apply(anew=True)
            self._settled = True
        self._trained = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        if self._trained:
            self._end_at(self._trained)
        self._settled = True
        for rate in self._rates:
            suffix = f"_{rate.name}" if len(self._rates) > 1 else ""
            logs[f"learning_rate{suffix}"] = rate.last
        self._observe(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._settled:
            for rate in self._rates:
                rate.adopt()
        self._finish()

    def _begin_at(self, epoch: int) -> None:
        """Begins a training at an epoch, which is 0 unless it goes on with an earlier one."""

    def _plan(self, epochs: float) -> None:
        """Learns how many epochs there will have been in the end."""

    def _observe(self, logs: dict[str, Any]) -> None:
        """Learns the metrics of an epoch."""

    def _finish(self) -> None:
        """Learns that the training has ended."""

    def _found(self, factor: float) -> None:
        """Learns the factor with which an earlier training ended, by the rate in the optimizer."""

    def _told(self, name: str) -> Any:
        """Returns what the training tells about itself."""
        return (self.params or {}).get(name)

    def _estimate_length(self) -> None:
        """Divides the batches that the optimizer has seen by the epochs, if nothing else tells.

        With TensorFlow, Keras counts one more in each epoch of data of unknown length.
        """
        seen, epoch = self._rates[0].batches, self._clock.epoch
        if epoch == 0:  # The data may be others than those of an earlier training.
            self._clock.length = self._told("steps")
        elif self._clock.length is None and seen:
            self._clock.length = max(1, round(seen / epoch))

    def _end_at(self, trained: int) -> None:
        """Ends an epoch after the batches that were trained, which may be fewer than begun."""
        if self._clock.batch >= trained:
            self._clock.batch = trained - 1
            self._reset()
        if not self._told("steps"):
            self._clock.length = trained
        self._clock.start += trained

    def _recall(self) -> None:
        """Says what the factor was at the end of an earlier training, for others to take over."""
        if self._clock.epoch:
            rate = self._rates[0]
            factor = self.factor(self._clock.end_of_last_epoch, rate.base)
            rate.recall(self, self._checked(factor))

    def _take_over(self) -> None:
        rate = self._rates[0]
        factor = rate.left_to(self)
        if self._clock.epoch and factor is not None:
            self._found(factor)
            self._recall()

    def _apply(self, anew: bool = False) -> None:
        if anew or self._factors() != self._last:
            self._sync()
            if self._settled:
                for rate in self._rates:
                    rate.adopt()
            self._set()

    def _reset(self) -> None:
        """Sets the rate as if a batch had not begun; with JAX its change has been lost."""
        if self._factors() != self._last:
            self._set()

    def _set(self) -> None:
        self._last = self._factors()
        for rate, factor in zip(self._rates, self._last, strict=True):
            rate.scale(self, factor)

    def _factors(self) -> list[float]:
        now = self._clock.now
        return [self._checked(self.factor(now, rate.base)) for rate in self._rates]

    def _checked(self, factor: Any) -> float:
        try:
            value = float(factor)
        except (TypeError, ValueError):
            value = math.nan
        if not 0 <= value < math.inf:
            advice = f"It is that of `{type(self).__name__}` in epoch {self._clock.epoch}."
            fail("factor", factor, "a finite number of at least 0", advice)
        return value

    def _sync(self) -> None:
        """With JAX, has the training's state in the variables, and the training go on from them."""
        sync = getattr(self.model, "jax_state_sync", None)
        if sync is not None:
            sync()
