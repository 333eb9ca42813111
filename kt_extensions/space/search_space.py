"""A search space: hyperparameters, some of them conditional, as coordinates in the unit cube."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space import counting, parents
from kt_extensions.space.domains import Array, Domain, Levels, Value
from kt_extensions.space.finite import LogIntegers
from kt_extensions.space.reading import from_hyperparameter

Mask = NDArray[np.bool_]

_TABLED = 4096  # parents up to this size have a table of which levels meet a condition


@dataclass(frozen=True)
class Condition:
    """Holds where the hyperparameter `parent` is active and has one of `values`.

    Args:
        parent: The name of a hyperparameter.
        values: Some of its values.

    Example:
        >>> Condition("optimizer", ("sgd",)).holds({"optimizer": "adam"})
        False
    """

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

    Example:
        >>> from kt_extensions.space import Interval
        >>> with_sgd = (Condition("optimizer", ("sgd",)),)
        >>> momentum = Dimension("momentum", Interval(0.0, 0.9), (with_sgd,))
        >>> momentum.conditional, momentum.is_active({"optimizer": "sgd"})
        (True, True)
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
        return not self.conditional or any(
            all(condition.holds(values) for condition in scope) for scope in self.scopes
        )

    def may_be_active(self, values: Mapping[str, Any]) -> bool:
        """Whether it can be active given the values of some hyperparameters."""
        return any(
            all(condition.parent not in values or condition.holds(values) for condition in scope)
            for scope in self.scopes
        )


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
        >>> _ = hp.Float("momentum", 0, 0.9, 0.3, parent_name="optimizer", parent_values=["sgd"])
        >>> space = SearchSpace.from_hyperparameters(hp.space)
        >>> space.n_configurations
        5
        >>> space.decode(np.array([0.3, 0.7]))
        {'optimizer': 'sgd', 'momentum': 0.6}
        >>> space.decode(np.array([0.8, 0.7]))
        {'optimizer': 'adam'}
    """

    def __init__(self, dimensions: Iterable[Dimension]) -> None:
        """See the class."""
        self.dimensions = tuple(_parents_first(list(dimensions)))
        self.index = {dimension.name: i for i, dimension in enumerate(self.dimensions)}
        self.sizes = np.array([d.domain.size or 0 for d in self.dimensions], dtype=np.int64)
        """Number of levels for each dimension, 0 for a continuous one. Shape `(d,)`."""
        self.continuous: Mask = self.sizes == 0
        self.categorical: Mask = np.array([not d.domain.ordered for d in self.dimensions], bool)
        self._uneven = [
            i for i, d in enumerate(self.dimensions) if isinstance(d.domain, LogIntegers)
        ]
        self._stepped = ~self.continuous
        self._stepped[self._uneven] = False
        self._steps = np.where(self._stepped, self.sizes, 1).astype(float)
        self._conditional = [i for i, d in enumerate(self.dimensions) if d.conditional]
        self._parents = {parent for d in self.dimensions for parent in _parents(d)}

    @classmethod
    def from_hyperparameters(cls, hyperparameters: Iterable[Any]) -> SearchSpace:
        """Reads the space of KerasTuner hyperparameters.

        A name that is declared several times with one domain is one dimension, active where any
        of its declarations is.

        Args:
            hyperparameters: The items of a `keras_tuner.HyperParameters().space`.

        Raises:
            ValueError: If a name is declared with two domains, or a domain has too many levels.
            TypeError: If an item is none of KerasTuner's own hyperparameters.
        """
        domain_of: dict[str, Domain] = {}
        scopes_of: dict[str, list[tuple[Condition, ...]]] = {}
        for hp in hyperparameters:
            domain = from_hyperparameter(hp)
            known = domain_of.setdefault(hp.name, domain)
            if repr(known) != repr(domain):  # which tells 1 from True
                raise ValueError(
                    f"Hyperparameter {hp.name!r} is declared twice with different domains: "
                    f"{known!r} and {domain!r}. Give the two declarations different names."
                )
            scope = tuple(Condition(c.name, tuple(c.values)) for c in hp.conditions)
            scopes_of.setdefault(hp.name, []).append(scope)
        return cls(
            Dimension(name, domain, tuple(dict.fromkeys(scopes_of[name])))
            for name, domain in domain_of.items()
        )

    def __len__(self) -> int:
        """Number of dimensions, `d`."""
        return len(self.dimensions)

    @cached_property
    def _configurations(self) -> counting.Configurations:
        return counting.configurations(self.dimensions)

    @property
    def n_configurations(self) -> int | float:
        """Number of distinct configurations; infinite if an active dimension can be continuous."""
        return math.inf if self._configurations.continuous else self._configurations.size

    @property
    def configurations_limit(self) -> int:
        """Number of configurations, a continuous dimension counted as finely divided."""
        return self._configurations.size

    def configuration(self, index: int) -> Array:
        """Returns the configuration with a number from 0 to `configurations_limit` - 1.

        Raises:
            IndexError: If there is none with this number.
        """
        if not 0 <= index < self.configurations_limit:
            raise IndexError(
                f"Expected a number from 0 to {self.configurations_limit - 1}. Received: {index}."
            )
        return self.encode(dict(self._configurations.values(index)))

    def encode(self, values: Mapping[str, Any]) -> Array:
        """Returns the configuration nearest to `values`.

        Args:
            values: Values by name. Other names than the space's are left out; dimensions that are
                inactive, or whose value is not given, become NaN.

        Raises:
            ValueError: If a value lies outside its domain.
        """
        x = np.full(len(self), np.nan)
        nearest: dict[str, Any] = {}
        for i, dimension in enumerate(self.dimensions):
            name, domain = dimension.name, dimension.domain
            if name in values and dimension.is_active(nearest):
                try:
                    x[i] = domain.coordinate(values[name])
                except ValueError as error:
                    raise ValueError(f"Hyperparameter {name!r}: {error}") from None
                if name in self._parents:
                    nearest[name] = _nearest(domain, values[name])
        return x

    def decode(self, coordinates: Array) -> dict[str, Value]:
        """Returns the values of exactly the active dimensions.

        Args:
            coordinates: Array of shape `(d,)` in [0, 1); those of inactive dimensions are ignored.
        """
        values: dict[str, Value] = {}
        for dimension, coordinate in zip(self.dimensions, coordinates.tolist(), strict=True):
            if dimension.is_active(values):
                values[dimension.name] = dimension.domain.value(coordinate)
        return values

    def check(self, values: Mapping[str, Any]) -> None:
        """Checks values that a person gave.

        Args:
            values: Values by name, not necessarily of all dimensions.

        Raises:
            ValueError: If a name is unknown or inactive, a value is not one of its domain, or the
                names cannot be active together.
        """
        for name, value in values.items():
            self._check_value(name, value)
        nearest = {n: _nearest(self.dimensions[self.index[n]].domain, v) for n, v in values.items()}
        for name in values:
            dimension = self.dimensions[self.index[name]]
            if not dimension.may_be_active(nearest):
                raise ValueError(
                    f"Hyperparameter {name!r} is inactive beside the other values. Expected one of "
                    f"the conditions {list(dimension.scopes)} to hold, or {name!r} to be left out. "
                    f"Received: {dict(values)}."
                )
        if self.with_parents(nearest) is None:
            raise ValueError(
                "Expected hyperparameters that can be active in one configuration. No values of "
                f"their parents make {list(values)} active together. Received: {dict(values)}."
            )

    def with_parents(self, values: Mapping[str, Value]) -> dict[str, Value] | None:
        """Returns values, and those that their parents need for them to be active.

        Args:
            values: Values by name, not necessarily of all dimensions.

        Returns:
            `None` if there are no such values.

        Example:
            >>> from kt_extensions.space import Interval, Options
            >>> scopes = ((Condition("optimizer", ("sgd",)),),)
            >>> optimizer = Dimension("optimizer", Options(("adam", "sgd")))
            >>> momentum = Dimension("momentum", Interval(0.0, 0.99), scopes)
            >>> SearchSpace([optimizer, momentum]).with_parents({"momentum": 0.9})
            {'momentum': 0.9, 'optimizer': 'sgd'}
        """
        return parents.completed(self.dimensions, values)

    def _check_value(self, name: str, value: Any) -> None:
        if name not in self.index:
            near = difflib.get_close_matches(name, self.index, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Expected hyperparameters among {list(self.index)}. Received: {name!r}.{hint}"
            )
        domain = self.dimensions[self.index[name]].domain
        if not domain.contains(value):
            raise ValueError(f"Expected for {name!r} {domain}. Received: {value!r}.")

    def snap(self, coordinates: Array) -> Array:
        """Moves points to the configurations they stand for.

        Args:
            coordinates: Array of shape `(m, d)` in [0, 1); NaN counts as 0.5.

        Returns:
            Array of shape `(m, d)`: the centres of the cells, NaN where inactive.
        """
        levels = self._levels(coordinates)
        x: Array = np.where(self._stepped, (levels + 0.5) / self._steps, levels)
        for i in self._uneven:
            low, high = self.dimensions[i].domain.edges(levels[:, i].astype(np.int64))
            x[:, i] = (low + high) / 2
        active = np.ones(x.shape, bool)
        for i in self._conditional:
            active[:, i] = self._active(i, active, levels)
        x[~active] = np.nan
        return x

    def key(self, x: Array) -> bytes:
        """Returns a hashable name for a configuration of shape `(d,)`.

        It stays the same when dimensions are added behind the others.
        """
        active: Levels = np.flatnonzero(~np.isnan(x))
        levels = self._levels(x[np.newaxis])[0, active]
        key: bytes = active.astype(np.int32).tobytes() + levels.round(12).tobytes()
        return key

    def _levels(self, coordinates: Array) -> Array:
        """Returns the level for each coordinate of a finite dimension; other ones as they are."""
        coordinates = np.where(np.isnan(coordinates), 0.5, coordinates)
        levels: Array = np.where(self._stepped, np.floor(coordinates * self._steps), coordinates)
        for i in self._uneven:
            levels[:, i] = self.dimensions[i].domain.level(coordinates[:, i])
        return levels

    def _active(self, i: int, active: Mask, levels: Array) -> Mask:
        """Tells in which rows dimension `i` is active, its parents' columns being final."""
        result = np.zeros(len(levels), bool)
        for scope in self.dimensions[i].scopes:
            holds = np.ones(len(levels), bool)
            for condition in scope:
                parent = self.index[condition.parent]
                holds &= active[:, parent] & self._tests[condition](levels[:, parent])
            result |= holds
        return result

    @cached_property
    def _tests(self) -> dict[Condition, Callable[[Array], Mask]]:
        """For each condition, a function from levels of the parent to whether it holds."""
        conditions = {c for d in self.dimensions for scope in d.scopes for c in scope}
        return {c: _test(self.dimensions[self.index[c.parent]].domain, c) for c in conditions}


