"""Branches of a space: which dimensions have them, and which trials lie in one."""

import dataclasses

import numpy as np
import pytest

from kt_extensions.history import from_observations
from kt_extensions.samplers import REGISTRY
from kt_extensions.samplers.branches import (
    branch_at,
    branching,
    fixed,
    levels_of,
    other_branch,
    sometimes_other,
)
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace


def conditional_on(parent, *values):
    return ((Condition(parent, values),),)


SPACE = SearchSpace(
    [
        Dimension("kind", Options(("a", "b", "c"))),
        Dimension("only", Options(("x",))),
        Dimension("depth", LinearSteps(1, 3, 1)),
        Dimension("width", LinearSteps(1, 9, 1)),
        Dimension("seed", LinearSteps(0, 10**9, 1)),
        Dimension("rate", Interval(0.0, 1.0), conditional_on("kind", "a")),
        Dimension("units", Interval(0.0, 1.0), conditional_on("depth", 2, 3)),
        Dimension("lucky", Interval(0.0, 1.0), conditional_on("seed", 7)),
    ]
)


def history_of(*trials):
    values = [{"only": "x", "depth": 1, "width": 1, "seed": 3, **trial} for trial in trials]
    return from_observations(SPACE, values, range(len(trials)))


def test_unordered_dimensions_and_parents_of_few_levels_have_branches():
    names = [d.name for d, has in zip(SPACE.dimensions, branching(SPACE), strict=True) if has]
    assert names == ["kind", "depth"]


def test_levels_are_those_of_the_trials_and_minus_one_where_inactive():
    history = history_of({"kind": "b"}, {"kind": "a", "rate": 0.5}, {})
    assert levels_of(history, SPACE.index["kind"]).tolist() == [1, 0, -1]


def test_a_branch_has_the_trials_of_its_level_and_moves_points_there():
    history = history_of({"kind": "b"}, {"kind": "a", "rate": 0.5}, {"kind": "b"})
    branch = branch_at(history, SPACE.index["kind"], 1, history.X[1])
    assert branch.rows.tolist() == [True, False, True]
    points = np.full((2, len(SPACE)), 0.9)
    assert [SPACE.decode(point)["kind"] for point in branch.fix(points)] == ["b", "b"]
    assert (points == 0.9).all()


NESTED = SearchSpace(
    [
        Dimension("kind", Options(("sgd", "adam", "lion", "rms"))),
        Dimension("momentum", Options(("none", "plain")), conditional_on("kind", "sgd", "rms")),
        Dimension("nesterov", Options((False, True)), conditional_on("momentum", "plain")),
        Dimension("rate", Interval(0.0, 1.0)),
    ]
)
SGD = {"kind": "sgd", "momentum": "plain", "nesterov": True, "rate": 0.4}


def test_what_a_nested_dimension_is_conditional_on_is_held():
    history = from_observations(NESTED, [SGD, {"kind": "adam", "rate": 0.1}], [1.0, 2.0])
    branch = branch_at(history, NESTED.index["nesterov"], 0, history.X[0])
    points = np.random.default_rng(0).random((50, len(NESTED)))
    found = [NESTED.decode(point) for point in branch.fix(points)]
    rates = [values.pop("rate") for values in found]
    assert found == [{"kind": "sgd", "momentum": "plain", "nesterov": False}] * 50
    assert rates == points[:, 3].tolist()


@pytest.mark.parametrize("name", ["gp", "pso", "tpe"])
def test_proposals_of_another_branch_are_in_it(name):
    rng = np.random.default_rng(0)
    values = [NESTED.decode(point) for point in rng.random((30, len(NESTED)))] + [SGD]
    order = [values != SGD for values in values]
    history = from_observations(NESTED, values, np.add(order, rng.random(31) / 10))
    sampler = dataclasses.replace(REGISTRY[name](), explore=1.0)
    proposed = [
        NESTED.decode(sampler.suggest(history, np.random.default_rng(seed))) for seed in range(60)
    ]
    within = [v for v in proposed if v.get("momentum") == "plain" and not v["nesterov"]]
    assert len(within) >= 10


def test_another_branch_is_never_that_of_the_best_trial():
    history = history_of({"kind": "b", "depth": 2, "units": 0.1}, {"kind": "a", "rate": 0.2})
    for seed in range(50):
        branch = other_branch(history, np.random.default_rng(seed))
        assert not branch.rows[0]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_parent_of_a_billion_levels_costs_no_memory(name):
    rng = np.random.default_rng(0)
    x = SPACE.snap(rng.random((30, len(SPACE))))
    history = from_observations(SPACE, [SPACE.decode(row) for row in np.nan_to_num(x)], range(30))
    for seed in range(10):
        point = REGISTRY[name]().suggest(history, np.random.default_rng(seed))
        assert 0 <= SPACE.decode(point)["seed"] <= 10**9


def test_another_branch_is_drawn_as_often_as_told():
    history, rng = history_of({"kind": "b"}, {"kind": "a", "rate": 0.5}), np.random.default_rng(0)
    drawn = [sometimes_other(history, 0.25, rng) for _ in range(800)]
    assert 0.2 < np.mean([branch is not None for branch in drawn]) < 0.3


def test_without_branches_no_random_number_is_drawn():
    line = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    history = from_observations(line, [{"x": 0.5}], [1.0])
    rng = np.random.default_rng(0)
    assert sometimes_other(history, 1.0, rng) is None
    assert rng.random() == np.random.default_rng(0).random()


def test_points_are_moved_only_if_there_is_a_branch():
    points = np.full((2, len(SPACE)), 0.9)
    history = history_of({"kind": "b"})
    branch = branch_at(history, SPACE.index["kind"], 1, history.X[0])
    np.testing.assert_array_equal(fixed(points, None), points)
    np.testing.assert_array_equal(fixed(points, branch), branch.fix(points))
