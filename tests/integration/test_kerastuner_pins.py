"""KerasTuner as this package relies on it, or works around it: an upgrade that differs fails here.

What each behaviour means for a search is told in `docs/`.
"""

import contextlib
import io
import json
import math
import os

import keras_tuner as kt
import pytest
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as trial_module
from keras_tuner.engine.metrics_tracking import infer_metric_direction
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client
from keras_tuner.src.distribute import utils as dist_utils
from keras_tuner.src.engine import oracle as oracle_module

import kt_extensions as kte
from kt_extensions.chief_worker import server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class StubOracle(kt.Oracle):
    """Proposes 0.0, 0.1, ... for `x`, and notes in `calls` what is called."""

    def __init__(self, **settings):
        hp = kt.HyperParameters()
        hp.Float("x", 0, 1)
        super().__init__(**{"hyperparameters": hp, "max_trials": 5, **settings})
        self.calls = []
        self.verbose = 0

    def populate_space(self, trial_id):
        self.calls.append("populate_space")
        return {"status": "RUNNING", "values": {"x": len(self.trials) / 10}}

    def _set_project_dir(self, directory, project_name):
        self.calls.append("_set_project_dir")
        super()._set_project_dir(directory, project_name)

    def get_space(self):
        self.calls.append("get_space")
        return super().get_space()

    def update_space(self, hyperparameters):
        self.calls.append("update_space")
        super().update_space(hyperparameters)

    def _save_trial(self, trial):
        self.calls.append("_save_trial")
        super()._save_trial(trial)

    def save(self):
        self.calls.append("save")
        super().save()

    def reload(self):
        self.calls.append("reload")
        super().reload()


@pytest.fixture
def make_oracle(tmp_path):
    def make(kind=StubOracle, **settings):
        oracle = kind(**settings)
        oracle._set_project_dir(str(tmp_path), "project")
        oracle.calls.clear()
        return oracle

    return make


class StubTuner(base_tuner.BaseTuner):
    def run_trial(self, trial, **kwargs):
        return trial.hyperparameters.values["x"]


def end(oracle, trial, status="COMPLETED", score=None, message=None):
    if score is not None:
        oracle.update_trial(trial.trial_id, {oracle.objective.name: score})
    trial.status, trial.message = status, message
    oracle.end_trial(trial)


def on_disk(oracle, trial_id):
    path = os.path.join(oracle._project_dir, f"trial_{trial_id}", "trial.json")
    with open(path) as file:
        return json.load(file)


# The lock.


def test_an_exception_in_a_synchronized_method_leaves_the_lock_held(make_oracle):
    class Failing(StubOracle):
        def populate_space(self, trial_id):
            raise OSError("no space left")

    oracle = make_oracle(Failing)
    with pytest.raises(OSError, match="no space left"):
        oracle.create_trial("tuner0")
    assert oracle_module.LOCKS[oracle].locked()
    with pytest.raises(OSError, match="no space left"):
        oracle.create_trial("tuner0")  # the thread of that name passes the lock that it holds


def test_too_many_failures_raise_under_the_lock_before_the_trial_is_saved(make_oracle):
    oracle = make_oracle(max_consecutive_failed_trials=2)
    end(oracle, oracle.create_trial("tuner0"), "FAILED")
    trial = oracle.create_trial("tuner0")
    with pytest.raises(RuntimeError, match="exceeded the limit of 2"):
        end(oracle, trial, "FAILED")
    assert oracle_module.LOCKS[oracle].locked()
    assert on_disk(oracle, trial.trial_id)["status"] == "RUNNING"


def test_no_limit_of_failures_never_raises(make_oracle):
    oracle = make_oracle(max_consecutive_failed_trials=None)
    for _ in range(5):
        end(oracle, oracle.create_trial("tuner0"), "FAILED")
    assert [trial.status for trial in oracle.trials.values()] == ["FAILED"] * 5
    assert not oracle_module.LOCKS[oracle].locked()


# Creating a trial.


def test_a_new_trial_is_populated_then_saved(make_oracle):
    oracle = make_oracle()
    trial = oracle.create_trial("tuner0")
    assert oracle.calls == ["populate_space", "_save_trial", "save"]
    assert (trial.trial_id, trial.status) == ("0", "RUNNING")
    assert oracle.trials == {"0": trial}
    assert oracle.ongoing_trials == {"tuner0": trial}
    assert oracle.start_order == ["0"]


