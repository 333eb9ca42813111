"""The problems on which the samplers' defaults were chosen: see `benchmarks.tuning`.

They are for choosing defaults only. Those that judge the samplers, in `benchmarks.problems`, are
others: nothing may be tuned on them, and none of theirs stands here.
"""

from __future__ import annotations

import math

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


def _shift(d: int, scale: float) -> Array:
    """Offsets that keep optima off the centre. Fixed."""
    return scale * np.random.default_rng(20).uniform(-1, 1, d)


def _ackley(values: Values) -> float:
    z = vector(values, 6) - _shift(6, 15.0)
    bowl = -20 * math.exp(-0.2 * math.sqrt(float(np.mean(z**2))))
    return bowl - math.exp(float(np.mean(np.cos(2 * np.pi * z)))) + 20 + math.e


def _rosenbrock(values: Values) -> float:
    x = vector(values, 4)
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def _levy(values: Values) -> float:
    w = 1 + (vector(values, 5) - _shift(5, 6.0)) / 4
    inner = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + inner + last)


def _alpine(values: Values) -> float:
    z = vector(values, 4) - _shift(4, 5.0)
    return float(np.sum(np.abs(z * np.sin(z) + 0.1 * z)))


def _branin(values: Values) -> float:
    x, y = 15 * float(values["x0"]) - 5, 15 * float(values["x1"])
    valley = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_HARTMANN6_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN6_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann6(values: Values) -> float:
    distance = np.sum(_HARTMANN6_A * (vector(values, 6) - _HARTMANN6_P) ** 2, axis=1)
    return -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-distance))


def _log_sphere(values: Values) -> float:
    target = -2.5 + _shift(8, 2.0)
    return float(np.sum((np.log10(vector(values, 8)) - target) ** 2))


def _sparse(values: Values) -> float:
    """Three of fifteen dimensions matter."""
    a, b, c = values["x2"], values["x7"], values["x11"]
    return float((a - 0.8) ** 2 + (b - 0.15) ** 2 + 2 * (a * b - c + 0.4) ** 2)


_MIXED = SearchSpace(
    [
        Dimension("activation", Options(("relu", "tanh", "elu", "gelu"))),
        Dimension("norm", Options(("none", "batch", "layer"))),
        Dimension("layers", LinearSteps(1, 6, 1)),
        Dimension("units", LogIntegers(8, 1024)),
        Dimension("dropout", LinearSteps(0.0, 0.6, 0.05)),
        Dimension("rate", Interval(1e-5, 1e-1, "log")),
        Dimension("decay", Interval(1e-6, 1e-2, "log")),
    ]
)


def _mixed(values: Values) -> float:
    kind = {"relu": 0.15, "tanh": 0.3, "elu": 0.1, "gelu": 0.0}[values["activation"]]
    norm = {"none": 0.25, "batch": 0.0, "layer": 0.08}[values["norm"]]
    width, depth = math.log2(values["units"] / 180), int(values["layers"]) - 4
    best_rate = -3.4 + (0.8 if values["norm"] == "batch" else 0.0)
    rate = math.log10(values["rate"]) - best_rate
    decay = math.log10(values["decay"]) + 3.5
    numeric = 0.03 * width**2 + 0.02 * depth**2 + 0.25 * rate**2 + 0.02 * decay**2
    return kind + norm + numeric + 0.8 * abs(float(values["dropout"]) - 0.35)


_OPTIMIZERS = ("sgd", "adam", "rmsprop", "lion")


def _optimizer_space() -> SearchSpace:
    dimensions = [Dimension("optimizer", Options(_OPTIMIZERS))]
    for name in _OPTIMIZERS:
        scopes = ((Condition("optimizer", (name,)),),)
        dimensions.append(Dimension(f"{name}_rate", Interval(1e-6, 1.0, "log"), scopes))
        dimensions.append(Dimension(f"{name}_decay", Interval(1e-6, 1e-1, "log"), scopes))
    sgd = ((Condition("optimizer", ("sgd",)),),)
    dimensions.append(Dimension("sgd_momentum", Interval(0.0, 0.99), sgd))
    dimensions.append(Dimension("units", LogIntegers(8, 512)))
    return SearchSpace(dimensions)


