import os
import subprocess
import sys

import numpy as np
import pytest
from skopt.learning import ExtraTreesRegressor, RandomForestRegressor

from kt_extensions.history import TrialTable, from_observations
from kt_extensions.samplers import Random
from kt_extensions.samplers.base import startup_point
from kt_extensions.samplers.observations import finished_trials
from kt_extensions.samplers.skopt_models import SURROGATES, ExtraTrees, Model, RandomForest
from kt_extensions.samplers.surrogate import Skopt
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace
from kt_extensions.testing import SPACES, search, trial_table

LINE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
SQUARE = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "xy"])
MIXED = SearchSpace(
    [
        Dimension("kind", Options(tuple("abc"))),
        Dimension("x", Interval(0.0, 1.0)),
        Dimension("layers", LinearSteps(1, 5, 1)),
        Dimension("momentum", Interval(0.0, 1.0), ((Condition("kind", ("b",)),),)),
    ]
)
NAMES = ["GP", "RF", "ET", "GBRT"]
ACQUISITIONS = ["EI", "PI", "LCB"]


def bowl(values):
    return (values["x"] - 0.3) ** 2 + (values["y"] - 0.8) ** 2


def mixed_loss(values):
    """0 at the best, which has the momentum."""
    loss = (values["x"] - 0.3) ** 2 + 0.1 * (values["layers"] - 4) ** 2
    return loss + (abs(values["momentum"] - 0.7) if values["kind"] == "b" else 0.4)


def history_of(y, x=None):
    x = np.linspace(0.02, 0.98, len(y)) if x is None else x
    return from_observations(LINE, [{"x": float(v)} for v in x], y)


def suggested(history, seed=0, **settings):
    return Skopt(**settings).suggest(history, np.random.default_rng(seed))


class TestSearch:
    @pytest.mark.parametrize(
        "surrogate, acquisition",
        [("GP", "EI"), ("RF", "EI"), ("RF", "PI"), ("RF", "LCB"), ("ET", "EI"), ("GBRT", "EI")],
    )
    def test_is_better_than_random_and_than_a_sequence(self, surrogate, acquisition):
        sampler = Skopt(surrogate=surrogate, acquisition=acquisition)
        ours = [search(sampler, SQUARE, bowl, 30, seed).y.min() for seed in range(3)]
        for other in (Random(), Skopt(n_startup=30)):
            theirs = [search(other, SQUARE, bowl, 30, seed).y.min() for seed in range(20)]
            assert np.median(ours) < 0.5 * np.median(theirs)

    @pytest.mark.parametrize("surrogate", NAMES)
    def test_searches_conditions_and_options(self, surrogate):
        ours = [search(Skopt(surrogate), MIXED, mixed_loss, 40, seed).y.min() for seed in range(2)]
        random = [search(Random(), MIXED, mixed_loss, 40, seed).y.min() for seed in range(20)]
        assert np.mean(ours) < 0.5 * np.mean(random)


@pytest.mark.parametrize("surrogate", NAMES)
class TestEverySurrogate:
    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    def test_proposes_untried_points_of_the_space(self, surrogate, acquisition):
        history = trial_table(SPACES["mixed"], "half failed", pruned=0.3).history()
        point = suggested(history, surrogate=surrogate, acquisition=acquisition)
        assert ((point >= 0) & (point < 1)).all()
        x = history.space.snap(point[np.newaxis])[0]
        assert history.space.key(x) not in history.tried

    def test_takes_any_scores(self, surrogate):
        for scores in ("constant", "huge", "tiny", "far apart", "half failed", "half pending"):
            point = suggested(trial_table(LINE, scores).history(), surrogate=surrogate)
            assert point.shape == (1,) and 0 <= point[0] < 1

    def test_keeps_parallel_proposals_apart(self, surrogate):
        x = np.linspace(0.02, 0.98, 15).tolist()
        y = [(v - 0.37) ** 2 for v in x]
        for seed in range(4):
            history = history_of([*y, *[np.nan] * seed], x)
            x.append(suggested(history, seed, surrogate=surrogate)[0])
        assert np.diff(np.sort(x[15:])).min() > 1e-4

    def test_avoids_where_trials_fail(self, surrogate):
        x = np.linspace(0.0, 0.99, 42)
        history = history_of(np.where(x > 0.5, np.inf, 1 - x), x)
        assert startup_point(history, np.random.default_rng(0)) > 0.7  # without a model
        points = [suggested(history, seed, surrogate=surrogate)[0] for seed in range(3)]
        assert max(points) < 0.65

    def test_is_a_pure_function(self, surrogate):
        history = history_of(np.cos(9 * np.linspace(0, 1, 30)))
        first = suggested(history, surrogate=surrogate)
        suggested(history_of(np.arange(12.0)), surrogate=surrogate)
        np.testing.assert_array_equal(suggested(history, surrogate=surrogate), first)
        assert suggested(history, seed=1, surrogate=surrogate) != first

    def test_learns_from_a_long_search(self, surrogate):
        x = np.random.default_rng(0).random((2000, 2)).tolist()
        values = [{"x": a, "y": b} for a, b in x]
        history = from_observations(SQUARE, values, [bowl(v) for v in values])
        points = [suggested(history, seed, surrogate=surrogate) for seed in range(4)]
        assert np.mean([bowl(SQUARE.decode(point)) for point in points]) < 0.1


