"""What MLflow has of real searches: on a server on loopback, and in a SQLite store."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions import cli
from kt_extensions.hparams import HParamsLogger
from kt_extensions.mlflow import _ending, _server, write_project
from kt_extensions.mlflow._search import space_of
from tests.views import saved_space

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
pytest.importorskip("mlflow")
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning:mlflow"),
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow's own server, on loopback."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{folder / 'mlflow.db'}"
    places = ["--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *places]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert process.poll() is None
            time.sleep(0.25)
    pytest.fail("MLflow's server has not begun within a minute")


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store whose tables are made once: MLflow takes seconds for it."""
    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file.read_bytes()


@pytest.fixture
def uri(tmp_path: Path, empty_store: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite store, with a folder for its artifacts."""
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what takes seconds at the end of each search, where nobody looks at it."""
    if "[server]" not in request.node.name:
        monkeypatch.setattr(_ending, "_write_figures", lambda search, view: None)
        monkeypatch.setattr(_ending, "write_report", lambda search, file: file.touch())


class Runs:
    """The runs of one search as MLflow has them."""

    def __init__(self, uri: str, experiment: str = "digits") -> None:
        self.client = MlflowClient(uri)
        found = self.client.get_experiment_by_name(experiment)
        assert found is not None
        runs = list(self.client.search_runs([found.experiment_id], max_results=1000))
        parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        self.parent = max(parents, key=lambda run: run.info.start_time)
        self.parents = len(parents)
        mine = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == self.parent.info.run_id]
        self.trials = {run.data.tags["trial_id"]: run for run in mine}
        assert len(self.trials) == len(mine), "a trial has two runs"

    def curve(self, trial_id: str, name: str) -> list[tuple[int, float]]:
        return self.points(self.trials[trial_id], name)

    def points(self, run: Any, name: str) -> list[tuple[int, float]]:
        history = self.client.get_metric_history(run.info.run_id, name)
        return sorted((metric.step, metric.value) for metric in history)

    def text(self, run: Any, file: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, file)).read_text()

    def statuses(self) -> dict[str, tuple[str, str]]:
        runs = self.trials.items()
        return {name: (run.data.tags["status"], run.info.status) for name, run in sorted(runs)}


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,))])
    kind = hp.Choice("kind", ["plain", "wide"])
    with hp.conditional_scope("kind", ["wide"]):
        if kind == "wide":
            model.add(keras.layers.Dense(hp.Int("units", 4, 12, step=4), "relu"))
    model.add(keras.layers.Dense(1, "sigmoid"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    told = {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
    model.compile(keras.optimizers.SGD(rate), **told, run_eagerly=True)  # which takes no tracing
    return model


def fit(tuner: kt.Tuner, **kwargs: Any) -> None:
    settings = {"epochs": 2, "batch_size": 16, "verbose": 0, **kwargs}
    tuner.search(X, Y, validation_data=(X, Y), **settings)


class Square(kte.Tuner):
    """Trials without models; what happens in them is told by `happens`."""

    happens: Callable[[Square, Any], None] | None = None

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        if self.happens is not None:
            self.happens(trial)
        x = trial.hyperparameters.get("x")
        return {"val_loss": x * x, "distance": abs(x)}


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("x", -1.0, 1.0)
    return hp


def square(folder: Path, uri: str | None, kind: type[Square] = Square, **kwargs: Any) -> Square:
    settings = {"max_trials": 4, "seed": 1, **kwargs}
    own = {name: settings.pop(name) for name in ("overwrite", "pruner") if name in settings}
    oracle = kte.oracles.TPEOracle(
        objective=kt.Objective("val_loss", "min"), hyperparameters=space(), **settings
    )
    tuner = kind(oracle, directory=folder / "results", project_name="digits", **own)
    if uri is not None:
        kte.MLflowLogger(uri).attach(tuner)
    return tuner


def check(runs: Runs, tuner: kt.Tuner) -> None:
    """Every run equals the tuner's record of its trial, and there is one for each trial."""
    trials = tuner.oracle.trials
    assert sorted(runs.trials) == sorted(trials)
    for trial_id, trial in trials.items():
        run = runs.trials[trial_id]
        assert run.info.status == {"COMPLETED": "FINISHED"}.get(trial.status, trial.status)
        assert run.data.params == {n: str(v) for n, v in trial.hyperparameters.values.items()}
        if trial.status == "COMPLETED":
            assert run.data.metrics["score"] == pytest.approx(trial.score)
            assert run.data.metrics["best_epoch"] == trial.best_step
            for name in trial.metrics.metrics:
                recorded = trial.metrics.get_best_value(name)
                assert run.data.metrics[f"best/{name}"] == pytest.approx(recorded)
    best = tuner.oracle.get_best_trials()[0]
    tags, metrics = runs.parent.data.tags, runs.parent.data.metrics
    assert runs.parent.info.status == "FINISHED" and tags["status"] == "COMPLETED"
    assert tags["best_trial"] == best.trial_id
    assert tags["best_trial_run_id"] == runs.trials[best.trial_id].info.run_id
    assert metrics["best_score"] == metrics["best/val_loss"] == pytest.approx(best.score)


@pytest.mark.parametrize("place", ["server", "sqlite"])
def test_a_search_is_a_parent_run_and_its_trials_are_nested(
    place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    address = request.getfixturevalue("server" if place == "server" else "uri")
    tuner = kte.TPE(
        build,
        objective=kt.Objective("val_loss", "min"),
        max_trials=3,
        executions_per_trial=2,
        seed=2,
        directory=tmp_path,
        project_name="digits",
    )
    kte.MLflowLogger(address).attach(tuner)
    fit(tuner)
    runs = Runs(address)
    check(runs, tuner)
    for result in tuner.results():
        for number, history in enumerate(result["history"]):
            prefix = f"execution_{number}/" if number else ""
            for name in ("loss", "val_loss", "accuracy"):
                expected = [*zip(history["epoch"], history[name], strict=True)]
                curve = runs.curve(result["trial_id"], prefix + name)
                assert curve == [(step, pytest.approx(value)) for step, value in expected]
        assert runs.trials[result["trial_id"]].data.metrics["epochs_trained"] == 4
    assert {"units" in run.data.params for run in runs.trials.values()} == {True, False}
    check_parent(runs, tuner)
    if place == "server":
        check_figures(runs)


def check_parent(runs: Runs, tuner: kt.Tuner) -> None:
    parent, best = runs.parent, tuner.oracle.get_best_trials()[0]
    assert parent.info.run_name == "digits"
    told = {name: parent.data.tags[name] for name in ("objective", "direction", "oracle", "tuner")}
    assert told == {
        "objective": "val_loss",
        "direction": "min",
        "oracle": "TPEOracle",
        "tuner": "TPE",
    }
    assert parent.data.tags["kt_extensions"] == kte.__version__
    assert parent.data.params["space/units"] == "integer, 4 to 12, step 4, if kind is wide"
    values = {n: str(v) for n, v in best.hyperparameters.values.items()}
    assert {f"best/{n}": v for n, v in values.items()}.items() <= parent.data.tags.items()
    assert "The best" in parent.data.tags["mlflow.note.content"]
    scores = [runs.trials[name].data.metrics["score"] for name in tuner.oracle.end_order]
    steps = itertools.accumulate(scores, min)
    better = {score: step for step, score in reversed([*enumerate(steps, start=1)])}
    assert runs.points(parent, "best_score") == sorted((step, s) for s, step in better.items())
    rows = runs.text(parent, "results.csv").splitlines()
    assert len(rows) == 4 and rows[0].startswith("trial_id,status,score")
    check_model(runs, tuner)


def check_figures(runs: Runs) -> None:
    assert "<svg" in runs.text(runs.parent, "report.html")
    files = {file.path for file in runs.client.list_artifacts(runs.parent.info.run_id, "figures")}
    assert {"figures/history.png", "figures/curves.png"} <= files


def check_model(runs: Runs, tuner: kt.Tuner) -> None:
    """The model is found by the run's page, and predicts what the tuner's does."""
    (output,) = runs.parent.outputs.model_outputs
    model = runs.client.get_logged_model(output.model_id)
    assert model.name == "best_model" and str(model.status) == "READY"
    assert runs.parent.data.tags["best_model_id"] == output.model_id
    found = runs.client.list_logged_model_artifacts(output.model_id)
    assert {"MLmodel", "data", "requirements.txt"} <= {file.path for file in found}
    loaded = load(runs, output.model_id)
    expected = tuner.get_best_models()[0].predict(X, verbose=0)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, rtol=1e-6)


def load(runs: Runs, model_id: str) -> keras.Model:
    import mlflow

    mlflow.set_tracking_uri(runs.client.tracking_uri)
    try:
        return mlflow.keras.load_model(f"models:/{model_id}")
    finally:
        mlflow.set_tracking_uri(None)


def test_a_stock_tuner_is_logged_by_one_line(uri: str, tmp_path: Path) -> None:
    """Beside its HParams log; the last epochs are those that Keras has told."""
    last: dict[str, dict[str, float]] = {}

    class Kept(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: kt.HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, **kwargs)
            last[repr(hp.values)] = {name: values[-1] for name, values in history.history.items()}
            return history

    objective = kt.Objective("val_loss", "min")
    tuner = kt.RandomSearch(
        Kept(), objective, max_trials=2, seed=3, directory=tmp_path, project_name="digits"
    )
    HParamsLogger(tmp_path / "logs").attach(tuner)
    kte.MLflowLogger(uri, experiment_name="mine").attach(tuner)
    fit(tuner)
    runs = Runs(uri, "mine")
    check(runs, tuner)
    check_model(runs, tuner)
    for trial_id, trial in tuner.oracle.trials.items():
        metrics = runs.trials[trial_id].data.metrics
        for name, value in last[repr(trial.hyperparameters.values)].items():
            assert metrics[name] == pytest.approx(value)
    assert len(list((tmp_path / "logs").rglob("*.ended"))) == 2


def test_failed_and_retried_trials(uri: str, tmp_path: Path) -> None:
    class Faulty(Square):
        """The first attempt of trial 1 fails, and trial 2 fails for good."""

        attempts = 0

        def happens(self, trial: Any) -> None:
            self.attempts += int(trial.trial_id) == 1
            if self.attempts == 1 and int(trial.trial_id) == 1:
                raise ValueError("not yet")
            if int(trial.trial_id) == 2:
                raise kt.errors.FailedTrialError("too large")

    tuner = square(tmp_path, uri, Faulty, max_retries_per_trial=1)
    tuner.search(verbose=0)
    runs = Runs(uri)
    check(runs, tuner)
    done, failed = ("COMPLETED", "FINISHED"), ("FAILED", "FAILED")
    assert list(runs.statuses().values()) == [done, done, failed, done]
    run = runs.trials["2"]
    assert run.data.tags["reason"].endswith("FailedTrialError: too large")
    assert runs.text(run, "error.txt").startswith("Traceback")
    assert "score" not in run.data.metrics
    assert runs.parent.data.tags["trials"] == "3 completed, 1 failed"


def test_a_pruned_trial_is_finished_and_has_no_score(uri: str, tmp_path: Path) -> None:
    class Second:
        def verdict(self, progress: Any) -> str | None:
            return "enough" if len(progress.others) == 1 else None

    oracle = kt.oracles.RandomSearchOracle(kt.Objective("val_loss", "min"), max_trials=3, seed=1)
    tuner = kte.Tuner(oracle, build, pruner=Second(), directory=tmp_path, project_name="digits")
    kte.MLflowLogger(uri).attach(tuner)
    fit(tuner)
    runs = Runs(uri)
    done, pruned = ("COMPLETED", "FINISHED"), ("PRUNED", "FINISHED")
    assert list(runs.statuses().values()) == [done, pruned, done]
    metrics = runs.trials["1"].data.metrics
    assert "score" not in metrics and metrics["epochs_trained"] == 1
    assert metrics["best/val_loss"] == pytest.approx(tuner.oracle.trials["1"].score)
    assert runs.trials["1"].data.tags["reason"] == "Pruned: enough."


def test_promoted_trials_name_the_run_that_they_go_on_from(uri: str, tmp_path: Path) -> None:
    objective = kt.Objective("val_loss", "min")
    oracle = kt.oracles.HyperbandOracle(
        objective, max_epochs=4, factor=2, seed=1, hyperparameters=space()
    )
    tuner = Square(oracle, directory=tmp_path, project_name="digits")
    kte.MLflowLogger(uri).attach(tuner)
    tuner.search(verbose=0)
    runs = Runs(uri)
    check(runs, tuner)
    promoted = [run for run in runs.trials.values() if "parent_trial" in run.data.tags]
    assert promoted
    for run in promoted:
        parent = runs.trials[run.data.tags["parent_trial"]]
        assert run.data.tags["parent_trial_run_id"] == parent.info.run_id
        assert run.data.params["x"] == parent.data.params["x"]
        assert run.data.params["tuner/initial_epoch"] == parent.data.params["tuner/epochs"]


class Interrupted(Square):
    """Ctrl-C in the third trial."""

    def happens(self, trial: Any) -> None:
        if int(trial.trial_id) == 2:
            raise KeyboardInterrupt


def test_a_resumed_search_goes_on_in_its_runs(server: str, tmp_path: Path) -> None:
    first = square(tmp_path, None, Interrupted)
    kte.MLflowLogger(server, "resumed").attach(first)
    with pytest.raises(KeyboardInterrupt):
        first.search(verbose=0)
    cut = Runs(server, "resumed")
    assert cut.parent.info.status == "KILLED"
    assert cut.parent.data.tags["status"] == "INTERRUPTED"
    done, killed = ("COMPLETED", "FINISHED"), ("INTERRUPTED", "KILLED")
    assert list(cut.statuses().values()) == [done, done, killed]

    unlogged = square(tmp_path, None, max_trials=3)
    unlogged.search(verbose=0)
    rest = square(tmp_path, None, max_trials=5)
    kte.MLflowLogger(server, "resumed").attach(rest)
    rest.search(verbose=0)
    runs = Runs(server, "resumed")
    assert runs.parents == 1 and runs.parent.info.run_id == cut.parent.info.run_id
    check(runs, rest)
    for name in ("0", "1"):
        assert runs.trials[name].info.run_id == cut.trials[name].info.run_id


def test_a_trial_that_goes_on_keeps_its_curve(uri: str, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class Deadly(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Killed

    def search() -> kte.Tuner:
        objective = kt.Objective("val_loss", "min")
        oracle = kt.oracles.RandomSearchOracle(objective, max_trials=1, seed=1)
        snapshots = kte.Snapshots(every_epochs=1)
        tuner = kte.Tuner(
            oracle, build, snapshots=snapshots, directory=tmp_path, project_name="digits"
        )
        kte.MLflowLogger(uri).attach(tuner)
        return tuner

    with pytest.raises(Killed):
        fit(search(), epochs=4, callbacks=[Deadly()])
    tuner = search()
    fit(tuner, epochs=4)
    runs = Runs(uri)
    (history,) = tuner.results()[0]["history"]
    expected = [*zip(history["epoch"], history["val_loss"], strict=True)]
    assert [step for step, _ in expected] == [0, 1, 2, 3]
    assert runs.curve("0", "val_loss") == [(step, pytest.approx(v)) for step, v in expected]


def test_an_overwritten_project_begins_a_new_parent_run(uri: str, tmp_path: Path) -> None:
    square(tmp_path, uri).search(verbose=0)
    before = Runs(uri)
    tuner = square(tmp_path, uri, overwrite=True, seed=2, max_trials=2)
    tuner.search(verbose=0)
    runs = Runs(uri)
    assert runs.parents == 2 and runs.parent.info.run_id != before.parent.info.run_id
    check(runs, tuner)


def test_a_parent_run_that_was_deleted_is_begun_anew(uri: str, tmp_path: Path) -> None:
    square(tmp_path, uri, max_trials=2).search(verbose=0)
    deleted = Runs(uri).parent.info.run_id
    MlflowClient(uri).delete_run(deleted)
    tuner = square(tmp_path, uri, max_trials=3)
    tuner.search(verbose=0)
    runs = Runs(uri)
    assert runs.parents == 1 and runs.parent.info.run_id != deleted
    check(runs, tuner)


def test_a_server_that_refuses_to_answer_does_not_lose_the_run(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expired(self: Any, run_id: str) -> None:
        raise MlflowException("The token has expired.", error_code=PERMISSION_DENIED)

    square(tmp_path, uri, max_trials=2).search(verbose=0)
    noted = Runs(uri).parent.info.run_id
    with monkeypatch.context() as patched, pytest.warns(RuntimeWarning, match="has not answered"):
        patched.setattr(MlflowClient, "get_run", expired)
        square(tmp_path, uri, max_trials=2).search(verbose=0)
    tuner = square(tmp_path, uri, max_trials=2)
    tuner.search(verbose=0)
    runs = Runs(uri)
    assert runs.parents == 1 and runs.parent.info.run_id == noted
    check(runs, tuner)


def test_a_server_that_is_away_costs_no_search(uri: str, tmp_path: Path) -> None:
    """What it has missed is written from the project, also to another server."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        tuner = square(tmp_path, address)
        with pytest.warns(RuntimeWarning) as told:
            tuner.search(verbose=0)
        with pytest.raises(ConnectionError, match=r"no answer.*Connection refused.*Start it"):
            write_project(tuner.project_dir, address)  # and says nothing of a search that goes on
    messages = said(told)
    assert len(messages) == 2
    assert "cannot be reached" in messages[0] and "The search goes on" in messages[0]
    assert "kt-extensions mlflow" in messages[1]
    assert len(tuner.results()) == 4
    assert write_project(tuner.project_dir, uri) == 4
    check(Runs(uri), tuner)


def said(told: pytest.WarningsRecorder) -> list[str]:
    """What the logger has said."""
    messages = [str(warning.message) for warning in told]
    return [message for message in messages if message.startswith("The MLflow server")]


def test_what_a_server_has_missed_is_sent_when_it_is_back(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "_PAUSE", 0.0)
    monkeypatch.setattr(_server, "_SHARE", 0.0)

    def away(self: Any, *args: Any, **kwargs: Any) -> None:
        raise MlflowException("API request failed")

    class Flaky(Square):
        """The server is away during trials 1 and 2."""

        def happens(self, trial: Any) -> None:
            if int(trial.trial_id) == 1:
                for name in ("create_run", "log_batch", "set_terminated"):
                    monkeypatch.setattr(MlflowClient, name, away)
            if int(trial.trial_id) == 3:
                for name in ("create_run", "log_batch", "set_terminated"):
                    monkeypatch.setattr(MlflowClient, name, REAL[name])

    tuner = square(tmp_path, uri, Flaky)
    with pytest.warns(RuntimeWarning, match="cannot be reached") as told:
        tuner.search(verbose=0)
    assert len(said(told)) == 1
    check(Runs(uri), tuner)


REAL = {name: getattr(MlflowClient, name) for name in ("create_run", "log_batch", "set_terminated")}


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_a_search_that_was_not_logged_is_written_afterwards(
    uri: str, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"max_trials": 2, "seed": 1, "directory": tmp_path, "project_name": "digits"}
    tuner_class = {"stock": kt.RandomSearch, "ours": kte.TPE}[kind]
    tuner = tuner_class(build, objective=kt.Objective("val_loss", "min"), **settings)
    fit(tuner)
    project = str(tmp_path / "digits")
    assert cli.main(["mlflow", project, "--tracking-uri", uri]) == 0
    assert capsys.readouterr().out == "Wrote 2 trials to MLflow.\n"
    runs = Runs(uri)
    check(runs, tuner)
    if kind == "ours":
        for result in tuner.results():
            (history,) = result["history"]
            curve = runs.curve(result["trial_id"], "val_loss")
            assert curve == [(i, pytest.approx(v)) for i, v in enumerate(history["val_loss"])]
            duration = runs.trials[result["trial_id"]].data.metrics["duration_seconds"]
            assert duration == pytest.approx(result["duration"])
    assert write_project(project, uri) == 2
    again = Runs(uri)
    check(again, tuner)
    assert runs.points(runs.parent, "best_score") == again.points(again.parent, "best_score")
    for name, run in runs.trials.items():
        assert again.trials[name].info.run_id == run.info.run_id


def test_a_search_that_runs_is_written_as_far_as_it_has_come(uri: str, tmp_path: Path) -> None:
    written: list[int] = []

    class Written(Square):
        def happens(self, trial: Any) -> None:
            if int(trial.trial_id) == 2:
                written.append(write_project(self.project_dir, uri))

    square(tmp_path, None, Written).search(verbose=0)
    assert written == [2]
    runs = Runs(uri)
    assert sorted(runs.trials) == ["0", "1"] and runs.parent.info.status == "RUNNING"


def test_workers_share_a_parent_run(uri: str, tmp_path: Path) -> None:
    tuner = square(tmp_path, None, max_trials=2)
    oracle, folder = tuner.oracle, tuner.project_dir

    class Client:
        """What a worker sees of the oracle: no table of trials."""

        objective, get_space, max_trials = oracle.objective, oracle.get_space, 2
        get_trial = oracle.get_trial

    workers = [kte.MLflowLogger(uri) for _ in range(2)]
    for worker in workers:
        worker.on_search_begin(Client(), folder, "digits")
    trials = [oracle.create_trial(f"tuner{number}") for number in range(2)]
    for worker, trial in zip(workers, trials, strict=True):
        worker.on_trial_begin(trial)
        oracle.update_trial(trial.trial_id, {"val_loss": 0.5 + int(trial.trial_id)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        worker.on_trial_end(oracle.get_trial(trial.trial_id))
        worker.on_search_end()
        if trial is trials[0]:
            assert Runs(uri).parent.info.status == "RUNNING"
    runs = Runs(uri)
    assert runs.parents == 1 and runs.parent.info.status == "FINISHED"
    assert len(runs.trials) == 2 and runs.parent.data.tags["best_trial"] == "0"


def test_trials_in_processes_of_their_own(uri: str, tmp_path: Path) -> None:
    tuner = kte.TPE(
        build,
        objective=kt.Objective("val_loss", "min"),
        max_trials=1,
        isolate=True,
        directory=tmp_path,
        project_name="digits",
    )
    kte.MLflowLogger(uri).attach(tuner)
    fit(tuner)
    runs = Runs(uri)
    check(runs, tuner)
    (history,) = tuner.results()[0]["history"]
    assert runs.curve("0", "loss") == [(i, pytest.approx(v)) for i, v in enumerate(history["loss"])]


def test_names_that_mlflow_does_not_take(uri: str, tmp_path: Path) -> None:
    class Odd(Square):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            trial.hyperparameters.Fixed("units[0]", 8)
            trial.hyperparameters.Fixed("units(0)", 4)
            trial.hyperparameters.Fixed("a" * 250 + "b", 2)
            trial.hyperparameters.Fixed("a" * 250 + "c", 1)
            return {"val_loss": 0.5, "recall@5 %": 0.25, "recall@5 #": 0.125}

    tuner = square(tmp_path, uri, Odd, max_trials=1)
    tuner.search(verbose=0)
    (run,) = Runs(uri).trials.values()
    told = {name: int(value) for name, value in run.data.params.items() if name != "x"}
    assert told == {
        "units_0_-a6d4d1": 8,
        "units_0_-bd9b36": 4,
        f"{'a' * 243}-e3e617": 2,
        f"{'a' * 243}-7f894c": 1,
    }
    assert run.data.metrics["best/recall_5 _-ca0d9f"] == 0.25
    assert run.data.metrics["best/recall_5 _-be7228"] == 0.125


def test_metrics_with_several_values_are_left_out(uri: str, tmp_path: Path) -> None:
    logger = kte.MLflowLogger(uri)

    class Classes(Square):
        def happens(self, trial: Any) -> None:
            logs = {"loss": 0.5, "f1_score": np.array([0.25, 0.75])}
            logger.callback(trial, 0).on_epoch_end(0, logs)

    tuner = square(tmp_path, None, Classes, max_trials=1)
    logger.attach(tuner)
    tuner.search(verbose=0)
    runs = Runs(uri)
    assert runs.curve("0", "loss") == [(0, 0.5)]
    assert "f1_score" not in runs.trials["0"].data.metrics
    assert runs.trials["0"].data.metrics["epochs_trained"] == 1


def test_a_space_that_only_keras_tuner_searches() -> None:
    hp = kt.HyperParameters()
    hp.Int("seed", 0, 10**18)
    hp.Choice("kind", ["a", "b"])
    hp.Fixed("fixed", 3)
    expected = {"space/seed": f"Int from 0 to {10**18}", "space/kind": "Choice of ['a', 'b']"}
    for space in (hp.space, saved_space(hp)):
        assert space_of(space) == {**expected, "space/fixed": "Fixed"}


def test_what_cannot_be_logged(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expected tracking_uri to be the address"):
        kte.MLflowLogger("ftp://127.0.0.1")
    tuner = square(tmp_path, uri)
    with pytest.raises(ValueError, match="not logged yet"):
        kte.MLflowLogger(uri).attach(tuner)
    with pytest.raises(TypeError, match="Expected a KerasTuner tuner"):
        kte.MLflowLogger(uri).attach(build)
    with pytest.raises(RuntimeError, match="on_search_begin"):
        kte.MLflowLogger(uri).callback(kt.engine.trial.Trial(space(), trial_id="0"), 0)


def test_the_store_is_what_the_environment_says(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kte.MLflowLogger().tracking_uri == uri  # in the current folder
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the environment")
    tuner = square(tmp_path, None, max_trials=1)
    kte.MLflowLogger().attach(tuner)
    tuner.search(verbose=0)
    check(Runs(uri, "of the environment"), tuner)


def test_without_mlflow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r'pip install "kt-extensions\[mlflow\]"'):
        kte.MLflowLogger()


PROGRAM = """
import sys
sys.modules["tensorflow"] = None  # as if it were not installed
import kt_extensions as kte
logger = kte.MLflowLogger
assert "mlflow" not in sys.modules
import keras_tuner as kt
from tests.integration.test_mlflow import build, fit
tuner = kt.RandomSearch(build, "val_loss", max_trials=2, directory=sys.argv[2],
                        project_name="digits")
logger(sys.argv[1]).attach(tuner)
fit(tuner)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_need_no_tensorflow(uri: str, tmp_path: Path, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "KERAS_BACKEND": backend}
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, uri, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    runs = Runs(uri)
    assert list(runs.statuses().values()) == [("COMPLETED", "FINISHED")] * 2
    assert [step for step, _ in runs.curve("0", "val_loss")] == [0, 1]
    assert len(runs.parent.outputs.model_outputs) == 1
    noted = json.loads((tmp_path / "digits" / "mlflow.json").read_text())
    assert noted["run_id"] == runs.parent.info.run_id
