"""Configurations that a person asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from kt_extensions.record import name_of, own_values
from kt_extensions.space import Interval, SearchSpace
from kt_extensions.space.domains import Array, Value


class Queue:
    """The configurations that the program asked for, whether they have been run or not.

    Which have been is what the search's log tells: a program that is run again asks again.
    """

    def __init__(self) -> None:
        self._asked: list[dict[str, Any]] = []
        self._space: SearchSpace | None = None
        self._checked: list[tuple[str, dict[str, Value]]] = []  # the first of these, in this space

    def add(self, values: Mapping[str, Any], space: SearchSpace | None) -> None:
        """Adds a configuration; checks it if the space is known already.

        What a scheduler said of a trial with these values, by names `tuner/...`, is left out.

        Raises:
            ValueError: If it is none of the space, or no dictionary.
        """
        if not isinstance(values, Mapping):
            raise ValueError(
                "Expected a dictionary of values by name, such as {'units': 64}. "
                f"Received: {values!r} of type {type(values).__name__}."
            )
        own = own_values(values)
        if space is not None:
            space.check(own)
        self._asked.append(own)

    def next(self, space: SearchSpace, started: Counter[str]) -> dict[str, Value] | None:
        """Returns the first configuration that was not run as often as it was asked for.

        Args:
            space: The search space.
            started: How often each was run, by `name_of`.

        Raises:
            ValueError: If one is not of the space. It is taken out.
        """
        if space is not self._space:
            self._space, self._checked = space, []
        left = Counter(started)
        for place in range(len(self._asked)):
            if place == len(self._checked):
                self._check(space, place)
            name, exact = self._checked[place]
            if not left[name]:
                return exact
            left[name] -= 1
        return None

    def _check(self, space: SearchSpace, place: int) -> None:
        values = self._asked[place]
        try:
            space.check(values)
        except ValueError:
            del self._asked[place]
            raise
        exact = {name: _exact(space, name, value) for name, value in values.items()}
        self._checked.append((name_of(exact), exact))


def fill_in(
    space: SearchSpace, given: Mapping[str, Value], point: Array
) -> tuple[dict[str, Value], Array]:
    """Returns the values and the point of a configuration of which some values are given.

    Args:
        space: The search space, of `d` dimensions.
        given: Some values that `space.check` has accepted. The parents that they need get values
            for which they are active.
        point: Array `(d,)`, what the sampler proposes for the other dimensions.
    """
    point = np.array(point)
    for name, value in (space.with_parents(given) or given).items():
        i = space.index[name]
        point[i] = space.dimensions[i].domain.coordinate(value)
    return {name: given.get(name, v) for name, v in space.decode(point).items()}, point


def _exact(space: SearchSpace, name: str, value: Any) -> Value:
    """Returns a value as the domain has it; a float of a continuous domain stays as it is."""
    domain = space.dimensions[space.index[name]].domain
    if isinstance(domain, Interval):
        return min(max(float(value), domain.low), domain.high)
    return domain.value(domain.coordinate(value))
