from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks import curves, record_curves, tuning_fidelity
from benchmarks.multifidelity_peers import DEHB, KerasTunerSearch, dehb_method, optuna_method
from benchmarks.multifidelity_report import Found, compare, epochs_to, mean_ranks
from benchmarks.multifidelity_search import (
    CurveProblem,
    Log,
    ScheduledSearch,
    Task,
    scheduled_method,
    simulate,
)
from kt_extensions.samplers import KDE, Random
from kt_extensions.schedulers import ASHA, Hyperband
from kt_extensions.space import Condition, Dimension, LinearSteps, Options, SearchSpace

SPACE = SearchSpace(
    [
        Dimension("kind", Options(("a", "b"))),
        Dimension("x", LinearSteps(0, 19, 1)),
        Dimension("z", LinearSteps(0, 4, 1), ((Condition("kind", ("a",)),),)),
    ]
)


def _curve(values):
    final = 0.1 * (values["x"] - 12) ** 2 + values.get("z", 2)
    losses = final + 10 / np.arange(1, 10)
    return np.full(9, np.inf) if values["x"] == 19 else losses


@pytest.fixture
def problem():
    return CurveProblem("toy", SPACE, _curve, optimum=10 / 9)


def _tasks(searcher, problem):
    """Runs a search in one worker to its end."""
    tasks = []
    while (task := searcher.ask()) is not None:
        tasks.append(task)
        searcher.tell(task, problem.loss(task.values, task.end))
    return tasks


class TestProblem:
    def test_loss_is_that_of_the_best_epoch(self):
        space = SearchSpace([Dimension("x", LinearSteps(0, 1, 1))])
        problem = CurveProblem("p", space, lambda values: np.array([3.0, 1.0, 2.0]), 1.0)
        assert [problem.loss({"x": 0}, epochs) for epochs in (1, 2, 3)] == [3.0, 1.0, 1.0]

    def test_diverged_training_has_failed(self):
        space = SearchSpace([Dimension("x", LinearSteps(0, 1, 1))])
        problem = CurveProblem("p", space, lambda values: np.array([3.0, np.nan, 2.0]), 1.0)
        assert [problem.loss({"x": 0}, epochs) for epochs in (1, 2, 3)] == [3.0, np.inf, np.inf]


class TestLog:
    def test_epochs_of_parallel_trials_interleave(self, problem):
        log = Log(problem)
        log.add({"kind": "b", "x": 5}, 0, 2, time=0.0)
        log.add({"kind": "b", "x": 12}, 0, 2, time=0.5)
        trace = log.trace(6)
        poor, good = 0.1 * 7**2 + 2, 2.0
        assert trace.seen == pytest.approx([poor + 10, good + 10, poor + 5, *[good + 5] * 3])
        assert trace.full - 10 / 9 == pytest.approx([poor, good, poor, *[good] * 3])


class TestScheduledSearch:
    def test_promoted_trials_cost_their_new_epochs_alone(self, problem):
        searcher = ScheduledSearch(problem, Hyperband(max_epochs=9), Random(), seed=0)
        tasks = _tasks(searcher, problem)
        brackets = (9 * 1 + 3 * 2 + 1 * 6, 5 * 3 + 1 * 6, 3 * 9)
        assert sum(task.end - task.start for task in tasks) == sum(brackets)
        seen = {}
        for task in tasks:
            key = tuple(task.values.items())
            assert seen.get(key, 0) == task.start
            seen[key] = task.end

    def test_bohb_finds_a_better_loss_than_random_search(self, problem):
        def regret(method):
            return np.mean([method(problem, 120, seed).seen[-1] for seed in range(10)])

        full = scheduled_method(lambda: Hyperband(9, min_epochs=9, iterations=None), Random)
        assert regret(scheduled_method(lambda: Hyperband(9, iterations=None), KDE)) < regret(full)

    def test_parallel_search_uses_all_epochs(self, problem):
        searcher = ScheduledSearch(problem, ASHA(max_epochs=9), Random(), seed=0)
        trace = simulate(problem, searcher, epochs=100, workers=8)
        assert len(trace.seen) == 100
        assert trace.seen[-1] < 3


class TestKerasTuner:
    def test_promoted_trials_go_on(self, problem):
        searcher = KerasTunerSearch(SPACE, seed=0, max_epochs=9, iterations=1, workers=1)
        with searcher.folder:
            tasks = _tasks(searcher, problem)
        assert searcher.stopped
        assert {(task.start, task.end) for task in tasks} == {
            *{(0, 1), (1, 3), (3, 9)},
            *{(0, 3), (0, 9)},
        }
        for task in tasks:
            assert SPACE.decode(SPACE.encode(task.values)) == dict(task.values)

    def test_several_workers_are_busy_at_once(self, problem):
        searcher = KerasTunerSearch(SPACE, seed=0, max_epochs=9, iterations=1, workers=3)
        with searcher.folder:
            assert all(isinstance(searcher.ask(), Task) for _ in range(3))


