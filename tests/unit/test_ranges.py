"""What a builder's argument says about a hyperparameter."""

import contextlib

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


@pytest.mark.parametrize("argument", [["tanh", "relu"], ("tanh", "relu")])
def test_names_may_stand_in_a_tuple(argument):
    assert ranges.names("activation", argument, ("relu", "tanh")).levels == ("tanh", "relu")


def test_doublings():
    _, [(kind, config)] = declared(ranges.doublings("batch_size", (10, 100)))
    [p] = kt.HyperParameters.from_config(
        {"space": [{"class_name": kind, "config": config}], "values": {}}
    ).space
    values = {p.prob_to_value(share) for share in np.linspace(0, 0.999, 50)}
    assert values == {10, 20, 40, 80}
    assert declared(ranges.doublings("batch_size", 48)) == (48, [])
    with pytest.raises(ValueError, match="`batch_size` to be an integer of at least 1"):
        ranges.doublings("batch_size", (0, 8))


@pytest.mark.parametrize("argument", [[["relu"]], {"relu"}, [{}]])
def test_wrong_names_may_have_no_hash(argument):
    with pytest.raises(ValueError, match=r"`activation` to be one of \['relu'\]"):
        ranges.names("activation", argument, {"relu": None})


def test_largest_number_is_allowed():
    assert ranges.floats("share", [0, 1], most=1).levels == (0.0, 1.0)
    with pytest.raises(ValueError, match="`share` to be a number of at least 0 and at most 1,"):
        ranges.floats("share", 1.1, most=1)


def test_zero_switches_a_logarithmic_range_off():
    assert declared(ranges.floats("l2", 0, sampling="log", zero=True)) == (0.0, [])
    _, [(_, config)] = declared(ranges.floats("l2", [0, 1e-3], sampling="log", zero=True))
    assert config["values"] == [0.0, 1e-3]
    with pytest.raises(ValueError, match="`l2` to be a number above 0"):
        ranges.floats("l2", (0, 1e-3), sampling="log", zero=True)


@pytest.mark.parametrize(
    ("argument", "value", "searched"),
    [(True, True, False), ([False], False, False), ([True, False], False, True)],
)
def test_switch(argument, value, searched):
    received, space = declared(ranges.switch("residual", argument))
    assert received is value
    assert [kind for kind, _ in space] == ["Boolean"] * searched


@pytest.mark.parametrize("argument", [None, 1, "yes", [], [True, True], [0, 1], [True, None]])
def test_wrong_switch(argument):
    with pytest.raises(ValueError, match=r"`residual` to be True, False, or \[False, True\]"):
        ranges.switch("residual", argument)


def test_none_is_no_hyperparameter():
    def read(name, argument):
        return ranges.integers(name, argument, minimum=1)

    assert declared(ranges.unless_none("epochs", None, read)) == (None, [])
    value, [(kind, _)] = declared(ranges.unless_none("epochs", (1, 3), read))
    assert (value, kind) == (1, "Int")


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


def test_fixed_child_has_no_value_where_it_is_inactive():
    parent = ranges.names("normalization", ["none", "batch"], ("none", "batch"))
    child = ranges.floats("momentum", 0.9)
    for name, value in [("none", None), ("batch", 0.9)]:
        hp = kt.HyperParameters()
        hp.values["normalization"] = name
        parent.declare(hp)
        assert ranges.declare_where(hp, parent, ["batch"], child) == value
        assert len(hp.space) == 1


@pytest.mark.parametrize("scope", [None, "net"])
@pytest.mark.parametrize("argument", [(16, 256), 32])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("width", ["each", "constant"])
def test_child_of_two_parents(scope, argument, depth, width):
    parents = [
        (ranges.integers("depth", (1, 3), minimum=1), [2, 3]),
        (ranges.names("width", ["each", "constant"], ("each", "constant")), ["each"]),
    ]
    child = ranges.integers("units", argument, minimum=1)
    prefix = "" if scope is None else f"{scope}/"
    hp = kt.HyperParameters()
    hp.values.update({f"{prefix}depth": depth, f"{prefix}width": width, f"{prefix}units_1": 99})
    with hp.name_scope(scope) if scope else contextlib.nullcontext():
        for _ in range(2):  # a space that is built again stays as it is
            for parent, _ in parents:
                parent.declare(hp)
            value = ranges.declare_where_all(hp, parents, child, "units_1")
    active = depth > 1 and width == "each"
    assert value == ((99 if argument == (16, 256) else 32) if active else None)
    conditions = {p.name: [(c.name, c.values) for c in p.conditions] for p in hp.space}
    joint = {f"{prefix}units_1": [(f"{prefix}depth", [2, 3]), (f"{prefix}width", ["each"])]}
    plain = {f"{prefix}depth": [], f"{prefix}width": []}
    assert conditions == (plain if argument == 32 else plain | joint)


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
        (3, "activation=3"),
    ],
)
def test_wrong_names(argument, advice):
    with pytest.raises(ValueError, match=r"`activation` to be one of \['relu', 'tanh'\]") as error:
        ranges.names("activation", argument, ("tanh", "relu"))
    error.match(advice)
