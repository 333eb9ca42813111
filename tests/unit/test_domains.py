"""Values of single hyperparameters to coordinates and back."""

import math

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.space import GeometricSteps, Interval, LinearSteps, LogIntegers, Options
from kt_extensions.space.domains import BELOW_ONE
from kt_extensions.space.finite import MOST_LEVELS
from kt_extensions.space.reading import from_hyperparameter

FINITE = [
    Options(("relu", "tanh", "gelu")),
    Options((False, True)),
    Options((0.1, 0.2, 0.5), ordered=True),
    Options((7,)),
    LinearSteps(0, 1, 1),
    LinearSteps(-7, 12, 1),
    LinearSteps(6, 13, 3),
    LinearSteps(32, 512, 32),
    LinearSteps(0.0, 0.5, 0.1),
    LinearSteps(-0.3, 1.0, 0.1),
    LinearSteps(0.0, 1.0, 0.3),
    LinearSteps(0.0, 1.0, 5.0),
    LinearSteps(1e-5, 1e-3, 1e-5),
    GeometricSteps(2, 32, 2),
    GeometricSteps(1, 1000, 10),
    GeometricSteps(3, 100, 2),
    GeometricSteps(1, 2**30 - 1, 2),
    GeometricSteps(0.001, 10.0, 10.0),
    GeometricSteps(1e-5, 1.0, 10.0),
    GeometricSteps(1.0, 2.0, 2 ** (1 / 12)),
    GeometricSteps(2, 32, 2, reverse=True),
    GeometricSteps(3, 100, 2, reverse=True),
    GeometricSteps(0.001, 1.0, 10.0, reverse=True),
    LogIntegers(1, 2),
    LogIntegers(1, 128),
    LogIntegers(16, 256),
    LogIntegers(1, 128, reverse=True),
    LogIntegers(10**6, 10**6 + 50),
]
CONTINUOUS = [
    Interval(0.0, 1.0),
    Interval(-5.0, 10.0),
    Interval(1e-5, 1e-1, "log"),
    Interval(0.5, 0.999, "reverse_log"),
]


def ids(domains):
    return [str(domain) for domain in domains]


finite = pytest.mark.parametrize("domain", FINITE, ids=ids(FINITE))
continuous = pytest.mark.parametrize("domain", CONTINUOUS, ids=ids(CONTINUOUS))


def hyperparameter(kind, **settings):
    hp = kt.HyperParameters()
    getattr(hp, kind)("x", **settings)
    return hp.space[0]


@finite
def test_every_level_comes_back_from_its_value_and_from_its_coordinate(domain):
    for level in range(domain.size):
        value = domain.at(level)
        assert domain.nearest_level(value) == domain.find(value) == level
        assert domain.contains(value)
        coordinate = domain.coordinate(value)
        assert domain.level(np.array([coordinate])).tolist() == [level]
        assert domain.value(coordinate) == value


@finite
def test_levels_are_distinct_builtins_within_the_bounds(domain):
    values = [domain.at(level) for level in range(domain.size)]
    assert len(set(values)) == domain.size
    assert len({type(value) for value in values}) == 1
    assert type(values[0]) in (int, float, str, bool)
    if not isinstance(domain, Options):
        assert values == sorted(values)
        assert domain.low <= values[0]
        assert values[-1] <= domain.high


@finite
def test_cells_tile_the_unit_interval(domain):
    low, high = domain.edges(np.arange(domain.size))
    ends = [low.min(), high.max()]
    np.testing.assert_allclose(ends, [0, 1], atol=1e-15)
    order = np.argsort(low)
    np.testing.assert_allclose(high[order][:-1], low[order][1:], rtol=1e-12)


@finite
def test_levels_are_equally_likely_on_the_scale_of_the_domain(domain):
    u = (np.arange(200_000) + 0.5) / 200_000
    share = np.bincount(domain.level(u), minlength=domain.size) / len(u)
    if isinstance(domain, LogIntegers):
        integers = domain.low + np.arange(domain.size)
        mass = np.log((integers + 0.5) / (integers - 0.5))
        expected = (mass[::-1] if domain.reverse else mass) / mass.sum()
    else:
        expected = np.full(domain.size, 1 / domain.size)
    np.testing.assert_allclose(share, expected, atol=1e-5)


@pytest.mark.parametrize("domain", FINITE + CONTINUOUS, ids=ids(FINITE + CONTINUOUS))
def test_the_ends_of_the_unit_interval_are_values(domain):
    for coordinate in (0.0, 5e-324, BELOW_ONE):
        value = domain.value(coordinate)
        assert domain.contains(value)
        assert type(value) in (int, float, str, bool)
        assert 0 <= domain.coordinate(value) < 1


FLOATS = [domain for domain in FINITE + CONTINUOUS if isinstance(domain.value(0.0), float)]


