"""Values of parents for which other hyperparameters are active."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kt_extensions.space.domains import Value

if TYPE_CHECKING:
    from kt_extensions.space.search_space import Dimension


def completed(
    dimensions: Sequence[Dimension], values: Mapping[str, Value]
) -> dict[str, Value] | None:
    """Returns values, and those that their parents need for them to be active.

    Args:
        dimensions: All hyperparameters, parents before children.
        values: Values by name, of some of them.

    Returns:
        `None` if there are no such values.
    """
    for dimension in reversed(dimensions):
        if dimension.name in values and not dimension.is_active(values):
            more = (
                completed(dimensions, {**values, **p})
                for p in _missing(dimensions, dimension, values)
            )
            return next((found for found in more if found is not None), None)
    return dict(values)


def _missing(
    dimensions: Sequence[Dimension], child: Dimension, values: Mapping[str, Value]
) -> Iterator[dict[str, Value]]:
    """Yields values of parents without one that make a child active beside the others."""
    domains = {dimension.name: dimension.domain for dimension in dimensions}
    for scope in child.scopes:
        if all(c.parent not in values or c.holds(values) for c in scope):
            unknown = [c for c in scope if c.parent not in values]
            possible = [filter(domains[c.parent].contains, c.values) for c in unknown]
            for found in itertools.product(*possible):
                yield {c.parent: value for c, value in zip(unknown, found, strict=True)}
