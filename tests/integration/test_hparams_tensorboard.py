"""TensorBoard's own HParams backend, asked for the rows of real KerasTuner searches."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
)
from tensorboard.util.tensor_util import make_ndarray

import kt_extensions as kte
from kt_extensions.hparams import HParamsLogger, write_project

# Keras' own, from saving weights with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STATUSES = {"COMPLETED": api_pb2.STATUS_SUCCESS, "FAILED": api_pb2.STATUS_FAILURE}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


class LoggedSearch(kt.RandomSearch):
    """A stock tuner that a logger is attached to."""

    def __init__(self, *args: Any, log_dir: Path, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log = HParamsLogger(log_dir)
        self.log.attach(self)


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,))])
    kind = hp.Choice("kind", ["plain", "wide"])
    with hp.conditional_scope("kind", ["wide"]):
        if kind == "wide":
            model.add(keras.layers.Dense(hp.Int("units", 4, 12, step=4), "relu"))
    if hp.Boolean("normalise"):
        model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(1, "sigmoid"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def search(tmp_path: Path, hypermodel: Any = build, **kwargs: Any) -> LoggedSearch:
    settings = {"max_trials": 4, "seed": 3, "project_name": "digits", **kwargs}
    objective = kt.Objective("val_loss", "min")
    return LoggedSearch(
        hypermodel,
        objective=objective,
        directory=tmp_path / "results",
        log_dir=tmp_path / "logs",
        max_consecutive_failed_trials=99,
        **settings,
    )


def fit(tuner: kt.Tuner, **settings: Any) -> None:
    tuner.search(X, Y, validation_data=(X, Y), epochs=2, batch_size=16, verbose=0, **settings)


class Backend:
    """What the page asks its server for, without the page and the server."""

    def __init__(self, log_dir: Path) -> None:
        self._multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0})
        self._log_dir = str(log_dir)
        provider = data_provider.MultiplexerDataProvider(self._multiplexer, self._log_dir)
        self._context = backend_context.Context(
            base_plugin.TBContext(logdir=self._log_dir, data_provider=provider)
        )
        self.reload()

    def reload(self) -> None:
        self._multiplexer.AddRunsFromDirectory(self._log_dir)
        self._multiplexer.Reload()

    def rows(self, sort_by: str = "") -> dict[str, Any]:
        columns = []
        if sort_by:
            metric = api_pb2.MetricName(tag=sort_by)
            columns = [api_pb2.ColParams(metric=metric, order=api_pb2.ORDER_ASC)]
        request = api_pb2.ListSessionGroupsRequest(
            start_index=0,
            slice_size=1000,
            col_params=columns,
            allowed_statuses=[
                api_pb2.STATUS_UNKNOWN,
                api_pb2.STATUS_SUCCESS,
                api_pb2.STATUS_FAILURE,
                api_pb2.STATUS_RUNNING,
            ],
        )
        handler = list_session_groups.Handler(RequestContext(), self._context, "", request)
        return {group.name: group for group in handler.run().session_groups}

    def columns(self) -> Any:
        request = api_pb2.GetExperimentRequest()
        handler = get_experiment.Handler(RequestContext(), self._context, "", request)
        return handler.run()


def metrics(row: Any) -> dict[str, float]:
    """A row's numbers by the name of their column."""
    return {f"{m.name.group}/{m.name.tag}".lstrip("/"): m.value for m in row.metric_values}


def hparams(row: Any) -> dict[str, Any]:
    """A row's hyperparameters, without the facts of the search."""
    values = {name: getattr(v, v.WhichOneof("kind")) for name, v in row.hparams.items()}
    return {name: value for name, value in values.items() if not name.startswith("search/")}


def check_rows(backend: Backend, tuner: kt.Tuner, failed: tuple[str, ...] = ()) -> None:
    """Every row equals the tuner's record of the trial, and there is one row for each trial."""
    rows = backend.rows()
    trials = tuner.oracle.trials
    assert tuple(t.trial_id for t in trials.values() if t.status == "FAILED") == failed
    assert sorted(rows) == [f"{tuner.project_name}/{trial_id}" for trial_id in sorted(trials)]
    for trial_id, trial in trials.items():
        row = rows[f"{tuner.project_name}/{trial_id}"]
        assert hparams(row) == trial.hyperparameters.values
        assert {s.status for s in row.sessions} == {STATUSES[trial.status]}
        assert all(0 < s.start_time_secs <= s.end_time_secs for s in row.sessions)
        numbers = metrics(row)
        if trial.status == "FAILED":
            assert not any(name.startswith(("objective", "best")) for name in numbers)
            continue
        assert numbers["objective/val_loss"] == pytest.approx(trial.score)
        assert numbers["best_epoch"] == trial.best_step
        for name in ("loss", "accuracy", "val_accuracy"):
            recorded = trial.metrics.get_best_value(name)
            assert numbers[f"best/{name}"] == pytest.approx(recorded)


