from __future__ import annotations

import itertools

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus

import kt_extensions as kte
from benchmarks import (
    curves,
    report,
    scaling_driver,
    scaling_samplers,
    scaling_simulated,
    scaling_tables,
    scaling_workers,
    store,
)
from benchmarks.blackbox import Problem
from benchmarks.memory import Memory, memory
from benchmarks.multifidelity_search import CurveProblem, Task
from benchmarks.quality import BUDGETS
from benchmarks.scaling_clock import Clock, Stretch, Timeline, epoch_times
from benchmarks.scaling_driver import DriverTuner, Mark, SimulatedCrew
from kt_extensions.space import Dimension, LinearSteps, SearchSpace

SPACE = SearchSpace([Dimension("x", LinearSteps(0, 9, 1))])
PROBLEM = CurveProblem("toy", SPACE, lambda v: v["x"] + 1 / np.arange(1, 10), optimum=1 / 9)


class Listed:
    """A search that has a list of tasks; the last waits until all others have been told."""

    def __init__(self, *tasks):
        self._tasks, self._left = list(tasks), len(tasks)
        self.told = []

    def ask(self):
        waits = len(self._tasks) == 1 and self._left > 1
        return self._tasks.pop(0) if self._tasks and not waits else None

    def tell(self, task, loss):
        self._left -= 1
        self.told.append((task.name, loss))


def _task(x, start, end):
    return Task({"x": x}, start, end, f"{x}:{start}-{end}")


def _stretch(start, *ends, losses=None, **kinds):
    return Stretch(start, np.array(ends), np.array(losses or np.ones(len(ends))), **kinds)


class TestEpochTimes:
    def test_are_the_same_for_the_same_configuration_and_seed(self):
        once, again = (epoch_times(PROBLEM, {"x": 3}, 9, seed=1) for _ in range(2))
        np.testing.assert_array_equal(once, again)

    @pytest.mark.parametrize("values, seed", [({"x": 4}, 1), ({"x": 3}, 2)])
    def test_differ_for_another(self, values, seed):
        assert epoch_times(PROBLEM, values, 1, seed) != epoch_times(PROBLEM, {"x": 3}, 1, seed=1)

    def test_first_epochs_do_not_depend_on_how_many_follow(self):
        few, many = (epoch_times(PROBLEM, {"x": 3}, n, seed=1) for n in (3, 9))
        np.testing.assert_array_equal(few, many[:3])

    def test_are_one_in_the_mean_and_spread_by_the_configuration(self):
        speeds = [epoch_times(PROBLEM, {"x": x}, 9, s) for x in range(10) for s in range(200)]
        assert np.mean(speeds) == pytest.approx(1, abs=0.05)
        assert np.std(np.log(np.mean(speeds, axis=1))) == pytest.approx(0.6, abs=0.05)


class TestClock:
    def test_one_worker_is_never_idle(self):
        searcher = Listed(_task(1, 0, 2), _task(2, 0, 3), _task(3, 0, 1))
        timeline = Clock(PROBLEM, searcher, workers=1, seed=0).run(budget=100)
        lasting = [epoch_times(PROBLEM, {"x": x}, n, 0).sum() for x, n in ((1, 2), (2, 3), (3, 1))]
        assert timeline.end == pytest.approx(sum(lasting))
        assert timeline.utilisation == pytest.approx(1)
        assert [name for name, _ in searcher.told] == ["1:0-2", "2:0-3", "3:0-1"]

    def test_worker_that_is_told_to_wait_idles(self):
        searcher = Listed(_task(1, 0, 2), _task(2, 0, 3), _task(3, 0, 1))
        timeline = Clock(PROBLEM, searcher, workers=3, seed=0).run(budget=100)
        lasting = [epoch_times(PROBLEM, {"x": x}, n, 0).sum() for x, n in ((1, 2), (2, 3), (3, 1))]
        assert timeline.end == pytest.approx(max(lasting[:2]) + lasting[2])
        assert timeline.utilisation == pytest.approx(sum(lasting) / (3 * timeline.end))
        assert searcher.told[-1][0] == "3:0-1"

    def test_tells_the_loss_of_the_best_epoch(self):
        searcher = Listed(_task(1, 0, 2))
        Clock(PROBLEM, searcher, workers=1, seed=0).run(budget=100)
        assert searcher.told == [("1:0-2", 1.5)]

    def test_promoted_training_takes_its_new_epochs_only(self):
        searcher = Listed(_task(1, 0, 2), _task(1, 2, 9))
        timeline = Clock(PROBLEM, searcher, workers=1, seed=0).run(budget=100)
        whole = epoch_times(PROBLEM, {"x": 1}, 9, 0)
        assert timeline.end == pytest.approx(whole.sum())
        assert [stretch.goes_on for stretch in timeline.stretches] == [False, True]
        assert timeline.repeated == 0

    def test_stops_once_the_epochs_are_used_up(self):
        searcher = Listed(*(_task(x, 0, 2) for x in range(9)))
        timeline = Clock(PROBLEM, searcher, workers=1, seed=0).run(budget=5)
        lasting = [epoch_times(PROBLEM, {"x": x}, 2, 0) for x in range(3)]
        assert timeline.end == pytest.approx(np.sum(lasting[:2]) + lasting[2][0])
        assert len(searcher.told) == 2

    def test_configuration_that_is_begun_again_counts(self):
        searcher = Listed(_task(1, 0, 2), _task(1, 0, 2), _task(2, 0, 1))
        timeline = Clock(PROBLEM, searcher, workers=1, seed=0).run(budget=100)
        assert timeline.repeated == 1


