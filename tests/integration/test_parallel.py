"""Many trials at once: the same search as one after the other, on this machine and on Ray."""

from __future__ import annotations

import atexit
import itertools
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.reports import read_report
from tests.clusters import two_nodes

# A busy machine may take a minute to start a worker.
pytestmark = pytest.mark.filterwarnings("ignore:Still no worker")

PLACES = ("local", "ray")


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Any]]:
    """The arguments of a tuner for each place."""
    with two_nodes() as cluster:
        yield {"local": {"workers": 2}, "ray": {"parallel": "ray", "address": cluster.address}}


def build_model(hp: kt.HyperParameters) -> keras.Model:
    layers = [keras.layers.Dense(hp.Int("width", 4, 64), "relu"), keras.layers.Dropout(0.2)]
    model = keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])
    rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def search(folder: Path, name: str, data: Any, **kwargs: Any) -> kte.Hyperband:
    tuner = kte.Hyperband(
        build_model,
        "val_loss",
        max_epochs=4,
        factor=2,
        seed=3,
        pruner=kte.pruners.Threshold(2.2),
        directory=folder,
        project_name=name,
        tensorboard_dir=folder / "logs" / name,
        **kwargs,
    )
    tuner.search(data.x, data.y, validation_data=(data.x_val, data.y_val), verbose=0)
    return tuner


def first_bracket(tuner: kte.Tuner) -> dict[tuple[str, int], Any]:
    """The trials of the first bracket, by the first in their line and the rung."""
    results = {result["trial_id"]: result for result in tuner.results()}
    found = {}
    for name, result in results.items():
        values = tuner.oracle.trials[name].hyperparameters.values
        line = name
        while (parent := results[line]["parent"]) is not None:
            line = parent
        if values["tuner/bracket"] == 2:
            kept = ("status", "score", "scores", "values", "history", "message")
            found[line, values["tuner/round"]] = {key: result[key] for key in kept}
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, digits: Any) -> kte.Hyperband:
    """The search without workers."""
    return search(tmp_path_factory.mktemp("alone"), "alone", digits)


@pytest.mark.parametrize("place", PLACES)
def test_trials_are_those_of_a_search_without_workers(
    tmp_path: Path, digits: Any, places: Any, alone: kte.Hyperband, place: str
) -> None:
    """Proposals are made by number, trainings are seeded, and promoted trials go on exactly."""
    tuner = search(tmp_path, place, digits, **places[place])
    expected = first_bracket(alone)
    assert first_bracket(tuner) == expected
    assert {rung for _, rung in expected} == {0, 1, 2}
    assert len(tuner.results()) == len(alone.results())
    assert {run.worker for run in runs(tuner)} == {"tuner0.0", "tuner0.1"}
    assert overlap(runs(tuner)) and not overlap(runs(alone))
    best = [t.load_model(promoted_twice(t)).get_weights() for t in (tuner, alone)]
    assert all(np.array_equal(one, other) for one, other in zip(*best, strict=True))
    assert rows(tmp_path / "logs" / place) == len(tuner.results())


def promoted_twice(tuner: kte.Tuner) -> Trial:
    trials = tuner.oracle.trials.values()
    [found] = [t for t in trials if t.hyperparameters.values["tuner/round"] == 2]
    return found


def runs(tuner: kte.Tuner) -> list[Any]:
    reports = [read_report(tuner.get_trial_dir(name)) for name in tuner.oracle.start_order]
    return sorted((run for report in reports for run in report.runs), key=lambda run: run.began)


def overlap(runs: list[Any]) -> bool:
    """Whether one began before the one before it had ended."""
    return any(later.began < one.ended for one, later in itertools.pairwise(runs))


def rows(folder: Path) -> int:
    """How many trials have curves in TensorBoard's folder."""
    files = map(str, folder.rglob("*tfevents*"))
    return len({file.split("/execution0")[0] for file in files if "/execution0" in file})


