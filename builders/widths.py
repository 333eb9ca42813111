"""How many hidden layers a model has, and how wide each one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kt_extensions import ranges
from kt_extensions.ranges import IntRange, Names

WIDTHS = ("constant", "each", "pyramid")
NARROWEST = 2  # of the halvings of a pyramid


@dataclass(frozen=True)
class WidthSpace:
    """The ranges of the number of layers and of their widths."""

    depth: ranges.Discrete
    units: ranges.Range
    width: ranges.Discrete

    @classmethod
    def of(cls, *, depth: IntRange, units: IntRange, width: Names) -> WidthSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        depths = ranges.integers("depth", depth, minimum=1)
        widths = ranges.names("width", width, WIDTHS)
        return cls(
            depths,
            ranges.integers("units", units, minimum=1, sampling="log"),
            ranges.Where(widths, depths, [level for level in depths.levels if int(level) > 1]),
        )

    def declare(self, hp: Any) -> list[int]:
        """Adds the hyperparameters to `hp` and returns the widths of the layers."""
        depth = self.depth.declare(hp)
        levels = [int(level) for level in self.depth.levels]
        width = self.width.declare(hp) or "each"
        widths = [self.units.declare(hp, "units_0")]
        for i in range(1, max(levels)):
            deep = (self.depth, [level for level in levels if level > i])
            each = (self.width, ["each"])
            widths.append(ranges.declare_where_all(hp, [deep, each], self.units, f"units_{i}"))
        if width == "each":
            return widths[:depth]
        if width == "constant":
            return [widths[0] for _ in range(depth)]
        return [max(widths[0] >> i, min(widths[0], NARROWEST)) for i in range(depth)]
