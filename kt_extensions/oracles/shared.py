"""Hyperparameters of a search and of its trials that share their declarations.

Nothing changes a declaration once it is made. KerasTuner makes all of them anew for each trial,
which costs time, and memory for as long as the trial is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras_tuner as kt
import numpy as np


class SharedHyperParameters(kt.HyperParameters):  # type: ignore[misc]
    """Hyperparameters whose copies have the same declarations.

    Example:

    >>> hp = SharedHyperParameters()
    >>> hp.Boolean("a")
    False
    >>> hp.copy().space[0] is hp.space[0]
    True
    """

    @classmethod
    def of(cls, hyperparameters: kt.HyperParameters) -> SharedHyperParameters:
        """Returns such hyperparameters, which grow together with those that are given."""
        found = cls()
        found.__dict__.update(vars(hyperparameters))
        return found

    def copy(self) -> kt.HyperParameters:
        """Returns hyperparameters that grow apart from these; see `keras_tuner.HyperParameters`."""
        return declared_as(self.space, self.values)


def declared_as(space: Iterable[Any], values: Mapping[str, Any]) -> kt.HyperParameters:
    """Returns hyperparameters with some declarations and values."""
    hyperparameters = kt.HyperParameters()
    hyperparameters._space = list(space)
    for declared in hyperparameters.space:
        hyperparameters._hps[declared.name].append(declared)
    hyperparameters.values = dict(values)
    return hyperparameters


def sharing(hyperparameters: kt.HyperParameters, space: Iterable[Any]) -> kt.HyperParameters:
    """Returns hyperparameters whose declarations are those of a space, as far as it has them."""
    known = {identity(hp): hp for hp in space}
    declarations = [known.get(identity(hp), hp) for hp in hyperparameters.space]
    return declared_as(declarations, hyperparameters.values)


def identity(hp: Any) -> tuple[Any, ...]:
    """What KerasTuner knows a hyperparameter by; messages between processes round its floats."""
    return (hp.name, *((c.name, tuple(map(_rounded, c.values))) for c in hp.conditions))


def _rounded(value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value
