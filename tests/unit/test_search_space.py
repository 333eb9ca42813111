"""Search spaces: KerasTuner's hyperparameters to the unit cube and back."""

import contextlib
import io
import itertools
import math
import pickle

import keras_tuner as kt
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace
from kt_extensions.space.domains import BELOW_ONE
from kt_extensions.space.reading import from_hyperparameter

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

# A declaration is (kind, name, arguments, scopes), a scope (parent's values, declarations): what a
# `build` function writes. `declare` runs it, as often as KerasTuner would.


def declare(hp, declarations, returned=None):
    """Declares hyperparameters; returns name, whether active, and value for each call."""
    returned = [] if returned is None else returned
    for kind, name, arguments, scopes in declarations:
        returned.append((name, getattr(hp, kind)(name, **arguments)))
        for parent_values, children in scopes:
            with hp.conditional_scope(name, parent_values):
                declare(hp, children, returned)
    return returned


def space_of(declarations):
    hp = kt.HyperParameters()
    declare(hp, declarations)
    return hp, SearchSpace.from_hyperparameters(hp.space)


def active_names(hp, values):
    """What KerasTuner itself says."""
    hp = hp.copy()
    hp.values = dict(values)
    return {declared.name for declared in hp.space if hp.is_active(declared)}


names = st.text("abc", min_size=1, max_size=3)


@st.composite
def ints(draw):
    low, span = draw(st.integers(1, 9)), draw(st.integers(0, 12))
    sampling = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    step = draw(st.sampled_from([None, 2, 3]))
    shift = draw(st.integers(-10, 0)) if sampling == "linear" else 0
    low += shift
    return "Int", {"min_value": low, "max_value": low + span, "step": step, "sampling": sampling}


@st.composite
def floats(draw, finite):
    low = draw(st.sampled_from([0.001, 0.1, 0.5, 1.0]))
    high = low * draw(st.sampled_from([1.0, 2.5, 10.0, 1000.0]))
    sampling = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    steps = [high / 7, 0.4 * high] if sampling == "linear" else [2.0, 10.0]
    step = draw(st.sampled_from(steps if finite else [None, *steps]))
    return "Float", {"min_value": low, "max_value": high, "step": step, "sampling": sampling}


choices = st.one_of(
    st.lists(names, min_size=1, max_size=3),
    st.lists(st.integers(-5, 5), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.1, 0.25, 1e-4, 3.0]), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=2),
).map(lambda values: ("Choice", {"values": values}))
fixed = st.one_of(st.integers(-3, 3), st.sampled_from([0.1, 2.5]), names, st.booleans()).map(
    lambda value: ("Fixed", {"value": value})
)
booleans = st.just(("Boolean", {}))


@st.composite
def declarations(draw, finite=False, prefix="p", depth=0):
    kinds = st.one_of(ints(), floats(finite), choices, booleans, fixed)
    result = []
    for number in range(draw(st.integers(1, 3 if depth == 0 else 2))):
        name = f"{prefix}{number}"
        kind, arguments = draw(kinds)
        scopes = []
        if depth < 3 and draw(st.booleans()):
            children = draw(declarations(finite, f"{name}.", depth + 1))
            scopes.append((draw(conditions(kind, arguments)), children))
            if draw(st.booleans()):  # the same names again, under another condition
                scopes.append((draw(conditions(kind, arguments)), children))
        result.append((kind, name, arguments, scopes))
    return result


@st.composite
def conditions(draw, kind, arguments):
    """Values of the parent, of which some may be none of its values."""
    probe = kt.HyperParameters()
    getattr(probe, kind)("probe", **arguments)
    domain = from_hyperparameter(probe.space[0])
    low, high = domain.value(0.0), domain.value(BELOW_ONE)
    values = sorted({domain.value(u) for u in (0.0, 0.3, 0.6, BELOW_ONE)})
    if type(low) in (int, float):
        values.append(type(low)(high + 1))
    return draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))


@st.composite
def points(draw, d):
    seed = draw(st.integers(0, 2**32 - 1))
    u = np.random.default_rng(seed).random((8, d))
    u[0] = draw(st.sampled_from([0.0, 0.5, BELOW_ONE]))
    return u


@quick
@given(declarations(), st.data())
def test_decode_gives_in_domain_builtins_for_exactly_the_active_names(program, data):
    hp, space = space_of(program)
    for u in data.draw(points(len(space))):
        values = space.decode(u)
        assert values.keys() == active_names(hp, values)
        assert {type(value) for value in values.values()} <= {int, float, str, bool}
        space.check(values)