class TestDEHB:
    def test_first_bracket_is_successive_halving(self, problem):
        tasks, search = [], DEHB(problem, seed=0, max_epochs=9).tasks()
        loss = None
        while len(tasks) < 13:
            task = search.send(loss)
            tasks.append(task)
            loss = problem.loss(task.values, task.end)
        ends = [task.end for task in tasks]
        assert ends == sorted(ends)
        promoted = [task for task in tasks if task.start]
        assert promoted
        first = sorted((problem.loss(t.values, 1), i) for i, t in enumerate(tasks) if t.end == 1)
        assert promoted[0].values == tasks[first[0][1]].values

    def test_finds_the_optimum(self, problem):
        finals = [dehb_method(9)(problem, 500, seed).seen[-1] for seed in range(5)]
        assert np.median(finals) == pytest.approx(problem.optimum)


def test_optuna_prunes_and_continues(problem):
    pytest.importorskip("optuna")
    trace = optuna_method(9)(problem, 150, 0)
    assert len(trace.seen) == 150
    assert trace.seen[-1] < 3


class TestReport:
    def test_epochs_until_a_regret(self):
        found = Found(np.array([[3.0, 2.0, 1.0], [3.0, 3.0, 3.0]]), np.ones((2, 3)))
        assert epochs_to(found, 2.0).tolist() == [2.0, np.inf]

    def test_comparison_at_equal_epochs(self):
        seen = np.tile(np.array([[4.0, 2.0, 1.0, 1.0]]), (20, 1))
        better, reference = Found(seen / 2, seen / 2), Found(seen, seen)
        row = compare(better, reference, epochs=4)
        assert row["epochs_ratio"] == 0.5
        assert row["regret_ratio"] == row["full_ratio"] == 0.5
        assert row["p"] < 1e-6
        assert compare(reference, reference, epochs=4)["epochs_ratio"] == 0.75
        ranks = mean_ranks({"a": {"p": better}, "b": {"p": reference}}, epochs=4)
        assert ranks == {"a": 1.0, "b": 2.0}


class TestRecordedCurves:
    def test_packing_keeps_losses(self):
        losses = np.array([[2.0, 0.5, 0.01], [3.0, np.inf, np.nan], [1e3, 1.0, 1.0]])
        unpacked = curves.unpack(curves.pack(losses))
        assert unpacked[0] == pytest.approx(losses[0], rel=curves.STEP)
        assert np.isinf(unpacked).tolist() == [
            [False] * 3,
            [False, True, True],
            [True, False, False],
        ]

    @pytest.mark.parametrize("name", curves.GRIDS)
    def test_every_configuration_was_recorded(self, name):
        losses = curves.load(name)
        assert losses.shape == (len(curves.configurations(curves.GRIDS[name].space)), 81)
        best = np.minimum.accumulate(losses, axis=1)
        assert np.median(best[:, -1]) < 0.9 * np.median(best[:, 0])

    @pytest.mark.parametrize(("tanh", "dropout"), itertools.product([False, True], [0.0, 0.4]))
    def test_gradients_are_those_of_the_loss(self, tanh, dropout):
        rng = np.random.default_rng(0)
        share = np.full((2, 1, 1), dropout, np.float32)
        networks = record_curves.Networks.initialized(2, [5, 7, 4, 3], tanh, share, rng)
        networks.weights = [w + 0.1 * rng.standard_normal(w.shape) for w in networks.weights]
        x, y = rng.standard_normal((6, 5)), np.eye(3)[rng.integers(3, size=6)]
        masks = networks.masks(6, rng)

        def losses():
            z = networks.forward(x, masks)[-1]
            return (np.log(np.exp(z).sum(axis=2)) - (z * y).sum(axis=2)).mean(axis=1)

        gradients = networks.gradients(x, y, masks)
        for weights, gradient in zip(networks.weights, gradients, strict=True):
            before, step = losses(), 1e-6
            weights[:, 0, 1] += step
            assert (losses() - before) / step == pytest.approx(gradient[:, 0, 1], abs=1e-4)
            weights[:, 0, 1] -= step

    def test_training_is_reproducible_and_lowers_the_loss(self, monkeypatch):
        monkeypatch.setattr(record_curves, "EPOCHS", 3)
        grid = curves.GRIDS["cancer"]
        settings = [{**grid.fixed, **curves.configurations(grid.space)[i]} for i in (30, 36)]
        data = record_curves.load_data(grid)
        first, again = (record_curves.train(data, settings, seed=1) for _ in range(2))
        assert np.array_equal(first, again)
        assert (first[:, -1] < first[:, 0]).all()


@pytest.mark.parametrize("name", ["mixed7", "optimizer"])
def test_tuning_problems_end_at_the_function(name):
    problem = tuning_fidelity.problems()[name]
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = problem.space.decode(rng.random(len(problem.space)))
        losses = problem.losses(values)
        assert 0 < problem.full(values) < 1
        if np.isfinite(losses[0]):
            assert losses[-1] == pytest.approx(problem.full(values), abs=0.05)
            assert losses[0] > losses[-1]
