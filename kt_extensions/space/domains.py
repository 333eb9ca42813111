"""Domains of single hyperparameters: a value becomes a coordinate in [0, 1) and back.

A finite domain cuts the unit interval into cells, one for each level: see
`kt_extensions.space.finite`. A continuous one has none: see `kt_extensions.space.interval`.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Levels = NDArray[np.int64]
Value = int | float | str | bool

BELOW_ONE = math.nextafter(1.0, 0.0)
"""The largest coordinate."""


def reflected(x: Array) -> Array:
    """Returns points whose coordinates bounce off the walls at 0 and 1."""
    folded = np.abs((x + 1) % 2 - 1)  # a triangle wave of period 2
    return np.minimum(folded, BELOW_ONE)


class Domain(Protocol):
    """The possible values of one hyperparameter."""

    @property
    def size(self) -> int | None:
        """Number of levels, or `None` for a continuous domain."""

    @property
    def ordered(self) -> bool:
        """Whether neighbouring levels are alike."""

    def value(self, coordinate: float) -> Value:
        """Returns the builtin Python value that `coordinate` stands for."""

    def coordinate(self, value: Any) -> float:
        """Returns the coordinate of the level nearest to `value`.

        Raises:
            ValueError: If `value` lies outside the domain's bounds or is none of its options.
        """

    def contains(self, value: Any) -> bool:
        """Whether `value` is one of the values of the domain, but for the rounding of floats."""

    def find(self, value: Any) -> int | None:
        """Returns the level whose value `==` the given one; `None` if there is none."""

    def level(self, coordinates: Array) -> Levels:
        """Returns the level of the cell that each coordinate lies in (finite domains only)."""

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        """Returns the lower and upper edges of the cells of `levels` (finite domains only)."""