class Tuner(kte.Tuner):
    """Does what its `what` says."""

    what = ""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.what)(int(trial.trial_id), *args)

    def sleeping(self, number: int) -> float:
        time.sleep(0.2)
        return number

    def fatal(self, number: int) -> float:
        if number == 1:
            raise kt.errors.FatalValueError("fatal on purpose")
        time.sleep(0.2)
        return number

    def failing(self, number: int) -> float:
        raise ValueError("on purpose")

    def refused(self, number: int) -> float:
        if number == 1:
            self._refuse("refused on purpose")
        return float(number)

    def gpus(self, number: int) -> float:
        time.sleep(0.3)  # so that both workers are needed
        names = ("TF_NUM_INTRAOP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH")
        assert [os.environ[name] for name in names] == ["1", "true"]
        return float(os.environ["CUDA_VISIBLE_DEVICES"])

    def talking(self, number: int) -> float:
        """Prints, warns, and has something be done when its process ends."""
        print(f"trial {number} prints", flush=True)
        warnings.warn(f"trial {number} warns", stacklevel=1)
        atexit.register(Path(self.project_dir, f"ended {os.getpid()}").touch)
        time.sleep(0.2)
        return float(number)

    def data(self, number: int, x: Any, y: Any = None) -> float:
        if "data" in KEPT:
            assert KEPT["data"] is x
        KEPT["data"] = x
        return float(np.sum([np.sum(batch) for batch in x]))


KEPT: dict[str, Any] = {}


def tuner(folder: Path, what: str, n_trials: int = 6, **kwargs: Any) -> Tuner:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = kt.oracles.RandomSearchOracle(
        kt.Objective("default_objective", "min"), max_trials=n_trials, hyperparameters=hp
    )
    made = Tuner(oracle, directory=folder, project_name=what, **kwargs)
    made.what = what
    return made


def statuses(tuner: kte.Tuner) -> list[str]:
    return [trial.status for trial in tuner.oracle.trials.values()]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("light")
def test_what_trials_say_appears(
    tmp_path: Path, places: Any, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    warnings.simplefilter("default")
    search = tuner(tmp_path, "talking", **places[place])
    search.search(verbose=0)
    assert statuses(search) == ["COMPLETED"] * 6
    said, until = "", time.monotonic() + 20
    while time.monotonic() < until and not all(
        f"trial {n} {does}" in said for n in range(6) for does in ("prints", "warns")
    ):
        time.sleep(0.1)  # Ray passes lines on when it has the time
        said += "".join(capfd.readouterr())
    for number in range(6):
        assert f"trial {number} prints" in said and f"trial {number} warns" in said
    if place == "local":
        assert len([*Path(search.project_dir).glob("ended *")]) == 2


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("light")
def test_errors_end_a_search_that_can_go_on(tmp_path: Path, places: Any, place: str) -> None:
    fatal = tuner(tmp_path, "fatal", **places[place])
    with pytest.raises(kt.errors.FatalValueError, match="fatal on purpose"):
        fatal.search(verbose=0)
    assert "RUNNING" in statuses(fatal)
    again = tuner(tmp_path, "fatal")
    again.what = "sleeping"
    again.search(verbose=0)
    assert statuses(again) == ["COMPLETED"] * 6
    assert [trial.score for trial in again.oracle.trials.values()] == list(range(6))


class Interrupted(kte.Tuner):
    """Is interrupted, while trial 1 runs, by the first trial that has the status `when`."""

    when: str | None = None
    deadline: float | None = None

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        while int(trial.trial_id) == 1 and not Path(self.project_dir, "go").exists():
            time.sleep(0.05)
        return float(trial.trial_id)

    def on_trial_end(self, trial: Trial) -> None:
        super().on_trial_end(trial)
        self._interrupt(trial)

    def pre_create_trial(self) -> None:
        assert self.deadline is None or time.monotonic() < self.deadline, "it waits for ever"

    def _create(self, place: int) -> Trial:
        trial = super()._create(place)
        self._interrupt(trial)
        return trial

    def _interrupt(self, trial: Trial) -> None:
        if trial.status == self.when:
            raise KeyboardInterrupt


def two_epochs(hp: kt.HyperParameters) -> kt.Oracle:
    objective = kt.Objective("default_objective", "min")
    return kt.oracles.HyperbandOracle(objective, max_epochs=2, factor=2, hyperparameters=hp)


@pytest.mark.parametrize(
    ("make", "when", "n_trials"),
    [
        (lambda hp: kte.oracles.TPEOracle(max_trials=2, hyperparameters=hp), "COMPLETED", 2),
        (two_epochs, "IDLE", 5),
    ],
    ids=["ours", "hyperband of KerasTuner's"],
)
@pytest.mark.usefixtures("light")
def test_the_same_tuner_goes_on_after_an_interrupt(
    tmp_path: Path, make: Any, when: str, n_trials: int
) -> None:
    """What the second worker had is run again, though the next search begins with the first."""
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    search = Interrupted(make(hp), directory=tmp_path, workers=2)
    search.when = when
    with pytest.raises(KeyboardInterrupt):
        search.search(verbose=0)
    [left] = search.oracle.ongoing_trials
    assert left == "tuner0.1"
    search.when, search.deadline = None, time.monotonic() + 120
    Path(search.project_dir, "go").touch()
    search.search(verbose=0)
    assert statuses(search) == ["COMPLETED"] * n_trials
    assert [trial.score for trial in search.oracle.trials.values()] == list(range(n_trials))
    assert len(search.oracle.end_order) == n_trials


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("light")
def test_failures_are_counted_and_told(tmp_path: Path, places: Any, place: str) -> None:
    failing = tuner(tmp_path, "failing", **places[place])
    with pytest.raises(RuntimeError, match="3 trials in a row have failed") as error:
        failing.search(verbose=0)
    assert "ValueError: on purpose" in str(error.value)
    assert len(failing.failures()) == 3


@pytest.mark.usefixtures("light")
def test_each_worker_has_its_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    search = tuner(tmp_path, "gpus", workers=2)
    search.search(verbose=0)
    assert statuses(search) == ["COMPLETED"] * 6
    assert {trial.score for trial in search.oracle.trials.values()} == {3.0, 5.0}


def dataset() -> Any:
    """What no process can hand to another."""
    import tensorflow as tf

    return tf.data.Dataset.range(5).map(lambda number: tf.cast(number, tf.float32)).batch(2)


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="makes a tf.data.Dataset")
def test_data_are_made_where_they_are_needed_once(tmp_path: Path, workers: int | None) -> None:
    search = tuner(tmp_path, "data", n_trials=5, workers=workers)
    search.search(dataset, verbose=0)
    assert [trial.score for trial in search.oracle.trials.values()] == [10.0] * 5
    KEPT.clear()


