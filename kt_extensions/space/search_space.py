"""A search space: hyperparameters, some of them conditional, as coordinates in the unit cube."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space import counting, domains
from kt_extensions.space.domains import Array, Domain, Value

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """Holds where the hyperparameter `parent` is active and has one of `values`."""

    parent: str
    values: tuple[Value, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition holds given the values of the active hyperparameters."""
        return self.parent in values and values[self.parent] in self.values


@dataclass(frozen=True)
class Dimension:
    """One hyperparameter.

    Args:
        name: Its name, unique in the space.
        domain: Its possible values.
        scopes: It is active where all conditions of at least one of these scopes hold; the empty
            scope always holds.
    """

    name: str
    domain: Domain
    scopes: tuple[tuple[Condition, ...], ...] = ((),)

    @property
    def conditional(self) -> bool:
        """Whether there are configurations in which the hyperparameter is inactive."""
        return () not in self.scopes

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether the hyperparameter is active given the values of its parents."""
        return any(all(condition.holds(values) for condition in scope) for scope in self.scopes)


class SearchSpace:
    """The hyperparameters of a search, parents before children.

    A configuration is a vector of shape `(d,)`: for each dimension the coordinate of its value, in
    [0, 1), NaN where the dimension is inactive.

    Args:
        dimensions: The hyperparameters. A condition may only name a dimension that is among them.

    Raises:
        ValueError: If two dimensions share a name, or conditions form a circle.

    Example:

    >>> import keras_tuner as kt
    >>> hp = kt.HyperParameters()
    >>> _ = hp.Choice("optimizer", ["sgd", "adam"])
    >>> _ = hp.Float("momentum", 0, 0.9, step=0.3, parent_name="optimizer", parent_values=["sgd"])
    >>> space = SearchSpace.from_hyperparameters(hp.space)
    >>> space.n_configurations
    5
    >>> space.decode(np.array([0.3, 0.7]))
    {'optimizer': 'sgd', 'momentum': 0.6}
    >>> space.decode(np.array([0.8, 0.7]))
    {'optimizer': 'adam'}
    """

    def __init__(self, dimensions: Iterable[Dimension]) -> None:
        self.dimensions = tuple(_parents_first(list(dimensions)))
        self.index = {dimension.name: i for i, dimension in enumerate(self.dimensions)}
        self.sizes = np.array([d.domain.size or 0 for d in self.dimensions], dtype=np.int64)
        """Number of levels for each dimension, 0 for a continuous one. Shape `(d,)`."""
        self.continuous: Mask = self.sizes == 0
        self.categorical: Mask = np.array([not d.domain.ordered for d in self.dimensions], bool)
        self._uneven = [
            i for i, d in enumerate(self.dimensions) if isinstance(d.domain, domains.LogIntegers)
        ]
        self._stepped = ~self.continuous
        self._stepped[self._uneven] = False
        self._steps = np.where(self._stepped, self.sizes, 1).astype(float)
        self._conditional = [i for i, d in enumerate(self.dimensions) if d.conditional]

    @classmethod
    def from_hyperparameters(cls, hyperparameters: Iterable[Any]) -> SearchSpace:
        """Reads the space of KerasTuner hyperparameters.

        A name that is declared several times with one domain is one dimension, active where any
        of its declarations is.

        Args:
            hyperparameters: The items of a `keras_tuner.HyperParameters().space`.

        Raises:
            ValueError: If a name is declared with two domains.
        """
        domain_of: dict[str, Domain] = {}
        scopes_of: dict[str, list[tuple[Condition, ...]]] = {}
        for hp in hyperparameters:
            domain = domains.from_hyperparameter(hp)
            known = domain_of.setdefault(hp.name, domain)
            if known != domain:
                raise ValueError(
                    f"Hyperparameter {hp.name!r} is declared twice with different domains: "
                    f"{known} and {domain}. Give the two declarations different names."
                )
            scope = tuple(Condition(c.name, tuple(c.values)) for c in hp.conditions)
            scopes_of.setdefault(hp.name, []).append(scope)
        return cls(
            Dimension(name, domain, tuple(dict.fromkeys(scopes_of[name])))
            for name, domain in domain_of.items()
        )

    def __len__(self) -> int:
        return len(self.dimensions)

    @cached_property
    def n_configurations(self) -> int | float:
        """Number of distinct configurations; infinite if an active dimension can be continuous."""
        return counting.count(self.dimensions)

    def configuration(self, index: int) -> Array:
        """Returns the configuration with a number from 0 to `configurations_limit` - 1."""
        return self.encode(counting.configuration(self.dimensions, index))

    @cached_property
    def configurations_limit(self) -> int:
        """Number of configurations, a continuous dimension counted as finely divided."""
        return counting.fine_count(self.dimensions)

    def encode(self, values: Mapping[str, Any]) -> Array:
        """Returns the configuration nearest to `values`.

        Args:
            values: Values by name. Other names than the space's are left out; dimensions that are
                inactive, or whose value is not given, become NaN.

        Raises:
            ValueError: If a value lies outside its domain.
        """
        x = np.full(len(self), np.nan)
        for i, dimension in enumerate(self.dimensions):
            if dimension.name in values and dimension.is_active(values):
                try:
                    x[i] = dimension.domain.coordinate(values[dimension.name])
                except ValueError as error:
                    raise ValueError(f"Hyperparameter {dimension.name!r}: {error}") from None
        return x

    def decode(self, coordinates: Array) -> dict[str, Value]:
        """Returns the values of exactly the active dimensions.

        Args:
            coordinates: Array of shape `(d,)` in [0, 1); those of inactive dimensions are ignored.
        """
        values: dict[str, Value] = {}
        for dimension, coordinate in zip(self.dimensions, coordinates.tolist(), strict=True):
            if not dimension.conditional or dimension.is_active(values):
                values[dimension.name] = dimension.domain.value(coordinate)
        return values

    def check(self, values: Mapping[str, Any]) -> None:
        """Checks values that a person gave.

        Args:
            values: Values by name, not necessarily of all dimensions.

        Raises:
            ValueError: If a name is unknown or inactive, or a value is not one of its domain.
        """
        for name, value in values.items():
            if name not in self.index:
                near = difflib.get_close_matches(name, self.index, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"Expected hyperparameters among {list(self.index)}. Received: {name!r}.{hint}"
                )
            dimension = self.dimensions[self.index[name]]
            if not dimension.domain.contains(value):
                raise ValueError(
                    f"Expected for {name!r} a value of {dimension.domain}. Received: {value!r}."
                )
            parents_given = any(all(c.parent in values for c in s) for s in dimension.scopes)
            if parents_given and not dimension.is_active(values):
                raise ValueError(
                    f"Hyperparameter {name!r} is inactive beside the other values. Expected one of "
                    f"the conditions {list(dimension.scopes)} to hold, or {name!r} to be left out. "
                    f"Received: {dict(values)}."
                )

    def snap(self, coordinates: Array) -> Array:
        """Moves points to the configurations they stand for.

        Args:
            coordinates: Array of shape `(m, d)` in [0, 1).

        Returns:
            Array of shape `(m, d)`: the centres of the cells, NaN where inactive.
        """
        x = np.where(
            self._stepped, (np.floor(coordinates * self._steps) + 0.5) / self._steps, coordinates
        )
        for i in self._uneven:
            domain = self.dimensions[i].domain
            low, high = domain.edges(domain.level(coordinates[:, i]))
            x[:, i] = (low + high) / 2
        for i in self._conditional:
            x[~self._active(i, x), i] = np.nan
        return x

    def _active(self, i: int, x: Array) -> Mask:
        """Tells in which rows dimension `i` is active, its parents' columns being final."""
        active = np.zeros(len(x), bool)
        for scope in self.dimensions[i].scopes:
            holds = np.ones(len(x), bool)
            for condition in scope:
                holds &= self._holds(condition, x)
            active |= holds
        return active

    def _holds(self, condition: Condition, x: Array) -> Mask:
        parent = self.index[condition.parent]
        test = self._tests.get(condition) or self._tests.setdefault(
            condition, _condition_test(self.dimensions[parent].domain, condition)
        )
        column = x[:, parent]
        holds = ~np.isnan(column)
        holds[holds] = test(column[holds])
        return holds

    @cached_property
    def _tests(self) -> dict[Condition, Callable[[Array], Mask]]:
        return {}

    @staticmethod
    def key(x: Array) -> bytes:
        """Returns a hashable name for a configuration of shape `(d,)`, the same if `d` grows."""
        active = np.flatnonzero(~np.isnan(x))
        return active.astype(np.int32).tobytes() + np.round(x[active], 12).tobytes()


