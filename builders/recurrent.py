"""Recurrent layers: cells, directions, what stands between the layers, and the pooling of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names, Switch

from .layers import Hidden
from .pooling import POOLINGS, LastStep

CELLS: Mapping[str, Any] = {
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
    "simple": keras.layers.SimpleRNN,
}


@dataclass(frozen=True)
class RecurrentSpace:
    """The ranges of what the recurrent layers of a model share."""

    cell: ranges.Range
    bidirectional: ranges.Range
    recurrent_dropout: ranges.Range
    pooling: ranges.Range

    @classmethod
    def of(
        cls,
        *,
        cell: Names,
        bidirectional: Switch,
        recurrent_dropout: FloatRange,
        pooling: Names,
    ) -> RecurrentSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("cell", cell, CELLS),
            ranges.switch("bidirectional", bidirectional),
            ranges.floats("recurrent_dropout", recurrent_dropout, below=1),
            ranges.names("pooling", pooling, POOLINGS),
        )

    def declare(self, hp: Any) -> Recurrent:
        """Adds the hyperparameters to `hp` and returns their values."""
        return Recurrent(
            self.cell.declare(hp),
            self.bidirectional.declare(hp),
            self.recurrent_dropout.declare(hp),
            self.pooling.declare(hp),
        )


@dataclass(frozen=True)
class Recurrent:
    """What the recurrent layers of one model share."""

    cell: str
    bidirectional: bool
    recurrent_dropout: float
    pooling: str

    def stack(self, x: Any, widths: list[int], hidden: Hidden, *, residual: bool) -> Any:
        """Applies the layers.

        Args:
            x: Sequences. Shape `(batch, steps, features)`.
            widths: The units of each layer; a bidirectional one has as many for each direction.
            hidden: Normalization, dropout and weights.
            residual: Whether each layer adds to its inputs.

        Returns:
            One vector for each sequence. Shape `(batch, units)`.
        """
        *first, final = widths
        for units in first:
            x = hidden.drop(self._layer(x, units, hidden, sequences=True, residual=residual))
        if self.pooling == "last":
            return self._layer(x, final, hidden, sequences=False, residual=residual)
        x = self._layer(x, final, hidden, sequences=True, residual=residual)
        return POOLINGS[self.pooling]()(x)

    def _layer(self, x: Any, units: int, hidden: Hidden, *, sequences: bool, residual: bool) -> Any:
        settings = {"recurrent_dropout": self.recurrent_dropout, **hidden.kernel()}
        layer = CELLS[self.cell](units, return_sequences=sequences, **settings)
        y = hidden.normalize(
            (keras.layers.Bidirectional(layer) if self.bidirectional else layer)(x)
        )
        if not residual:
            return y
        shortcut = x if sequences else LastStep()(x)
        if shortcut.shape[-1] != y.shape[-1]:
            shortcut = keras.layers.Dense(y.shape[-1], use_bias=False, **hidden.kernel())(shortcut)
        return keras.layers.Add()([y, shortcut])
