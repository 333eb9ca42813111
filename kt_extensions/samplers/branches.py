"""Branches of a space: the configurations with one option, or one value that decides conditions.

A search that has settled on a wrong branch hardly leaves it by itself, for in the others nothing
was tuned yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array, Levels

Mask = NDArray[np.bool_]

_MOST_LEVELS = 100


@dataclass(frozen=True)
class Branch:
    """The configurations with one level of one dimension.

    Args:
        held: Array `(d,)`, the coordinates of the level's center, and of what the dimension is
            conditional on; NaN where they are free.
        rows: Array `(n,)`, which trials have the level.
    """

    held: Array
    rows: Mask

    def fix(self, points: Array) -> Array:
        """Returns points, array `(m, d)`, moved to the branch."""
        return np.where(np.isnan(self.held), points, self.held)


def other_branch(history: History, rng: np.random.Generator) -> Branch | None:
    """Draws a branch that the best trial is not in, any with the same probability.

    Args:
        history: The trials so far, at least one of them finished.
        rng: Random numbers.

    Returns:
        `None` if the space has no branches at the best trial.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Options
    >>> space = SearchSpace([Dimension("a", Options(("x", "y")))])
    >>> history = from_observations(space, [{"a": "x"}, {"a": "y"}], [2.0, 1.0])
    >>> other_branch(history, np.random.default_rng(0))
    Branch(held=array([0.25]), rows=array([ True, False]))
    """
    best = history.X[history.ranking()[0]]
    open_to = np.flatnonzero(branching(history.space) & ~np.isnan(best))
    if not len(open_to):
        return None
    dimension = int(rng.choice(open_to))
    size = int(history.space.sizes[dimension])
    settled = int(history.space.dimensions[dimension].domain.level(best[dimension]))
    level = (settled + int(rng.integers(1, size))) % size
    return branch_at(history, dimension, level, best)


def sometimes_other(
    history: History, probability: float, rng: np.random.Generator
) -> Branch | None:
    """Draws a branch as `other_branch` does with a probability, otherwise none.

    Where the space has none, no random number is drawn.
    """
    branch = other_branch(history, rng)
    return branch if branch is not None and rng.random() < probability else None


def fixed(points: Array, branch: Branch | None) -> Array:
    """Returns points moved to a branch, or as they are if there is none."""
    return points if branch is None else branch.fix(points)


def branch_at(history: History, dimension: int, level: int, near: Array) -> Branch:
    """Returns the branch with a level of a dimension.

    Args:
        history: The trials so far.
        dimension: Number of the dimension.
        level: Number of the level.
        near: Array `(d,)`, a configuration in which the dimension is active: what it is conditional
            on is held as there.
    """
    low, high = history.space.dimensions[dimension].domain.edges(np.array(level))
    held = np.where(_ancestors(history.space, dimension), near, np.nan)
    held[dimension] = float(low + high) / 2
    return Branch(held, levels_of(history, dimension) == level)


@lru_cache(maxsize=1024)
def _ancestors(space: SearchSpace, dimension: int) -> Mask:
    """Tells what a dimension is conditional on, directly or not: array `(d,)`."""
    found = np.zeros(len(space), bool)
    for condition in {c for scope in space.dimensions[dimension].scopes for c in scope}:
        parent = space.index[condition.parent]
        found |= _ancestors(space, parent)
        found[parent] = True
    return found


def levels_of(history: History, dimension: int) -> Levels:
    """Returns the levels of the trials in a finite dimension, array `(n,)`, -1 where inactive."""
    column = history.X[:, dimension]
    active = ~np.isnan(column)
    levels = np.full(len(column), -1)
    levels[active] = history.space.dimensions[dimension].domain.level(column[active])
    return levels


@lru_cache(maxsize=32)
def branching(space: SearchSpace) -> Mask:
    """Tells which dimensions have branches: array `(d,)`.

    Those that are unordered or decide conditions, and have several levels but not too many to be
    tried one by one.
    """
    conditions = {c for d in space.dimensions for scope in d.scopes for c in scope}
    deciding = space.categorical.copy()
    deciding[[space.index[condition.parent] for condition in conditions]] = True
    several: Mask = deciding & (space.sizes > 1) & (space.sizes <= _MOST_LEVELS)
    return several
