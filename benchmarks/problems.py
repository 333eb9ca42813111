"""The problems that judge the methods: for that only, nothing may be tuned on them.

Each one's least loss is known, and lies off the centre of the space. Samplers' defaults were chosen
on the other problems, of `benchmarks.tuning_problems`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.blackbox import Problem, Values, cube, vector
from kt_extensions.space import (
    Condition,
    Dimension,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import Array


def _named(x: Array) -> dict[str, float]:
    return {f"x{i}": float(value) for i, value in enumerate(x)}


def _offsets(name: str, low: Array, high: Array) -> Array:
    """Returns a random shift for each dimension, fixed by the problem's name."""
    rng = np.random.default_rng([41, *name.encode()])
    return low + (high - low) * rng.random(len(low))


def _shifted(
    name: str,
    function: Callable[[Array], float],
    box: tuple[float, float],
    at: Array,
    optimum: float,
    shift: tuple[float, float],
) -> Problem:
    """Returns a problem with a known minimum, moved.

    Args:
        name: Its name.
        function: The loss of a vector, before the shift.
        box: The lower and the upper bound of all dimensions.
        at: Where the function is least, shape `(d,)`.
        optimum: Its least value.
        shift: How far the minimum is moved in each dimension at least and at most.
    """
    d = len(at)
    offset = _offsets(name, np.full(d, shift[0]), np.full(d, shift[1]))

    def loss(values: Values) -> float:
        return float(function(vector(values, d) - offset))

    return Problem(name, cube(d, *box), loss, optimum, best=_named(at + offset))


def _rastrigin(z: Array) -> float:
    return float(10 * len(z) + np.sum(z**2 - 10 * np.cos(2 * np.pi * z)))


def _camel(z: Array) -> float:
    x, y = 1.5 * z[0], z[1]
    return float((4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2)


_HARTMANN_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_HARTMANN_P = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)


def _hartmann3(z: Array) -> float:
    distance = np.sum(_HARTMANN_A * (z - _HARTMANN_P) ** 2, axis=1)
    return -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-distance))


def _styblinski_tang(z: Array) -> float:
    return float(np.sum(z**4 - 16 * z**2 + 5 * z) / 2)


def _schwefel(z: Array) -> float:
    return float(418.98288727243374 * len(z) - np.sum(z * np.sin(np.sqrt(np.abs(z)))))


def _schwefel4() -> Problem:
    """Moved by so much, it is least where `x0` has its lower bound, outside of its usual box."""
    middle = np.full(4, 420.968746)
    problem = _shifted("schwefel4", _schwefel, (-500.0, 500.0), middle, 0.0, (-100.0, 60.0))
    return replace(problem, optimum=-115.122224217, best={**problem.best, "x0": -500.0})


def _griewank(z: Array) -> float:
    roots = np.sqrt(np.arange(1, len(z) + 1))
    return float(1 + np.sum(z**2) / 4000 - np.prod(np.cos(z / roots)))


def _zakharov(z: Array) -> float:
    tilt = float(np.sum(0.5 * np.arange(1, len(z) + 1) * z))
    return float(np.sum(z**2)) + tilt**2 + tilt**4


def _michalewicz(z: Array) -> float:
    """Steep ridges. Outside the usual box, [0, pi], it is not lower."""
    order = np.arange(1, len(z) + 1)
    return -float(np.sum(np.sin(z) * np.sin(order * z**2 / np.pi) ** 20))


_MICHALEWICZ_AT = np.array([2.20290552, 1.57079633, 1.28499157, 1.92305847, 1.72046977])

_SMOOTH_AND_ROUGH = [
    _shifted("rastrigin2", _rastrigin, (-5.12, 5.12), np.zeros(2), 0.0, (0.9, 3.4)),
    _shifted("rastrigin8", _rastrigin, (-5.12, 5.12), np.zeros(8), 0.0, (-3.4, 3.4)),
    _shifted(
        "camel", _camel, (-2.0, 2.0), np.array([0.0898420131 / 1.5, -0.712656403]), -1.0316284535,
        (0.3, 0.9),
    ),
    _shifted(
        "hartmann3", _hartmann3, (0.0, 1.0), np.array([0.114614, 0.555649, 0.852547]), -3.8627821,
        (0.05, 0.13),
    ),
    _shifted(
        "styblinski5", _styblinski_tang, (-5.0, 5.0), np.full(5, -2.9035340), -195.83082852,
        (-1.2, 1.2),
    ),
    _schwefel4(),
    _shifted("griewank6", _griewank, (-600.0, 600.0), np.zeros(6), 0.0, (-350.0, 350.0)),
    _shifted("zakharov6", _zakharov, (-5.0, 10.0), np.zeros(6), 0.0, (-3.0, 6.0)),
    _shifted(
        "michalewicz5", _michalewicz, (0.0, math.pi), _MICHALEWICZ_AT, -4.687658179, (-0.35, 0.35)
    ),
]  # fmt: skip


