"""What the samplers make of several objectives."""

import math

import numpy as np
import pytest

from kt_extensions.samplers import GP, TPE, Random
from kt_extensions.space import Dimension, Interval, Options, SearchSpace
from kt_extensions.testing import search

TRIALS = 60
SEEDS = range(3)
PLANE = SearchSpace([Dimension(f"x{i}", Interval(0.0, 1.0)) for i in range(4)])
MIXED = SearchSpace([*PLANE.dimensions, Dimension("kind", Options(("a", "b", "c")))])


def zdt1(values):
    """Zitzler, Deb & Thiele, "Comparison of Multiobjective Evolutionary Algorithms", 2000."""
    first, *others = values.values()
    g = 1 + 9 * sum(others) / len(others)
    return [first, g * (1 - math.sqrt(first / g))]


def error_and_size(values):
    """One kind is larger, another worse; a larger network is better, at a rising cost."""
    kind = values["kind"]
    width, *others = (values[f"x{i}"] for i in range(4))
    optimum = {"a": 0.3, "b": 0.4, "c": 0.55}[kind]
    error = 0.5 * (1 - width) ** 2 + sum((x - optimum) ** 2 for x in others)
    return [error + 0.3 * (kind == "c"), 10 ** (2 * width) * (1 + (kind == "b"))]


def hypervolume(values, reference):
    """The area that two objectives dominate up to a reference."""
    area, lowest = 0.0, reference[1]
    for first, second in sorted(values.tolist()):
        if first < reference[0] and second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


def median_hypervolume(sampler, space, loss, reference):
    found = [search(sampler, space, loss, TRIALS, seed, objectives=2) for seed in SEEDS]
    return np.median([hypervolume(history.objectives, reference) for history in found])


def test_the_area_of_three_trials():
    values = np.array([[0.0, 2.0], [1.0, 1.0], [1.0, 1.5], [2.0, 0.0], [5.0, 5.0]])
    assert hypervolume(values, (3.0, 3.0)) == 3 + 2 + 1


@pytest.mark.parametrize("sampler", [TPE(), GP()], ids=["TPE", "GP"])
@pytest.mark.parametrize(
    ("space", "loss", "reference"),
    [(PLANE, zdt1, (1.1, 6.0)), (MIXED, error_and_size, (1.5, 110.0))],
    ids=["zdt1", "error and size"],
)
def test_the_front_is_better_than_that_of_random_search(sampler, space, loss, reference):
    by_chance = median_hypervolume(Random(), space, loss, reference)
    assert median_hypervolume(sampler, space, loss, reference) > by_chance
