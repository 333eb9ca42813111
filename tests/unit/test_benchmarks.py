"""The benchmarks' problems, clock, statistics and tables; no other search package is needed."""

import dataclasses

import numpy as np
import pytest

from benchmarks import (
    blackbox,
    parallel,
    quality,
    report,
    statistics,
    store,
    study,
    tuning_problems,
)
from benchmarks.problems import PROBLEMS
from kt_extensions.samplers import REGISTRY

NAMES = [problem.name for problem in PROBLEMS]


def polished(problem, x, steps):
    """The least loss that is found from a point by moving one coordinate at a time."""
    least = problem.loss(problem.space.decode(x))
    for step in steps:
        for i in np.random.default_rng(0).integers(len(x), size=3 * len(x)):
            size = problem.space.sizes[i]
            moves = (np.arange(size) + 0.5) / size if 0 < size < 50 else x[i] + [-step, step]
            for move in np.clip(moves, 0, 1 - 1e-12):
                tried = x.copy()
                tried[i] = move
                loss = problem.loss(problem.space.decode(tried))
                if loss < least:
                    least, x = loss, tried
    return least


def at_edge(x, i, edge):
    """The point with one coordinate at an end of its range."""
    moved = x.copy()
    moved[i] = edge
    return moved


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_known_optimum_is_reached_and_never_beaten(problem):
    scale = max(1.0, abs(problem.optimum))
    assert problem.loss(problem.best) == pytest.approx(problem.optimum, abs=1e-6 * scale)
    points = np.random.default_rng(1).random((2000, len(problem.space)))
    losses = [problem.loss(problem.space.decode(x)) for x in points]
    near = [points[i] for i in np.argsort(losses)[:2]] + [problem.space.encode(problem.best)]
    near[2][np.isnan(near[2])] = 0.5
    near += [at_edge(near[2], i, edge) for i in range(len(near[2])) for edge in (0, 1 - 1e-12)]
    found = [polished(problem, x, 0.3 ** np.arange(1, 12)) for x in near]
    assert min([*losses, *found]) >= problem.optimum - 1e-6 * scale


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_optimum_lies_off_the_center_and_mostly_inside(problem):
    x = problem.space.encode(problem.best)
    numeric = [
        value
        for value, d in zip(x, problem.space.dimensions, strict=True)
        if d.domain.ordered and not np.isnan(value)
    ]
    assert problem.space.decode(np.nan_to_num(x, nan=0.5)).keys() == problem.best.keys()
    n_at_edges = 1 if problem.name == "schwefel4" else 0
    assert sum(not 0.02 < value < 0.98 for value in numeric) == n_at_edges
    assert not numeric or np.max(np.abs(np.array(numeric) - 0.5)) > 0.05


def test_judging_problems_are_none_of_those_that_defaults_were_chosen_on():
    assert len(set(NAMES)) == len(NAMES) >= 15
    assert not set(NAMES) & {problem.name for problem in tuning_problems.PROBLEMS}


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_workers_start_as_soon_as_one_is_free(workers):
    lasting = parallel.durations("rastrigin2", seed=1, evaluations=40)
    running, most, events = set(), 0, list(parallel.schedule(lasting, workers))
    for event, number in events:
        (running.add if event == "start" else running.remove)(number)
        most = max(most, len(running))
    assert most == workers
    assert [n for event, n in events if event == "start"] == list(range(40))
    assert sorted(n for event, n in events if event == "finish") == list(range(40))
    if workers == 1:
        assert [n for event, n in events if event == "finish"] == list(range(40))


def test_durations_depend_on_problem_and_seed_only():
    first = parallel.durations("camel", seed=3, evaluations=10)
    assert np.array_equal(first, parallel.durations("camel", seed=3, evaluations=10))
    assert not np.array_equal(first, parallel.durations("camel", seed=4, evaluations=10))
    assert not np.array_equal(first, parallel.durations("valley4", seed=3, evaluations=10))


class Recording:
    """A search that proposes the numbers of the evaluations and notes what it is told."""

    def __init__(self):
        self.asked, self.told, self.most_running = [], {}, 0

    def ask(self, number):
        self.asked.append(number)
        self.most_running = max(self.most_running, len(self.asked) - len(self.told))
        return {"x": number}

    def tell(self, number, loss):
        self.told[number] = loss


