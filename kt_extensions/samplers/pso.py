"""PSO: particle swarm optimization in a steady state, over mixed and conditional spaces.

Clerc & Kennedy, "The Particle Swarm: Explosion, Stability, and Convergence in a Multidimensional
Complex Space", IEEE Transactions on Evolutionary Computation 2002; Clerc, "Standard Particle Swarm
Optimisation", hal-00764996, 2012; Storn & Price, "Differential Evolution", Journal of Global
Optimization 1997 (crossover). `docs/algorithms.md` tells where this differs and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.base import first_untried, startup_point
from kt_extensions.samplers.branches import Branch, fixed, sometimes_other
from kt_extensions.samplers.interpolation import by_expected_rank
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.settings import check_integers, check_numbers
from kt_extensions.space.domains import Array, reflected

Rows = NDArray[np.int64]

_DRAWS = 16  # moves to choose from: the first to an untried configuration
_OWN = 0.75  # probability that an option is copied from the particle's own best
_COLLAPSED = 1e-3  # the swarm starts anew after steps that are all smaller
_YOUNG = 100  # trials until which two moves are compared


@dataclass(frozen=True)
class PSO:
    """Moves particles on, toward the best that they and the whole swarm have found.

    The trials of a search belong to the particles in turn, and a proposal is the next move of the
    particle that has waited longest: no generations, and so any number of trials at once.

    A particle is read from its trials. Its positions are the points as they were proposed, not
    rounded to integers or steps, so that small velocities add up. Its velocity is the difference
    of the last two. Its best is the best of its scored trials, and the swarm's best that of all,
    trials of earlier searches included; pruned trials come after all completed ones.

    In a dimension that is inactive at the best, the best trial that had the dimension stands in
    for it. A particle rests in the dimensions that were inactive at its last trial, or takes its
    own best's value there. Unordered dimensions have no direction: there a particle takes the
    option of its own best or of the swarm's, and now and then any.

    In its first 100 trials a search draws each move twice and takes the one among better trials.

    A configuration that was tried is not tried again: of several draws of the move the first new
    one is proposed, and if there is none, a random configuration. So a swarm that has collapsed
    into a cell of a grid, or a particle at rest in the swarm's best, starts anew elsewhere. A swarm
    whose latest trials are all the same, up to a thousandth of each range, forgets all trials and
    starts anew with points of the Sobol sequence.

    Args:
        n_particles: Size of the swarm. The first trial of each particle is a point of a Sobol
            sequence.
        inertia: Share of its velocity that a particle keeps: w, as in SPSO-2011.
        cognitive: Pull toward the particle's own best: c, as in SPSO-2011.
        social: Pull toward the best of the swarm. Below `cognitive`, so that particles gather
            later.
        crossover: Probability with which an ordered dimension takes the value of the particle's own
            best instead of moving on, as in differential evolution. Not in a move to another
            category.
        mutation: Probability with which an unordered dimension takes a random option.
        explore: Probability of a move to another category than the best trial's, toward the best
            trial with that category. Without effect in a space without categories or conditions.

    Raises:
        ValueError: If a setting is out of its range.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval, SearchSpace
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> values = [{"x": i / 20} for i in range(20)]
    >>> history = from_observations(space, values, [abs(v["x"] - 0.3) for v in values])
    >>> point = PSO().suggest(history, np.random.default_rng(0))
    >>> bool(0.2 < space.decode(point)["x"] < 0.8)
    True
    """

    n_particles: int = 8
    inertia: float = 1 / (2 * math.log(2))
    cognitive: float = 0.5 + math.log(2)
    social: float = 0.9
    crossover: float = 0.3
    mutation: float = 0.1
    explore: float = 0.3

    def __post_init__(self) -> None:
        """Checks the settings."""
        check_integers(self, 1, "n_particles")
        check_numbers(self, 0, math.inf, "cognitive", "social")
        check_numbers(self, 0, 1, "inertia", "crossover", "mutation", "explore")

    @single_threaded
    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        swarm = _Swarm(history, self.n_particles)
        if not (swarm.complete and len(swarm.scored)):
            return startup_point(history, rng)
        branch = sometimes_other(history, self.explore, rng)
        particle = swarm.particle(branch, rng)
        moves = self._moves(particle, rng)
        if branch is None:
            moves = np.where(rng.random(moves.shape) < self.crossover, particle.personal, moves)
        points = np.where(history.space.categorical, self._options(particle, rng), moves)
        points = fixed(points, branch)
        if history.number < _YOUNG:
            x = history.space.snap(points[:2])
            points[:2] = points[by_expected_rank(history, x, history.ranking())]
        return first_untried(history, points, rng)

    def _moves(self, particle: _Particle, rng: np.random.Generator) -> Array:
        """Returns draws of the next position, bounced off the walls. Shape `(m, d)`.

        v = w v + c1 r1 (p - x) + c2 r2 (g - x), with r1, r2 ~ U(0, 1) in each dimension.
        """
        x, v = particle.position, particle.velocity
        r = rng.random((2, _DRAWS, len(x)))
        v = (
            self.inertia * v
            + self.cognitive * r[0] * (particle.personal - x)
            + self.social * r[1] * (particle.shared - x)
        )
        return np.where(particle.moving, reflected(x + v), x)

    def _options(self, particle: _Particle, rng: np.random.Generator) -> Array:
        """Returns draws of the next options, as coordinates. Shape `(m, d)`."""
        shape = (_DRAWS, len(particle.position))
        copied = np.where(rng.random(shape) < _OWN, particle.personal, particle.shared)
        return np.where(rng.random(shape) < self.mutation, rng.random(shape), copied)


class _Swarm:
    """The trials of a swarm, without those before its last restart.

    Attributes:
        scored: Numbers of the swarm's trials with a score, the best first, trials of earlier
            searches included.
        complete: Whether each particle has a trial.
    """

    def __init__(self, history: History, size: int) -> None:
        first = len(history) - history.number  # of this search's own trials
        restart = first + _restart(history.X[first:], size)
        ranking = history.ranking()
        since = ranking >= (restart if restart > first else 0)
        own = np.arange(first + history.number % size, len(history), size)
        self._history = history
        self.scored: Rows = ranking[since & np.isfinite(history.y[ranking])]
        self.complete = len(history) - restart >= size
        self._own = own[own >= restart]

    def particle(self, branch: Branch | None, rng: np.random.Generator) -> _Particle:
        """Returns the particle whose turn it is, drawn to a branch's best if there is one."""
        history, own = self._history, self._own
        position = _filled(history.proposal[own[-1]], rng.random(len(history.space)))
        before = history.proposal[own[-2]] if len(own) > 1 else position
        velocity = position - _filled(before, position)
        personal = _best(history, self.scored[np.isin(self.scored, own)], position)
        among = self.scored if branch is None else self.scored[branch.rows[self.scored]]
        moving = ~np.isnan(history.X[own[-1]]) | (branch is not None)
        return _Particle(position, velocity, personal, _best(history, among, position), moving)