def test_the_trial_that_is_populated_is_not_known_yet(make_oracle):
    class Looking(StubOracle):
        def populate_space(self, trial_id):
            self.known = dict(self.trials)
            return super().populate_space(trial_id)

    oracle = make_oracle(Looking)
    oracle.create_trial("tuner0")
    assert oracle.known == {}


def test_a_tuner_that_has_a_trial_gets_it_again(make_oracle):
    oracle = make_oracle()
    trial = oracle.create_trial("tuner0")
    assert oracle.create_trial("tuner0") is trial
    assert oracle.create_trial("tuner1") is not trial


def test_retries_come_first_and_are_not_populated(make_oracle):
    oracle = make_oracle(max_retries_per_trial=1)
    trial = oracle.create_trial("tuner0")
    end(oracle, trial, "INVALID")
    assert oracle._retry_queue == [trial.trial_id]
    oracle.calls.clear()
    assert oracle.create_trial("tuner1") is trial
    assert trial.status == "RUNNING"
    assert oracle.calls == ["save"]
    assert oracle._retry_queue == []


def test_values_are_completed_and_cleaned_but_not_validated(make_oracle):
    class Odd(StubOracle):
        def populate_space(self, trial_id):
            return {"status": "RUNNING", "values": {"switch": False, "child": 1, "x": 99}}

    hp = kt.HyperParameters()
    hp.Boolean("switch")
    hp.Int("child", 1, 3, parent_name="switch", parent_values=[True])
    hp.Float("x", 0, 1)
    hp.Fixed("forgotten", 7)
    oracle = make_oracle(Odd, hyperparameters=hp)
    values = oracle.create_trial("tuner0").hyperparameters.values
    assert values == {"switch": False, "x": 99, "forgotten": 7}


@pytest.mark.parametrize("status", ["IDLE", "STOPPED"])
def test_without_a_running_trial_its_number_is_used_again(make_oracle, status):
    class Waiting(StubOracle):
        def populate_space(self, trial_id):
            return {"status": status}

    oracle = make_oracle(Waiting)
    trial = oracle.create_trial("tuner0")
    assert (trial.trial_id, trial.status) == ("0", status)
    assert oracle.trials == oracle.ongoing_trials == {}
    assert oracle.tuner_ids == ({"tuner0"} if status == "IDLE" else set())


def test_max_trials_stops_without_populating(make_oracle):
    oracle = make_oracle(max_trials=1)
    end(oracle, oracle.create_trial("tuner0"), score=1.0)
    oracle.calls.clear()
    assert oracle.create_trial("tuner0").status == "STOPPED"
    assert oracle.calls == []


# Ending a trial.


def test_the_end_of_a_trial_is_saved_before_it_is_no_longer_ongoing(make_oracle):
    class Looking(StubOracle):
        def save(self):
            self.ongoing_at_save = dict(self.ongoing_trials)
            super().save()

    oracle = make_oracle(Looking)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"default_objective": 1.0})
    oracle.calls.clear()
    end(oracle, trial)
    assert oracle.calls == ["update_space", "_save_trial", "save"]
    assert oracle.ongoing_at_save == {"tuner0": trial}
    assert oracle.ongoing_trials == {}


def test_the_end_of_a_trial_is_copied_into_the_oracles_own_trial(make_oracle):
    oracle = make_oracle()
    own = oracle.create_trial("tuner0")
    hp = own.hyperparameters.copy()
    received = trial_module.Trial(hp, trial_id="0", status="FAILED", message="why")
    oracle.end_trial(received)
    assert oracle.trials["0"] is own
    assert (own.hyperparameters, own.status, own.message) == (hp, "FAILED", "why")


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_a_nan_score_is_invalid_and_its_retry_cannot_succeed(make_oracle):
    oracle = make_oracle(max_retries_per_trial=1)
    trial = oracle.create_trial("tuner0")
    end(oracle, trial, score=math.nan)
    assert trial.status == "INVALID"
    retried = oracle.create_trial("tuner0")
    assert retried.metrics.exists("default_objective")
    end(oracle, retried, score=0.5)
    assert (retried.status, math.isnan(retried.score)) == ("FAILED", True)


def test_an_infinite_score_is_completed(make_oracle):
    oracle = make_oracle()
    end(oracle, oracle.create_trial("tuner0"), score=1.0)
    end(oracle, oracle.create_trial("tuner0"), score=-math.inf)
    assert oracle.get_best_trials()[0].score == -math.inf


