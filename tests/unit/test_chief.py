"""What a chief does for its workers, without processes and at any time of its clock."""

from __future__ import annotations

import contextlib
import functools
import json
import warnings
from pathlib import Path
from typing import Any

import grpc
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_client import OracleClient

import kt_extensions as kte
from kt_extensions import oracles, samplers
from kt_extensions.chief_worker import (
    Chief,
    Dismissed,
    Leases,
    SearchName,
    TrialTakenOver,
    WorkerClient,
    patience,
)
from kt_extensions.chief_worker.client import Running
from kt_extensions.chief_worker.connection import Connection
from kt_extensions.chief_worker.leases import FILE_NAME, Lease
from kt_extensions.chief_worker.server import _listening
from kt_extensions.chief_worker.wire import BEAT, LEAVE, Caller, error_of
from kt_extensions.reports import is_pruned
from kt_extensions.tuners import chief_or_worker
from tests.faults.chief_program import free_port

pytestmark = pytest.mark.filterwarnings("ignore:.*taken back", "ignore:.*none is left")
PATIENCE = 60
A, B = Caller("a", "a1"), Caller("b", "b1")
AGAIN = Caller("a", "a2")
ORACLES: dict[str, Any] = {
    "ours": lambda: oracles.TPEOracle(max_trials=3, seed=1, sampler=samplers.Random()),
    "random": lambda: kt.oracles.RandomSearchOracle(max_trials=3, seed=1),
}


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Float("x", 0.0, 1.0)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("nothing is trained here")


class Search:
    """A chief with a clock that can be set."""

    def __init__(self, folder: Path, oracle: str) -> None:
        self.now = 0.0
        self.folder, self._kind = folder, oracle
        self.begin()

    def begin(self, **kwargs: Any) -> None:
        """Makes the chief, or one after it was killed."""
        self.tuner = kte.Tuner(
            ORACLES[self._kind](),
            Declaring(),
            directory=self.folder,
            project_name="project",
            **kwargs,
        )
        self.tuner.save()
        self.oracle = self.tuner.oracle
        leases = Leases(self.tuner.project_dir)
        ends = (self.tuner._begin_for_worker, self.tuner._end_for_worker)
        self.chief = Chief(self.oracle, leases, *ends, PATIENCE, lambda: self.now)

    def create(self, caller: Caller | None, name: str = "") -> Trial:
        """Asks for a trial, and returns a copy of it, as one gets it over gRPC."""
        trial = self.chief.create_trial(caller, name or (caller.tuner if caller else "stock"))
        return Trial.from_proto(trial.to_proto())

    def report(self, caller: Caller | None, trial: Trial, value: float = 0.5) -> Trial:
        metrics = {"default_objective": value}
        return self.chief.update_trial(caller, trial.trial_id, metrics)

    def end(self, caller: Caller | None, trial: Trial, status: str = "COMPLETED") -> None:
        trial.status = status
        self.chief.end_trial(caller, trial)

    def run(self, caller: Caller | None, trial: Trial) -> None:
        self.report(caller, trial)
        self.end(caller, trial)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + PATIENCE / 2, until)
            self.chief.watch()

    def status(self, trial: Trial) -> str:
        return str(self.oracle.trials[trial.trial_id].status)


@pytest.fixture(params=ORACLES)
def search(request: pytest.FixtureRequest, tmp_path: Path) -> Search:
    return Search(tmp_path, request.param)


def as_chief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")


# A worker that is silent.