@quick
@given(declarations(), st.data())
def test_a_build_gets_the_values_that_were_decoded(program, data):
    hp, space = space_of(program)
    for u in data.draw(points(len(space))):
        values = space.decode(u)
        rerun = hp.copy()
        rerun.values = dict(values)
        if len(space) == len(hp.space):
            rerun.ensure_active_values()  # loses names that are declared twice
        returned = declare(rerun, program)
        assert rerun.values == values
        assert {n: v for n, v in returned if v is not None} == values


@quick
@given(declarations(), st.data())
def test_points_and_configurations_and_values_agree(program, data):
    _, space = space_of(program)
    u = data.draw(points(len(space)))
    x = space.snap(u)
    np.testing.assert_array_equal(space.snap(x), x)
    for point, configuration in zip(u, x, strict=True):
        values = space.decode(point)
        assert space.decode(configuration) == values
        encoded = space.encode(values)
        np.testing.assert_allclose(encoded, configuration, rtol=0, atol=1e-9)
        if not space.continuous.any():
            assert space.key(encoded) == space.key(configuration)
            assert space.decode(encoded) == values


@quick
@given(declarations(finite=True))
def test_the_number_of_configurations_is_what_counting_them_one_by_one_gives(program):
    _, space = space_of(program)
    assume(math.prod(space.sizes.tolist()) <= 3000)
    every = itertools.product(*((np.arange(n) + 0.5) / n for n in space.sizes.tolist()))
    coordinates = np.array(list(every)).reshape(-1, len(space))
    for i in space._uneven:
        levels = (coordinates[:, i] * space.sizes[i]).astype(int)
        low, high = space.dimensions[i].domain.edges(levels)
        coordinates[:, i] = (low + high) / 2
    distinct = {tuple(sorted(space.decode(point).items())) for point in coordinates}
    assert space.n_configurations == space.configurations_limit == len(distinct)
    numbered = [space.configuration(i) for i in range(len(distinct))]
    assert {tuple(sorted(space.decode(x).items())) for x in numbered} == distinct
    assert len({space.key(x) for x in numbered}) == len(distinct)


@quick
@given(declarations(), st.integers(0, 2**63))
def test_configurations_are_numbered_also_where_there_are_infinitely_many(program, number):
    hp, space = space_of(program)
    x = space.configuration(number % space.configurations_limit)
    values = space.decode(x)
    assert values.keys() == active_names(hp, values)
    np.testing.assert_allclose(space.snap(x[np.newaxis])[0], x, rtol=0, atol=1e-9)
    with pytest.raises(IndexError, match="Expected a number from 0 to"):
        space.configuration(space.configurations_limit)


@quick
@given(declarations())
def test_a_space_that_went_through_grpc_is_the_same(program):
    """KerasTuner sorts it by type there: children may stand before their parents."""
    hp, space = space_of(program)
    with contextlib.redirect_stdout(io.StringIO()):  # KerasTuner prints each condition
        copy = kt.HyperParameters.from_proto(hp.to_proto())
    over_there = SearchSpace.from_hyperparameters(copy.space)
    assert over_there.n_configurations == space.n_configurations
    assert set(over_there.dimensions) == set(space.dimensions)
    hp.merge(copy.space, overwrite=False)
    assert SearchSpace.from_hyperparameters(hp.space).dimensions == space.dimensions


@quick
@given(declarations())
def test_values_rounded_to_32_bits_are_the_same_configuration(program):
    _, space = space_of(program)
    for u in np.random.default_rng(0).random((5, len(space))):
        values = space.decode(u)
        x = space.encode({n: np.float32(v) if type(v) is float else v for n, v in values.items()})
        np.testing.assert_allclose(x, space.encode(values), atol=1e-4)
        finite = {n: v for n, v in values.items() if not space.continuous[space.index[n]]}
        assert finite.items() <= space.decode(x).items()


def hyperparameters():
    return kt.HyperParameters()


def read(hp):
    return SearchSpace.from_hyperparameters(hp.space)


def test_three_levels_of_nesting():
    hp = hyperparameters()
    hp.Choice("a", ["x", "y"])
    with hp.conditional_scope("a", ["x"]):
        hp.Boolean("b")
        with hp.conditional_scope("b", [True]):
            hp.Int("c", 1, 3)
            with hp.conditional_scope("c", [2, 3]):
                hp.Choice("d", ["p", "q"])
    space = read(hp)
    assert space.decode(np.array([0.1, 0.9, 0.9, 0.9])) == {"a": "x", "b": True, "c": 3, "d": "q"}
    assert space.decode(np.array([0.1, 0.9, 0.1, 0.9])) == {"a": "x", "b": True, "c": 1}
    assert space.decode(np.array([0.1, 0.1, 0.9, 0.9])) == {"a": "x", "b": False}
    assert space.decode(np.array([0.9, 0.9, 0.9, 0.9])) == {"a": "y"}
    assert space.n_configurations == 1 + 1 + 1 + 2 * 2


