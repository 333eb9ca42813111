"""Schedules: functions from time to a factor of the base learning rate.

The time is counted from 0, in epochs (which may be fractions) or in steps. A schedule holds no
state, so a training that goes on at epoch 30 asks for `schedule(30)` and has the right rate.

`join` puts one schedule behind another, `staircase` keeps one constant within each epoch. The
callbacks of `kt_extensions.callbacks` apply schedules to optimizers. All can be pickled: they are
partial applications of the functions whose names begin with an underscore.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from kt_extensions.checking import fail, is_number

Schedule: TypeAlias = Callable[[float], float]

# Ways for the rate to behave, as hyperparameters name them. A plateau is met in the course of a
# training, not at a time: `kt_extensions.callbacks.PlateauDecay`.
NAMES = ("fixed", "inverse_time", "exponential", "step", "cosine", "plateau")

# Ways from the start fraction s (at u = 0) to 1 (at u = 1).
WARMUPS: dict[str, Callable[[float, float], float]] = {
    "linear": lambda s, u: s + (1 - s) * u,
    "cosine": lambda s, u: s + (1 - s) * (1 - math.cos(math.pi * u)) / 2,
    "exponential": lambda s, u: float(s ** (1 - u)),
}


def constant(factor: float = 1.0) -> Schedule:
    """Keeps the rate at one factor of its base.

    Args:
        factor: A positive number.

    Raises:
        ValueError: If `factor` is not a positive number.

    Example:

    >>> constant()(100)
    1.0
    """
    check("factor", factor, lambda f: 0 < f < math.inf, "a positive number")
    return partial(_constant, factor)


def _constant(factor: float, time: float) -> float:
    return factor


def warmup(length: float, *, start: float = 0.1, shape: str = "linear") -> Schedule:
    """Rises from a fraction of the rate to the whole rate.

    With u = t / length, up to 1:

    - `linear`: start + (1 - start) u
    - `cosine`: start + (1 - start) (1 - cos(pi u)) / 2
    - `exponential`: start ** (1 - u)

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, the
    linear one.

    Args:
        length: Time that it takes, in epochs or steps.
        start: The factor at time 0, in [0, 1); above 0 if the shape is exponential. At 0 the first
            step changes nothing.
        shape: `"linear"`, `"cosine"` or `"exponential"`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> for shape in ("linear", "cosine", "exponential"):
    ...     print(shape, [round(warmup(4, shape=shape)(t), 3) for t in range(6)])
    linear [0.1, 0.325, 0.55, 0.775, 1.0, 1.0]
    cosine [0.1, 0.232, 0.55, 0.868, 1.0, 1.0]
    exponential [0.1, 0.178, 0.316, 0.562, 1.0, 1.0]
    """
    _check_length(length)
    if shape not in WARMUPS:
        fail("shape", shape, f"one of {sorted(WARMUPS)}")
    check("start", start, lambda s: 0 <= s < 1, "a fraction of at least 0 and below 1")
    if shape == "exponential" and start == 0:
        advice = "It multiplies its way up; choose a small number such as 0.01."
        fail("start", start, "above 0 for an exponential warm-up", advice)
    return partial(_warmup, length, start, shape)


def _warmup(length: float, start: float, shape: str, time: float) -> float:
    return WARMUPS[shape](start, max(time, 0) / length) if time < length else 1.0


def inverse_time(rate: float) -> Schedule:
    """Decays as 1 / (1 + rate t).

    Source: Robbins and Monro, "A Stochastic Approximation Method", 1951, whose conditions it keeps.

    Args:
        rate: How fast, of at least 0: the factor is 1/2 at time 1 / rate.

    Raises:
        ValueError: If `rate` is negative or not a number.

    Example:

    >>> [round(inverse_time(0.5)(t), 3) for t in range(6)]
    [1.0, 0.667, 0.5, 0.4, 0.333, 0.286]
    """
    check("rate", rate, lambda r: 0 <= r < math.inf, "a number of at least 0")
    return partial(_inverse_time, rate)


def _inverse_time(rate: float, time: float) -> float:
    return 1 / (1 + rate * time)


def exponential(gamma: float) -> Schedule:
    """Decays as gamma ** t.

    Source: Li and Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020.

    Args:
        gamma: The factor of each epoch or step, above 0 and at most 1.

    Raises:
        ValueError: If `gamma` is not such a number.

    Example:

    >>> [round(exponential(0.8)(t), 3) for t in range(6)]
    [1.0, 0.8, 0.64, 0.512, 0.41, 0.328]
    """
    _check_factor("gamma", gamma)
    return partial(_exponential, gamma)


def _exponential(gamma: float, time: float) -> float:
    return float(gamma**time)


def step(
    factor: float, *, every: float | None = None, milestones: Iterable[float] | None = None
) -> Schedule:
    """Multiplies the rate by a factor at equal intervals, or at given times.

    factor ** floor(t / every), or factor ** (how many milestones are not after t).

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2.

    Args:
        factor: The factor of each drop, above 0 and at most 1.
        every: The interval, a positive number of epochs or steps.
        milestones: The times instead, positive and rising.

    Raises:
        ValueError: If an argument is not as above, or not exactly one of the last two is given.

    Example:

    >>> [step(0.5, every=2)(t) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    >>> [step(0.5, milestones=[1, 4])(t) for t in range(6)]
    [1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
    """
    _check_factor("factor", factor)
    if (every is None) == (milestones is None):
        fail("every", every, "given, or else `milestones`", f"milestones={milestones!r}.")
    if every is not None:
        check("every", every, lambda e: 0 < e < math.inf, "a positive number")
        return partial(_step_every, factor, every)
    times = _times("milestones", () if milestones is None else milestones)
    return partial(_step_at, factor, times)


def _step_every(factor: float, every: float, time: float) -> float:
    return float(factor ** (time // every))


def _step_at(factor: float, milestones: tuple[float, ...], time: float) -> float:
    return float(factor ** bisect_right(milestones, time))


def cosine(length: float, *, final: float = 0.0) -> Schedule:
    """Decays along half a cosine: final + (1 - final) (1 + cos(pi t / length)) / 2.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR
    2017, equation 5, without restarts.

    Args:
        length: Time until the end of the decay, in epochs or steps.
        final: The factor from then on, in [0, 1].

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> [round(cosine(4)(t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _check_length(length)
    check("final", final, lambda f: 0 <= f <= 1, "a fraction of at least 0 and at most 1")
    return partial(_cosine, length, final)


def _cosine(length: float, final: float, time: float) -> float:
    return final + (1 - final) / 2 * (1 + math.cos(math.pi * min(time / length, 1)))


def join(schedules: Sequence[Schedule], boundaries: Sequence[float]) -> Schedule:
    """Puts schedules one behind the other; each counts its time from its own beginning.

    Source: `join_schedules` of optax.

    Args:
        schedules: At least one.
        boundaries: When each but the first begins, positive and rising.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> [join([constant(), exponential(0.5)], [2])(t) for t in range(6)]
    [1.0, 1.0, 1.0, 0.5, 0.25, 0.125]
    """
    if not all(callable(schedule) for schedule in schedules):
        advice = "For a constant factor write `constant(0.5)`."
        fail("schedules", schedules, "functions from time to a factor", advice)
    if len(schedules) != len(boundaries) + 1:
        advice = f"There are {len(schedules)} schedules."
        fail("boundaries", boundaries, "one fewer than the schedules", advice)
    starts = (0.0, *_times("boundaries", boundaries))
    return partial(_joined, tuple(schedules), starts)


def _joined(schedules: tuple[Schedule, ...], starts: tuple[float, ...], time: float) -> float:
    i = bisect_right(starts, time, lo=1) - 1
    return schedules[i](time - starts[i])


def staircase(schedule: Schedule) -> Schedule:
    """Keeps the value of each whole epoch or step until the next one.

    Args:
        schedule: Any function from time to a factor.

    Example:

    >>> [staircase(exponential(0.5))(t) for t in (0, 0.5, 1, 1.9, 2)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return partial(_staircase, schedule)


def _staircase(schedule: Schedule, time: float) -> float:
    return schedule(math.floor(time))


def check(name: str, received: object, holds: Callable[[Any], bool], expected: str) -> None:
    """Checks an argument that is to be a number for which a condition holds.

    Args:
        name: Its name.
        received: What was passed.
        holds: The condition.
        expected: The condition in words.

    Raises:
        ValueError: If it is none.

    Example:

    >>> check("rate", -1, lambda r: r >= 0, "a number of at least 0")
    Traceback (most recent call last):
        ...
    ValueError: Expected `rate` to be a number of at least 0. Received: rate=-1.
    """
    if not is_number(received) or not holds(received):
        fail(name, received, expected)


def _check_length(length: float) -> None:
    check("length", length, lambda n: 0 < n < math.inf, "a positive number")


def _check_factor(name: str, factor: float) -> None:
    check(name, factor, lambda f: 0 < f <= 1, "a number above 0 and of at most 1")


def _times(name: str, times: Iterable[float]) -> tuple[float, ...]:
    expected = "positive numbers, each larger than the one before"
    if not isinstance(times, Iterable):
        fail(name, times, expected)
    found = tuple(times)
    numbers_only = all(is_number(time) for time in found)
    if not numbers_only or not all(a < b for a, b in itertools.pairwise((0.0, *found))):
        fail(name, found, expected)
    return found
