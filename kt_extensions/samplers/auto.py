"""Auto: the sampler that the benchmark says is best for a space and a number of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kt_extensions.history import History
from kt_extensions.samplers.base import Random, Sampler
from kt_extensions.samplers.gp import GP
from kt_extensions.samplers.tpe import TPE
from kt_extensions.settings import check_integers, check_type
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

_MANY_TRIALS = 500  # beyond, the model of the Gaussian process holds less than two thirds of them


@dataclass(frozen=True)
class Choice:
    """A sampler, and why.

    Args:
        name: Its name in the registry of samplers.
        sampler: The sampler.
        reason: Why it was chosen, for a person.
    """

    name: str
    sampler: Sampler
    reason: str

    @property
    def explanation(self) -> str:
        """A line that tells the choice."""
        return f"Search algorithm: {type(self.sampler).__name__} ({self.reason})."


@dataclass(frozen=True)
class Auto:
    """Chooses a search algorithm by the space and the number of trials, and proposes what it does.

    The rules follow from the tables in `docs/benchmarks.md`.

    Args:
        max_trials: How many trials the search may have; `None` if it is not known.
        promotes: Whether some of them are promotions: trials of a configuration that was tried.

    Raises:
        ValueError: If `max_trials` is not a positive integer, or `promotes` not a boolean.

    Example:

    >>> from kt_extensions.space import Dimension, Interval
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> Auto(max_trials=100).choose(space).name
    'gp'
    """

    max_trials: int | None = None
    promotes: bool = False

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if self.max_trials is not None:
            check_integers(self, 1, "max_trials")
        check_type(self, "promotes", bool)

    def choose(self, space: SearchSpace) -> Choice:
        """Returns the algorithm for a space."""
        size, trials = space.n_configurations, self.max_trials
        if trials is not None and len(space) and size <= trials and not self.promotes:
            return Choice("random", Random(), f"all {size} configurations will be tried")
        if trials is not None and trials > _MANY_TRIALS:
            return Choice("tpe", TPE(), f"{trials} trials are many")
        count = f"{trials} trials" if trials is not None else "trials without a limit"
        d = len(space)
        return Choice("gp", GP(), f"{count}, {d} hyperparameter{'s' if d != 1 else ''}")

    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        return self.choose(history.space).sampler.suggest(history, rng)