@pytest.mark.parametrize("workers", [None, 2])
def test_data_that_the_first_trial_would_use_up_are_refused(
    tmp_path: Path, workers: int | None
) -> None:
    search = tuner(tmp_path, "data", workers=workers)
    with pytest.raises(ValueError, match="one that makes a list_iterator, which the first"):
        search.search(lambda: iter([1.0]), verbose=0)
    assert "COMPLETED" not in statuses(search)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="makes a tf.data.Dataset")
def test_data_for_our_builders_are_not_made_in_the_program(tmp_path: Path, digits: Any) -> None:
    """A process of its own sees them before the first trial, and is the one that refuses them."""
    x, y, log = digits.x[:64], digits.y[:64], tmp_path / "made in"

    def train() -> Any:
        import tensorflow as tf

        with log.open("a") as file:
            print(os.getpid(), file=file)
        return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)

    where: dict[str, Any] = {"max_trials": 3, "workers": 2, "directory": tmp_path}
    mlp = kte.builders.MLP(input_shape=(64,), outputs=10)
    searching = kte.TPE(mlp, "val_accuracy", **where)
    searching.search(train, epochs=1, shuffle=False, validation_data=(x, y), verbose=0)
    assert statuses(searching) == ["COMPLETED"] * 3
    processes = set(log.read_text().split())
    assert str(os.getpid()) not in processes and len(processes) in (2, 3)
    assert "batch_size" not in [hp.name for hp in searching.oracle.get_space().space]
    other = kte.builders.MLP(input_shape=(7,), outputs=10)
    refusing = kte.TPE(other, "val_accuracy", project_name="refusing", **where)
    with pytest.raises(ValueError, match="input_shape"):
        refusing.search(train, epochs=1, shuffle=False, validation_data=(x, y), verbose=0)
    assert refusing.oracle.trials == {}


@pytest.mark.usefixtures("light")
def test_arrays_are_not_copied_for_each_trial(tmp_path: Path) -> None:
    """The array that a worker gets is the same one in all its trials."""
    search = tuner(tmp_path, "data", workers=2)
    search.search(np.ones((10, 2)), verbose=0)
    assert [trial.score for trial in search.oracle.trials.values()] == [20.0] * 6
    KEPT.clear()


@pytest.mark.usefixtures("light")
def test_time_is_over_for_all_workers(tmp_path: Path) -> None:
    search = tuner(tmp_path, "sleeping", n_trials=1000, workers=2, max_time=5.0)
    search.search(verbose=0)
    assert 0 < len(search.oracle.trials) < 1000
    assert set(statuses(search)) == {"COMPLETED"}