def test_conditions_on_an_int_range_a_stepped_float_and_a_boolean():
    hp = hyperparameters()
    hp.Int("layers", 1, 4)
    hp.Float("dropout", 0, 0.4, step=0.1)
    hp.Boolean("norm")
    for i in range(4):
        with hp.conditional_scope("layers", list(range(i + 1, 5))):
            hp.Choice(f"units{i}", [8, 16])
    with hp.conditional_scope("dropout", [0.3, 0.4]):
        hp.Boolean("spatial")
    with hp.conditional_scope("norm", [True]):
        hp.Boolean("center")
    space = read(hp)
    assert space.n_configurations == (2 + 4 + 8 + 16) * (3 + 2 * 2) * (1 + 2)
    values = space.decode(np.full(len(space), 0.99))
    assert values["dropout"] == 0.4
    assert values["spatial"] is True
    assert values["units3"] == 16


def test_conditions_compare_exactly_as_keras_tuner_does():
    hp = hyperparameters()
    hp.Float("rate", 0, 1, step=0.1)
    hp.Boolean("never", parent_name="rate", parent_values=[0.1 + 0.2])
    space = read(hp)
    x = space.encode({"rate": 0.1 + 0.2, "never": True})
    assert space.decode(x) == {"rate": 0.3}
    assert space.n_configurations == 11
    assert np.isnan(space.snap(np.full((1, 2), 0.3))).tolist() == [[False, True]]


def test_a_name_under_two_exclusive_conditions_is_one_dimension():
    hp = hyperparameters()
    hp.Choice("kind", ["mlp", "cnn", "none"])
    for kind in ("mlp", "cnn"):
        with hp.conditional_scope("kind", [kind]):
            hp.Int("units", 1, 5)
    space = read(hp)
    assert len(space) == 2
    assert space.n_configurations == 5 + 5 + 1
    assert space.decode(np.array([0.5, 0.9])) == {"kind": "cnn", "units": 5}


def test_a_name_with_two_domains_is_refused():
    hp = hyperparameters()
    hp.Boolean("deep")
    hp.Int("units", 1, 5, parent_name="deep", parent_values=[False])
    hp.Int("units", 1, 9, parent_name="deep", parent_values=[True])
    with pytest.raises(ValueError, match="'units' is declared twice with different domains"):
        read(hp)
    hp = hyperparameters()
    hp.Boolean("deep")
    hp.Fixed("flag", True, parent_name="deep", parent_values=[False])
    hp.Fixed("flag", 1, parent_name="deep", parent_values=[True])
    with pytest.raises(ValueError, match="'flag' is declared twice"):
        read(hp)


def test_a_name_declared_without_condition_is_always_active():
    hp = hyperparameters()
    hp.Boolean("a")
    hp.Boolean("b", parent_name="a", parent_values=[True])
    hp.Boolean("b")
    hp.Boolean("a", parent_name="b", parent_values=[True])
    space = read(hp)
    assert not any(dimension.conditional for dimension in space.dimensions)
    assert space.n_configurations == 4


def test_children_may_come_before_their_parents():
    hp = hyperparameters()
    hp.Boolean("a")
    with hp.conditional_scope("a", [True]):
        hp.Choice("b", ["x", "y"])
        hp.Int("c", 1, 3, parent_name="b", parent_values=["x"])
    assert [d.name for d in SearchSpace.from_hyperparameters(reversed(hp.space)).dimensions] == [
        "a",
        "b",
        "c",
    ]


def test_a_child_of_an_unknown_parent_is_never_active():
    lonely = Dimension("b", Options((1, 2)), ((Condition("a", (1,)),),))
    space = SearchSpace([lonely])
    assert space.decode(np.array([0.5])) == {}
    assert space.n_configurations == 1
    assert np.isnan(space.snap(np.array([[0.5]]))).all()


def test_what_makes_no_space_is_refused():
    a = Dimension("a", Options((1, 2)), ((Condition("b", (1,)),),))
    b = Dimension("b", Options((1, 2)), ((Condition("a", (1,)),),))
    with pytest.raises(ValueError, match=r"circle.*'a', 'b'"):
        SearchSpace([a, b])
    with pytest.raises(ValueError, match=r"Declared twice: \['a'\]"):
        SearchSpace([Dimension("a", Options((1, 2))), Dimension("a", Options((1, 2)))])


def test_the_empty_space_has_one_configuration():
    space = SearchSpace([])
    assert space.n_configurations == 1
    assert space.decode(np.empty(0)) == {}
    assert space.snap(np.empty((3, 0))).shape == (3, 0)
    assert space.configuration(0).shape == (0,)