@pytest.mark.parametrize("workers", [1, 4])
def test_run_tells_each_loss_with_noise_and_returns_it_without(workers):
    search = Recording()
    problem = blackbox.Problem("p", None, lambda values: 10.0 - values["x"], noise=0.5)
    done = blackbox.run(lambda *_: search, problem, 12, 0, workers)
    assert search.asked == list(range(12))
    assert search.most_running == workers
    noise = problem.noises(12, 0)
    assert search.told == {n: pytest.approx(10 - n + noise[n]) for n in range(12)}
    assert np.array_equal(done.loss, 10.0 - done.number)
    assert np.array_equal(done.seen, [search.told[n] for n in done.number])
    best = [done.loss[np.argmin(done.seen[: i + 1])] for i in range(12)]
    assert np.array_equal(done.curve(), best)


def test_samplers_search_with_workers_and_never_see_running_trials_losses():
    problem = PROBLEMS[NAMES.index("conditional11")]
    start = blackbox.start_sampler(REGISTRY["random"])
    alone, eight = (blackbox.run(start, problem, 30, 5, workers) for workers in (1, 8))
    assert sorted(eight.loss) == sorted(alone.loss)  # random search hears nothing
    assert np.array_equal(alone.number, np.arange(30))
    assert not np.array_equal(eight.number, np.arange(30))


def test_ranks_share_places_of_regrets_that_hardly_differ():
    scores = np.array([[0.1, 0.1001, 0.5], [0.3, 0.2, 0.1]])
    assert statistics.mean_ranks(scores).tolist() == [2.25, 1.75, 2.0]


def test_holm_corrects_step_by_step():
    assert statistics.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert statistics.holm([0.5, 0.9]) == [1.0, 1.0]