class TestTimeline:
    def test_what_goes_on_at_the_end_is_cut(self):
        stretches = [_stretch(0, 1, 2), _stretch(0, 4, 8), _stretch(3, 5)]
        timeline = Timeline(stretches, workers=2, budget=3)
        assert timeline.end == 4
        assert timeline.utilisation == pytest.approx((2 + 4 + 1) / (2 * 4))
        assert timeline.trials == 1

    def test_epochs_after_the_end_are_not_seen(self):
        stretches = [_stretch(0, 1, 2, losses=[3, 2]), _stretch(0, 4, 8, losses=[5, 1])]
        assert Timeline(stretches, workers=2, budget=3).loss == 2
        assert Timeline(stretches, workers=2, budget=4).loss == 1


class TestSimulatedSearches:
    def test_asynchronous_ones_keep_workers_busy_where_kerastuner_idles(self):
        jobs = {m: scaling_simulated.Job(m, "cancer", 8, 0) for m in ("asha", "kerastuner")}
        ours, theirs = (scaling_simulated.measure(job) for job in jobs.values())
        assert ours["utilisation"] > 0.99
        assert 0.5 < theirs["utilisation"] < 0.97
        assert ours["repeated"] == 0
        assert ours["regret"] >= 0

    def test_summary_takes_means_of_each_method_and_number_of_workers(self):
        rows = [
            {"method": method, "problem": "p", "workers": n, "seed": seed, "repeated": seed}
            | {"time": time, "trials": 10, "utilisation": 0.9 + 0.1 * seed, "regret": regret + seed}
            for method, n, time, regret in [
                ("kerastuner", 2, 5.0, 4.0),
                ("asha", 1, 8.0, 1.0),
                ("asha", 2, 4.0, 3.0),
            ]
            for seed in (0, 1)
        ]
        summary = {(r["method"], r["workers"]): r for r in scaling_simulated.summarize(rows)}
        assert list(summary) == [("kerastuner", 2), ("asha", 1), ("asha", 2)]
        asha = summary["asha", 2]
        assert asha["time"] == 4
        assert asha["trials"] == 2.5
        assert asha["regret"] == pytest.approx(3.5)
        assert asha["utilisation"] == pytest.approx(0.95)
        assert asha["least_utilisation"] == 0.9
        assert asha["repeated"] == 1

    def test_regret_is_one_for_the_median_network_of_a_grid(self):
        typical = scaling_simulated.typical_regret("cancer")
        task = scaling_simulated.problem("cancer")
        losses = [task.full(values) for values in curves.configurations(task.space)]
        below = np.mean([loss - task.optimum < typical for loss in losses])
        assert below == pytest.approx(0.5, abs=0.01)  # some are equal


