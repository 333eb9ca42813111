"""What samplers are tried with: awkward spaces, and the outcomes of trials."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from kt_extensions.history import TrialTable
from kt_extensions.space import (
    Condition,
    Dimension,
    GeometricSteps,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import Array, Value

_FINISHED = 40  # trials that samplers have seen: enough for any model to be in use

_SWITCH = Dimension("switch", Options((False, True)))
_KIND = Dimension("kind", Options(("sgd", "adam", "lion")))
_RATE = Dimension("rate", Interval(1e-5, 1e-1, "log"))


def _under(name: str, *values: Value) -> tuple[Condition, ...]:
    return (Condition(name, values),)


FINITE_SPACES: dict[str, SearchSpace] = {
    "empty": SearchSpace([]),
    "single value": SearchSpace([Dimension("a", Options((7,)))]),
    "categorical": SearchSpace([_KIND, _SWITCH, Dimension("act", Options(tuple("abcdefg")))]),
    "log steps": SearchSpace(
        [
            Dimension("units", GeometricSteps(2, 256, 2)),
            Dimension("decay", GeometricSteps(1e-5, 1.0, 10.0, reverse=True)),
        ]
    ),
    "uneven log integers": SearchSpace([Dimension("units", LogIntegers(1, 60))]),
    "deep conditions": SearchSpace(
        [
            _KIND,
            Dimension("nesterov", _SWITCH.domain, (_under("kind", "sgd"),)),
            Dimension("momentum", LinearSteps(0.0, 0.9, 0.05), (_under("nesterov", True),)),
            Dimension("late", Options((1, 2)), (_under("momentum", 0.7, 0.8, 0.9),)),
            Dimension(
                "beta",
                Options((0.9, 0.99, 0.995, 0.999)),
                (_under("kind", "adam"), _under("late", 2)),
            ),
        ]
    ),
}
"""Awkward spaces, small enough to be searched to the end."""

SPACES: dict[str, SearchSpace] = {
    **FINITE_SPACES,
    "one dimension": SearchSpace([Dimension("x", Interval(-5.0, 5.0))]),
    "continuous": SearchSpace(
        [Dimension("x", Interval(0.0, 1.0)), _RATE, Dimension("m", Interval(0.5, 1, "reverse_log"))]
    ),
    "mixed": SearchSpace(
        [
            _KIND,
            _SWITCH,
            _RATE,
            Dimension("units", LogIntegers(1, 1024)),
            Dimension("layers", LinearSteps(1, 5, 1)),
            Dimension("width", LinearSteps(0, 10**12, 1)),
            Dimension("momentum", Interval(0.0, 0.99), (_under("kind", "sgd"),)),
            Dimension("drop", LinearSteps(0.0, 0.5, 0.1), (_under("switch", True),)),
        ]
    ),
    "hundred dimensions": SearchSpace(
        [Dimension(f"x{i}", (Interval(0.0, 1.0), LinearSteps(1, 9, 1))[i % 2]) for i in range(60)]
        + [Dimension(f"c{i}", Options((1, 2, 3)), (_under(f"x{i * 2 + 1}", 5),)) for i in range(30)]
        + [Dimension(f"k{i}", _KIND.domain) for i in range(10)]
    ),
}
"""Spaces in which every sampler must work."""


def _smooth(x: Array, n: int) -> Array:
    y: Array = ((np.nan_to_num(x, nan=0.5) - 0.3) ** 2).sum(axis=1)
    return y


def _alternating(low: float, high: float) -> Callable[[Array, int], Array]:
    return lambda x, n: np.where(np.arange(n) % 2 == 0, low, high)


SCORES: dict[str, Callable[[Array, int], Array]] = {
    "smooth": _smooth,
    "ties": _alternating(1.0, 2.0),
    "constant": _alternating(0.5, 0.5),
    "huge": _alternating(1e300, -1e300),
    "tiny": _alternating(1e-300, 2e-300),
    "far apart": _alternating(1e-12, 1e200),
    "half failed": lambda x, n: np.where(np.arange(n) % 2 == 0, _smooth(x, n), np.inf),
    "all failed": _alternating(np.inf, np.inf),
    "half pending": lambda x, n: np.where(np.arange(n) % 2 == 0, _smooth(x, n), np.nan),
    "all pending": _alternating(np.nan, np.nan),
    "one completed": lambda x, n: np.where(np.arange(n) == n // 2, 1.0, np.inf),
}
"""Outcomes of trials from their configurations, `(n, d)`: arrays `(n,)`."""


def _several(*scores: str) -> Callable[[Array, int], Array]:
    return lambda x, n: np.stack([_smooth(1 - x, n), *(SCORES[s](x, n) for s in scores)], axis=1)


SEVERAL: dict[str, Callable[[Array, int], Array]] = {
    "three objectives": _several("smooth", "ties"),
    **{f"{scores}, two objectives": _several(scores) for scores in SCORES},
}
"""The same with several objectives: arrays `(n, m)`. A number that is not finite is for all."""


def trial_table(
    space: SearchSpace, scores: str = "smooth", n: int = _FINISHED, pruned: float = 0.0
) -> TrialTable:
    """Returns a table of distinct random trials, at most half of the configurations there are.

    Args:
        space: The search space.
        scores: A name in `SCORES` or `SEVERAL`.
        n: Number of trials.
        pruned: Share of the scored trials that were pruned.

    Example:
        >>> len(trial_table(SPACES["mixed"])), len(trial_table(SPACES["single value"]))
        (40, 0)
    """
    rng = random.Random(0)
    n = min(n, space.configurations_limit // 2)
    numbers: list[int] = []
    while len(numbers) < n:
        number = rng.randrange(space.configurations_limit)
        numbers += [number] if number not in numbers else []
    x = np.array([space.configuration(number) for number in numbers]).reshape(n, len(space))
    outcomes = {**SCORES, **SEVERAL}[scores](x, n)
    table = TrialTable(space, 1, int(np.prod(outcomes.shape[1:])))
    for i, y in enumerate(outcomes.tolist()):
        table.start(str(i), x[i], np.nan_to_num(x[i], nan=0.5))
        if not np.isnan(y).any():
            table.finish(str(i), x[i], y, fidelity=1 + i % 7, pruned=rng.random() < pruned)
    return table
