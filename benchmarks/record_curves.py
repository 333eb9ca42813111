"""Trains every configuration of the grids of `benchmarks.curves` and keeps their curves.

Networks of one architecture are trained side by side, each with its own weights, learning rate,
decay and dropout; they share the order of the rows. Takes about ten minutes of one core.

    OMP_NUM_THREADS=1 nice -n 10 python -m benchmarks.record_curves
    python -m benchmarks.record_curves --only cancer,diabetes
"""

from __future__ import annotations

import argparse
import itertools
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from benchmarks.curves import EPOCHS, GRIDS, PATH, Grid, configurations, pack

Floats = NDArray[np.float32]
SEED = 20260
GROUP = 48  # networks trained side by side; more no longer fit into the cache


@dataclass(frozen=True)
class Data:
    """Rows to train on and rows to judge by; targets one-hot, or one column for a regression."""

    x: Floats
    y: Floats
    held_x: Floats
    held_y: Floats


def load_data(grid: Grid) -> Data:
    """Returns a grid's data, standardized by the rows trained on, shuffled by a fixed seed."""
    rng = np.random.default_rng(SEED)
    x, target = _raw(grid.data)
    order, n = rng.permutation(len(x)), grid.rows
    x, target = x[order], target[order]
    deviation = x[:n].std(axis=0)  # some pixels are black in nearly all rows
    x = (x - x[:n].mean(axis=0)) / np.maximum(deviation, 0.2 * deviation.mean())
    if grid.data == "friedman":
        y = ((target - target[:n].mean()) / target[:n].std())[:, np.newaxis]
    else:
        wrong = np.flatnonzero(rng.random(n) < grid.noise)
        target[wrong] = rng.integers(target.max() + 1, size=len(wrong))
        y = np.eye(target.max() + 1)[target]
    x, y = x.astype(np.float32), y.astype(np.float32)
    return Data(x[:n], y[:n], x[n : n + grid.held], y[n : n + grid.held])