@pytest.mark.parametrize("domain", FLOATS, ids=ids(FLOATS))
def test_a_value_rounded_to_32_bits_is_the_same_value(domain):
    for coordinate in np.linspace(0, BELOW_ONE, 9).tolist():
        value = domain.value(coordinate)
        rounded = float(np.float32(value))
        assert domain.contains(rounded)
        np.testing.assert_allclose(
            domain.coordinate(rounded), domain.coordinate(value), atol=1e-6 if domain.size else 1e-4
        )


@continuous
def test_a_continuous_value_comes_back_within_its_bounds(domain):
    for coordinate in np.linspace(0, BELOW_ONE, 1001).tolist():
        value = domain.value(coordinate)
        assert type(value) is float
        assert domain.low <= value <= domain.high
        assert domain.coordinate(value) == pytest.approx(coordinate, abs=1e-9)
    assert (domain.value(0.0), domain.value(BELOW_ONE)) == pytest.approx((domain.low, domain.high))


def test_the_middle_of_a_scale():
    assert Interval(1e-4, 1e-2, "log").value(0.5) == pytest.approx(1e-3)
    assert Interval(0.1, 0.9, "reverse_log").value(0.5) == pytest.approx(1 - 0.3)


def test_a_continuous_domain_has_no_levels():
    domain = Interval(0.0, 1.0)
    assert domain.size is None
    assert domain.find(0.5) is None
    with pytest.raises(TypeError, match="no levels"):
        domain.level(np.array([0.5]))
    with pytest.raises(TypeError, match="no levels"):
        domain.edges(np.array([0]))


@pytest.mark.parametrize(
    "domain",
    [
        LinearSteps(0, 10**12, 1),
        LogIntegers(1, 10**12),
        LogIntegers(1, 10**12, reverse=True),
        LogIntegers(1, MOST_LEVELS),
        LogIntegers(10**12 - 5, 10**12),
        LinearSteps(-(10**30), 10**30, 10**20),
        GeometricSteps(1.0, 1e300, 1.0001),
    ],
    ids=str,
)
def test_huge_domains_are_exact_without_listing_their_levels(domain):
    last = domain.size - 1
    levels = {0, 1, last // 3, last // 2, last - 1, last}
    for level in levels:
        value = domain.at(level)
        assert domain.value(domain.coordinate(value)) == value
        assert domain.find(value) == level
    assert {
        domain.level(np.array(domain.coordinate(domain.at(k)))).item() for k in levels
    } == levels


def test_steps_are_the_decimals_that_a_person_writes():
    steps = LinearSteps(0.0, 0.5, 0.1)
    assert [steps.at(k) for k in range(steps.size)] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    ratios = GeometricSteps(1e-5, 1.0, 10.0)
    assert [ratios.at(k) for k in range(ratios.size)] == [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0]
    mirrored = GeometricSteps(0.001, 1.0, 10.0, reverse=True)
    assert [mirrored.at(k) for k in range(mirrored.size)] == [0.001, 0.901, 0.991, 1.0]


def test_a_step_that_does_not_divide_the_range_stops_below_the_bound():
    steps = LinearSteps(0.0, 1.0, 0.3)
    assert [steps.at(k) for k in range(steps.size)] == [0.0, 0.3, 0.6, 0.9]
    assert steps.nearest_level(1.0) == 3
    powers = GeometricSteps(3, 100, 2)
    assert [powers.at(k) for k in range(powers.size)] == [3, 6, 12, 24, 48, 96]
    assert GeometricSteps(1, 2**30 - 1, 2).at(29) == 2**29


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (LinearSteps(0, 10, 1), 11),
        (LinearSteps(0, 10, 1), -1),
        (LinearSteps(0, 10, 1), "3"),
        (LinearSteps(0, 10, 1), True),
        (LinearSteps(0, 10, 1), None),
        (LinearSteps(0, 10**12, 1), 10**12 + 1),
        (LogIntegers(1, 8), 0),
        (GeometricSteps(2, 32, 2), 64),
        (Interval(0.0, 1.0), 1.01),
        (Interval(0.0, 1.0), math.nan),
        (Interval(0.0, 1.0), math.inf),
        (Options(("a", "b")), "c"),
        (Options((0.1, 0.2)), 0.15),
        (Options((0.1, 0.2)), [0.1]),
    ],
)
def test_a_value_outside_has_no_coordinate(domain, value):
    assert not domain.contains(value)
    assert domain.find(value) in (None, 1 if value is True else None)
    with pytest.raises(ValueError, match=r"Expected .* Received"):
        domain.coordinate(value)


def test_a_value_between_levels_goes_to_the_nearest_but_is_not_contained():
    assert LinearSteps(0, 100, 10).nearest_level(34) == 3
    assert not LinearSteps(0, 100, 10).contains(34)
    assert not LinearSteps(0, 10**9, 7).contains(10**9)
    assert GeometricSteps(1, 64, 4).nearest_level(9) == 2
    assert LogIntegers(1, 10).nearest_level(3.4) == 2
    assert LinearSteps(0.0, 1.0, 0.1).contains(0.1 + 0.2)
    assert LinearSteps(0.0, 1.0, 0.1).find(0.1 + 0.2) is None


