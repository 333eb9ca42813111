"""What a sampler is, random search, and the design that every other search starts with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.stats import qmc

from kt_extensions.history import History
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import BELOW_ONE, Array

_ENUMERABLE = 10_000  # spaces up to this size are listed once rather than searched


class SpaceExhausted(Exception):
    """An outcome, not an error: every configuration of a finite space has been tried.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Options
    >>> space = SearchSpace([Dimension("a", Options((1, 2)))])
    >>> history = from_observations(space, [{"a": 1}, {"a": 2}], [0.5, 0.4])
    >>> try:
    ...     point = Random().suggest(history, np.random.default_rng(0))
    ... except SpaceExhausted:
    ...     print("all tried")
    all tried
    """


class Sampler(Protocol):
    """A search algorithm: a pure function from the trials so far to the next point.

    A sampler keeps nothing between calls: `history` is its memory, and all randomness comes from
    `rng`, which is seeded anew for each trial. A search that is stopped anywhere and resumed
    therefore proposes what it would have proposed without the stop.

    Example:

    >>> class Center:
    ...     def suggest(self, history, rng):
    ...         point = np.full(len(history.space), 0.5)
    ...         return first_untried(history, point[np.newaxis], rng)
    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval
    >>> nothing = from_observations(SearchSpace([Dimension("x", Interval(0.0, 1.0))]), [], [])
    >>> sampler: Sampler = Center()
    >>> sampler.suggest(nothing, np.random.default_rng(0))
    array([0.5])
    """

    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try.

        Args:
            history: The trials so far.
            rng: The random numbers of this trial.

        Returns:
            Array of shape `(d,)` in [0, 1). Coordinates of dimensions that are inactive there do
            not matter. A configuration that was tried is not proposed while others remain.

        Raises:
            SpaceExhausted: If all configurations of a finite space have been tried.
        """


@dataclass(frozen=True)
class Random:
    """Random search: each coordinate uniform, independent of the results.

    Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012.

    Example:
        >>> import numpy as np
        >>> from kt_extensions.history import from_observations
        >>> from kt_extensions.space import Dimension, Options
        >>> space = SearchSpace([Dimension("a", Options(("x", "y")))])
        >>> history = from_observations(space, [{"a": "x"}], [1.0])
        >>> space.decode(Random().suggest(history, np.random.default_rng(0)))
        {'a': 'y'}
    """

    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        return first_untried(history, rng.random((8, len(history.space))), rng)


def starting_up(history: History, n_startup: int, n_scored: int | None = None) -> bool:
    """Whether too little is known for a model of the space.

    Pruned trials count, or a search that prunes most of its first trials would never learn.

    Args:
        history: The trials so far.
        n_startup: Trials that have to have begun, failed ones not counted.
        n_scored: How many of them have to have ended with a score, one of them not pruned. All by
            default. Fewer keep parallel workers from starting up for longer than a single one.
    """
    scored = int(np.isfinite(history.y).sum())
    begun = scored + int(history.pending.sum())
    too_few = begun < n_startup or scored < (n_startup if n_scored is None else n_scored)
    return too_few or not history.completed.any() or not len(history.space)


def startup_point(history: History, rng: np.random.Generator) -> Array:
    """Returns the next point of a scrambled Sobol sequence over the space.

    More even than random points, whatever the dimension. The scrambling is the search's, the place
    in the sequence the number of trials made. Owen, "Scrambling Sobol' and Niederreiter-Xing
    Points", Journal of Complexity 1998.

    Args:
        history: The trials so far.
        rng: Random numbers, drawn from only if the point of the sequence was tried before.

    Returns:
        Array of shape `(d,)` in [0, 1).
    """
    point = _sobol(len(history.space), history.seed, history.number)
    return first_untried(history, point[np.newaxis], rng)


@lru_cache(maxsize=64)
def _sobol(dimension: int, seed: int, number: int) -> Array:
    if dimension == 0:
        return np.empty(0)
    engine = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng([seed, dimension]))
    if number:
        engine.fast_forward(number)
    point: Array = np.minimum(engine.random(1)[0], BELOW_ONE)
    point.flags.writeable = False
    return point


def first_untried(history: History, candidates: Array, rng: np.random.Generator) -> Array:
    """Returns the first candidate whose configuration has not been tried.

    If all were, a random untried configuration is returned.

    Args:
        history: The trials so far.
        candidates: Array of shape `(m, d)` in [0, 1), the preferred ones first.
        rng: Random numbers, drawn from only if all candidates were tried.

    Raises:
        SpaceExhausted: If all configurations of a finite space have been tried.
    """
    candidate: Array
    for candidate in candidates:
        if not _is_tried(history, candidate):
            return candidate
    return _random_untried(history, rng)


def _is_tried(history: History, candidate: Array) -> bool:
    """Whether the values of a candidate were tried.

    In a narrow interval other coordinates may stand for the same float: the history has the one
    that is read from the float.
    """
    space = history.space
    x = space.snap(candidate[np.newaxis])[0]
    tried = space.key(x) in history.tried
    if tried or not space.continuous.any():
        return tried
    return space.key(space.encode(space.decode(x))) in history.tried


def _random_untried(history: History, rng: np.random.Generator) -> Array:
    """Returns an untried configuration.

    At most as many configurations as were tried are passed over, so the search for one ends even
    where hardly any is left.
    """
    space = history.space
    limit = space.configurations_limit
    if limit <= _ENUMERABLE:
        untried = [x for key, x in _all_configurations(space).items() if key not in history.tried]
        if not untried:
            raise SpaceExhausted
        return _filled(untried[rng.integers(len(untried))])
    start, stride = _below(limit, rng), _below(limit, rng)
    while math.gcd(stride, limit) > 1:
        stride += 1
    for visit in range(len(history) + 1):
        x = space.configuration((start + visit * stride) % limit)
        if space.key(x) not in history.tried:
            return _filled(x)
    raise SpaceExhausted


def _below(limit: int, rng: np.random.Generator) -> int:
    """Returns a random integer below one that may have any number of digits."""
    return int.from_bytes(rng.bytes(limit.bit_length() // 8 + 8), "little") % limit


@lru_cache(maxsize=8)
def _all_configurations(space: SearchSpace) -> dict[bytes, Array]:
    configurations = map(space.configuration, range(space.configurations_limit))
    return {space.key(x): x for x in configurations}


def _filled(x: Array) -> Array:
    """Gives inactive dimensions a coordinate, which does not matter."""
    return np.nan_to_num(x, nan=0.5)