# A mixed space: options, integers, steps and logarithms that depend on each other.

_MIXED_BEST = {
    "loss": "huber",
    "pooling": "max",
    "filters": 48,
    "kernel": 5,
    "blocks": 3,
    "rate": 10**-2.7,
    "smoothing": 0.06,
    "augment": 0.7,
    "l2": 10**-4.4,
}


def _mixed_problem() -> Problem:
    space = SearchSpace(
        [
            Dimension("loss", Options(("mae", "mse", "huber", "hinge", "focal"))),
            Dimension("pooling", Options(("mean", "max", "none"))),
            Dimension("filters", LogIntegers(4, 256)),
            Dimension("kernel", LinearSteps(1, 11, 2)),
            Dimension("blocks", LinearSteps(1, 10, 1)),
            Dimension("rate", Interval(1e-5, 1.0, "log")),
            Dimension("smoothing", LinearSteps(0.0, 0.3, 0.02)),
            Dimension("augment", Interval(0.0, 1.0)),
            Dimension("l2", Interval(1e-7, 1e-1, "log")),
        ]
    )
    return Problem("mixed9", space, _mixed, best=_MIXED_BEST)


def _mixed(values: Values) -> float:
    kind = {"mae": 0.2, "mse": 0.12, "huber": 0.0, "hinge": 0.3, "focal": 0.08}[values["loss"]]
    pooling = {"mean": 0.1, "max": 0.0, "none": 0.22}[values["pooling"]]
    wide, deep = math.log2(values["filters"] / 48), int(values["blocks"]) - 3
    size = 0.04 * (wide + 0.5 * deep) ** 2 + 0.02 * deep**2
    rate = math.log10(values["rate"]) + 2.7 + (0.6 if values["loss"] == "mse" else 0.2 * deep)
    shrink = math.log10(values["l2"]) + 4.4 + 0.3 * wide
    rest = 0.02 * abs(int(values["kernel"]) - 5) + 1.2 * abs(float(values["smoothing"]) - 0.06)
    augment = 0.4 * (float(values["augment"]) - (0.7 if pooling == 0.0 else 0.2)) ** 2
    return kind + pooling + size + 0.3 * math.tanh(rate**2) + 0.03 * shrink**2 + rest + augment


# Only categories: three groups of three choices, each with a table of what they do together.

_COLORS = ("red", "green", "blue", "black", "white")


def _categorical_problem() -> Problem:
    rng = np.random.default_rng(43)
    tables = [_group_table(rng) for _ in range(3)]
    levels = [np.unravel_index(int(np.argmin(table)), table.shape) for table in tables]
    best = {f"x{i}": _COLORS[level] for i, level in enumerate(itertools.chain(*levels))}
    space = SearchSpace([Dimension(f"x{i}", Options(_COLORS)) for i in range(9)])

    def loss(values: Values) -> float:
        level = [_COLORS.index(values[f"x{i}"]) for i in range(9)]
        return float(sum(table[tuple(level[3 * g : 3 * g + 3])] for g, table in enumerate(tables)))

    return Problem("categorical9", space, loss, sum(float(t.min()) for t in tables), best=best)


def _group_table(rng: np.random.Generator) -> Array:
    single = rng.random((3, 5))
    sums = single[0][:, None, None] + single[1][None, :, None] + single[2][None, None, :]
    table: Array = sums + 0.8 * rng.random((5, 5, 5))
    return table


# Conditions two deep: what an optimizer and a schedule need depends on which they are.

_CONDITIONAL_BEST = {
    "optimizer": "momentum",
    "rate": 10**-1.6,
    "momentum": 0.93,
    "schedule": "step",
    "decay": 0.45,
    "every": 12,
    "batch": 96,
}
_RATES = {"plain": -0.8, "momentum": -1.6, "adam": -3.1, "rmsprop": -3.4, "adagrad": -1.9}
_FLOORS = {"plain": 0.2, "momentum": 0.0, "adam": 0.06, "rmsprop": 0.12, "adagrad": 0.25}