def test_rows_of_a_conditional_search(tmp_path: Path) -> None:
    tuner = search(tmp_path, max_trials=6)
    fit(tuner)
    backend = Backend(tmp_path / "logs")
    check_rows(backend, tuner)
    values = [hparams(row) for row in backend.rows().values()]
    assert {"units" in v for v in values} == {True, False}
    assert all(("units" in v) == (v["kind"] == "wide") for v in values)
    ranking = [name.split("/")[1] for name in backend.rows(sort_by="objective/val_loss")]
    assert ranking == [trial.trial_id for trial in tuner.oracle.get_best_trials(6)]


def test_columns_of_the_page(tmp_path: Path) -> None:
    tuner = search(tmp_path, max_trials=2)
    fit(tuner)
    columns = Backend(tmp_path / "logs").columns()
    assert [column.name for column in columns.hparam_infos] == [
        "kind",
        "normalise",
        "rate",
        "search/active",
        "search/trial",
        "units",
    ]
    assert [column.display_name for column in columns.metric_infos] == [
        "val_loss (min)",
        "accuracy at best",
        "loss at best",
        "val_accuracy at best",
        "best epoch",
        "epochs trained",
        "duration (s)",
        "accuracy (last)",
        "loss (last)",
        "learning_rate (last)",
        "val_accuracy (last)",
        "val_loss (last)",
    ]


def test_last_values_and_learning_rate_are_those_of_keras(tmp_path: Path) -> None:
    histories: dict[str, Any] = {}

    class Kept(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: kt.HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, **kwargs)
            histories[repr(hp.values)] = history.history
            return history

    tuner = search(tmp_path, Kept(), max_trials=2)
    fit(tuner)
    rows = Backend(tmp_path / "logs").rows()
    assert len(histories) == 2
    for trial_id, trial in tuner.oracle.trials.items():
        numbers = metrics(rows[f"digits/{trial_id}"])
        history = histories[repr(trial.hyperparameters.values)]
        for name, values in history.items():
            group = "validation" if name.startswith("val_") else "train"
            column = f"{group}/epoch_{name.removeprefix('val_')}"
            assert numbers[column] == pytest.approx(values[-1])
        rate = trial.hyperparameters.values["rate"]
        assert numbers["train/epoch_learning_rate"] == pytest.approx(rate)


def test_two_executions_are_one_row(tmp_path: Path) -> None:
    tuner = search(tmp_path, max_trials=2, executions_per_trial=2)
    fit(tuner)
    backend = Backend(tmp_path / "logs")
    check_rows(backend, tuner)
    for row in backend.rows().values():
        runs = [session.name.rsplit("/", 1)[1] for session in row.sessions]
        assert runs == ["execution0", "execution1"]


def test_failed_and_retried_trials(tmp_path: Path) -> None:
    builds: list[str] = []

    class Faulty(kt.HyperModel):
        """The first trial fails in fit and is retried, the second always fails in build."""

        def build(self, hp: kt.HyperParameters) -> keras.Model:
            builds.append(hp.Choice("kind", ["plain", "wide"]))
            model = build(hp)
            if hp.Int("number", 0, 3) == 1 and len(builds) > 1:
                raise ValueError("will not be built")
            return model

        def fit(self, hp: kt.HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, **kwargs)
            if hp.get("number") == 0 and len(attempts) < 1:
                attempts.append(1)
                raise ValueError("fails after training")
            return history

    attempts: list[int] = []
    tuner = search(tmp_path, Faulty(), max_trials=3, max_retries_per_trial=1)
    propose = tuner.oracle.populate_space

    def numbered(trial_id: str) -> dict[str, Any]:
        proposal: dict[str, Any] = propose(trial_id)
        proposal["values"]["number"] = int(trial_id)
        return proposal

    tuner.oracle.populate_space = numbered
    fit(tuner)
    backend = Backend(tmp_path / "logs")
    check_rows(backend, tuner, failed=("1",))
    (retried,) = backend.rows()["digits/0"].sessions
    assert retried.name.endswith("0/execution0-run2")