def test_a_silent_workers_trial_goes_to_another(search: Search) -> None:
    trial = search.create(A)
    search.wait(PATIENCE + 1)
    again = search.create(B)
    assert again.trial_id == trial.trial_id
    assert again.hyperparameters.values == trial.hyperparameters.values
    for speak in (search.report, search.end):
        with pytest.raises(TrialTakenOver, match="left out"):
            speak(A, trial)
    with pytest.raises(TrialTakenOver):
        search.chief.beat(A._replace(trial=trial.trial_id, act=BEAT))
    search.run(B, again)
    with pytest.raises(TrialTakenOver):
        search.end(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_heartbeats_keep_a_trial(search: Search) -> None:
    trial = search.create(A)
    for _ in range(5):
        search.wait(PATIENCE - 1)
        search.chief.beat(A._replace(trial=trial.trial_id, act=BEAT))
    search.run(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_workers_that_a_slow_oracle_keeps_waiting_are_not_silent(search: Search) -> None:
    trial = search.create(A)
    for _ in range(5):
        search.now += PATIENCE / 2
        search.chief.note(A)
        search.chief.note(Caller("a", "another"))
        search.chief.watch()
    assert search.oracle.ongoing_trials["a"].trial_id == trial.trial_id


def test_what_was_reported_before_a_death_does_not_count(search: Search) -> None:
    trial = search.create(A)
    search.report(A, trial, 0.1)
    search.wait(PATIENCE + 1)
    again = search.create(B)
    search.report(B, again, 0.9)
    search.end(B, again)
    assert search.oracle.trials[trial.trial_id].score == pytest.approx(0.9)


def test_a_worker_that_was_silent_has_its_trial_again_if_nobody_has(search: Search) -> None:
    trial = search.create(A)
    search.wait(PATIENCE + 1)
    search.run(A, trial)
    assert search.status(trial) == "COMPLETED"
    assert search.create(B).trial_id != trial.trial_id


def test_a_worker_that_lives_has_not_died_however_often_it_was_silent(search: Search) -> None:
    trial = search.create(A)
    for _ in range(4):
        search.wait(PATIENCE + 1)
        search.chief.beat(A._replace(trial=trial.trial_id, act=BEAT))
    assert Leases(search.tuner.project_dir).deaths == {trial.trial_id: []}
    search.run(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_deaths_of_others_stay_when_a_silent_worker_comes_back(search: Search) -> None:
    trial = search.create(A)
    search.create(AGAIN)  # after a death
    search.wait(PATIENCE + 1)
    search.chief.beat(AGAIN._replace(trial=trial.trial_id, act=BEAT))
    [death] = Leases(search.tuner.project_dir).deaths[trial.trial_id]
    assert death == "a was started again in the midst of it"


def test_a_chief_that_was_stopped_itself_lays_it_to_nobody(search: Search) -> None:
    trials = [search.create(A), search.create(B)]
    for _ in range(3):
        search.now += 10 * PATIENCE
        search.chief.watch()
    assert search.oracle.ongoing_trials.keys() == {"a", "b"}
    assert Leases(search.tuner.project_dir).deaths == {}
    search.wait(PATIENCE + 1)
    assert search.create(Caller("c", "c1")).trial_id in [trial.trial_id for trial in trials]


def test_a_worker_of_kerastuner_is_never_too_silent(search: Search) -> None:
    trial = search.create(None)
    search.wait(100 * PATIENCE)
    search.run(None, trial)
    assert search.status(trial) == "COMPLETED"


def test_the_same_answer_is_given_twice(search: Search) -> None:
    """A worker asks again if it has not got an answer."""
    trial = search.create(A)
    assert search.create(A).trial_id == trial.trial_id
    for _ in range(2):
        search.report(A, trial)
    for _ in range(2):
        search.end(A, trial)
    assert search.oracle._run_times[trial.trial_id] == 1
    assert search.oracle.end_order == [trial.trial_id]
    assert search.oracle.trials[trial.trial_id].score == 0.5


# No worker is left.


def said_while(search: Search, *act: Any) -> list[str]:
    """What the chief says when a worker leaves, or is silent for long."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for caller in act:
            search.chief.leave(caller)
        for _ in range(3):
            search.wait(PATIENCE + 1)
    return [str(warning.message) for warning in caught]


def test_the_chief_tells_of_the_error_of_its_last_worker(search: Search) -> None:
    trial = search.create(A)
    error = A._replace(trial=trial.trial_id, act=LEAVE, message="FatalValueError: no 'loss'")
    first, second = said_while(search, error)
    assert first == "a has ended with FatalValueError: no 'loss'"
    assert second.startswith("Trials ['0'] wait for a worker, and none is left. Start one")
    assert not search.chief.has_finished()


def test_the_chief_tells_that_its_last_worker_has_gone_between_two_trials(search: Search) -> None:
    search.run(A, search.create(A))
    [gone] = said_while(search)
    assert gone.startswith("The search waits for a worker, and none is left.")
    search.chief.beat(A)
    assert len(said_while(search, A._replace(act=LEAVE))) == 1


def test_the_chief_is_silent_while_there_is_a_worker_and_after_the_end(search: Search) -> None:
    trial = search.create(None)
    assert said_while(search) == []
    search.run(None, trial)
    search.chief.watch()
    for _ in range(2):
        search.run(A, search.create(A))
    assert search.create(A).status == "STOPPED"
    assert said_while(search) == []


# A worker that is started again.


def test_a_worker_that_is_started_again_has_its_trial_again(search: Search) -> None:
    trial = search.create(A)
    assert search.create(AGAIN).trial_id == trial.trial_id
    with pytest.raises(Dismissed, match="an id of its own"):
        search.report(A, trial)
    search.run(AGAIN, trial)
    assert search.status(trial) == "COMPLETED"


def test_a_worker_of_kerastuner_that_is_started_again_has_its_trial_again(search: Search) -> None:
    trial = search.create(None)
    assert search.create(None).trial_id == trial.trial_id
    search.run(None, trial)
    assert search.status(trial) == "COMPLETED"


def test_three_deaths_fail_a_trial(search: Search) -> None:
    trial = search.create(A)
    assert search.create(AGAIN).trial_id == trial.trial_id
    search.wait(PATIENCE + 1)
    assert search.create(B).trial_id == trial.trial_id
    search.wait(PATIENCE + 1)
    failed = search.oracle.trials[trial.trial_id]
    assert failed.status == "FAILED"
    assert "3 workers died of it: a was started again" in failed.message
    assert "b was silent" in failed.message
    assert search.create(B).trial_id != trial.trial_id


def test_a_worker_that_leaves_does_not_die_of_its_trial(search: Search) -> None:
    trial = search.create(A)
    for _ in range(5):
        search.chief.leave(A._replace(trial=trial.trial_id, act=LEAVE))
        assert search.create(A).trial_id == trial.trial_id
    search.run(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_that_all_were_killed_is_not_laid_to_a_trial(search: Search) -> None:
    for number in range(5):
        trial = search.create(Caller("a", f"a{number}"))
        assert trial.trial_id == "0"
        search.begin()
    search.run(Caller("a", "a4"), trial)
    assert search.status(trial) == "COMPLETED"


# A chief that is started again.


def test_trials_stay_with_those_that_run_them(search: Search) -> None:
    first, second = search.create(A), search.create(B)
    search.run(B, second)
    search.begin()
    other = search.create(B)
    assert other.trial_id not in (first.trial_id, second.trial_id)
    search.run(A, first)
    search.run(B, other)
    assert [search.status(t) for t in (first, second, other)] == ["COMPLETED"] * 3


def test_a_trial_is_taken_back_from_those_that_do_not_come_back(search: Search) -> None:
    trial = search.create(A)
    search.begin()
    search.wait(PATIENCE - 1)
    assert search.create(B).trial_id != trial.trial_id
    search.wait(2)
    assert search.create(Caller("c", "c1")).trial_id == trial.trial_id


def test_what_a_killed_chief_had_got_is_sent_again(search: Search) -> None:
    trial = search.create(A)
    trial.metrics = Trial.from_proto(search.report(A, trial, 0.25).to_proto()).metrics
    search.begin()
    search.end(A, trial)
    assert search.oracle.trials[trial.trial_id].score == pytest.approx(0.25)


def test_the_end_that_a_killed_chief_has_written_is_not_written_again(search: Search) -> None:
    trial = search.create(A)
    search.report(A, trial)
    held = dict(search.chief._lending._leases.held)
    search.end(A, trial)
    state = {"ended": False, "held": held, "deaths": {trial.trial_id: ["?"]}}
    Path(search.tuner.project_dir, FILE_NAME).write_text(json.dumps(state))
    search.begin()
    search.end(A, trial)
    assert search.oracle.end_order == [trial.trial_id]
    assert search.oracle.ongoing_trials == {}
    assert search.chief._lending._leases.deaths == {}


@pytest.mark.parametrize("damaged", ["", "{", "[]"])
def test_without_the_leases_trials_are_run_anew(search: Search, damaged: str) -> None:
    trial = search.create(A)
    Path(search.tuner.project_dir, FILE_NAME).write_text(damaged)
    search.begin()
    assert search.create(B).trial_id == trial.trial_id


def seconds_of(tuner: Any) -> float:
    return float(json.loads(Path(tuner._get_tuner_fname()).read_text())["seconds"])


def test_the_time_of_searching_is_saved_with_each_trial(search: Search) -> None:
    trial = search.create(A)
    search.tuner._seconds_before = 100.0
    search.run(A, trial)
    assert seconds_of(search.tuner) == pytest.approx(100, abs=5)
    search.begin()
    assert search.tuner._seconds() >= 100


@pytest.mark.parametrize("error", [None, RuntimeError("why")])
def test_a_chief_that_ends_saves_the_time_of_searching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    def serve(chief: Chief) -> None:
        tuner._began -= 100
        if error is not None:
            raise error

    monkeypatch.setattr(chief_or_worker, "serve", serve)
    as_chief(monkeypatch)
    tuner = Search(tmp_path, "ours").tuner
    with contextlib.nullcontext() if error is None else pytest.raises(RuntimeError, match="why"):
        tuner.search()
    assert seconds_of(tuner) == pytest.approx(100, abs=5)
    assert Search(tmp_path, "ours").tuner._seconds() == tuner._seconds()


@pytest.mark.parametrize("ending", ["killed", "by an error", "at its end"])
def test_a_search_that_goes_on_is_not_overwritten(
    search: Search, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A scheduler starts the chief again with the same arguments."""
    as_chief(monkeypatch)
    search.begin()
    search.run(A, search.create(A))
    if ending == "at its end":
        search.chief._lending.finish_search()
    if ending != "killed":
        search.chief._lending._leases.end()
    refused = pytest.raises(RuntimeError, match="Leave it out, and the search goes on")
    with contextlib.nullcontext() if ending == "at its end" else refused:
        search.begin(overwrite=True)
    search.begin()
    assert len(search.oracle.trials) == (0 if ending == "at its end" else 1)


def test_a_chief_without_a_search_may_overwrite(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_chief(monkeypatch)
    search.begin(overwrite=True)
    search.run(A, search.create(A))
    assert len(search.oracle.trials) == 1


def test_a_worker_has_the_name_of_its_environment(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_chief(monkeypatch)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "a")
    made = functools.partial(kte.Tuner, ORACLES["ours"](), Declaring(), directory=search.folder)
    with pytest.raises(ValueError, match=r"KERASTUNER_TUNER_ID, 'a'\. Received: tuner_id='mine'"):
        made(tuner_id="mine")
    assert made(tuner_id="a").tuner_id == made().tuner_id == "a"


def test_a_chief_knows_a_worker_by_one_name(search: Search) -> None:
    """One of an earlier version may ask for a trial by another."""
    trial = search.create(A, "mine")
    assert search.oracle.ongoing_trials.keys() == {"a"}
    search.run(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_another_search_of_the_same_chief_goes_on(search: Search) -> None:
    trials = [search.create(caller) for caller in (A, B)]
    leases = Leases(search.tuner.project_dir)
    del leases.held[trials[1].trial_id]
    ends = (search.tuner._begin_for_worker, search.tuner._end_for_worker)
    search.chief = Chief(search.oracle, leases, *ends, PATIENCE, lambda: search.now)
    search.run(A, trials[0])
    assert search.create(Caller("c", "c1")).trial_id == trials[1].trial_id


# The end of a search.


def test_one_worker_waits_while_others_may_die(search: Search) -> None:
    trials = [search.create(caller) for caller in (A, B)]
    search.run(B, trials[1])
    last = search.create(B)
    search.run(B, last)
    assert search.create(B).status == "IDLE"
    assert search.create(Caller("c", "c1")).status == "STOPPED"
    search.wait(PATIENCE + 1)
    assert search.create(B).trial_id == trials[0].trial_id
    search.run(B, trials[0])
    assert not search.chief.has_finished()
    assert search.create(B).status == "STOPPED"
    search.wait(PATIENCE + 1)
    assert search.chief.has_finished()


def test_nobody_waits_for_a_worker_of_kerastuner(search: Search) -> None:
    search.create(None)
    for _ in range(2):
        search.run(A, search.create(A))
    assert search.create(A).status == "STOPPED"
    assert not search.chief.has_finished()


def test_the_chief_ends_when_all_that_live_know(search: Search) -> None:
    for _ in range(3):
        search.run(A, search.create(A))
    search.chief.beat(B)
    assert search.create(A).status == "STOPPED"
    assert not search.chief.has_finished()
    search.wait(PATIENCE + 1)
    assert search.chief.has_finished()


@pytest.mark.filterwarnings("ignore:The search ends")
def test_a_chief_that_is_started_again_after_the_end_ends(search: Search) -> None:
    for _ in range(3):
        search.run(A, search.create(A))
    assert search.create(A).status == "STOPPED"
    search.begin()
    search.wait(PATIENCE - 1)
    assert not search.chief.has_finished()
    search.wait(2)
    assert search.chief.has_finished()
    search.oracle.max_trials = 4
    assert not search.chief.has_finished()
    search.run(B, search.create(B))
    search.oracle.max_trials = 3
    search.begin()
    search.wait(PATIENCE + 1)
    assert not search.chief.has_finished()


def test_too_many_failures_end_the_search(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    as_chief(monkeypatch)
    search.oracle.max_consecutive_failed_trials = 1
    trial, _ = search.create(A), search.create(B)
    search.end(A._replace(message="why"), trial, "FAILED")
    assert search.oracle.trials[trial.trial_id].message == "why"
    assert "1 trials in a row have failed" in str(search.chief.error)
    assert search.create(None).status == "STOPPED"
    for refused in (search.create, search.chief.beat):
        with pytest.raises(Dismissed, match="why"):
            refused(B)
    assert not search.chief.has_finished()
    with pytest.raises(Dismissed):
        search.create(A)
    assert search.chief.has_finished()


def test_a_trial_that_ends_after_an_error_is_kept(search: Search) -> None:
    trial = search.create(A)
    search.report(A, trial)
    search.chief.error = RuntimeError("why")
    search.end(A, trial)
    assert search.status(trial) == "COMPLETED"


def test_an_error_of_the_oracle_ends_the_search(tmp_path: Path) -> None:
    search = Search(tmp_path, "random")

    def populate_space(trial_id: str) -> Any:
        raise OSError("no space left")

    search.oracle.populate_space = populate_space
    with pytest.raises(Dismissed, match="no space left"):
        search.create(A)
    assert isinstance(search.chief.error, OSError)
    assert search.chief.has_finished()


# The parts.


def test_leases_are_kept(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    leases.lend("0", Lease("a", None, 1))
    leases.lend("1", Lease("b", "b1", 0))
    leases.take_back("1", "b has died")
    again = Leases(tmp_path)
    assert again.held == {"0": Lease("a", None, 1)}
    assert again.deaths == {"1": ["b has died"]}


@pytest.mark.parametrize("given", ["soon", "0", "-1", "nan", "inf", ""])
def test_a_patience_that_is_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("KT_EXTENSIONS_PATIENCE", given)
    with pytest.raises(ValueError, match="KT_EXTENSIONS_PATIENCE"):
        patience()


def test_the_patience_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KT_EXTENSIONS_PATIENCE", raising=False)
    assert patience() == 60
    monkeypatch.setenv("KT_EXTENSIONS_PATIENCE", "2.5")
    assert patience() == 2.5


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WorkerClient:
    as_chief(monkeypatch)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "w0")
    return WorkerClient(oracles.TPEOracle("val_loss", seed=3), str(tmp_path), 1.0)


def test_trainings_of_a_worker_have_the_seed(client: WorkerClient) -> None:
    assert (client.given_seed, client.seed) == (3, 3)


@pytest.mark.parametrize("answer", ["STOPPED", "RUNNING"])
def test_a_worker_knows_which_of_its_trials_was_pruned(
    client: WorkerClient, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """KerasTuner's answer about a trial that has ended has no message."""
    made = functools.partial(Trial, kt.HyperParameters(), "0")
    monkeypatch.setattr(OracleClient, "create_trial", lambda *args: made(status="RUNNING"))
    monkeypatch.setattr(OracleClient, "update_trial", lambda *args: made(status=answer))
    monkeypatch.setattr(OracleClient, "end_trial", lambda *args: None)
    monkeypatch.setattr(OracleClient, "get_trial", lambda *args: made(status="COMPLETED"))
    trial = client.create_trial("w0")
    client.update_trial("0", {"epoch:0:9:val_loss": 0.5})
    client.end_trial(trial)
    assert is_pruned(client.get_trial("0")) == (answer == "STOPPED")


def test_a_worker_asks_no_chief_whether_its_trial_was_taken_over(client: WorkerClient) -> None:
    client.check()
    client._running = Running("0")
    client.check()
    client._running.refused = "another has it"
    with pytest.raises(TrialTakenOver, match="another has it"):
        client.check()


def test_an_answer_may_be_of_any_size(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hp = kt.HyperParameters()
    hp.Fixed("long", "x" * 2**20)
    best = [Trial(hp, str(i), "COMPLETED") for i in range(6)]
    monkeypatch.setattr(search.oracle, "get_best_trials", lambda number: best)
    as_chief(monkeypatch)
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port := free_port()))
    server = _listening(search.chief)
    server.start()
    try:
        connection = Connection(f"127.0.0.1:{port}", str(tmp_path), patience=10.0)
        request = protos.get_service().GetBestTrialsRequest(num_trials=9)
        answer = connection.ask("GetBestTrials", request, A.metadata())
    finally:
        server.stop(None).wait()
    assert [trial.trial_id for trial in answer.trials] == [trial.trial_id for trial in best]


@pytest.mark.parametrize(
    ("theirs", "elsewhere"),
    [(None, False), ((1, "project"), False), ((3, "project"), False), ((1, "a folder"), False),
     ((0, "first"), True), ((2, "third"), True)],
)  # fmt: skip
def test_workers_in_another_search_of_the_program(
    search: Search, theirs: tuple[int, str] | None, elsewhere: bool
) -> None:
    assert not search.chief.is_elsewhere(A._replace(search=theirs))
    search.chief.search = SearchName(1, "project")
    caller = Caller.of(A._replace(search=theirs).metadata())
    assert caller is not None and search.chief.is_elsewhere(caller) == elsewhere


@pytest.mark.parametrize(
    ("told", "joins"),
    [([None], True), ([(1, "mine")], True), ([(0, "before"), (1, "mine")], True),
     ([(2, "after")], False)],
)  # fmt: skip
def test_a_worker_waits_for_its_search(
    client: WorkerClient, monkeypatch: pytest.MonkeyPatch, told: list[Any], joins: bool
) -> None:
    answers = [None if name is None else SearchName(*name) for name in told]

    def ask(*args: Any) -> None:
        client._connection.search = answers.pop(0)

    monkeypatch.setattr(client._connection, "ask", ask)
    assert client.joins(SearchName(1, "mine")) == joins
    assert not answers


class Silence(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_chief_that_can_be_reached_and_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def call(*args: Any) -> None:
        raise Silence

    connection = Connection("127.0.0.1:1", str(tmp_path), patience=0.01)
    monkeypatch.setattr(connection, "_wait_until_there", lambda began: None)
    monkeypatch.setattr(connection, "_call", call)
    with pytest.raises(ConnectionError, match="Expected a chief at"):
        connection.ask("GetSpace", None, ())
    connection.tell("GetSpace", None, (), 1.0)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.ABORTED, TrialTakenOver),
        (grpc.StatusCode.FAILED_PRECONDITION, Dismissed),
        (grpc.StatusCode.UNKNOWN, RuntimeError),
        (grpc.StatusCode.UNAVAILABLE, type(None)),
    ],
)
def test_what_answers_mean(code: grpc.StatusCode, kind: type) -> None:
    class Answer(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return code

        def details(self) -> str:
            return "why"

    meaning = error_of(Answer())
    assert type(meaning) is kind
    assert meaning is None or "why" in str(meaning)