@pytest.mark.usefixtures("light")
def test_a_process_for_each_trial_and_many_at_once(tmp_path: Path) -> None:
    search = tuner(tmp_path, "sleeping", n_trials=3, workers=2, isolate=True)
    search.search(verbose=0)
    assert [trial.score for trial in search.oracle.trials.values()] == [0.0, 1.0, 2.0]


@pytest.mark.usefixtures("light")
def test_a_refusal_fails_only_its_trial_once_another_has_completed(tmp_path: Path) -> None:
    """Also in a process that has trained nothing before, as each is with `isolate`."""
    search = tuner(tmp_path, "refused", n_trials=3, isolate=True)
    search.search(verbose=0)
    assert statuses(search) == ["COMPLETED", "FAILED", "COMPLETED"]
    assert "FailedTrialError: refused on purpose" in search.oracle.trials["1"].message


def test_a_trial_that_was_asked_for_is_run_by_a_worker(tmp_path: Path, digits: Any) -> None:
    kept = kte.Snapshots(keep="all")
    searched = kte.TPE(
        build_model, "loss", max_trials=2, seed=0, workers=2, snapshots=kept, directory=tmp_path
    )
    data = (digits.x, digits.y)
    searched.search(*data, epochs=1, verbose=0)
    trial = searched.continue_trial("0", *data, epochs=3, verbose=0)
    assert trial.status == "COMPLETED"
    report = read_report(searched.get_trial_dir(trial.trial_id))
    assert list(report.executions[0]) == [1, 2]
    assert [run.worker for run in report.runs] == ["by hand"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"workers": 0}, "`workers`"),
        ({"parallel": "dask"}, "'local', 'ray'"),
        ({"workers": 2, "address": "auto"}, "parallel='ray'"),
        ({"parallel": "ray", "isolate": True}, "isolate=False with parallel='ray'"),
        ({"parallel": "ray", "gpus_per_trial": 1}, r"resources_per_trial=\{'CPU': 1, 'GPU': 1\}"),
        ({"workers": 2, "gpus_per_trial": 1.5}, "`gpus_per_trial`"),
        ({"workers": 2, "gpus_per_trial": "one"}, "`gpus_per_trial`.* Received: 'one'"),
        ({"workers": 2, "gpus_per_trial": float("nan")}, "`gpus_per_trial`.* Received: nan"),
        ({"workers": 2, "gpus_per_trial": float("inf")}, "`gpus_per_trial`.* Received: inf"),
        ({"isolate": True, "trial_seconds": "5"}, "`trial_seconds` to be above 0"),
        ({"parallel": "ray", "resources_per_trial": "GPU"}, "a dictionary of numbers by name"),
        ({"parallel": "ray", "resources_per_trial": {"GPU": 1.5}}, "a dictionary of numbers"),
        ({"parallel": "ray", "resources_per_trial": {"CPU": -1}}, "a dictionary of numbers"),
        ({"parallel": "ray", "resources_per_trial": {"CPU": 0}}, "to ask for something"),
        (
            {"parallel": "ray", "resources_per_trial": {"cpu": 2}},
            r"in capitals. Received: \['cpu'\]",
        ),
        ({"gpus_per_trial": 1}, "Expected `workers` with `gpus_per_trial`"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        tuner(tmp_path, "sleeping", **arguments)


@pytest.mark.parametrize("role", ["chief", "worker-1"])
@pytest.mark.parametrize("arguments", [{"workers": 2}, {"parallel": "ray"}])
def test_chiefs_and_their_workers_have_no_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, arguments: dict[str, Any]
) -> None:
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", role)
    with pytest.raises(ValueError, match="one trial at once in each worker of a chief"):
        tuner(tmp_path, "sleeping", **arguments)


BUILT: list[kt.HyperParameters] = []
"""What was built in this process."""


def build_noted(hp: kt.HyperParameters) -> keras.Model:
    BUILT.append(hp)
    return build_model(hp)


def test_the_program_leaves_the_gpus_of_its_machine_to_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    where: dict[str, Any] = {"parallel": "ray", "address": "x", "resources_per_trial": {"CPU": 2}}
    searching = kte.TPE(build_noted, "val_loss", directory=tmp_path, **where)
    assert [hp.name for hp in searching.oracle.get_space().space] == ["width", "rate"]
    assert BUILT == []


def test_gpus_that_are_not_there_are_refused_before_the_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    search = tuner(tmp_path, "sleeping", workers=2, gpus_per_trial=1)
    with pytest.raises(ValueError, match="at least 2 GPUs"):
        search.search(verbose=0)
    assert search.oracle.trials == {}