def test_search_killed_and_resumed(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    trained: list[int] = []

    class Deadly(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: kt.HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, **kwargs)
            trained.append(1)
            if len(trained) == 2:
                raise Killed
            return history

    first = search(tmp_path, Deadly())
    with pytest.raises(Killed):
        fit(first)
    backend = Backend(tmp_path / "logs")
    assert [s.status for r in backend.rows().values() for s in r.sessions] == [
        api_pb2.STATUS_SUCCESS,
        api_pb2.STATUS_UNKNOWN,
    ]
    first.log.on_search_end()

    resumed = search(tmp_path, Deadly())
    fit(resumed)
    check_rows(Backend(tmp_path / "logs"), resumed)
    backend.reload()  # A server that ran all the while shows the same.
    check_rows(backend, resumed)


def test_overwritten_search_and_a_neighbour(tmp_path: Path) -> None:
    fit(search(tmp_path, max_trials=3))
    neighbour = search(tmp_path, max_trials=1, project_name="letters")
    fit(neighbour)
    again = search(tmp_path, max_trials=2, overwrite=True, seed=9)
    fit(again)
    rows = Backend(tmp_path / "logs").rows()
    assert sorted(rows) == ["digits/0", "digits/1", "letters/0"]
    for tuner in (again, neighbour):
        for trial_id, trial in tuner.oracle.trials.items():
            row = rows[f"{tuner.project_name}/{trial_id}"]
            assert hparams(row) == trial.hyperparameters.values
            assert metrics(row)["objective/val_loss"] == pytest.approx(trial.score)


def test_search_without_keras(tmp_path: Path) -> None:
    class Parabola(LoggedSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            x = trial.hyperparameters.Float("x", -1.0, 1.0)
            return {"val_loss": x * x, "distance": abs(x)}

    tuner = Parabola(
        objective=kt.Objective("val_loss", "min"),
        max_trials=5,
        directory=tmp_path / "results",
        project_name="parabola",
        log_dir=tmp_path / "logs",
    )
    tuner.search(verbose=0)
    rows = Backend(tmp_path / "logs").rows()
    assert len(rows) == 5
    for trial_id, trial in tuner.oracle.trials.items():
        numbers = metrics(rows[f"parabola/{trial_id}"])
        x = trial.hyperparameters.values["x"]
        assert numbers["objective/val_loss"] == pytest.approx(x * x)
        assert numbers["best/distance"] == pytest.approx(abs(x))
        assert hparams(rows[f"parabola/{trial_id}"]) == {"x": x}


def test_promotions_of_kerastuners_hyperband(tmp_path: Path) -> None:
    """A promoted trial is a row of its own, which names the trial that it goes on from."""
    tuner = kt.Hyperband(
        build,
        objective=kt.Objective("val_loss", "min"),
        max_epochs=3,
        factor=3,
        seed=1,
        directory=tmp_path / "results",
        project_name="digits",
    )
    HParamsLogger(tmp_path / "logs").attach(tuner)
    tuner.search(X, Y, validation_data=(X, Y), batch_size=16, verbose=0)
    backend = Backend(tmp_path / "logs")
    check_rows(backend, tuner)
    rows = backend.rows()
    promoted = [hparams(row) for row in rows.values() if "tuner/trial_id" in hparams(row)]
    assert promoted
    for values in promoted:
        parent = hparams(rows[f"digits/{values['tuner/trial_id']}"])
        assert parent["tuner/epochs"] == values["tuner/initial_epoch"]
    for row in rows.values():
        values = hparams(row)
        trained = values["tuner/epochs"] - values["tuner/initial_epoch"]
        assert metrics(row)["epochs_trained"] == trained


def test_a_pruned_trial_is_told_apart(tmp_path: Path) -> None:
    class Second:
        def verdict(self, progress: Any) -> str | None:
            return "enough" if len(progress.others) == 1 else None

    oracle = kt.oracles.RandomSearchOracle(kt.Objective("val_loss", "min"), max_trials=3, seed=1)
    tuner = kte.Tuner(
        oracle, build, pruner=Second(), directory=tmp_path / "results", project_name="digits"
    )
    HParamsLogger(tmp_path / "logs").attach(tuner)
    fit(tuner)
    rows = {name: metrics(row) for name, row in Backend(tmp_path / "logs").rows().items()}
    assert [numbers["pruned"] for numbers in rows.values()] == [0, 1, 0]
    assert ["objective/val_loss" in numbers for numbers in rows.values()] == [True, False, True]
    assert [numbers["epochs_trained"] for numbers in rows.values()] == [2, 1, 2]


def test_what_cannot_be_attached(tmp_path: Path) -> None:
    logger = HParamsLogger(tmp_path / "logs")
    with pytest.raises(TypeError, match="Expected a KerasTuner tuner"):
        logger.attach(build)
    with pytest.raises(ValueError, match="not logged yet"):
        logger.attach(search(tmp_path))


class OwnBoard(keras.callbacks.TensorBoard):
    """As a user writes it, to log more."""


def curves(folder: Path) -> dict[str, dict[str, list[float]]]:
    """The scalars of each run that Keras' own callback has written, by epoch."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"tensors": 0})
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    return {
        run: {
            tag: [make_ndarray(e.tensor_proto).item() for e in multiplexer.Tensors(run, tag)]
            for tag in tags["tensors"]
            if tag.startswith("epoch_")
        }
        for run, tags in multiplexer.Runs().items()
    }


@pytest.mark.parametrize("callback", [keras.callbacks.TensorBoard, OwnBoard])
@pytest.mark.parametrize("kind", ["stock", "ours", "unlogged"])
def test_the_users_own_callback_keeps_working(tmp_path: Path, callback: Any, kind: str) -> None:
    """In the same folder: its curves by trial and execution, and one row for each trial."""
    settings = {"max_trials": 2, "seed": 1, "directory": tmp_path, "project_name": "digits"}
    settings |= {"executions_per_trial": 2, "objective": kt.Objective("val_loss", "min")}
    if kind == "stock":
        tuner = kt.RandomSearch(build, **settings)
        HParamsLogger(tmp_path / "logs").attach(tuner)
    else:
        place = tmp_path / "logs" if kind == "ours" else None
        tuner = kte.TPE(build, tensorboard_dir=place, **settings)
    fit(tuner, callbacks=[callback(str(tmp_path / "logs"))])
    backend = Backend(tmp_path / "logs")
    if kind != "unlogged":
        check_rows(backend, tuner)
    own = curves(tmp_path / "logs")
    for trial, execution in itertools.product("01", (0, 1)):
        for part in ("train", "validation"):
            assert len(own[f"{trial}/execution{execution}/{part}"]["epoch_loss"]) == 2


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_the_log_of_a_search_that_was_not_logged(tmp_path: Path, kind: str) -> None:
    settings = {"max_trials": 3, "seed": 1, "directory": tmp_path, "project_name": "digits"}
    tuner_class = {"stock": kt.RandomSearch, "ours": kte.TPE}[kind]
    tuner = tuner_class(build, objective=kt.Objective("val_loss", "min"), **settings)
    fit(tuner)
    assert write_project(tmp_path / "digits", tmp_path / "logs") == 3
    backend = Backend(tmp_path / "logs")
    check_rows(backend, tuner)
    rows = backend.rows()
    if kind == "ours":
        for result in tuner.results():
            numbers = metrics(rows[f"digits/{result['trial_id']}"])
            assert numbers["epochs_trained"] == 2
            assert numbers["duration_seconds"] == pytest.approx(result["duration"])
            (history,) = result["history"]
            assert numbers["validation/epoch_loss"] == pytest.approx(history["val_loss"][-1])
    assert write_project(tmp_path / "digits", tmp_path / "logs") == 3
    assert Backend(tmp_path / "logs").rows() == rows


def test_the_log_of_a_search_goes_on(tmp_path: Path) -> None:
    """What is written afterwards and what a search writes itself are the same rows."""
    settings = {"seed": 1, "directory": tmp_path, "project_name": "digits"}
    objective = kt.Objective("val_loss", "min")
    fit(kte.TPE(build, objective=objective, max_trials=2, **settings))
    assert write_project(tmp_path / "digits", tmp_path / "logs") == 2
    tuner = kte.TPE(
        build, objective=objective, max_trials=3, tensorboard_dir=tmp_path / "logs", **settings
    )
    fit(tuner)
    check_rows(Backend(tmp_path / "logs"), tuner)