def test_a_huge_range_costs_nothing():
    hp = hyperparameters()
    hp.Int("seed", 0, 10**12)
    hp.Int("width", 1, 10**12, sampling="log")
    hp.Boolean("odd", parent_name="seed", parent_values=[1, 10**12])
    space = read(hp)
    assert space.n_configurations == 10**12 * (10**12 - 1 + 2 * 2)
    values = {"seed": 10**12, "width": 999_999_999_999, "odd": True}
    assert space.decode(space.encode(values)) == values
    neighbour = {**values, "width": 10**12}
    assert space.key(space.encode(values)) != space.key(space.encode(neighbour))
    assert len({space.key(space.configuration(i)) for i in range(10**13, 10**13 + 100)}) == 100


def test_what_a_sampler_leaves_open_is_moved_to_a_configuration():
    hp = hyperparameters()
    hp.Boolean("a")
    hp.Int("b", 1, 9, sampling="log", parent_name="a", parent_values=[True])
    space = read(hp)
    x = space.snap(np.array([[0.1, np.nan], [0.9, 0.0]]))
    assert np.isnan(x).tolist() == [[False, True], [False, False]]
    np.testing.assert_array_equal(space.snap(x), x)


def test_a_space_can_be_sent_to_another_process():
    hp = hyperparameters()
    hp.Float("a", 0, 1)
    hp.Int("b", 0, 10**6)
    hp.Boolean("c")
    for parent, value in (("a", 0.5), ("b", 7), ("c", True)):
        hp.Boolean(f"of {parent}", parent_name=parent, parent_values=[value])
    space = read(hp)
    u = np.random.default_rng(0).random((20, len(space)))
    x = space.snap(u)
    copy = pickle.loads(pickle.dumps(space))
    np.testing.assert_array_equal(copy.snap(u), x)
    assert copy.n_configurations == space.n_configurations
    assert copy.configurations_limit == space.configurations_limit


def test_the_key_stays_when_dimensions_are_added_behind():
    dimensions = [Dimension("a", Interval(0.0, 1.0)), Dimension("b", Options((1, 2)))]
    narrow = SearchSpace(dimensions)
    wide = SearchSpace([*dimensions, Dimension("c", LinearSteps(1, 5, 1))])
    x = np.array([0.123, 0.75])
    assert narrow.key(x) == wide.key(np.append(x, np.nan))
    assert narrow.key(x) != wide.key(np.append(x, 0.5))


CHECKED = [
    ({"kind": "mlp", "units": 4}, None),
    ({"units": 4}, None),
    ({"kind": "mlp", "rate": 0.30000000000000004}, None),
    ({}, None),
    ({"kind": "cnn", "units": 4}, "'units' is inactive beside the other values"),
    ({"units": 4, "kind": "cnn"}, "'units' is inactive beside the other values"),
    ({"unit": 4}, "Received: 'unit'. Did you mean 'units'?"),
    ({"zzz": 4}, "Received: 'zzz'.$"),
    ({"units": 7.5}, "Expected for 'units' a whole number from 1 to 9. Received: 7.5"),
    ({"kind": "rnn"}, "Received: 'rnn'"),
    ({"rate": 0.25}, "Received: 0.25"),
    ({"rate": None}, "Received: None"),
    ({"kind": "mlp", "units": 4, "skip": True}, "'skip' is inactive"),
    ({"rate": 0.1 + 0.2, "warm": True}, None),
    ({"rate": 0.2, "warm": True}, "'warm' is inactive"),
    ({"either": True, "kind": "cnn"}, None),
    ({"either": True, "kind": "cnn", "rate": 0.2}, "'either' is inactive"),
]


@pytest.mark.parametrize(("values", "error"), CHECKED)
def test_values_that_a_person_gives_are_checked(values, error):
    hp = hyperparameters()
    hp.Choice("kind", ["mlp", "cnn"])
    hp.Float("rate", 0, 0.5, step=0.1)
    hp.Int("units", 1, 9, parent_name="kind", parent_values=["mlp"])
    hp.Boolean("warm", parent_name="rate", parent_values=[0.3])
    hp.Boolean("either", parent_name="kind", parent_values=["mlp"])
    hp.Boolean("either", parent_name="rate", parent_values=[0.3])
    with hp.conditional_scope("kind", ["mlp"]), hp.conditional_scope("units", [5]):
        hp.Boolean("skip")
    space = read(hp)
    if error is None:
        space.check(values)
    else:
        with pytest.raises(ValueError, match=error):
            space.check(values)


def test_a_value_outside_its_domain_is_not_encoded():
    hp = hyperparameters()
    hp.Int("units", 1, 9)
    with pytest.raises(ValueError, match="'units': Expected a number from 1 to 9"):
        read(hp).encode({"units": 10, "unknown": 3})
