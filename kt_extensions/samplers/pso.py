"""PSO: particle swarm optimization in a steady state, over mixed and conditional spaces.

Kennedy & Eberhart, "Particle Swarm Optimization", ICNN 1995; Clerc & Kennedy, "The Particle
Swarm: Explosion, Stability, and Convergence in a Multidimensional Complex Space", IEEE Transactions
on Evolutionary Computation 2002; Clerc, "Standard Particle Swarm Optimisation", hal-00764996, 2012.
`docs/algorithms.md` tells where this differs and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.base import first_untried, startup_point
from kt_extensions.space.domains import BELOW_ONE, Array

Rows = NDArray[np.int64]

_DRAWS = 16  # moves to choose from, the first to an untried configuration


@dataclass(frozen=True)
class PSO:
    """Moves particles toward the best that they and the whole swarm have found.

    Args:
        n_particles: Size of the swarm.
        inertia: Share of its velocity that a particle keeps.
        cognitive: Pull toward a particle's own best.
        social: Pull toward the best of all.
        mutation: Probability that an unordered dimension takes a random option.
    """

    n_particles: int = 10
    inertia: float = 1 / (2 * math.log(2))
    cognitive: float = 0.5 + math.log(2)
    social: float = 0.5 + math.log(2)
    mutation: float = 0.1

    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        if history.number < self.n_particles or not np.isfinite(history.y).any():
            return startup_point(history, rng)
        particle = self._particle(history, rng)
        moves = self._moves(particle, rng)
        options = self._options(particle, rng)
        points = np.where(history.space.categorical, options, moves)
        return first_untried(history, points, rng)

    def _particle(self, history: History, rng: np.random.Generator) -> _Particle:
        """Returns the particle whose turn it is."""
        first = len(history) - history.number + history.number % self.n_particles
        own = np.arange(first, len(history), self.n_particles)
        position = history.proposal[own[-1]]
        position = np.where(np.isnan(position), rng.random(len(position)), position)
        before = history.proposal[own[-2]] if len(own) > 1 else position
        scored = history.ranking()
        scored = scored[np.isfinite(history.y[scored])]
        return _Particle(
            position,
            np.nan_to_num(position - before),
            _best(history, scored[np.isin(scored, own)], position),
            _best(history, scored, position),
        )

    def _moves(self, particle: _Particle, rng: np.random.Generator) -> Array:
        x, v, p, g = particle
        r = rng.random((2, _DRAWS, len(x)))
        velocity = self.inertia * v + self.cognitive * r[0] * (p - x) + self.social * r[1] * (g - x)
        return np.clip(x + velocity, 0.0, BELOW_ONE)

    def _options(self, particle: _Particle, rng: np.random.Generator) -> Array:
        weights = np.array([self.inertia, self.cognitive, self.social])
        shape = (_DRAWS, len(particle.position))
        source = rng.choice(3, size=shape, p=weights / weights.sum())
        copied = np.choose(source, [particle.position, particle.personal, particle.shared])
        return np.where(rng.random(shape) < self.mutation, rng.random(shape), copied)


class _Particle(NamedTuple):
    """A particle and what it is drawn to. Arrays `(d,)`."""

    position: Array
    velocity: Array
    personal: Array
    shared: Array


def _best(history: History, rows: Rows, default: Array) -> Array:
    """Returns for each dimension its coordinate in the first of `rows` where it is active."""
    active = ~np.isnan(history.X[rows])
    if not len(rows):
        return default
    row = rows[active.argmax(axis=0)]
    column = np.arange(len(default))
    proposed = history.proposal[row, column]
    coordinate = np.where(np.isnan(proposed), history.X[row, column], proposed)
    return np.where(active.any(axis=0), coordinate, default)