def test_the_best_trials_are_padded_with_failed_ones(make_oracle):
    oracle = make_oracle()
    end(oracle, oracle.create_trial("tuner0"), "FAILED")
    end(oracle, oracle.create_trial("tuner0"), score=1.0)
    assert [trial.status for trial in oracle.get_best_trials(3)] == ["COMPLETED", "FAILED"]


def test_known_hyperparameters_are_not_updated(make_oracle):
    oracle = make_oracle()
    hp = kt.HyperParameters()
    hp.Float("x", 0, 99)
    hp.Boolean("switch")
    with hp.conditional_scope("switch", [True]):
        hp.Float("x", 0, 50)
    oracle.update_space(hp)
    assert [
        (declared.name, len(declared.conditions), getattr(declared, "max_value", None))
        for declared in oracle.hyperparameters.space
    ] == [("x", 0, 1.0), ("switch", 0, None), ("x", 1, 50.0)]


# Reloading.


def test_reloading_sends_ongoing_trials_for_retry(make_oracle):
    oracle = make_oracle()
    end(oracle, oracle.create_trial("tuner0"), score=1.0)
    running = oracle.create_trial("tuner0")
    again = make_oracle()
    again.reload()
    assert again.trials.keys() == {"0", "1"}
    assert again.ongoing_trials == {}
    assert again._retry_queue == [running.trial_id]


def test_a_seed_of_zero_is_replaced():
    assert StubOracle(seed=7).seed == 7
    assert 1 <= StubOracle(seed=0).seed <= 10_000


def test_a_tuner_sets_the_project_folder_first(tmp_path):
    oracle = StubOracle()
    StubTuner(oracle, hypermodel=lambda hp: hp.Float("x", 0, 1), directory=tmp_path)
    assert oracle.calls[0] == "_set_project_dir"
    assert set(oracle.calls[1:]) == {"get_space", "update_space"}


def test_a_project_is_reloaded_only_if_the_default_tuner_has_saved(tmp_path):
    where = {"directory": tmp_path, "project_name": "project"}
    first = StubTuner(StubOracle(), **where)
    first.oracle.save()
    oracle = StubOracle()
    StubTuner(oracle, **where)
    assert "reload" not in oracle.calls
    first.save()
    assert (tmp_path / "project" / "tuner0.json").exists()
    with contextlib.redirect_stdout(io.StringIO()):
        StubTuner(oracle, **where)
    assert oracle.calls[-2:] == ["_set_project_dir", "reload"]


def test_a_tuner_with_an_id_of_its_own_does_not_reload(tmp_path):
    where = {"directory": tmp_path, "project_name": "project", "tuner_id": "mine"}
    kt.Tuner(StubOracle(), lambda hp: None, **where).save()
    assert (tmp_path / "project" / "mine.json").exists()
    oracle = StubOracle()
    kt.Tuner(oracle, lambda hp: None, **where)
    assert "reload" not in oracle.calls