def test_the_process_improves_on_pending_trials_too():
    """The pending trial is expected to be the best by far: another one there gains nothing."""
    x = [v for v in np.linspace(0.02, 0.98, 15) if abs(v - 0.5) > 0.15]
    y = [(v - 0.5) ** 2 for v in x]
    first = suggested(history_of(y, x), surrogate="GP")[0]
    second = suggested(history_of([*y, np.nan], [*x, first]), surrogate="GP")[0]
    assert first == pytest.approx(0.5, abs=0.01)
    assert abs(second - first) > 0.02


class TestModel:
    @pytest.mark.parametrize("surrogate", NAMES)
    def test_predicts_the_scores_it_was_trained_by(self, surrogate):
        x = np.linspace(0, 1, 40)[:, np.newaxis]
        y = np.sqrt(2) * np.sin(2 * np.pi * x[:, 0])
        mean, deviation = Model(surrogate, 30, 0, x, y).predict(x)
        assert mean.shape == deviation.shape == (40,)
        assert np.corrcoef(mean, y)[0, 1] > 0.9
        assert (deviation > 0).all()

    @pytest.mark.parametrize("surrogate", ["GP", "RF", "GBRT"])
    def test_is_less_sure_where_scores_scatter(self, surrogate):
        rng = np.random.default_rng(0)
        x = np.repeat([0.0, 1.0], 40)[:, np.newaxis] + 0.1 * rng.random((80, 1))
        y = np.where(x[:, 0] < 0.5, 0.0, rng.standard_normal(80))
        if surrogate == "GP":  # whose noise is the same everywhere, but not its knowledge
            x, y = x[:40], np.sin(20 * x[:40, 0])
        _, deviation = Model(surrogate, 30, 0, x, y).predict(np.array([[0.05], [1.05]]))
        assert deviation[1] > 3 * deviation[0]

    @pytest.mark.parametrize(
        "ours, theirs",
        [(RandomForest, RandomForestRegressor), (ExtraTrees, ExtraTreesRegressor)],
    )
    def test_predicts_what_the_forests_of_scikit_optimize_do(self, ours, theirs):
        rng = np.random.default_rng(0)
        x, y, points = rng.random((60, 3)), rng.standard_normal(60), rng.random((200, 3))
        settings = {"min_variance": 1e-4, "min_samples_leaf": 3, "random_state": 0}
        forest = ours(20, **settings).fit(x, y)
        expected = theirs(20, **settings).fit(x, y).predict(points, return_std=True)
        np.testing.assert_allclose(forest.predict(points, return_std=True), expected, atol=1e-9)
        np.testing.assert_allclose(forest.predict(points), expected[0], atol=1e-9)

    def test_boosts_quantiles_in_order(self):
        rng = np.random.default_rng(0)
        x, y = rng.random((60, 3)), rng.standard_normal(60)
        _, deviation = Model("GBRT", 30, 0, x, y).predict(rng.random((500, 3)))
        assert (deviation > 0).all()

    def test_is_known_by_every_name(self):
        assert sorted(SURROGATES) == sorted(NAMES)
        for name in SURROGATES:
            assert Skopt(surrogate=name).surrogate == name


class TestObservations:
    def test_are_bounded(self):
        y = np.random.default_rng(0).permutation(1000.0 * np.arange(900))
        rows, scores = finished_trials(history_of([*y, *[np.nan] * 300]), 90)
        assert len(rows) == len(scores) == 90
        assert set(np.argsort(y)[:30]) <= set(rows)
        assert set(range(870, 900)) <= set(rows)  # the latest with a score

    def test_are_of_finished_trials(self):
        rows, scores = finished_trials(history_of([1.0, np.nan, 2.0, np.nan, 3.0]), 100)
        assert rows.tolist() == [0, 2, 4]
        assert scores[0] < scores[1] < scores[2]

    def test_count_failures_as_the_worst(self):
        _, scores = finished_trials(history_of([1.0, np.inf, 2.0, 3.0]), 100)
        assert scores[1] == scores[3] == scores.max()

    def test_use_warm_started_trials(self):
        table = TrialTable(LINE, seed=0)
        for x in np.linspace(0.02, 0.98, 20):
            table.add_known(np.array([x]), (x - 0.3) ** 2)
        assert abs(suggested(table.history())[0] - 0.3) < 0.1


class TestSettings:
    def test_start_with_the_sequence_of_every_search(self):
        history = history_of([1.0] * 9 + [np.inf] * 20)
        expected = startup_point(history, np.random.default_rng(0))
        np.testing.assert_array_equal(suggested(history), expected)
        assert suggested(history, n_startup=9) != expected

    def test_reject_unknown_names(self):
        with pytest.raises(ValueError, match=r"surrogate.*'GP'.*'GBRT'.*Received: 'gp'"):
            Skopt(surrogate="gp")
        with pytest.raises(ValueError, match=r"acquisition.*'EI'.*'LCB'.*Received: 'gp_hedge'"):
            Skopt(acquisition="gp_hedge")

    @pytest.mark.parametrize("name", ["n_startup", "n_candidates", "most_points", "n_trees"])
    def test_reject_numbers_that_are_not_positive(self, name):
        with pytest.raises(ValueError, match=f"{name} to be an integer >= 1. Received: 0"):
            Skopt(**{name: 0})

    def test_import_scikit_optimize_only_when_it_is_used(self):
        code = (
            "import sys; from kt_extensions.samplers.surrogate import Skopt; Skopt(); "
            "print(sorted({'skopt', 'sklearn'} & sys.modules.keys()))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        assert ran.stdout == "[]\n"
