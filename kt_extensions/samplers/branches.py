"""Branches of a space: the configurations with one option, or one value that decides conditions.

A search that has settled on a wrong branch hardly leaves it by itself, for in the others nothing
was tuned yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Branch:
    """The configurations with one level of one dimension.

    Args:
        dimension: Number of the dimension.
        coordinate: The level's center.
        rows: Array `(n,)`, which trials have it.
    """

    dimension: int
    coordinate: float
    rows: Mask

    def fix(self, points: Array) -> Array:
        """Returns points, array `(m, d)`, moved to the level."""
        points = points.copy()
        points[:, self.dimension] = self.coordinate
        return points


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
    Branch(dimension=0, coordinate=0.25, rows=array([ True, False]))
    """
    space, best = history.space, history.X[history.ranking()[0]]
    branching = np.flatnonzero(_branching(space) & ~np.isnan(best))
    if not len(branching):
        return None
    dimension = int(rng.choice(branching))
    domain, size = space.dimensions[dimension].domain, int(space.sizes[dimension])
    level = (int(domain.level(best[dimension])) + int(rng.integers(1, size))) % size
    low, high = domain.edges(np.array(level))
    column = history.X[:, dimension]
    rows = ~np.isnan(column)
    rows[rows] = domain.level(column[rows]) == level
    return Branch(dimension, float(low + high) / 2, rows)


def _branching(space: SearchSpace) -> Mask:
    """Tells which dimensions are unordered or decide conditions, and have several levels."""
    branching: Mask = space.categorical & (space.sizes > 1)
    conditions = {c for d in space.dimensions for scope in d.scopes for c in scope}
    parents = [space.index[condition.parent] for condition in conditions]
    branching[parents] = space.sizes[parents] > 1
    return branching
