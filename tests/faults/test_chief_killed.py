"""A chief and workers of ours, real processes, any of which is killed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.chief_program import MANY, N_TRIALS, SHORT, Search
from tests.nursery import Nursery, Process, until


@pytest.fixture
def make_search(nursery: Nursery, tmp_path: Path) -> Callable[..., Search]:
    return lambda oracle="ours": Search(nursery, tmp_path, oracle)


def check_complete(search: Search) -> None:
    trials = search.trials()
    assert len(trials) == N_TRIALS
    for trial in trials.values():
        values = trial["hyperparameters"]["values"]
        assert trial["status"] == "COMPLETED"
        assert trial["score"] == pytest.approx(values["x"] + (values["kind"] == "b"))


def check_ended(*processes: Process) -> None:
    for process in processes:
        assert process.wait(20) == 0, process.output


@pytest.mark.parametrize("oracle", ["ours", "random"])
def test_a_killed_workers_trial_is_run_by_another(
    make_search: Callable[..., Search], oracle: str
) -> None:
    search = make_search(oracle)
    search.hold("w0")
    chief, first = search.start("chief", patience=SHORT), search.start("w0", patience=SHORT)
    [(trial, _)] = search.wait_for(1)
    values = search.trials()[trial]["hyperparameters"]["values"]
    second = search.start("w1", patience=SHORT)
    search.wait_for(N_TRIALS)
    first.kill()
    check_ended(chief, second)
    check_complete(search)
    assert search.notes().count((trial, "w0")) == search.notes().count((trial, "w1")) == 1
    assert search.trials()[trial]["hyperparameters"]["values"] == values
    assert "w0 was silent" in chief.output.lower()


@pytest.mark.parametrize("oracle", ["ours", "random", "bayesian"])
def test_a_killed_chief_is_waited_for_and_nothing_runs_twice(
    make_search: Callable[..., Search], oracle: str
) -> None:
    search = make_search(oracle)
    search.hold()
    chief, *workers = [search.start(name) for name in ("chief", "w0", "w1")]
    search.wait_for(2)
    chief.kill()
    search.release()
    search.wait_for(2, "done")
    check_ended(search.start("chief"), *workers)
    check_complete(search)
    assert len(search.notes()) == N_TRIALS


def test_both_are_killed(make_search: Callable[..., Search]) -> None:
    """The one started again has its trial again; the one that lives has never lost its own."""
    search = make_search()
    search.hold()
    chief, *workers = [search.start(name) for name in ("chief", "w0", "w1")]
    before = dict(reversed(pair) for pair in search.wait_for(2))
    workers[0].kill()
    chief.kill()
    workers[0] = search.start("w0")
    chief = search.start("chief")
    assert search.wait_for(3)[2] == (before["w0"], "w0")
    search.release()
    check_ended(chief, *workers)
    check_complete(search)
    assert search.notes().count((before["w1"], "w1")) == 1
    assert len(search.notes()) == N_TRIALS + 1


def test_a_chief_that_is_killed_when_its_workers_have_ended(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    chief, worker = search.start("chief"), search.start("w0")
    check_ended(worker)
    chief.kill()
    check_ended(search.start("chief", patience=SHORT))
    check_complete(search)


def test_a_worker_that_comes_back_late_is_refused(make_search: Callable[..., Search]) -> None:
    search = make_search()
    search.hold("w0")
    search.hold("w2")  # whose trial keeps the search from ending
    chief, first = search.start("chief", patience=SHORT), search.start("w0", patience=SHORT)
    [(trial, _)] = search.wait_for(1)
    third = search.start("w2", patience=SHORT)
    search.wait_for(2)
    first.signal(signal.SIGSTOP)
    second = search.start("w1", patience=SHORT)
    until(lambda: (trial, "w1") in search.notes("done"))
    first.signal(signal.SIGCONT)
    search.release("w0")
    until(lambda: "is left out" in first.output, told=lambda: first.output)
    search.release("w2")
    check_ended(chief, first, second, third)
    check_complete(search)


def test_a_worker_that_was_only_slow_keeps_its_trial(make_search: Callable[..., Search]) -> None:
    search = make_search()
    search.hold("w0")
    chief, first = search.start("chief", patience=SHORT), search.start("w0", patience=SHORT)
    search.wait_for(1)
    first.signal(signal.SIGSTOP)
    until(lambda: "is taken back" in chief.output)
    first.signal(signal.SIGCONT)
    search.release("w0")
    check_ended(chief, first)
    check_complete(search)
    assert len(search.notes()) == N_TRIALS


def test_a_chief_that_was_stopped_takes_no_worker_for_dead(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    search.hold()
    chief, *workers = [search.start(name, patience=SHORT) for name in ("chief", "w0", "w1")]
    search.wait_for(2)
    chief.signal(signal.SIGSTOP)
    time.sleep(2 * SHORT)
    chief.signal(signal.SIGCONT)
    search.release()
    check_ended(chief, *workers)
    check_complete(search)
    assert "is taken back" not in chief.output
    assert len(search.notes()) == N_TRIALS


@pytest.mark.parametrize("oracle", ["many", "many random"])
def test_killed_again_and_again(make_search: Callable[..., Search], oracle: str) -> None:
    """Whoever is killed, whenever: no trial is lost, and none begun more often than need be."""
    search, draw, kills = make_search(oracle), random.Random(oracle), Counter[str]()
    processes = {name: search.start(name) for name in ("chief", "w0", "w1", "w2")}
    while processes["chief"].code is None and kills.total() < 12:
        time.sleep(draw.uniform(0, 0.4))
        name = draw.choice(list(processes))
        processes[name].kill()
        kills[name] += 1
        processes[name] = search.start(name)
    assert processes["chief"].wait(40) == 0, processes["chief"].output
    trials = search.trials()
    assert len(trials) == MANY
    for trial in trials.values():
        values = trial["hyperparameters"]["values"]
        if trial["status"] == "FAILED":
            assert "3 workers died of it" in trial["message"]
        else:
            assert trial["status"] == "COMPLETED"
            assert trial["score"] == pytest.approx(values["x"] + (values["kind"] == "b"))
    assert len(search.notes()) - MANY <= kills.total() - kills["chief"]


def test_a_trial_that_kills_three_workers_has_failed(
    make_search: Callable[..., Search], tmp_path: Path
) -> None:
    search = make_search()
    (tmp_path / "kills_0").touch()
    chief = search.start("chief", patience=SHORT)
    workers = [search.start("w0", patience=SHORT)]
    for _ in range(2):
        workers[0].wait()
        workers = [search.start("w0", patience=SHORT)]
    workers[0].wait()
    last = search.start("w1", patience=SHORT)
    check_ended(chief, last)
    failed = search.trials()["0"]
    assert failed["status"] == "FAILED"
    assert "3 workers died of it" in failed["message"]
    [failure] = search.found()["failures"]
    assert failure["message"] == failed["message"]
    assert [t["status"] for t in search.trials().values()].count("COMPLETED") == N_TRIALS - 1


def test_a_worker_that_is_told_to_end_leaves_its_trial_at_once(
    make_search: Callable[..., Search],
) -> None:
    search = make_search()
    search.hold("w0")
    chief = search.start("chief")
    first = search.start("w0")
    [(trial, _)] = search.wait_for(1)
    first.signal(signal.SIGTERM)
    assert first.wait(20) == 128 + signal.SIGTERM
    second = search.start("w1")
    check_ended(chief, second)
    check_complete(search)
    assert (trial, "w1") in search.notes()
