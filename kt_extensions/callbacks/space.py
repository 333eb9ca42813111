"""The choice of a schedule, with the hyperparameters that only some schedules have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kt_extensions import ranges, schedules
from kt_extensions.callbacks.base import RateCallback
from kt_extensions.callbacks.decays import CosineDecay, ScheduledRate, StepDecay
from kt_extensions.callbacks.plateau import PlateauDecay
from kt_extensions.callbacks.warmup import LearningRateWarmup, WarmupDecay
from kt_extensions.ranges import FloatRange, IntRange, Names

DEFAULT_SCHEDULES = list(schedules.NAMES)

# Which schedules have a setting.
OWNERS = {
    "decay_rate": ("inverse_time",),
    "gamma": ("exponential",),
    "drop": ("step", "plateau"),
    "step_epochs": ("step",),
    "schedule_patience": ("plateau",),
}


@dataclass(frozen=True)
class ScheduleSpace:
    """The schedules to choose from, and the ranges of their settings.

    Args:
        schedule: The names of the schedules.
        settings: The ranges of what only some schedules have.
        warmup_epochs: The range of the epochs of the warm-up, 0 for none.
        epochs: After how many the cosine is at its end; `None` for those of `fit`.
        monitor: The metric of the plateau.
        mode: Its direction, or `"auto"`.

    Example:

    >>> import keras_tuner as kt
    >>> hp = kt.HyperParameters()
    >>> space = ScheduleSpace.of(schedule="step", warmup_epochs=0)
    >>> [type(callback).__name__ for callback in space.declare(hp)], [*hp.values]
    (['StepDecay'], ['drop', 'step_epochs'])
    """

    schedule: ranges.Discrete
    settings: tuple[ranges.Range, ...]
    warmup_epochs: ranges.Range
    epochs: int | None
    monitor: str
    mode: str

    @classmethod
    def of(
        cls,
        *,
        schedule: Names = DEFAULT_SCHEDULES,
        decay_rate: FloatRange = (0.01, 1.0),
        gamma: FloatRange = (0.8, 0.99),
        drop: FloatRange = (0.1, 0.7),
        step_epochs: IntRange = (2, 30),
        schedule_patience: IntRange = (2, 10),
        warmup_epochs: IntRange = (0, 5),
        epochs: int | None = None,
        monitor: str = "val_loss",
        mode: str = "auto",
    ) -> ScheduleSpace:
        """Reads the arguments of `tunable_schedule`.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        PlateauDecay(monitor=monitor, mode=mode)  # It checks them, before the first trial.
        return cls(
            ranges.names("schedule", schedule, schedules.NAMES),
            (
                ranges.floats("decay_rate", decay_rate, sampling="log"),
                ranges.floats("gamma", gamma, below=1, sampling="log"),
                ranges.floats("drop", drop, below=1, sampling="log"),
                ranges.integers("step_epochs", step_epochs, minimum=1, sampling="log"),
                ranges.integers("schedule_patience", schedule_patience, minimum=1),
            ),
            ranges.integers("warmup_epochs", warmup_epochs, minimum=0),
            None if epochs is None else ranges.count("epochs", epochs),
            monitor,
            mode,
        )

    def declare(self, hp: Any) -> list[RateCallback]:
        """Adds the hyperparameters to `hp` and returns the callbacks of its values."""
        name = self.schedule.declare(hp)
        values = {
            setting.name: ranges.declare_where(hp, self.schedule, OWNERS[setting.name], setting)
            for setting in self.settings
        }
        warmup = self.warmup_epochs.declare(hp)
        decay = self._decay(name, values, warmup)
        if decay is None:
            return [LearningRateWarmup(warmup)] if warmup else []
        return [WarmupDecay(warmup, decay) if warmup else decay]

    def _decay(self, name: str, values: dict[str, Any], warmup: int) -> RateCallback | None:
        if name == "fixed":
            return None
        if name == "inverse_time":
            return _by_epoch(schedules.inverse_time(values["decay_rate"]))
        if name == "exponential":
            return _by_epoch(schedules.exponential(values["gamma"]))
        if name == "step":
            return StepDecay(values["drop"], every=values["step_epochs"])
        if name == "cosine":
            return CosineDecay(None if self.epochs is None else max(self.epochs - warmup, 1))
        patience = values["schedule_patience"]
        return PlateauDecay(values["drop"], patience=patience, monitor=self.monitor, mode=self.mode)


def tunable_schedule(hp: Any, **arguments: Any) -> list[RateCallback]:
    """Returns the callbacks of the learning-rate schedule that hyperparameters choose.

    Each argument is a range (a tuple), a choice (a list) or one fixed value, which is no part of
    the search. A setting exists only where `schedule` is one that has it. The base rate is the
    optimizer's.

    | hyperparameter | of | default | the rate's factor after t epochs (after the warm-up) |
    |---|---|---|---|
    | `schedule` | | all | `fixed`: 1 |
    | `decay_rate` k | `inverse_time` | (0.01, 1.0) | 1 / (1 + k t) |
    | `gamma` g | `exponential` | (0.8, 0.99) | g ** t |
    | `drop` d | `step`, `plateau` | (0.1, 0.7) | d for each drop |
    | `step_epochs` s | `step` | (2, 30) | d ** floor(t / s) |
    | | `cosine` | | (1 + cos(pi t / `epochs`)) / 2 |
    | `schedule_patience` | `plateau` | (2, 10) | d after so many epochs that were no better |
    | `warmup_epochs` | all | (0, 5) | a linear warm-up from 0.1 before all this; 0 is none |

    Args:
        hp: The hyperparameters of a trial.
        **arguments: The ranges by the names above, and three that are not searched: `epochs`, after
            which the cosine is at its end, the warm-up included (by default the `epochs` of `fit`),
            `monitor`, the metric of the plateau (by default `"val_loss"`), and its `mode`, `"min"`
            or `"max"` where the name does not tell it.

    Returns:
        One callback, or none for a fixed rate without a warm-up.

    Raises:
        ValueError: If a range holds other values.
        TypeError: If an argument is not known.

    Example:

    >>> import keras_tuner as kt
    >>> hp = kt.HyperParameters()
    >>> [callback] = tunable_schedule(hp, schedule=["cosine", "step"], warmup_epochs=3)
    >>> [type(callback).__name__, *hp.values]
    ['WarmupDecay', 'schedule']
    >>> [p.name for p in hp.space]
    ['schedule', 'drop', 'step_epochs']
    """
    return ScheduleSpace.of(**arguments).declare(hp)


def _by_epoch(schedule: schedules.Schedule) -> ScheduledRate:
    return ScheduledRate(schedules.staircase(schedule))