def _optimizer(values: Values) -> float:
    """The trap: adam is fair over a wide range of rates, sgd best in a narrow one."""
    name = values["optimizer"]
    floor, center, width = {
        "sgd": (0.0, -1.2, 0.6),
        "adam": (0.15, -3.0, 2.5),
        "rmsprop": (0.25, -3.5, 1.5),
        "lion": (0.3, -4.0, 1.5),
    }[name]
    rate = (math.log10(values[f"{name}_rate"]) - center) / width
    decay = 0.1 * (math.log10(values[f"{name}_decay"]) + 3.5) ** 2
    momentum = 1.5 * (float(values["sgd_momentum"]) - 0.85) ** 2 if name == "sgd" else 0.0
    units = 0.02 * math.log2(values["units"] / 100) ** 2
    return floor + 1 - math.exp(-0.5 * rate**2) + 0.3 * math.tanh(decay) + momentum + units


def _layers_space() -> SearchSpace:
    dimensions = [Dimension("layers", LinearSteps(1, 4, 1))]
    for i in range(4):
        scopes = ((Condition("layers", tuple(range(i + 1, 5))),),)
        dimensions.append(Dimension(f"units{i}", LogIntegers(4, 512), scopes))
        dimensions.append(Dimension(f"act{i}", Options(("relu", "tanh", "selu")), scopes))
    dimensions.append(Dimension("rate", Interval(1e-5, 1e-1, "log")))
    return SearchSpace(dimensions)


def _layers(values: Values) -> float:
    depth = int(values["layers"])
    loss = {1: 0.6, 2: 0.25, 3: 0.0, 4: 0.1}[depth]
    for i in range(depth):
        loss += 0.03 * math.log2(values[f"units{i}"] / (256 / 2**i)) ** 2
        loss += 0.0 if values[f"act{i}"] == ("relu", "selu", "tanh", "relu")[i] else 0.1
    return loss + 0.1 * (math.log10(values["rate"]) + 2 + 0.4 * depth) ** 2


_LETTERS = tuple("abcdef")


def _categorical_space() -> SearchSpace:
    return SearchSpace([Dimension(f"x{i}", Options(_LETTERS)) for i in range(8)])


def _categorical_tables() -> tuple[Array, Array, float]:
    rng = np.random.default_rng(7)
    single, pair = rng.random((8, 6)), 1.5 * rng.random((7, 6, 6))
    best = single[0]
    for i in range(7):  # the least sum along the chain
        best = np.min(best[:, np.newaxis] + pair[i], axis=0) + single[i + 1]
    return single, pair, float(best.min())


_SINGLE, _PAIR, _CATEGORICAL_OPTIMUM = _categorical_tables()


def _categorical(values: Values) -> float:
    level = [_LETTERS.index(values[f"x{i}"]) for i in range(8)]
    single = sum(_SINGLE[i, level[i]] for i in range(8))
    return float(single + sum(_PAIR[i, level[i], level[i + 1]] for i in range(7)))


_TRAP_TARGETS = {"a": (0.3, 0.5), "b": (0.7, 0.2), "c": (0.45, 0.9), "d": (0.1, 0.8)}


def _traps_space() -> SearchSpace:
    options = [
        Dimension("kind", Options(tuple("abcd"))),
        Dimension("side", Options(("left", "right"))),
    ]
    return SearchSpace([*options, *cube(3, 0.0, 1.0).dimensions])


def _traps(values: Values) -> float:
    """No conditions; the best of eight pairs of categories looks worse unless searched."""
    floor = {"a": 0.3, "b": 0.2, "c": 0.1, "d": 0.0}[values["kind"]]
    steep = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}[values["kind"]]
    side = 0.1 if values["side"] == "left" else 0.0
    u, v = _TRAP_TARGETS[values["kind"]]
    distance = float(np.sum((vector(values, 3) - np.array([u, v, 0.6])) ** 2))
    return floor + side + math.tanh(steep * distance)


def _noisy(values: Values) -> float:
    return float(np.sum(np.arange(1, 6) * (vector(values, 5) - 0.5 - _shift(5, 0.35)) ** 2))


def _rotation(d: int) -> Array:
    rotation: Array = np.linalg.qr(np.random.default_rng(20).standard_normal((d, d)))[0]
    return rotation


def _ellipsoid(values: Values) -> float:
    """Turned against the axes and steep: the losses span eight orders of magnitude."""
    z = _rotation(5) @ (vector(values, 5) - _shift(5, 3.0))
    q = float(10 ** np.linspace(-1, 2, 5) @ z**2)
    return q + 0.01 * q**2


def _ripples(values: Values) -> float:
    """A bowl under waves, in each dimension others."""
    z, i = vector(values, 7) - _shift(7, 0.6), np.arange(7)
    return float(np.sum((1 + i % 3) * z**2 + (0.3 + 0.1 * i) * (1 - np.cos((7 + 2 * i) * z))))