def test_numpy_numbers_are_read_and_builtins_returned():
    assert LinearSteps(-128, 127, 1).nearest_level(np.int8(100)) == 228
    assert LinearSteps(0.0, 0.5, 0.1).nearest_level(np.float32(0.3)) == 3
    assert Options((False, True)).nearest_level(np.True_) == 1
    assert type(Interval(0.0, 1.0).value(np.float64(0.5))) is float


def test_levels_are_found_as_python_compares():
    assert LinearSteps(1, 5, 1).find(2.0) == 1
    assert LinearSteps(0, 5, 1).find(True) == 1
    assert Options((False, True)).find(1) == 1
    assert Options((1, 0)).find(True) == 0
    assert Options(("1",)).find(1) is None


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("Int", {"min_value": 1, "max_value": 9}, LinearSteps(1, 9, 1)),
        ("Int", {"min_value": 1, "max_value": 9, "step": 4}, LinearSteps(1, 9, 4)),
        ("Int", {"min_value": 1, "max_value": 9, "sampling": "log"}, LogIntegers(1, 9)),
        (
            "Int",
            {"min_value": 1, "max_value": 9, "sampling": "reverse_log"},
            LogIntegers(1, 9, reverse=True),
        ),
        (
            "Int",
            {"min_value": 1, "max_value": 9, "sampling": "log", "step": 2},
            GeometricSteps(1, 9, 2),
        ),
        ("Int", {"min_value": 3, "max_value": 3}, Options((3,))),
        ("Int", {"min_value": 3, "max_value": 3, "sampling": "log", "step": 2}, Options((3,))),
        ("Float", {"min_value": 1, "max_value": 9}, Interval(1.0, 9.0)),
        ("Float", {"min_value": 1, "max_value": 9, "step": 2}, LinearSteps(1.0, 9.0, 2.0)),
        ("Float", {"min_value": 1, "max_value": 9, "sampling": "LOG"}, Interval(1.0, 9.0, "log")),
        (
            "Float",
            {"min_value": 1, "max_value": 9, "sampling": "reverse_log"},
            Interval(1.0, 9.0, "reverse_log"),
        ),
        (
            "Float",
            {"min_value": 1, "max_value": 9, "sampling": "reverse_log", "step": 3},
            GeometricSteps(1.0, 9.0, 3.0, reverse=True),
        ),
        ("Float", {"min_value": 0.5, "max_value": 0.5}, Options((0.5,))),
        ("Choice", {"values": ["b", "a", "b"]}, Options(("b", "a"))),
        ("Choice", {"values": [4, 1, 2]}, Options((1, 2, 4), ordered=True)),
        ("Choice", {"values": [4, 1, 2], "ordered": False}, Options((4, 1, 2))),
        ("Choice", {"values": [True, False]}, Options((0, 1), ordered=True)),
        ("Boolean", {}, Options((False, True))),
        ("Fixed", {"value": 3}, Options((3,))),
        ("Fixed", {"value": 0.1}, Options((0.1,))),
        ("Fixed", {"value": "a"}, Options(("a",))),
        ("Fixed", {"value": True}, Options((True,))),
    ],
)
def test_every_hyperparameter_of_keras_tuner_is_read(kind, settings, expected):
    domain = from_hyperparameter(hyperparameter(kind, **settings))
    assert domain == expected
    assert {type(v) for v in vars(domain).values()} == {type(v) for v in vars(expected).values()}
    if isinstance(expected, Options):
        assert [type(v) for v in domain.values] == [type(v) for v in expected.values]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("Int", {"min_value": 0, "max_value": 10, "step": -1}, "positive step"),
        ("Int", {"min_value": 0, "max_value": 2**63 - 1}, "at most"),
        ("Int", {"min_value": 1, "max_value": 2**50, "sampling": "log"}, "at most"),
        ("Float", {"min_value": 0, "max_value": 1e9, "step": 1e-9}, "at most"),
    ],
)
def test_a_domain_that_cannot_be_searched_is_named(kind, settings, message):
    with pytest.raises(ValueError, match=rf"Hyperparameter 'x': .*{message}"):
        from_hyperparameter(hyperparameter(kind, **settings))


def test_something_else_is_no_hyperparameter():
    with pytest.raises(TypeError, match=r"Received: 3 of type int\. Declare it"):
        from_hyperparameter(3)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (Interval(1e-4, 0.1, "log"), "a number from 0.0001 to 0.1"),
        (LinearSteps(1, 9, 1), "a whole number from 1 to 9"),
        (LinearSteps(1, 64, 3), "a number from 1 to 64 in steps of 3"),
        (GeometricSteps(8, 128, 2), "a number from 8 to 128, each 2 times the one before"),
        (LogIntegers(4, 64), "a whole number from 4 to 64"),
        (Options(("x", "y")), "one of ['x', 'y']"),
    ],
)
def test_a_domain_says_in_words_what_it_holds(domain, words):
    assert str(domain) == words
