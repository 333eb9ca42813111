"""Recorded learning curves of small networks: every configuration of a finite grid was trained.

The curves are those of multilayer perceptrons on scikit-learn's data, written by
`benchmarks.record_curves`: after each of 81 epochs the loss on rows that were not trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space import (
    Condition,
    Dimension,
    GeometricSteps,
    LinearSteps,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import Array

Values = Mapping[str, Any]

EPOCHS = 81
PATH = Path(__file__).parent / "data" / "curves.npz"
STEP = 0.003
"""Relative resolution of the recorded losses: their logarithm is kept in steps of this."""
DIVERGED = 6.0
"""Logarithm of the loss from which on a training counts as diverged."""


@dataclass(frozen=True)
class Grid:
    """A data set and the grid of networks trained on it.

    Args:
        data: Name of the data set.
        space: The grid; a hyperparameter that it lacks has the value of `fixed`.
        rows: Number of rows trained on.
        fixed: Values that all configurations share.
        noise: Fraction of the training labels replaced by random ones.
        held: Number of rows to judge by, at most.
    """

    data: str
    space: SearchSpace
    rows: int
    fixed: dict[str, Any]
    noise: float = 0.0
    held: int = 1000


def _options(name: str, *options: str) -> Dimension:
    return Dimension(name, Options(options))


def _doubling(name: str, low: int, high: int, factor: int = 2) -> Dimension:
    return Dimension(name, GeometricSteps(low, high, factor))


def _rates(low: float, levels: int, name: str = "rate", factor: int = 3) -> Dimension:
    return Dimension(name, GeometricSteps(low, low * factor ** (levels - 0.5), factor))


def _perceptron(units: int, decay: float, dropout: float, batch: int = 16) -> SearchSpace:
    return SearchSpace(
        [
            _doubling("units", units, 8 * units),
            Dimension("layers", LinearSteps(1, 2, 1)),
            _options("activation", "relu", "tanh"),
            _rates(1e-4, 8),
            _doubling("batch", batch, 4 * batch, 4),
            _rates(decay, 3, "decay", 10),
            Dimension("dropout", LinearSteps(0.0, 2 * dropout, dropout)),
        ]
    )


def _deep() -> SearchSpace:
    return SearchSpace(
        [
            _doubling("units", 8, 32),
            Dimension("layers", LinearSteps(2, 5, 1)),
            _options("activation", "relu", "tanh"),
            _rates(1e-3, 8),
            _doubling("batch", 16, 64, 4),
            Dimension("momentum", LinearSteps(0.0, 0.9, 0.3)),
        ]
    )


def _optimizers() -> SearchSpace:
    sgd = ((Condition("optimizer", ("sgd",)),),)
    return SearchSpace(
        [
            _options("optimizer", "sgd", "adam", "rmsprop"),
            Dimension("momentum", LinearSteps(0.0, 0.9, 0.3), sgd),
            _doubling("units", 16, 64),
            Dimension("layers", LinearSteps(1, 2, 1)),
            _options("activation", "relu", "tanh"),
            _rates(1e-4, 9),
            _doubling("batch", 16, 64, 4),
            _rates(1e-4, 2, "decay", 30),
        ]
    )


_ADAM = {"optimizer": "adam", "momentum": 0.0}
_SGD = {"optimizer": "sgd", "decay": 0.0, "dropout": 0.0}

GRIDS: dict[str, Grid] = {
    "digits": Grid("digits", _perceptron(8, 1e-5, 0.2), 400, _ADAM),
    "digits_few": Grid("digits", _perceptron(8, 1e-4, 0.25), 200, _ADAM),
    "digits_noisy": Grid("digits", _perceptron(8, 1e-4, 0.25), 500, _ADAM, noise=0.2),
    "digits_deep": Grid("digits", _deep(), 300, _SGD, held=500),
    "digits_optimizers": Grid("digits", _optimizers(), 300, {"dropout": 0.0}, held=500),
    "cancer": Grid("breast_cancer", _perceptron(4, 1e-4, 0.2, 8), 169, _ADAM),
    "friedman": Grid("friedman", _perceptron(8, 1e-5, 0.1), 400, _ADAM),
}
"""The recorded grids by name."""


def configurations(space: SearchSpace) -> list[dict[str, Any]]:
    """Returns the values of every configuration of a finite space, in a fixed order."""
    rows = (space.configuration(i) for i in range(space.configurations_limit))
    distinct = {space.key(x): space.decode(x) for x in rows}
    return list(distinct.values())


def pack(losses: Array) -> NDArray[np.uint8]:
    """Returns losses `(n, epochs)` as bytes `(2, n, epochs)` that compress well.

    Differences of rounded logarithms, the sign in the last bit; the low bytes, then the high ones.
    """
    logs = np.log(np.where(np.isfinite(losses), np.maximum(losses, 1e-5), np.inf))
    levels = np.round(np.minimum(logs, DIVERGED) / STEP).astype(np.int64)
    steps = np.diff(levels, axis=1, prepend=0)
    codes = np.where(steps < 0, -2 * steps - 1, 2 * steps)
    return np.stack([codes & 255, codes >> 8]).astype(np.uint8)


def unpack(packed: NDArray[np.uint8]) -> Array:
    """Returns losses `(n, epochs)` as they were before `pack`, infinite where diverged."""
    codes = packed[0] + 256 * packed[1].astype(np.int64)
    steps = np.where(codes % 2, -(codes + 1) // 2, codes // 2)
    logs = np.cumsum(steps, axis=1) * STEP
    return np.where(logs >= DIVERGED - STEP / 2, np.inf, np.exp(logs))


@lru_cache(maxsize=16)
def load(name: str, path: Path = PATH) -> Array:
    """Returns a grid's losses, shape `(configurations, 81)`, in the order of `configurations`."""
    with np.load(path) as archive:
        return unpack(archive[name])