def _pits(values: Values) -> float:
    """A bowl under waves that run against the axes."""
    z = _rotation(6) @ (vector(values, 6) - _shift(6, 0.6))
    return float(np.sum(2 * z**2 + 0.4 * (1 - np.cos(9 * z))))


_DEPTHS = np.array([0.3, -0.5, 0.4, 0.6, -0.3])


def _wells(values: Values) -> float:
    """Two wells in each dimension, one deeper; neighbors pull at each other."""
    x = vector(values, 5)
    return float(np.sum((x**2 - 1) ** 2 + _DEPTHS * x) + 0.1 * np.sum(x[1:] * x[:-1]))


def _noisy_ellipsoid(values: Values) -> float:
    z = _rotation(7) @ (vector(values, 7) - 0.5 - _shift(7, 0.3))
    return float(10 ** np.linspace(-1, 0.8, 7) @ z**2)


def _families_space() -> SearchSpace:
    def where(*families: str) -> tuple[tuple[Condition, ...], ...]:
        return ((Condition("family", families),),)

    return SearchSpace(
        [
            Dimension("family", Options(("linear", "kernel", "forest", "boosting"))),
            Dimension("penalty", Interval(1e-6, 1e3, "log"), where("linear", "kernel")),
            Dimension("width", Interval(1e-4, 1e2, "log"), where("kernel")),
            Dimension("trees", LogIntegers(10, 1000), where("forest", "boosting")),
            Dimension("depth", LinearSteps(1, 20, 1), where("forest", "boosting")),
            Dimension("shrinkage", Interval(1e-3, 1.0, "log"), where("boosting")),
            Dimension("sample", Interval(0.1, 1.0), where("boosting")),
            Dimension("scaling", Options(("none", "standard", "ranks"))),
            Dimension("features", LinearSteps(2, 40, 1)),
        ]
    )


def _families(values: Values) -> float:
    """What a family needs is its own; the best one, boosting, has the most to be set."""
    family = values["family"]
    loss = {"linear": 0.3, "kernel": 0.1, "forest": 0.15, "boosting": 0.0}[family]
    loss += 0.0004 * (int(values["features"]) - 27) ** 2
    scaled = values["scaling"] == {"linear": "standard", "kernel": "standard"}.get(family, "ranks")
    loss += 0.0 if scaled else 0.08
    if family in ("linear", "kernel"):
        loss += 0.3 * math.tanh(0.1 * (math.log10(values["penalty"]) - 0.5) ** 2)
    else:
        loss += 0.02 * math.log2(values["trees"] / 300) ** 2 * (family == "boosting")
        loss += 0.1 * math.log2(int(values["depth"]) / (5 if family == "boosting" else 14)) ** 2
    if family == "kernel":
        loss += 0.3 * math.tanh(0.5 * (math.log10(values["width"]) + 1.5) ** 2)
    if family == "boosting":
        loss += 0.6 * math.tanh((math.log10(values["shrinkage"]) + 1.2) ** 2)
        loss += 0.5 * (float(values["sample"]) - 0.7) ** 2
    return loss


PROBLEMS = [
    Problem("ackley6", cube(6, -32.768, 32.768), _ackley),
    Problem("rosenbrock4", cube(4, -5.0, 10.0), _rosenbrock),
    Problem("levy5", cube(5, -10.0, 10.0), _levy),
    Problem("alpine4", cube(4, -10.0, 10.0), _alpine),
    Problem("branin", cube(2, 0.0, 1.0), _branin, optimum=0.397887),
    Problem("hartmann6", cube(6, 0.0, 1.0), _hartmann6, optimum=-3.32237),
    Problem("logsphere8", cube(8, 1e-5, 1.0, "log"), _log_sphere),
    Problem("sparse15", cube(15, 0.0, 1.0), _sparse),
    Problem("mixed7", _MIXED, _mixed),
    Problem("optimizer", _optimizer_space(), _optimizer),
    Problem("layers", _layers_space(), _layers),
    Problem("categorical8", _categorical_space(), _categorical, optimum=_CATEGORICAL_OPTIMUM),
    Problem("traps", _traps_space(), _traps),
    Problem("noisy5", cube(5, 0.0, 1.0), _noisy, noise=0.1),
    Problem("ellipsoid5", cube(5, -5.0, 5.0), _ellipsoid),
    Problem("ripples7", cube(7, -2.0, 2.0), _ripples),
    Problem("pits6", cube(6, -2.0, 2.0), _pits),
    Problem("wells5", cube(5, -2.0, 2.0), _wells, optimum=-2.37872626),
    Problem("noisy7", cube(7, 0.0, 1.0), _noisy_ellipsoid, noise=0.2),
    Problem("families", _families_space(), _families),
]
