"""What `describe` says of search spaces."""

import itertools
import math
import re
from collections import Counter

import keras_tuner as kt
import pytest

import kt_extensions as kte
from kt_extensions import wording
from kt_extensions.space import GeometricSteps, Interval, LogIntegers


def two_optimizers(hp):
    """60 configurations: 3 widths with 4 momenta of sgd, or with 2 kinds and 8 rates of adam."""
    hp.Int("units", 16, 48, step=16)
    hp.Choice("optimizer", ["sgd", "adam"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0, 0.9, step=0.3)
    with hp.conditional_scope("optimizer", ["adam"]):
        hp.Boolean("amsgrad")
        hp.Int("rate", 1, 8)


def declared_by(*functions):
    hp = kt.HyperParameters()
    for function in functions:
        function(hp)
    return hp


def floats(hp):
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    hp.Float("dropout", 0, 0.5)


def huge(hp):
    for i in range(4):
        hp.Int(f"seed_{i}", 1, 10**10)


class Search(kt.RandomSearch):
    """Runs trials that only declare hyperparameters."""

    def run_trial(self, trial, **kwargs):
        return float(trial.hyperparameters.Int("units", 1, 10))


class Timed(kte.Tuner):
    def run_trial(self, trial, **kwargs):
        return float(trial.hyperparameters.get("units"))


# The numbers


def test_counts_conditional_configurations_exactly():
    space = kte.describe(declared_by(two_optimizers))
    sgd = itertools.product(range(3), range(4))
    adam = itertools.product(range(3), range(2), range(8))
    assert space.configurations == len([*sgd, *adam]) == 60
    assert space.grid == 60


def test_rows_tell_each_hyperparameter():
    rows = {row.name: row for row in kte.describe(declared_by(two_optimizers)).rows}
    assert [*rows] == ["units", "optimizer", "momentum", "amsgrad", "rate"]
    assert [row.levels for row in rows.values()] == [3, 2, 4, 2, 8]
    assert [row.default for row in rows.values()] == [16, "sgd", 0.0, False, 1]
    assert rows["units"].domain == "integer, 16 to 48, step 16"
    assert rows["units"].condition == ""
    assert rows["amsgrad"].domain == "one of False, True"
    assert rows["amsgrad"].condition == "optimizer is adam"


def test_sweep_and_share_follow_from_what_is_told():
    space = kte.describe(declared_by(two_optimizers), seconds_per_trial=2.5, max_trials=15)
    assert space.sweep_seconds == 150
    assert space.share == 0.25
    assert space.chance(0.1) == pytest.approx(1 - 0.9**15)


def test_what_is_not_told_is_none():
    space = kte.describe(declared_by(two_optimizers))
    assert space.sweep_seconds is space.share is space.max_trials is None
    assert "sweep" not in str(space) and "budget" not in str(space)


def test_continuous_hyperparameters_leave_a_discrete_part():
    space = kte.describe(declared_by(two_optimizers, floats), seconds_per_trial=60, max_trials=9)
    assert space.configurations == math.inf and space.sweep_seconds == math.inf
    assert space.grid == 60
    assert space.share == 0.0
    assert "infinitely many" in str(space)
    assert "endless; 1 hour for the discrete part, at 1 minute a trial" in str(space)


def test_only_continuous_hyperparameters():
    space = kte.describe(declared_by(floats), seconds_per_trial=60, max_trials=9)
    assert space.grid == 1
    assert [row.levels for row in space.rows] == [math.inf, math.inf]
    assert "discrete part" not in str(space)
    assert re.search(r"full sweep +endless$", str(space), re.MULTILINE)


def test_a_condition_on_a_continuous_parent_adds_no_configuration():
    hp = declared_by(floats)
    hp.Choice("noise", ["low", "high"], parent_name="dropout", parent_values=[0.0])
    assert kte.describe(hp).grid == 1


def test_a_continuous_hyperparameter_that_is_never_active_counts_for_nothing():
    hp = declared_by(two_optimizers)
    hp.Float("rho", 0, 1, parent_name="optimizer", parent_values=["rmsprop"])
    assert kte.describe(hp).configurations == 60


def test_huge_spaces_are_exact_and_readable():
    space = kte.describe(declared_by(huge), seconds_per_trial=1, max_trials=100)
    assert space.configurations == 10**40
    assert space.share == pytest.approx(1e-38)
    assert "configurations   1.0e40" in str(space)
    assert "3.2e32 years" in str(space)
    assert "1 in 1.0e38 of the configurations" in str(space)


def test_more_seconds_than_a_float_can_hold():
    def enormous(hp):
        for i in range(40):
            hp.Int(f"seed_{i}", 1, 10**10)

    space = kte.describe(declared_by(enormous), seconds_per_trial=0.5, max_trials=7)
    assert space.sweep_seconds == 10**400 // 2
    assert "configurations   1.0e400" in str(space)
    assert "1.6e392 years" in str(space)


def test_one_configuration():
    hp = kt.HyperParameters()
    hp.Fixed("units", 16)
    space = kte.describe(hp, seconds_per_trial=10, max_trials=5)
    assert (space.configurations, space.share, space.sweep_seconds) == (1, 1.0, 10)
    assert "fixed: 16" in str(space)
    assert "5 trials, 50 seconds: all of the configurations" in str(space)
    assert "random search" not in str(space)


def test_no_hyperparameters():
    space = kte.describe(kt.HyperParameters(), max_trials=5)
    assert space.rows == () and space.configurations == 1
    assert str(space).startswith("Empty search space")


# Where the space comes from


def test_a_model_function_is_called_until_each_scope_was_open():
    def build(hp):
        if hp.Choice("kind", ["a", "b"]) == "a":
            hp.Int("only_of_a", 1, 2)
        with hp.conditional_scope("kind", ["b"]):
            hp.Int("depth", 1, 3)
            for i in range(3):
                with hp.conditional_scope("depth", [*range(i + 1, 4)]):
                    if hp.Int(f"width_{i}", 1, 5) is not None and i == 2:
                        hp.Int("deepest", 1, 7)

    space = kte.describe(build)
    widths = ["width_0", "width_1", "width_2", "deepest"]
    assert [row.name for row in space.rows] == ["kind", "only_of_a", "depth", *widths]
    assert space.rows[-1].condition == "kind is b and depth is 3"
    assert space.configurations == 2 * (1 + 5 + 5**2 + 5**3 * 7)


def test_building_is_the_same_each_time():
    calls = []

    def build(hp):
        two_optimizers(hp)
        calls.append(dict(hp.values))

    assert kte.describe(build) == kte.describe(build)
    assert calls[: len(calls) // 2] == calls[len(calls) // 2 :]
    assert {values["optimizer"] for values in calls} == {"sgd", "adam"}


def test_a_hypermodel_declares_before_it_builds():
    class Model(kt.HyperModel):
        def declare_hyperparameters(self, hp):
            hp.Choice("batch_size", [16, 32])

        def build(self, hp):
            two_optimizers(hp)

    space = kte.describe(Model())
    assert space.configurations == 120
    assert space.rows[0].name == "batch_size"


def test_an_oracle_tells_its_space_and_trials():
    hp = declared_by(two_optimizers)
    oracle = kt.oracles.RandomSearchOracle("val_loss", max_trials=30, hyperparameters=hp)
    space = kte.describe(oracle)
    assert space.configurations == 60
    assert space.max_trials == 30 and space.share == 0.5
    assert space.seconds_per_trial is None
    assert kte.describe(oracle, max_trials=6).share == 0.1


def timed_tuner(folder):
    hp = declared_by(two_optimizers)
    oracle = kte.oracles.TPEOracle(kt.Objective("score", "min"), max_trials=6, hyperparameters=hp)
    return Timed(oracle, directory=folder, project_name="search")


def test_a_tuner_measures_its_trials(tmp_path):
    tuner = timed_tuner(tmp_path)
    assert kte.describe(tuner).seconds_per_trial is None
    tuner.search(verbose=0)
    space = kte.describe(tuner)
    assert space.seconds_per_trial == tuner.get_state()["seconds"] / 6 > 0
    assert space.max_trials == 6
    assert kte.describe(tuner, seconds_per_trial=3).sweep_seconds == 180


def test_a_resumed_tuner_knows_the_trials_before(tmp_path):
    timed_tuner(tmp_path).search(verbose=0)
    resumed = timed_tuner(tmp_path)
    assert kte.describe(resumed).seconds_per_trial == resumed.get_state()["seconds"] / 6 > 0


def test_a_tuner_of_kerastuner_tells_what_its_trials_declared(tmp_path):
    options = {"max_trials": 2, "directory": tmp_path, "project_name": "search"}
    tuner = Search(objective=kt.Objective("score", "min"), **options)
    assert str(kte.describe(tuner)).startswith("Empty search space")
    tuner.search(verbose=0)
    space = kte.describe(tuner)
    assert space.configurations == 10 and space.share == 0.2
    assert space.seconds_per_trial is None


def test_describing_leaves_hyperparameters_as_they_are():
    hp = declared_by(two_optimizers)
    before = hp.get_config()
    kte.describe(hp)
    assert hp.get_config() == before


# Errors


def test_a_model_function_that_raises():
    def build(hp):
        hp.Int("units", 1, 2)
        raise TypeError("no such layer")

    with pytest.raises(ValueError, match=r"TypeError: no such layer with \{'units': 1\}") as raised:
        kte.describe(build)
    assert isinstance(raised.value.__cause__, TypeError)


@pytest.mark.parametrize("space", [None, 7, "units", Search, [1, 2]])
def test_what_is_no_search_space(space):
    with pytest.raises(TypeError, match=r"Expected a keras_tuner\.HyperParameters.*Received"):
        kte.describe(space)


@pytest.mark.parametrize(
    "argument",
    [{"seconds_per_trial": value} for value in (0, -1, math.nan, math.inf, "1", True)]
    + [{"max_trials": value} for value in (0, -1, 2.5, "9", True)],
)
def test_numbers_that_are_not_positive(argument):
    [name] = argument
    with pytest.raises(ValueError, match=f"Expected `{name}` to be a positive.*Received: {name}="):
        kte.describe(declared_by(two_optimizers), **argument)


@pytest.mark.parametrize("best", [0, 1, 5])
def test_a_share_that_is_none(best):
    space = kte.describe(declared_by(two_optimizers), max_trials=5)
    with pytest.raises(ValueError, match=r"in \(0, 1\).*Received"):
        space.chance(best)


def test_a_chance_needs_the_number_of_trials():
    with pytest.raises(ValueError, match=r"describe.*max_trials"):
        kte.describe(declared_by(two_optimizers)).chance(0.05)


# The text


def test_the_table_fits_the_page_and_keeps_every_word(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    hp = declared_by(two_optimizers, floats)
    options = [f"[option]_{i}" for i in range(60)]
    hp.Choice("a_hyperparameter_with_a_long_name" * 3, options)
    hp.Choice("which", options, parent_name="units", parent_values=[16, 32, 48])
    text = str(kte.describe(hp, seconds_per_trial=1, max_trials=10))
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    said = Counter(re.findall(r"\[option\]_\d+", text))
    assert said == Counter({option: 2 for option in options}) + Counter(options[:1] * 2)


def test_notebooks_get_the_same_text():
    hp = kt.HyperParameters()
    hp.Choice("activation", ["<relu>", "tanh"])
    space = kte.describe(hp)
    assert space._repr_html_().startswith("<pre>") and "&lt;relu&gt;" in space._repr_html_()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.004, "0.004 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (5400, "1.5 hours"),
        (86400 * 40, "40 days"),
        (31_557_600 * 1234, "1,234 years"),
        (31_557_600 * 1.2e6, "1.2 million years"),
        (31_557_600 * 25e9, "25 billion years"),
        (31_557_600 * 10**15, "1.0e15 years"),
    ],
)
def test_durations(seconds, said):
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (Interval(0.0, 0.5), "0.0 to 0.5"),
        (Interval(1.0, 9.0, "reverse_log"), "1.0 to 9.0, reverse log"),
        (GeometricSteps(16, 128, 2), "integer, 16 to 128, factor 2, log"),
        (LogIntegers(16, 256, reverse=True), "integer, 16 to 256, reverse log"),
    ],
)
def test_domains(domain, said):
    assert wording.domain(domain) == said
