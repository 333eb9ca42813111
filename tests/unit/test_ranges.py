"""What a builder's argument says about a hyperparameter."""

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions import ranges


def declared(a_range):
    hp = kt.HyperParameters()
    value = a_range.declare(hp)
    return value, [(type(p).__name__, p.get_config()) for p in hp.space]


@pytest.mark.parametrize("argument", [3, (3, 3), [3], np.int64(3)])
def test_one_value_is_no_hyperparameter(argument):
    value, space = declared(ranges.integers("depth", argument, minimum=1))
    assert (value, type(value), space) == (3, int, [])


def test_tuple_of_integers_is_a_range():
    _, [(kind, config)] = declared(ranges.integers("units", (4, 64), minimum=1, sampling="log"))
    assert kind == "Int"
    assert (config["name"], config["min_value"], config["max_value"]) == ("units", 4, 64)
    assert config["sampling"] == "log"


def test_tuple_of_numbers_is_a_range():
    _, [(kind, config)] = declared(ranges.floats("dropout", (0, 0.5), below=1))
    assert kind == "Float"
    assert (config["min_value"], config["max_value"], config["sampling"]) == (0.0, 0.5, "linear")


def test_list_is_a_choice_of_one_type():
    value, [(kind, config)] = declared(ranges.floats("dropout", [0, 0.25, np.float32(0.5)]))
    assert kind == "Choice"
    assert config["values"] == [0.0, 0.25, 0.5]
    assert type(value) is float


def test_names_are_unordered():
    _, [(kind, config)] = declared(ranges.names("activation", ["tanh", "relu"], ("relu", "tanh")))
    assert (kind, config["values"], config["ordered"]) == ("Choice", ["tanh", "relu"], False)


@pytest.mark.parametrize("argument", [(1, 3), [1, 2, 3], [2, 4], 4])
@pytest.mark.parametrize("wanted", [{1, 2, 3, 4}, {2, 4}, {1}, {9}])
def test_child_is_active_where_the_parent_has_the_values(argument, wanted):
    parent = ranges.integers("depth", argument, minimum=1)
    child = ranges.integers("units", (1, 9), minimum=1)
    for level in parent.levels:
        hp = kt.HyperParameters()
        hp.values["depth"] = level
        parent.declare(hp)
        value = ranges.declare_where(hp, parent, wanted, child)
        assert (value is not None) == (level in wanted)


def test_condition_that_always_holds_is_left_out():
    hp = kt.HyperParameters()
    parent = ranges.integers("depth", [2, 3], minimum=1)
    parent.declare(hp)
    ranges.declare_where(hp, parent, {2, 3}, ranges.integers("units", (1, 9), minimum=1))
    assert [p.conditions for p in hp.space] == [[], []]


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ((4, 1), r"Received: depth=\(4, 1\). Swap the two ends: \(1, 4\)"),
        ((1, 2, 3), "Write a list"),
        ([2, 2], "Name each value once"),
        ([], r"depth=\[\]"),
        ((), r"depth=\(\)"),
        (0, "depth=0"),
        (True, "depth=True"),
        (2.0, "depth=2.0"),
        ("2", "depth='2'"),
        (None, "depth=None"),
        ([1, None], "None"),
        (range(3), "range"),
    ],
)
def test_wrong_integers(argument, advice):
    expected = "Expected `depth` to be an integer of at least 1, a tuple .low, high. or a list"
    with pytest.raises(ValueError, match=expected) as error:
        ranges.integers("depth", argument, minimum=1)
    error.match(advice)


@pytest.mark.parametrize("argument", [1.0, -0.1, (0.0, 1.0), float("nan"), "0.5", True, [0.1, "a"]])
def test_wrong_numbers(argument):
    with pytest.raises(ValueError, match="`dropout` to be a number of at least 0 and below 1"):
        ranges.floats("dropout", argument, below=1)


@pytest.mark.parametrize("argument", [0, (0, 0.1), float("inf"), float("nan")])
def test_logarithmic_scale_leaves_out_zero(argument):
    with pytest.raises(ValueError, match="`learning_rate` to be a number above 0"):
        ranges.floats("learning_rate", argument, sampling="log")


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("rely", "Did you mean 'relu'"),
        (["tanh", "rely"], "Did you mean 'relu'"),
        (("relu", "tanh"), "Write a list"),
        (3, "activation=3"),
    ],
)
def test_wrong_names(argument, advice):
    with pytest.raises(ValueError, match=r"`activation` to be one of \['relu', 'tanh'\]") as error:
        ranges.names("activation", argument, ("tanh", "relu"))
    error.match(advice)