def _raw(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    if name == "friedman":  # a regression
        x, y = datasets.make_friedman1(1600, n_features=10, noise=1.0, random_state=SEED)
        return x, y
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x, y


@dataclass
class Networks:
    """`n` perceptrons of one architecture.

    Args:
        weights: For each layer an array `(n, inputs, outputs)`, followed by its biases
            `(n, 1, outputs)`.
        tanh: Whether hidden units are tanh rather than relu.
        dropout: Probability that a hidden unit is dropped. Shape `(n, 1, 1)`.
    """

    weights: list[Floats]
    tanh: bool
    dropout: Floats
    mean: list[Floats] = field(init=False)
    square: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.mean = [np.zeros_like(w) for w in self.weights]
        self.square = [np.zeros_like(w) for w in self.weights]

    @classmethod
    def initialized(
        cls, n: int, sizes: Sequence[int], tanh: bool, dropout: Floats, rng: np.random.Generator
    ) -> Networks:
        """Returns networks with Glorot's (tanh) or He's (relu) random weights."""
        weights: list[Floats] = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            scale = np.sqrt(2 / (fan_in + fan_out) if tanh else 2 / fan_in)
            draws = rng.standard_normal((n, fan_in, fan_out), dtype=np.float32)
            weights += [(scale * draws).astype(np.float32), np.zeros((n, 1, fan_out), np.float32)]
        return cls(weights, tanh, dropout)

    def forward(self, x: Floats, masks: Sequence[Floats] | None = None) -> list[Floats]:
        """Returns the inputs of each layer and the output of the last, linear one."""
        outputs: list[Floats] = [x]
        for i in range(0, len(self.weights), 2):
            z = outputs[-1] @ self.weights[i] + self.weights[i + 1]
            if i < len(self.weights) - 2:
                z = np.tanh(z) if self.tanh else np.maximum(z, 0)
                if masks is not None:
                    z *= masks[i // 2]
            outputs.append(z)
        return outputs

    def gradients(self, x: Floats, y: Floats, masks: Sequence[Floats] | None) -> list[Floats]:
        """Returns the gradient of the mean loss with respect to each of the weights."""
        outputs = self.forward(x, masks)
        delta = (_probabilities(outputs[-1]) if y.shape[1] > 1 else outputs[-1]) - y
        delta /= len(x)
        found: list[Floats] = []
        for i in range(len(self.weights) - 2, -1, -2):
            layer_input = outputs[i // 2]
            found += [delta.sum(axis=1, keepdims=True), np.swapaxes(layer_input, -1, -2) @ delta]
            if i:
                delta = delta @ np.swapaxes(self.weights[i], 1, 2)
                if masks is None:
                    delta *= 1 - layer_input**2 if self.tanh else layer_input > 0
                else:
                    delta *= self._slope(layer_input, masks[i // 2 - 1])
        return found[::-1]

    def _slope(self, output: Floats, mask: Floats) -> Floats:
        if not self.tanh:
            return mask * (output > 0)
        return mask - np.divide(output**2, mask, where=mask > 0, out=np.zeros_like(output))

    def masks(self, rows: int, rng: np.random.Generator) -> list[Floats] | None:
        """Returns for each hidden layer what its units are multiplied by in a step."""
        if not self.dropout.any():
            return None
        keep = 1 - self.dropout
        shapes = [(1, rows, bias.shape[-1]) for bias in self.weights[1:-2:2]]
        return [(rng.random(s, dtype=np.float32) < keep) / keep for s in shapes]

    def losses(self, x: Floats, y: Floats) -> NDArray[np.float64]:
        """Returns each network's mean log loss, or mean squared error. Shape `(n,)`."""
        z = self.forward(x)[-1].astype(np.float64)
        if y.shape[1] == 1:
            return np.mean((z - y) ** 2, axis=(1, 2))
        z -= z.max(axis=2, keepdims=True)
        correct = np.sum(z * y, axis=2) - np.log(np.sum(np.exp(z), axis=2))
        return -correct.mean(axis=1)


def _probabilities(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Rule:
    """How the weights move: `sgd` with momentum, `adam` or `rmsprop`. Arrays `(n, 1, 1)`."""

    name: str
    rate: Floats
    decay: Floats
    momentum: Floats

    def update(self, networks: Networks, gradients: list[Floats], step: int) -> None:
        """Moves the weights by one step, the first of which is 1."""
        parts = zip(networks.weights, gradients, networks.mean, networks.square, strict=True)
        for w, g, mean, square in parts:
            if w.shape[1] > 1:  # no decay of the biases
                g += self.decay * w
            if self.name == "sgd":
                mean *= self.momentum
                mean += g
                w -= self.rate * mean
                continue
            beta = 0.999 if self.name == "adam" else 0.9
            square *= beta
            square += (1 - beta) * g**2
            if self.name == "rmsprop":
                w -= self.rate * g / (np.sqrt(square) + 1e-7)
                continue
            mean *= 0.9
            mean += np.float32(0.1) * g
            scale = self.rate * np.float32(np.sqrt(1 - beta**step) / (1 - 0.9**step))
            w -= scale * mean / (np.sqrt(square) + 1e-7)


def train(data: Data, settings: list[dict[str, Any]], seed: int) -> NDArray[np.float64]:
    """Trains networks of one architecture.

    Args:
        data: The data.
        settings: For each network its values; they share `units`, `layers`, `activation`,
            `batch` and `optimizer`.
        seed: Seed of weights, order and dropout.

    Returns:
        Losses on the held-out rows, shape `(networks, epochs)`.
    """
    rng, common = np.random.default_rng([SEED, seed]), settings[0]

    def column(name: str) -> Floats:
        return np.array([s.get(name, 0.0) for s in settings], np.float32)[:, None, None]

    sizes = [data.x.shape[1], *[common["units"]] * common["layers"], data.y.shape[1]]
    tanh = common["activation"] == "tanh"
    networks = Networks.initialized(len(settings), sizes, tanh, column("dropout"), rng)
    rule = Rule(common["optimizer"], column("rate"), column("decay"), column("momentum"))
    losses, step = np.empty((len(settings), EPOCHS)), 0
    for epoch in range(EPOCHS):
        order = rng.permutation(len(data.x))
        for first in range(0, len(order), common["batch"]):
            rows, step = order[first : first + common["batch"]], step + 1
            x, y = data.x[rows], data.y[rows]
            gradients = networks.gradients(x, y, networks.masks(len(x), rng))
            rule.update(networks, gradients, step)
        losses[:, epoch] = networks.losses(data.held_x, data.held_y)
    return losses


def record(grid: Grid) -> NDArray[np.float64]:
    """Returns the curves of all configurations of a grid, shape `(n, epochs)`."""
    settings = [{**grid.fixed, **values} for values in configurations(grid.space)]
    shared = ("units", "layers", "activation", "batch", "optimizer", "dropout")
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for number, values in enumerate(settings):
        groups[tuple(values[name] for name in shared)].append(number)
    data, curves = load_data(grid), np.empty((len(settings), EPOCHS))
    for key, numbers in groups.items():
        for first in range(0, len(numbers), GROUP):
            chosen = numbers[first : first + GROUP]
            seed = zlib.crc32(repr((key, first)).encode())
            curves[chosen] = train(data, [settings[i] for i in chosen], seed)
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="grids to record, by name; the others are kept")
    parser.add_argument("--path", type=Path, default=PATH)
    arguments = parser.parse_args()
    kept: dict[str, NDArray[np.uint8]] = {}
    if arguments.path.exists():
        with np.load(arguments.path) as archive:
            kept = {name: archive[name] for name in archive.files if name in GRIDS}
    for name in arguments.only.split(",") if arguments.only else GRIDS:
        start = time.perf_counter()
        with np.errstate(all="ignore"):  # some configurations diverge
            kept[name] = pack(record(GRIDS[name]))
        np.savez_compressed(arguments.path, **{n: kept[n] for n in GRIDS if n in kept})
        print(
            f"{name}: {len(kept[name])} curves in {time.perf_counter() - start:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