def _conditional_problem() -> Problem:
    def where(parent: str, *options: str) -> tuple[tuple[Condition, ...], ...]:
        return ((Condition(parent, options),),)

    space = SearchSpace(
        [
            Dimension("optimizer", Options(tuple(_RATES))),
            Dimension("rate", Interval(1e-6, 1.0, "log")),
            Dimension("momentum", Interval(0.0, 0.99), where("optimizer", "momentum")),
            Dimension("beta2", Interval(0.8, 0.9999), where("optimizer", "adam")),
            Dimension("epsilon", Interval(1e-9, 1e-2, "log"), where("optimizer", "adam")),
            Dimension("rho", Interval(0.5, 0.999), where("optimizer", "rmsprop")),
            Dimension("schedule", Options(("constant", "cosine", "step"))),
            Dimension("warmup", LinearSteps(0, 20, 1), where("schedule", "cosine")),
            Dimension("decay", Interval(0.05, 0.95), where("schedule", "step")),
            Dimension("every", LinearSteps(1, 40, 1), where("schedule", "step")),
            Dimension("batch", LogIntegers(8, 1024)),
        ]
    )
    return Problem("conditional11", space, _conditional, best=_CONDITIONAL_BEST)


def _conditional(values: Values) -> float:
    name = values["optimizer"]
    batch = math.log2(values["batch"] / 96)
    rate = math.log10(values["rate"]) - _RATES[name] - 0.15 * batch
    loss = _FLOORS[name] + 0.5 * math.tanh(0.6 * rate**2) + 0.015 * batch**2
    if name == "momentum":
        loss += 0.6 * (float(values["momentum"]) - 0.93) ** 2
    elif name == "adam":
        loss += 2 * (float(values["beta2"]) - 0.99) ** 2
        loss += 0.004 * (math.log10(values["epsilon"]) + 7) ** 2
    elif name == "rmsprop":
        loss += 0.5 * (float(values["rho"]) - 0.9) ** 2
    if values["schedule"] == "step":
        late = math.log2(values["every"] / 12)
        return loss + 0.3 * (float(values["decay"]) - 0.45) ** 2 + 0.02 * late**2
    return loss + (0.1 if values["schedule"] == "constant" else 0.05 + 0.002 * values["warmup"])


# Noise, dimensions that do not matter, and a valley.


def _noisy_problem() -> Problem:
    """An ellipsoid that is turned against the axes, under noise of a tenth of its usual height."""
    d = 6
    rotation = np.linalg.qr(np.random.default_rng(47).standard_normal((d, d)))[0]
    at = np.array([0.22, 0.71, 0.35, 0.83, 0.6, 0.16])
    weights = 10 ** np.linspace(-0.5, 0.7, d)

    def loss(values: Values) -> float:
        return float(weights @ (rotation @ (vector(values, d) - at)) ** 2)

    return Problem("noisy6", cube(d, 0.0, 1.0), loss, noise=0.15, best=_named(at))


_RELEVANT = {"x3": 0.27, "x8": 0.64, "x15": 0.88, "x21": 0.36}


def _sparse(values: Values) -> float:
    """Four of 25 dimensions matter, and two of them only together."""
    a, b, c, d = (float(values[name]) - at for name, at in _RELEVANT.items())
    return 2 * a**2 + abs(b) + 3 * (c + d) ** 2 + 0.5 * (c - d) ** 2 + 0.3 * math.sin(6 * a) ** 2


_VALLEY_AT = np.array([-2.4, -4.3, -1.2, -3.6])


def _valley(values: Values) -> float:
    """Two rates matter by their product, and a third follows the first along a bend."""
    z = np.log10(vector(values, 4)) - _VALLEY_AT
    steep = 30 * (z[0] + z[1]) ** 2 + 10 * (z[2] - 0.3 * z[0] ** 2) ** 2
    return float(steep + 0.3 * (z[0] - z[1]) ** 2 + 0.5 * z[3] ** 2)


PROBLEMS = [
    *_SMOOTH_AND_ROUGH,
    _mixed_problem(),
    _categorical_problem(),
    _conditional_problem(),
    _noisy_problem(),
    Problem("sparse25", cube(25, 0.0, 1.0), _sparse, best=dict.fromkeys(
        [f"x{i}" for i in range(25)], 0.5) | _RELEVANT),
    Problem("valley4", cube(4, 1e-6, 1.0, "log"), _valley, best=_named(10**_VALLEY_AT)),
]  # fmt: skip
"""The judging problems."""