class _Particle(NamedTuple):
    """A particle and what it is drawn to. Arrays `(d,)`."""

    position: Array
    velocity: Array
    personal: Array
    shared: Array
    moving: NDArray[np.bool_]


def _restart(x: Array, size: int) -> int:
    """Returns the number of the first trial after the swarm has last collapsed, 0 if it has not.

    It has where its latest trials are the same up to tiny steps: little more is to be gained.

    Args:
        x: Array `(n, d)`, the configurations of the search's own trials.
        size: How many trials in a row, two at least.
    """
    same = np.arange(max(len(x) - 1, 0))  # trials that are followed by the same
    for column in x.T:
        before, after = column[same], column[same + 1]
        inactive = np.isnan(before) & np.isnan(after)
        same = same[inactive | (np.abs(after - before) < _COLLAPSED)]
    most = max(size, 2) - 1
    ends = same[most - 1 :]
    ends = ends[ends - same[: len(ends)] == most - 1]
    return int(ends[-1]) + 2 if len(ends) else 0


def _best(history: History, ranking: Rows, default: Array) -> Array:
    """Returns for each dimension its coordinate in the first of the rows that have it."""
    if not len(ranking):
        return default
    active = ~np.isnan(history.X[ranking])
    row, column = ranking[active.argmax(axis=0)], np.arange(len(default))
    coordinates = _filled(history.proposal[row, column], history.X[row, column])
    return _filled(np.where(active.any(axis=0), coordinates, np.nan), default)


def _filled(coordinates: Array, default: Array) -> Array:
    return np.where(np.isnan(coordinates), default, coordinates)