class TestDriver:
    @pytest.fixture
    def tuner(self, tmp_path):
        objective = kt.Objective("loss", "min")
        space = scaling_driver._space()
        oracle = kte.oracles.TPEOracle(objective, max_trials=12, seed=0, hyperparameters=space)
        return DriverTuner(SimulatedCrew(4), (4, 12), oracle, directory=tmp_path, workers=4)

    def test_crew_runs_a_real_search(self, tuner):
        tuner.search(verbose=0)
        trials = tuner.oracle.trials.values()
        assert [trial.status for trial in trials] == [TrialStatus.COMPLETED] * 12
        expected = [
            sum((v - 0.3) ** 2 for v in t.hyperparameters.values.values() if isinstance(v, float))
            for t in trials
        ]
        assert [trial.score for trial in trials] == pytest.approx(expected)

    def test_notes_its_cost_at_the_numbers_asked_for(self, tuner):
        tuner.search(verbose=0)
        first, middle, last = tuner.marks
        assert first.wall < middle.wall < last.wall
        assert first.cpu < middle.cpu < last.cpu

    def test_crew_has_as_many_idle_workers_as_have_no_call(self):
        crew = SimulatedCrew(3)
        assert crew.idle() == [0, 1, 2]
        crew.submit(1, None)
        assert crew.idle() == [0, 2]
        crew.close()
        assert crew.idle() == [0, 1, 2]

    def test_rows_are_rates_between_marks(self):
        times = [(1.0, 1.0), (3.0, 2.0), (4.0, 4.0)]
        marks = [Mark(*time, Memory(510.0 + i, 200.0)) for i, time in enumerate(times)]
        first, second = scaling_driver.rows([100, 300], marks)
        assert (first["wall_per_second"], first["cpu_per_second"]) == (50, 100)
        assert (second["wall_per_second"], second["cpu_per_second"]) == (200, 100)
        assert second["memory"] == (512, 200)

    def test_memory_without_pages_of_files_grows_with_what_is_written(self):
        before = memory()
        written = bytearray(64 * 2**20)
        after = memory()
        assert after.anonymous - before.anonymous > 0.9 * len(written) / 1e6
        assert after.anonymous < after.resident

    @pytest.mark.parametrize("last, power", [(100, 0.0), (25, 1.0), (50, 0.5)])
    def test_growth_is_the_power_of_the_number_of_trials(self, last, power):
        rows = [{"after": 1000, "cpu_per_second": 100}, {"after": 4000, "cpu_per_second": last}]
        assert scaling_driver.growth(rows) == pytest.approx(power)


class TestWorkers:
    def test_steady_rate_leaves_out_the_first_trial_of_each_worker(self):
        assert scaling_workers.steady_rate([30.0, 60.0, 120.0], workers=1) == pytest.approx(80 / 60)
        assert scaling_workers.steady_rate([9.0, 10.0, 40.0, 40.0], workers=2) == 4

    def test_searches_at_the_same_time_add_their_trials_and_last_as_long_as_the_longest(self):
        one = {"wall": 9.0, "steady": 12.0, "cpu": 8.0, "score": 0.9}
        other = {"wall": 10.0, "steady": 11.0, "cpu": 9.0, "score": 0.8}
        assert scaling_workers.together([one, other]) == {
            "wall": 10.0,
            "steady": 23.0,
            "cpu": 17.0,
            "score": 0.9,
        }

    def test_summary_takes_medians_of_the_rounds_ratios(self):
        def row(wall, steady):
            return {"wall": wall, "steady": steady, "cpu": 10.0, "score": 0.5}

        slow, fast = scaling_workers.ALONE, scaling_workers.TWO
        others = (scaling_workers.ALL_THREADS, scaling_workers.APART)
        other = {kind: row(40.0, 10.0) for kind in others}
        rounds = [
            {slow: row(60.0, 10.0), fast: row(30.0, 20.0), **other},
            {slow: row(80.0, 10.0), fast: row(50.0, 19.0), **other},
            {slow: row(60.0, 10.0), fast: row(20.0, 30.0), **other},
        ]
        found = scaling_workers.summarize(rounds, trials=10)
        assert found[slow]["times"] == 2
        assert found[slow]["steady_times"] == 2
        assert found[slow]["per_minute"] == 10
        assert found[fast]["times"] == 1
        assert found[slow]["cpu"] == 1


