"""What packages that nest conditional hyperparameters in options need to know of a space."""

from __future__ import annotations

from typing import Any

from kt_extensions.space import Dimension, SearchSpace


def options(domain: Any) -> list[Any]:
    return [domain.at(level) for level in range(domain.size)]


def children(parent: Dimension, option: Any, space: SearchSpace) -> list[Dimension]:
    """Returns the dimensions that are active because a parent has an option."""
    return [
        dimension
        for dimension in space.dimensions
        for scope in dimension.scopes
        if len(scope) == 1 and scope[0].parent == parent.name and option in scope[0].values
    ]