def test_comparison_counts_wins_and_finds_the_better_one():
    rng = np.random.default_rng(0)
    bad = rng.random(15) + 0.5
    good = bad - 0.3 - 0.1 * rng.random(15)
    scores = {"good": good, "bad": bad, "same": good + 1e-5 * rng.standard_normal(15)}
    [worse, same] = statistics.compare(scores, ["good"], ["bad", "same"])
    assert (worse.wins, worse.losses) == (15, 0)
    assert worse.ratio == pytest.approx(good.mean() / bad.mean())
    assert worse.p < 0.002
    assert same.p > 0.5
    assert statistics.friedman(np.stack([good, bad, bad + 1], axis=1)) < 1e-5


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Regrets of three methods on all problems, kept below a temporary folder."""
    monkeypatch.setattr(store, "CACHE", tmp_path / "cache")
    for method, factor, seeds in (("random", 1.0, 5), ("tpe", 0.5, 4), ("peer", 0.8, 3)):
        for problem in NAMES:
            for seed in range(seeds):
                regrets = {b: factor * (seed + 1) * 100 / b for b in (50, 100, 200)}
                line = {"problem": problem, "seed": seed, "regrets": regrets, "seconds": 0.001}
                store.keep(method, 1, line)
    return tmp_path / "quality.json"


def test_results_are_the_same_after_the_cache_is_gone(measured):
    first = store.load(measured)
    store.save(first, [50, 100, 200], report.summary(first, [50, 100, 200], ["tpe"]), measured)
    store.forget(["random", "tpe", "peer"], [1])
    assert store.load(measured) == first
    assert "peer" not in store.load(measured, without=[("peer", 1)])[1]


def test_only_missing_runs_are_planned(measured):
    results = store.load(measured)
    budgets = [50, 100, 200]
    names = ["camel", "mixed9"]
    assert not list(quality.jobs(["tpe"], names, [1], 4, budgets, results))
    more = list(quality.jobs(["tpe"], names, [1], 6, budgets, results))
    assert [job.problem for job in more] == names
    assert more[0].seeds == ((4, (50, 100, 200)), (5, (50, 100, 200)))
    [longer] = quality.jobs(["tpe"], ["camel"], [1], 1, [100, 400], results)
    assert longer.seeds == ((0, (400,)),)


def test_tables_show_medians_relative_to_random_search(measured):
    results = store.load(measured)
    [first, *_] = report.summary(results, [50, 100, 200], ["tpe"])
    assert first["methods"]["tpe"]["mean_relative_regret"] == pytest.approx(0.5 * 2.5 / 3, abs=1e-4)
    assert first["methods"]["peer"] == {
        "mean_relative_regret": pytest.approx(0.8 * 2 / 3, abs=1e-4), "mean_rank": 2.0, "seeds": 3
    }  # fmt: skip
    [against_peer, against_random] = first["tests"]
    assert (against_peer["peer"], against_peer["wins"]) == ("peer", len(NAMES))
    assert against_random["ratio"] == pytest.approx(0.5 * 2.5 / 3, abs=1e-4)
    text = report.markdown(results, [50, 100, 200], ["tpe"])
    assert "| camel | 0.42 | 0.53 | 1.00 |" in text
    assert "| tpe | 0.42 | 0.42 | 0.42 | 1.0 | 1.0 | 1.0 | 4/4/4 | 1.0 |" in text


def test_methods_that_lack_a_problem_are_left_out_of_the_ranking(measured):
    results = store.load(measured)
    del results[1]["peer"].regrets["camel"]
    [first, *_] = report.summary(results, [50, 100, 200], ["tpe"])
    assert set(first["methods"]) == {"random", "tpe"}


def test_markdown_is_written_between_the_marks(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_markdown(path, "| new |\n")
    assert path.read_text() == f"before\n{report.BEGIN}\n\n| new |\n\n{report.END}\nafter\n"
    with pytest.raises(ValueError, match="Expected"):
        report.write_markdown(path, "", "<!-- none -->", "<!-- end -->")


def test_study_trains_on_standardized_rows_and_keeps_test_rows_apart():
    data = study.load("wine")
    rows = [part[0].shape[0] for part in (data.train, data.validation, data.test)]
    assert sum(rows) == 178
    assert np.allclose(data.train[0].mean(axis=0), 0, atol=1e-5)
    row = study.search("random", data, budgets=[2, 4], seed=0)
    assert 0.5 < row["validation"][0] <= row["validation"][1] <= 1.0
    assert 0.5 < row["test"][1] <= 1.0
    assert 0 < row["seconds"][0] < row["seconds"][1]
    assert 0 < row["suggestion_seconds"] < row["seconds"][1]
    header, [line] = study.table({"wine": {"random": {0: row}}}, [2, 4])
    first, last = (f"{score:.4f}" for score in row["validation"])
    assert line[:5] == ["wine", "random", "1", first, last]
    assert len(header) == len(line)
    assert "absent" in study.note({"wine": {}})


def test_study_ranks_the_methods_that_were_run_on_all_data_sets():
    def seeds(*validation):
        row = {"test": [0.4, 0.5], "seconds": [2.0, 4.0], "suggestion_seconds": 1.0}
        return {seed: row | {"validation": [0.5, score]} for seed, score in enumerate(validation)}

    results = {
        "dna": {"gp": seeds(0.9, 0.8), "tpe": seeds(0.7), "pso": seeds(0.99), "random": seeds(0.6)},
        "wine": {"gp": seeds(0.95), "tpe": seeds(0.99, 0.99), "random": seeds(0.6)},
    }
    (_, header, lines), (_, _, rows) = study.grids(results, [2, 4])
    assert lines[0] == ["gp", "2.0", "1.5", "0.5000", "0.9000", "0.5000", "4.0", "1.0"]
    assert [line[::2][:2] for line in lines] == [["gp", "1.5"], ["tpe", "1.5"], ["random", "3.0"]]
    assert [row[:3] for row in rows[:2]] == [["dna", "pso", "1"], ["dna", "gp", "2"]]
    assert len(header) == len(lines[0])


def test_study_goes_on_from_what_is_written_down(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "CACHE", tmp_path / "runs")
    path, results = tmp_path / "study.json", {}
    study.measure(results, ["wine"], ["random"], [1, 2], seeds=2)
    known = study.read(path, [1, 2], without=[])
    assert known == results
    assert study.read(path, [1, 3], without=[]) == {}
    study.write(path, [1, 2], known)
    with pytest.raises(ValueError, match=r"budgets \[1, 3\].*Received: \[1, 2\]"):
        study.read(path, [1, 3], without=[])
    study.forget(["random"])
    assert study.read(path, [1, 2], without=[]) == results
    assert study.read(path, [1, 2], without=["random"]) == {"wine": {}}
    monkeypatch.setattr(study, "search", None)
    study.measure(known, ["wine"], ["random"], [1, 2], seeds=2)
    assert known == results


@pytest.mark.parametrize("name", ["optuna-tpe", "kerastuner-random", "skopt-gp"])
@pytest.mark.parametrize("problem", ["mixed9", "conditional11"])
def test_other_packages_search_the_same_space_with_eight_workers(name, problem):
    pytest.importorskip({"optuna-tpe": "optuna"}.get(name, "numpy"))
    whole, seen = PROBLEMS[NAMES.index(problem)], []

    def loss(values):
        whole.space.check(values)
        assert whole.space.decode(np.nan_to_num(whole.space.encode(values), nan=0.5)) == (
            pytest.approx(values)
        )
        seen.append(values)
        return whole.loss(values)

    watched = dataclasses.replace(whole, loss=loss)
    done = blackbox.run(quality.starts()[name], watched, 14, 0, workers=8)
    assert sorted(done.loss) == sorted(whole.loss(values) for values in seen)
    assert len({str(values) for values in seen}) == 14
