"""Blocks of convolutions over one, two or three axes, each of which halves the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, IntRange, Names

from .layers import CHANNELS_LAST, Hidden

CONVOLUTIONS = ("full", "separable")
DOWNSAMPLINGS = ("average", "max", "none", "stride")
SMALLEST = 4  # A map whose longest axis is shorter is not halved.


@dataclass(frozen=True)
class ConvolutionSpace:
    """The ranges of what makes up the blocks."""

    blocks: ranges.Discrete
    convolutions: ranges.Range
    filters: ranges.Range
    growth: ranges.Range
    kernel_size: ranges.Range
    convolution: ranges.Range
    downsampling: ranges.Discrete
    pool_size: ranges.Range

    @classmethod
    def of(
        cls,
        *,
        blocks: IntRange,
        convolutions: IntRange,
        filters: IntRange,
        growth: FloatRange,
        kernel_size: IntRange,
        convolution: Names,
        downsampling: Names,
        pool_size: IntRange,
    ) -> ConvolutionSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.integers("blocks", blocks, minimum=1),
            ranges.integers("convolutions", convolutions, minimum=1),
            ranges.integers("filters", filters, minimum=1, sampling="log"),
            ranges.floats("growth", growth, sampling="log"),
            ranges.odd("kernel_size", kernel_size),
            ranges.names("convolution", convolution, CONVOLUTIONS),
            ranges.names("downsampling", downsampling, DOWNSAMPLINGS),
            ranges.integers("pool_size", pool_size, minimum=2),
        )

    def declare(self, hp: Any, rank: int) -> Convolutions:
        """Adds the hyperparameters for maps of `rank` axes to `hp` and returns their values."""
        several = [level for level in self.blocks.levels if int(level) > 1]
        kind = ranges.Fixed("convolution", "full") if rank == 3 else self.convolution
        return Convolutions(
            rank,
            blocks=self.blocks.declare(hp),
            convolutions=self.convolutions.declare(hp),
            filters=self.filters.declare(hp),
            growth=ranges.declare_where(hp, self.blocks, several, self.growth),
            kernel_size=self.kernel_size.declare(hp),
            kind=kind.declare(hp),
            downsampling=self.downsampling.declare(hp),
            pool_size=ranges.declare_where(
                hp, self.downsampling, ["average", "max"], self.pool_size
            ),
        )


@dataclass(frozen=True)
class Convolutions:
    """The blocks of one model; `growth` and `pool_size` are None where they have no use."""

    rank: int
    blocks: int
    convolutions: int
    filters: int
    growth: float | None
    kernel_size: int
    kind: str
    downsampling: str
    pool_size: int | None

    def apply(self, x: Any, hidden: Hidden, *, residual: bool) -> Any:
        """Returns the map after all blocks, with dropout between them."""
        for i in range(self.blocks):
            x = hidden.drop(x) if i else x
            x = self._block(x, self._filters(i), hidden, residual)
        return x

    def _filters(self, block: int) -> int:
        return max(round(self.filters * (self.growth or 1.0) ** block), 1)

    def _block(self, x: Any, filters: int, hidden: Hidden, residual: bool) -> Any:
        mode = self.downsampling if max(x.shape[1:-1]) >= SMALLEST else "none"
        strides = 2 if mode == "stride" else 1
        y = x
        for i in range(self.convolutions):
            layer = self._convolution(filters, hidden, 1 if i else strides)
            y = hidden.activate(layer(y))
        if residual:
            y = keras.layers.Add()([y, self._shortcut(x, filters, hidden, strides)])
        return self._pool(y, mode) if mode in ("average", "max") else y

    def _convolution(self, filters: int, hidden: Hidden, strides: int) -> Any:
        bias = hidden.weights()["use_bias"]
        settings = {"strides": strides, "padding": "same", "use_bias": bias, **CHANNELS_LAST}
        if self.kind == "full":
            layer = _layer("Conv", self.rank)
            return layer(filters, self.kernel_size, **settings, **hidden.kernel())
        weights = {
            f"{part}_{setting.removeprefix('kernel_')}": value
            for part in ("depthwise", "pointwise")
            for setting, value in hidden.kernel().items()
        }
        layer = _layer("SeparableConv", self.rank)
        return layer(filters, self.kernel_size, **settings, **weights)

    def _shortcut(self, x: Any, filters: int, hidden: Hidden, strides: int) -> Any:
        if x.shape[-1] == filters and strides == 1:
            return x
        layer = _layer("Conv", self.rank)
        return layer(
            filters, 1, strides=strides, use_bias=False, **CHANNELS_LAST, **hidden.kernel()
        )(x)

    def _pool(self, x: Any, mode: str) -> Any:
        layer = _layer("AveragePooling" if mode == "average" else "MaxPooling", self.rank)
        return layer(self.pool_size, strides=2, padding="same", **CHANNELS_LAST)(x)


def _layer(name: str, rank: int) -> Any:
    return getattr(keras.layers, f"{name}{rank}D")
