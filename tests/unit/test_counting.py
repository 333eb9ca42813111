"""How many configurations a space has, and the number of each."""

import math

import pytest

from kt_extensions.space import (
    Condition,
    Dimension,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.counting import FINE

ON = (Condition("switch", (True,)),)


def switch(name="switch", scopes=((),)):
    return Dimension(name, Options((False, True)), scopes)


def steps(name, n, scopes=((),)):
    return Dimension(name, LinearSteps(1, n, 1), scopes)


def every_configuration(space):
    return [space.decode(space.configuration(i)) for i in range(space.configurations_limit)]


def test_independent_dimensions_multiply():
    space = SearchSpace([steps("a", 3), steps("b", 4), switch()])
    assert space.n_configurations == 24


def test_a_child_counts_only_where_it_is_active():
    space = SearchSpace([switch(), steps("child", 5, (ON,))])
    assert space.n_configurations == 6
    assert every_configuration(space) == [
        {"switch": True, "child": 1},
        {"switch": True, "child": 2},
        {"switch": True, "child": 3},
        {"switch": True, "child": 4},
        {"switch": True, "child": 5},
        {"switch": False},
    ]


def test_children_of_layers():
    dimensions = [steps("layers", 10)]
    for i in range(1, 11):
        needed = tuple(range(i, 11))
        dimensions.append(steps(f"units{i}", 7, ((Condition("layers", needed),),)))
    space = SearchSpace(dimensions)
    assert space.n_configurations == sum(7**n for n in range(1, 11))
    last = space.decode(space.configuration(space.n_configurations - 1))
    assert len(last) == last["layers"] + 1


def test_a_child_of_two_parents():
    both = SearchSpace(
        [switch(), steps("b", 3), steps("c", 4, ((*ON, Condition("b", (2, 3))),))],
    )
    assert both.n_configurations == 3 + (1 + 2 * 4)
    either = SearchSpace([switch(), steps("b", 3), steps("c", 4, (ON, (Condition("b", (2,)),)))])
    assert either.n_configurations == 3 * 4 + (2 + 4)


def test_a_continuous_dimension_makes_infinitely_many_only_if_it_can_be_active():
    always = SearchSpace([Dimension("x", Interval(0.0, 1.0)), switch()])
    assert always.n_configurations == math.inf
    assert always.configurations_limit == 2 * FINE
    sometimes = SearchSpace([switch(), Dimension("x", Interval(0.0, 1.0), (ON,))])
    assert sometimes.n_configurations == math.inf
    assert sometimes.configurations_limit == 1 + FINE
    unmet = (Condition("switch", ("maybe",)),)
    never = SearchSpace([switch(), Dimension("x", Interval(0.0, 1.0), (unmet,))])
    assert never.n_configurations == never.configurations_limit == 2


def test_a_condition_on_a_continuous_parent_is_taken_never_to_hold():
    space = SearchSpace(
        [Dimension("x", Interval(0.0, 1.0)), steps("child", 5, ((Condition("x", (0.5,)),),))]
    )
    assert space.n_configurations == math.inf
    assert space.configurations_limit == FINE
    assert space.decode(space.configuration(FINE // 3)).keys() == {"x"}


def test_conditions_that_name_the_same_level_twice():
    same = SearchSpace([switch(), steps("child", 5, ((Condition("switch", (True, 1)),), ON))])
    assert same.n_configurations == 6


def test_uneven_levels_count_once_each():
    space = SearchSpace([Dimension("a", LogIntegers(1, 50)), switch()])
    values = every_configuration(space)
    assert sorted({v["a"] for v in values}) == list(range(1, 51))
    assert len(values) == space.n_configurations == 100


@pytest.mark.parametrize("n", [1, 2, 3, 60])
def test_a_long_chain_of_shared_conditions_is_counted(n):
    """Each child hangs on either of two neighbours: twice as many cases with every link."""
    parents = [switch(f"p{i}") for i in range(n + 1)]
    children = [
        steps(f"c{i}", 3, ((Condition(f"p{i}", (True,)),), (Condition(f"p{i + 1}", (True,)),)))
        for i in range(n)
    ]
    off, on = 1, 1  # configurations that end with this state of the last parent
    for _ in range(n):
        off, on = off + 3 * on, 3 * (off + on)
    assert SearchSpace([*parents, *children]).n_configurations == off + on


def test_a_deep_chain_of_conditions_is_counted():
    dimensions = [switch("p0")]
    dimensions += [switch(f"p{i}", ((Condition(f"p{i - 1}", (True,)),),)) for i in range(1, 50)]
    assert SearchSpace(dimensions).n_configurations == 51