def test_a_grid_search_does_not_go_on(tmp_path):
    class Grid(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Int("x", 0, 4)
            if x == stopped_at:
                raise KeyboardInterrupt
            return float(x)

    def search(name, max_trials):
        oracle = kt.oracles.GridSearchOracle(max_trials=max_trials)
        with contextlib.redirect_stdout(io.StringIO()):
            tuner = Grid(oracle, directory=tmp_path, project_name=name)
            tuner.search(verbose=0)
        return len(oracle.trials)

    stopped_at = None
    assert search("more", max_trials=2) == 2
    assert search("more", max_trials=5) == 2
    stopped_at = 2
    with pytest.raises(KeyboardInterrupt):
        search("cut", max_trials=5)
    stopped_at = None
    with pytest.raises(KeyError):
        search("cut", max_trials=5)


def test_overwriting_removes_the_folder_at_once(tmp_path):
    old = tmp_path / "project" / "trial_0"
    old.mkdir(parents=True)
    StubTuner(StubOracle(), directory=tmp_path, project_name="project", overwrite=True)
    assert not old.exists()


# Searching.


def test_a_search_calls_its_hooks_in_order(tmp_path):
    class Noting(StubTuner):
        calls = None

        def __getattribute__(self, name):
            value = super().__getattribute__(name)
            if name in ("pre_create_trial", "run_trial") or name.startswith("on_"):
                self.calls.append(name)
            return value

    tuner = Noting(StubOracle(max_trials=2), directory=tmp_path)
    tuner.calls = []
    create_trial = tuner.oracle.create_trial
    tuner.oracle.create_trial = lambda name: tuner.calls.append("create") or create_trial(name)
    tuner.search()
    trial = ["pre_create_trial", "create", "on_trial_begin", "run_trial", "on_trial_end"]
    assert tuner.calls == [
        "on_search_begin",
        *trial,
        *trial,
        "pre_create_trial",
        "create",
        "on_search_end",
    ]


def test_verbose_of_a_search_is_that_of_the_oracles_display(tmp_path, capsys):
    tuner = StubTuner(StubOracle(max_trials=1), directory=tmp_path)
    tuner.search(verbose=0)
    assert capsys.readouterr().out == ""
    assert tuner.oracle.verbose == tuner.oracle._display.verbose == 0
    tuner.oracle.max_trials = 2
    tuner.search(verbose="auto")
    assert tuner.oracle._display.verbose == 1
    assert "Search: Running Trial #2" in capsys.readouterr().out


def test_the_display_is_told_of_the_beginning_and_the_end_of_a_trial(make_oracle):
    class Display:
        verbose = 0

        def on_trial_begin(self, trial):
            told.append(("begin", trial.trial_id))

        def on_trial_end(self, trial):
            told.append(("end", trial.trial_id, trial.status))

        def get_state(self):
            return {}

    told = []
    oracle = make_oracle()
    assert isinstance(oracle._display, oracle_module.Display)
    oracle._display = Display()
    end(oracle, oracle.create_trial("tuner0"), score=1.0)
    assert told == [("begin", "0"), ("end", "0", "COMPLETED")]


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "INVALID"), (kt.errors.FailedTrialError, "FAILED")]
)
def test_what_a_trial_raises_becomes_its_status(tmp_path, error, status):
    class Failing(StubTuner):
        def run_trial(self, trial, **kwargs):
            raise error("out of memory")

    tuner = Failing(StubOracle(), directory=tmp_path)
    trial = tuner.oracle.create_trial("tuner0")
    tuner._try_run_and_update_trial(trial)
    assert trial.status == status
    assert "out of memory" in trial.message
    tuner.on_trial_end(trial)
    assert trial.status == "FAILED"


@pytest.mark.parametrize("error", [KeyboardInterrupt, kt.errors.FatalError])
def test_what_ends_a_search_leaves_the_trial_ongoing(tmp_path, error):
    class Failing(StubTuner):
        def run_trial(self, trial, **kwargs):
            raise error

    tuner = Failing(StubOracle(), directory=tmp_path)
    with pytest.raises(error):
        tuner.search()
    assert tuner.oracle.ongoing_trials.keys() == {"tuner0"}
    assert not oracle_module.LOCKS[tuner.oracle].locked()


# Objectives.


@pytest.mark.parametrize("name", ["val_f1_score", "val_r2_score", "val_binary_io_u"])
def test_the_direction_of_some_metrics_is_inferred_wrongly(name):
    assert kt.Oracle(objective=name).objective.direction == "min"


def test_the_direction_of_some_metrics_is_not_inferred():
    with pytest.raises(TypeError):
        kt.Oracle(objective="val_mean_io_u")
    with pytest.raises(TypeError):
        infer_metric_direction("val_mean_io_u")


# Hyperparameters.


def test_choices_of_booleans_become_integers():
    value = kt.HyperParameters().Choice("flag", [True, False])
    assert (type(value), value) == (int, 1)


def test_a_scope_on_an_outer_parent_raises_within_another_scope():
    hp = kt.HyperParameters()
    hp.Boolean("outer")
    hp.Boolean("other")
    with (
        hp.conditional_scope("other", [False]),
        pytest.raises(ValueError, match="outer not defined"),
        hp.conditional_scope("outer", [True]),
    ):
        pass


@pytest.mark.parametrize(("kind", "kept"), [("a", False), ("b", True)])
def test_a_name_under_two_conditions_loses_its_value(kind, kept):
    """The inactive declaration drops it; if it comes first, the active one draws another."""
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    hp.Int("units", 1, 10**9, parent_name="kind", parent_values=["a"])
    hp.Int("units", 1, 10**9, parent_name="kind", parent_values=["b"])
    hp.values = {"kind": kind, "units": 5}
    hp.ensure_active_values()
    assert ("units" in hp.values) is kept
    assert hp.values.get("units") != 5


def test_levels_and_bounds_of_numbers_are_missed():
    hp = kt.HyperParameters()
    hp.Float("rate", 0, 0.5, step=0.1)
    hp.Int("units", 1, 128, sampling="log")
    rate, units = hp.space
    assert 0.5 not in {rate.prob_to_value(i / 1000) for i in range(1001)}
    assert units.prob_to_value(1.0) == 129


