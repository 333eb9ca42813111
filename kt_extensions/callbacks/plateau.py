"""A callback that lowers the rate when the training stalls."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from kt_extensions import objectives
from kt_extensions.callbacks.base import RateCallback
from kt_extensions.callbacks.clock import Time
from kt_extensions.checking import fail
from kt_extensions.schedules import check


class PlateauDecay(RateCallback):
    """Multiplies the rate by a factor when a metric has stopped to improve.

    `PlateauDecay(0.5, patience=2)`, of a rate of 0.1:

    | epoch | 0 | 1 | 2 | 3 | 4 | 5 | 6 |
    |---|---|---|---|---|---|---|---|
    | val_loss | 1.0 | 0.8 | 0.9 | 0.8 | 0.7 | 0.7 | 0.7 |
    | rate | 0.1 | 0.1 | 0.1 | 0.1 | 0.05 | 0.05 | 0.05 |

    and 0.025 in epoch 7. A training that begins at epoch 0 begins anew. One with `initial_epoch`
    goes on with the state that the callback has. A new callback takes the rate from the optimizer,
    if that has been restored or trained with these callbacks, and waits anew.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 3.4.

    Args:
        factor: The factor of each drop, above 0 and below 1.
        monitor: The metric, by its name in the logs. Epochs without it do not count.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name.
        patience: Epochs without an improvement after which the rate drops, at least 1.
        min_delta: How much better than the best a metric must be to count as an improvement.
        cooldown: Epochs after a drop that do not count.
        min_rate: The rate that it does not go below.
        optimizers: Where the model has its optimizers: the name of an attribute, or several.

    Raises:
        ValueError: If an argument is not as above, or the name does not tell the direction.

    Example:

    >>> callback = PlateauDecay(0.2, monitor="val_accuracy", patience=3)
    >>> model.fit(x, y, validation_split=0.2, callbacks=[callback])  # doctest: +SKIP
    """

    _factor: float
    _best: float | None

    def __init__(
        self,
        factor: float = 0.5,
        *,
        monitor: str = "val_loss",
        mode: str = "auto",
        patience: int = 5,
        min_delta: float = 0.0,
        cooldown: int = 0,
        min_rate: float = 0.0,
        optimizers: str | Sequence[str] = "optimizer",
    ) -> None:
        super().__init__(optimizers=optimizers)
        check("factor", factor, lambda f: 0 < f < 1, "a number above 0 and below 1")
        check("patience", patience, lambda p: 1 <= p < math.inf, "a number of at least 1")
        amounts = {"cooldown": cooldown, "min_delta": min_delta, "min_rate": min_rate}
        for name, value in amounts.items():
            check(name, value, lambda v: 0 <= v < math.inf, "a number of at least 0")
        self._drop, self._patience, self._cooldown = factor, patience, cooldown
        self._min_delta, self._min_rate = min_delta, min_rate
        self._monitor, self._sign = monitor, _sign(monitor, mode)
        self._logged: set[str] = set()
        self._restart()

    def factor(self, now: Time, base: float) -> float:
        least = min(self._min_rate / base, 1.0) if base else 0.0
        return max(self._factor, least)

    def get_state(self) -> dict[str, Any]:
        """Returns, for JSON, the factor of the rate, the best score, and how long it has waited."""
        state = {"factor": self._factor, "wait": self._wait, "cooling": self._cooling}
        return {**super().get_state(), **state, "best": self._best}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._factor, self._best = state["factor"], state["best"]
        self._wait, self._cooling = state["wait"], state["cooling"]

    def _restart(self) -> None:
        self._factor, self._best = 1.0, None
        self._wait = self._cooling = 0

    def _begin_at(self, epoch: int) -> None:
        if epoch == 0:
            self._restart()

    def _found(self, factor: float) -> None:
        if self._best is None:
            self._factor = min(factor, 1.0)

    def _observe(self, logs: dict[str, Any]) -> None:
        self._logged |= set(logs)
        if self._monitor not in logs:
            return
        score = self._sign * float(logs[self._monitor])
        if math.isfinite(score) and (self._best is None or score < self._best - self._min_delta):
            self._best, self._wait = score, 0
        elif self._cooling == 0:
            self._wait += 1
        self._cooling = max(self._cooling - 1, 0)
        if self._wait >= self._patience:
            self._factor *= self._drop
            self._wait, self._cooling = 0, self._cooldown

    def _finish(self) -> None:
        if self._logged and self._monitor not in self._logged:
            warnings.warn(
                f"`PlateauDecay` has waited for {self._monitor!r}, which no epoch had in its logs. "
                f"These have: {sorted(self._logged)}. The rate has not been lowered. Pass "
                "validation data to `fit`, or name another metric with `monitor`.",
                stacklevel=2,
            )
        self._logged = set()


def _sign(monitor: str, mode: str) -> int:
    if mode not in ("auto", "min", "max"):
        fail("mode", mode, "'auto', 'min' or 'max'")
    try:
        found = objectives.resolve(monitor).direction if mode == "auto" else mode
    except ValueError as error:
        raise ValueError(
            "Expected `mode` to be 'min' or 'max' for a metric whose name does not tell it. "
            f"Received: mode='auto' with monitor={monitor!r}. Pass `mode='min'` or `mode='max'`."
        ) from error
    return -1 if found == "max" else 1