class TestSamplers:
    def test_counts_configurations_asked_for_again(self):
        class Fixed:
            def ask(self, number):
                return {"x": [1, 2, 1, 1][number]}

        counting = scaling_samplers.Counting(Fixed(), Problem("p", SPACE, lambda v: 0.0))
        assert [counting.ask(n)["x"] for n in range(4)] == [1, 2, 1, 1]
        assert counting.repeated == 2

    def test_search_has_regrets_and_no_repetitions(self):
        row = scaling_samplers.measure(scaling_samplers.Job("random", "categorical9", 8, 0))
        assert row["regrets"] == sorted(row["regrets"], reverse=True)
        assert min(row["regrets"]) >= 0
        assert row["repeated"] == 0

    def test_regrets_are_relative_to_random_search_and_to_one_worker(self):
        def row(method, workers, problem, regret):
            regrets = {"regrets": [regret, regret / 2], "repeated": 1}
            return {"method": method, "workers": workers, "problem": problem, **regrets}

        regrets = {("random", 1): (2.0, 10.0), ("tpe", 1): (1.0, 5.0), ("tpe", 8): (1.0, 10.0)}
        rows = [
            row(*key, name, r)
            for key, both in regrets.items()
            for name, r in zip("ab", both, strict=True)
        ]
        one, eight = scaling_samplers.summarize(rows)
        assert one["regrets"] == pytest.approx([0.5, 0.5])
        assert eight["ratios"] == pytest.approx([1.5, 1.5])
        assert (eight["repeated"], eight["searches"]) == (2, 2)

    @pytest.mark.parametrize(
        "method, loses_at_most", [("gp", 0.29), ("kde", 0.2), ("pso", 0.2), ("tpe", 0.2)]
    )
    def test_stored_results_lose_little_on_eight_workers(self, method, loses_at_most):
        rows = scaling_samplers.from_quality(store.load(store.RESULTS))
        mine = {row["evaluations"]: row for row in rows if row["method"] == method}
        assert list(mine) == [50, 100, 200]
        assert all(row["seeds"] >= 20 for row in mine.values())
        assert max(row["eight"] / row["one"] for row in mine.values()) <= 1 + loses_at_most

    def test_the_interval_of_a_ratio_tells_what_other_seeds_could_have_given(self):
        def results(spread):
            runs = {(1, "random"): 1.0, (8, "random"): 1.0, (1, "tpe"): 0.4, (8, "tpe"): 0.5}
            found = {1: {}, 8: {}}
            for (workers, name), regret in runs.items():
                made = found[workers][name] = store.Runs()
                for problem, seed in itertools.product(report.NAMES, range(5)):
                    made.add(
                        problem, seed, dict.fromkeys(BUDGETS, regret * (1 + spread * seed)), None
                    )
            return found

        equal, different = (scaling_samplers.from_quality(results(s))[0] for s in (0.0, 0.5))
        assert equal["ratio"] == pytest.approx(1.25)
        assert equal["interval"] == pytest.approx([1.25, 1.25])
        low, high = different["interval"]
        assert low < different["ratio"] - 0.05 and high > different["ratio"] + 0.05

    def test_twenty_seeds_tell_of_one_loss_of_the_two_that_are_too_large(self):
        rows = scaling_samplers.from_quality(store.load(store.RESULTS))
        found = {(row["method"], row["evaluations"]): row["interval"] for row in rows}
        assert found["skopt", 50][0] > scaling_samplers.BEARABLE
        assert found["gp", 100][0] < scaling_samplers.BEARABLE < found["gp", 100][1]


class TestTables:
    def test_methods_are_rows_and_workers_columns(self):
        entry = {"utilisation": 1.0, "least_utilisation": 0.5, "time": 3.0, "repeated": 0}
        summary = [
            {"method": method, "workers": n, "trials": 1.0, "regret": n / 10, **entry}
            for method in ("asha", "bohb")
            for n in (8, 1)
        ]
        grids = list(scaling_tables.simulated({"seeds": 2, "summary": summary}))
        assert all(header == ["workers", "1", "8"] for _, header, _ in grids)
        regrets = next(rows for title, _, rows in grids if title.startswith("Regret"))
        assert regrets == [["asha", "10.00", "80.00"], ["bohb", "10.00", "80.00"]]

    def test_driver_tells_what_the_search_has_added(self):
        row = {"after": 100, "wall_per_second": 50.0, "cpu_per_second": 60.0, "memory": [730, 320]}
        imports = {"Python": [10, 5], "the backend": [600, 250]}
        found = {"backend": "jax", "imported": [700, 300], "imports": imports, "growth": 0.25}
        rates, memory = scaling_tables.driver([{**found, "trials": [row]}])
        assert rates[2][0] == ["100", "50", "60", "730 (320)"]
        assert rates[2][1][1:] == ["", "0.25", ""]
        assert memory[2] == [["jax", "10 (5)", "600 (250)", "730 (320)", "30 (20)"]]