def _test(parent: Domain, condition: Condition) -> Callable[[Array], Mask]:
    if parent.size is None:
        return partial(_has_value, parent, condition.values)
    found = (parent.find(value) for value in condition.values)
    named = [level for level in found if level is not None]
    if parent.size > _TABLED:
        return partial(np.isin, test_elements=named)
    table = np.zeros(parent.size, bool)
    table[named] = True
    return partial(_look_up, table)


def _has_value(domain: Domain, values: tuple[Value, ...], coordinates: Array) -> Mask:
    return np.array([domain.value(u) in values for u in coordinates.tolist()], bool)


def _look_up(table: Mask, levels: Array) -> Mask:
    return table[levels.astype(np.int64)]


def _nearest(domain: Domain, value: Any) -> Any:
    """Returns the value of the level nearest to `value`, itself if there are no levels."""
    return value if domain.size is None else domain.value(domain.coordinate(value))


def _parents_first(dimensions: list[Dimension]) -> list[Dimension]:
    """Sorts dimensions so that parents stand before their children, otherwise as they came."""
    names = [dimension.name for dimension in dimensions]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Expected one dimension for each name. Declared twice: {twice}.")
    placed: dict[str, Dimension] = {}
    waiting = {d.name: _simplified(d, set(names)) for d in dimensions}
    while waiting:
        ready = next((d for d in waiting.values() if _parents(d) <= placed.keys()), None)
        if ready is None:
            raise ValueError(f"Expected conditions without a circle. Received one in {[*waiting]}.")
        placed[ready.name] = waiting.pop(ready.name)
    return list(placed.values())


def _parents(dimension: Dimension) -> set[str]:
    return {condition.parent for scope in dimension.scopes for condition in scope}


def _simplified(dimension: Dimension, names: set[str]) -> Dimension:
    """Drops scopes that never hold, a parent being unknown, and those that another one covers."""
    scopes = [s for s in dimension.scopes if all(c.parent in names for c in s)]
    needed = tuple(s for s in scopes if not any(set(other) < set(s) for other in scopes))
    return Dimension(dimension.name, dimension.domain, needed)
