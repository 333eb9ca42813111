"""Convolutions along the steps, in front of recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kt_extensions import ranges
from kt_extensions.ranges import IntRange

from .layers import Hidden
from .steps import StepConvolution


@dataclass(frozen=True)
class FrontSpace:
    """The ranges of the convolutional layers."""

    conv_layers: ranges.Discrete
    filters: ranges.Range
    kernel_size: ranges.Range

    @classmethod
    def of(cls, *, conv_layers: IntRange, filters: IntRange, kernel_size: IntRange) -> FrontSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.integers("conv_layers", conv_layers, minimum=0),
            ranges.integers("filters", filters, minimum=1, sampling="log"),
            ranges.odd("kernel_size", kernel_size),
        )

    def declare(self, hp: Any) -> Front:
        """Adds the hyperparameters to `hp` and returns their values."""
        layers = self.conv_layers.declare(hp)
        some = [level for level in self.conv_layers.levels if level]
        settings = {
            child.name: ranges.declare_where(hp, self.conv_layers, some, child)
            for child in (self.filters, self.kernel_size)
        }
        return Front(layers, settings)


@dataclass(frozen=True)
class Front:
    """The convolutional layers of one model: their number, filters and kernel size."""

    layers: int
    settings: Mapping[str, Any]

    def stack(self, x: Any, hidden: Hidden) -> Any:
        """Applies the layers. Shape `(batch, steps, filters)`, or that of `x` without any."""
        for _ in range(self.layers):
            x = StepConvolution(**self.settings, **hidden.weights())(x)
            x = hidden.drop(hidden.activate(x))
        return x