def _condition_test(domain: Domain, condition: Condition) -> Callable[[Array], Mask]:
    """Returns a function from coordinates of the parent to whether the condition holds."""
    if domain.size is None:
        return lambda column: np.array(
            [domain.value(u) in condition.values for u in column.tolist()], bool
        )
    centres = [domain.coordinate(v) for v in condition.values if domain.contains(v)]
    allowed = domain.level(np.array(centres))
    return lambda column: np.isin(domain.level(column), allowed)


def _parents_first(dimensions: list[Dimension]) -> list[Dimension]:
    """Sorts dimensions so that parents stand before their children, otherwise as they came."""
    names = [dimension.name for dimension in dimensions]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Expected one dimension for each name. Declared twice: {twice}.")
    placed: dict[str, Dimension] = {}
    waiting = [_without_unknown_parents(dimension, set(names)) for dimension in dimensions]
    while waiting:
        ready = next((d for d in waiting if _parents(d) <= placed.keys()), None)
        if ready is None:
            raise ValueError(f"Conditions form a circle among {[d.name for d in waiting]}.")
        placed[ready.name] = ready
        waiting.remove(ready)
    return list(placed.values())


def _parents(dimension: Dimension) -> set[str]:
    return {condition.parent for scope in dimension.scopes for condition in scope}


def _without_unknown_parents(dimension: Dimension, names: set[str]) -> Dimension:
    """Drops scopes that can never hold because a parent is not in the space."""
    scopes = tuple(s for s in dimension.scopes if all(c.parent in names for c in s))
    return Dimension(dimension.name, dimension.domain, scopes)