def test_what_goes_over_grpc_is_reordered_loses_its_message_and_has_a_rounded_score():
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    hp.Float("rate", 0.1, 1, parent_name="kind", parent_values=["a"])
    hp.Fixed("note", "x")
    trial = trial_module.Trial(hp, trial_id="0", status="FAILED", message="why")
    trial.score = 0.1
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        copy = trial_module.Trial.from_proto(trial.to_proto())
    assert printed.getvalue() == "a\n"  # a condition prints itself
    assert [declared.name for declared in copy.hyperparameters.space] == ["note", "rate", "kind"]
    assert copy.hyperparameters.values == {"kind": "a", "rate": 0.1, "note": "x"}
    assert copy.score == pytest.approx(0.1, rel=1e-6)
    assert copy.score != 0.1
    assert copy.message is None


# Over gRPC, with a chief and workers.


@pytest.fixture
def worker(monkeypatch):
    for name, value in {"IP": "127.0.0.1", "PORT": "1"}.items():
        monkeypatch.setenv(f"KERASTUNER_ORACLE_{name}", value)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker-3")


def test_a_worker_has_a_client_of_its_oracle(worker, tmp_path):
    oracle = StubOracle()
    tuner = StubTuner(oracle, directory=tmp_path)
    client = tuner.oracle
    assert isinstance(client, oracle_client.OracleClient)
    assert client._oracle is oracle
    assert (client.tuner_id, tuner.tuner_id) == ("worker-3", "worker-3")
    assert client.max_trials == 5
    with pytest.raises(AttributeError):
        _ = client.trials


def test_a_client_calls_its_stub_by_the_names_of_the_service(worker, make_oracle):
    class Stub:
        def __getattr__(self, name):
            def call(request, wait_for_ready, timeout):
                names.append(name)
                return getattr(oracle_chief.OracleServicer(oracle), name)(request, None)

            return call

    names, oracle = [], make_oracle()
    client = oracle_client.OracleClient(oracle)
    client.stub = Stub()
    client.update_space(client.get_space())
    trial = client.create_trial("worker-3")
    client.update_trial(trial.trial_id, {"default_objective": 0.5}, step=2)
    trial = client.get_trial(trial.trial_id)
    trial.status = "COMPLETED"
    client.end_trial(trial)
    client.get_best_trials()
    service = protos.get_service().DESCRIPTOR.services_by_name["Oracle"]
    assert sorted(set(names)) == sorted(method.name for method in service.methods)
    assert set(names) == set(server._CALLS)
    assert oracle.trials["0"].score == 0.5
    assert oracle.trials["0"].best_step == 2


def test_metrics_go_over_grpc_with_a_trial():
    trial = trial_module.Trial(kt.HyperParameters(), trial_id="0")
    trial.metrics.register("val_loss", direction="min")
    trial.metrics.update("val_loss", 0.25, step=3)
    copy = trial_module.Trial.from_proto(trial.to_proto())
    assert copy.metrics.get_best_value("val_loss") == 0.25
    assert copy.metrics.get_best_step("val_loss") == 3


def test_an_id_that_holds_chief_is_the_chiefs(worker, monkeypatch):
    assert not dist_utils.is_chief_oracle()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "my-chief-0")
    assert dist_utils.is_chief_oracle()


def test_the_display_cannot_show_the_end_of_a_trial_whose_beginning_it_has_not(make_oracle):
    oracle = make_oracle()
    trial = oracle.create_trial("tuner0")
    oracle.verbose = 1
    with pytest.raises(KeyError):
        oracle._display.on_trial_end(trial)


def test_our_workers_call_the_hooks_that_kerastuner_calls(tmp_path):
    class Noting(kte.Tuner):
        calls = None

        def __getattribute__(self, name):
            if name in ("pre_create_trial", "run_trial") or name.startswith("on_"):
                self.calls.append(name)
            return super().__getattribute__(name)

        def run_trial(self, trial, *args, **kwargs):
            return 0.5

    noted = []
    for name in ("search", "_work"):
        tuner = Noting(StubOracle(max_trials=2), directory=tmp_path, project_name=name)
        tuner.calls = []
        tuner.search(verbose=0) if name == "search" else tuner._work((), {})
        noted.append(tuner.calls)
    assert noted[0] == noted[1]
