"""Our oracles in a plain `keras_tuner.Tuner`."""

from __future__ import annotations

import copy
import json
import math
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.oracle import LOCKS, THREADS

from kt_extensions import samplers, store
from kt_extensions.oracles import SamplerOracle, TPEOracle
from kt_extensions.reports import Message
from kt_extensions.space import SearchSpace

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")

Run = Callable[[kt.HyperParameters], Any]


class FunctionTuner(kt.Tuner):
    """A stock tuner whose trials are calls of a function, which also declares the space."""

    def __init__(self, function: Run, oracle: kt.Oracle, folder: Path, **kwargs: Any) -> None:
        self.function = function
        super().__init__(oracle=oracle, directory=folder, project_name="project", **kwargs)
        if "hypermodel" not in kwargs and not oracle.hyperparameters.space:
            hp = oracle.get_space()
            function(hp)
            oracle.update_space(hp)

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        return self.function(trial.hyperparameters)


def conditional(hp: kt.HyperParameters) -> float:
    kind = hp.Choice("kind", ["sgd", "adam"])
    rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
    with hp.conditional_scope("kind", ["sgd"]):
        momentum = hp.Float("momentum", 0.0, 0.9, step=0.1)
    units = hp.Int("units", 4, 64, sampling="log")
    penalty = momentum if kind == "sgd" else 0.2
    return (math.log10(rate) + 2.5) ** 2 + (penalty - 0.3) ** 2 + units / 64


def search(
    folder: Path, function: Run = conditional, oracle: kt.Oracle | None = None, **kwargs: Any
) -> FunctionTuner:
    tuner = FunctionTuner(function, oracle or TPEOracle(**kwargs), folder)
    tuner.search(verbose=0)
    return tuner


def reloaded(folder: Path) -> FunctionTuner:
    tuner = FunctionTuner(conditional, TPEOracle(), folder)
    tuner.oracle.reload()
    return tuner


def values_of(tuner: kt.Tuner) -> dict[int, dict[str, Any]]:
    return values_of_oracle(tuner.oracle)


def values_of_oracle(oracle: kt.Oracle) -> dict[int, dict[str, Any]]:
    trials = sorted((int(name), trial) for name, trial in oracle.trials.items())
    return {number: trial.hyperparameters.values for number, trial in trials}


def statuses(tuner: kt.Tuner) -> list[str]:
    return [trial.status for _, trial in sorted(tuner.oracle.trials.items())]


def assert_lock_free(oracle: kt.Oracle) -> None:
    assert not LOCKS[oracle].locked()
    assert THREADS[oracle] is None
    trials: list[Trial] = []
    thread = threading.Thread(
        target=lambda: trials.append(oracle.create_trial("other")), daemon=True
    )
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(trials) == 1


def logged(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "project" / store.LOG_NAME).read_text().splitlines()
    return [json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in lines]


# The search itself.


def test_searches_a_conditional_space(tmp_path: Path) -> None:
    tuner = search(tmp_path, max_trials=40, seed=1)
    trials = values_of(tuner).values()
    assert len(trials) == 40
    assert len({json.dumps(values, sort_keys=True) for values in trials}) == 40
    for values in trials:
        assert ("momentum" in values) == (values["kind"] == "sgd")
        assert {type(value) for value in values.values()} <= {str, float, int}
        assert 1e-4 <= values["rate"] <= 1e-1
        assert 4 <= values["units"] <= 64
    scores = [tuner.oracle.trials[f"{i:02d}"].score for i in range(40)]
    assert min(scores[20:]) < min(scores[:10])
    assert np.median(scores[20:]) < np.median(scores[:10])


def test_a_hypermodel_is_trained(tmp_path: Path) -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 8))])
        model.add(keras.layers.Dense(1))
        model.compile(hp.Choice("optimizer", ["sgd", "adam"]), "mse", metrics=["r2_score"])
        return model

    x = np.random.default_rng(0).random((16, 2)).astype("float32")
    oracle = TPEOracle("val_r2_score", max_trials=2, seed=0)
    tuner = kt.Tuner(
        oracle=oracle,
        hypermodel=build,
        directory=tmp_path,
        project_name="project",
        executions_per_trial=2,
    )
    tuner.search(x, x.sum(1, keepdims=True), validation_split=0.5, epochs=2, verbose=0)
    assert oracle.objective.direction == "max"
    best = oracle.get_best_trials(2)
    assert best[0].score >= best[1].score
    assert tuner.get_best_models()[0].predict(x, verbose=0).shape == (16, 1)


def test_several_objectives(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> keras.callbacks.History:
        x = hp.Float("x", 0.0, 1.0)
        history = keras.callbacks.History()
        history.history = {"loss": [x + 1, x], "accuracy": [0.0, 0.5], "other": [1.0, 1.0]}
        return history

    objective = ["loss", kt.Objective("accuracy", "max")]
    tuner = search(tmp_path, run, objective=objective, max_trials=4, seed=0)
    for trial in tuner.oracle.trials.values():
        assert trial.score == pytest.approx(trial.hyperparameters["x"] - 0.5)
        assert trial.best_step == 1
    scores = [trial.score for trial in tuner.oracle.get_best_trials(4)]
    assert scores == sorted(scores)


def test_several_objectives_reported_by_the_program(tmp_path: Path) -> None:
    oracle = TPEOracle(["loss", "accuracy"], max_trials=1, seed=0)
    FunctionTuner(conditional, oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"loss": 3.0, "accuracy": 1.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert oracle.trials[trial.trial_id].score == 2.0


def test_the_program_may_report_numpy_numbers(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=1, seed=0)
    FunctionTuner(conditional, oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"default_objective": np.float32(0.5)}, step=np.int64(3))
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert (trial.score, trial.best_step) == (0.5, 3)
    assert logged(tmp_path)[-1]["fidelity"] == 3


def test_maximizes(tmp_path: Path) -> None:
    tuner = search(
        tmp_path,
        lambda hp: {"score": -conditional(hp)},
        objective=kt.Objective("score", "max"),
        max_trials=30,
        seed=1,
    )
    scores = [trial.score for trial in tuner.oracle.get_best_trials(30)]
    assert scores == sorted(scores, reverse=True)
    assert values_of(tuner) == values_of(search(tmp_path / "min", max_trials=30, seed=1))


def test_ties_keep_the_order_of_the_trials(tmp_path: Path) -> None:
    function = lambda hp: float(round(conditional(hp)))  # noqa: E731
    tuner = search(tmp_path, function, max_trials=40, seed=0)
    trials = sorted(tuner.oracle.trials.values(), key=lambda trial: trial.trial_id)
    expected = sorted(trials, key=lambda trial: trial.score)
    assert tuner.oracle.get_best_trials(40) == expected
    assert tuner.oracle.get_best_trials(3) == expected[:3]
    assert [t.trial_id for t in reloaded(tmp_path).oracle.get_best_trials(40)] == [
        trial.trial_id for trial in expected
    ]


@pytest.mark.parametrize("sampler", [None, samplers.Random()])
def test_a_finite_space_ends_the_search(tmp_path: Path, sampler: Any) -> None:
    def run(hp: kt.HyperParameters) -> float:
        kind = hp.Choice("kind", ["a", "b"])
        return hp.Int("n", 1, 5, parent_name="kind", parent_values=["a"]) if kind == "a" else 0.0

    tuner = search(tmp_path, run, max_trials=100, seed=0, sampler=sampler)
    tried = {json.dumps(values) for values in values_of(tuner).values()}
    assert len(tuner.oracle.trials) == len(tried) == 6


def test_zero_is_a_seed(tmp_path: Path) -> None:
    first, second, other = (
        values_of(search(tmp_path / str(i), max_trials=14, seed=seed))
        for i, seed in enumerate([0, 0, 1])
    )
    assert first == second
    assert not {str(values) for values in first.values()} & {str(v) for v in other.values()}


def test_a_numpy_integer_is_a_seed(tmp_path: Path) -> None:
    first = values_of(search(tmp_path / "a", max_trials=3, seed=np.int64(5)))
    assert first == values_of(search(tmp_path / "b", max_trials=3, seed=5))


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_trials": 0},
        {"seed": -1},
        {"seed": 1.5},
        {"max_retries_per_trial": -1},
        {"max_consecutive_failed_trials": 0},
        {"warm_start": "folder"},
        {"objective": "val_niceness"},
    ],
)
def test_wrong_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        TPEOracle(**arguments)


def test_a_sampler_is_needed() -> None:
    with pytest.raises(ValueError, match="sampler"):
        SamplerOracle("val_loss")


def test_a_tuner_is_needed() -> None:
    with pytest.raises(RuntimeError, match="tuner"):
        TPEOracle("val_loss").create_trial("tuner0")


def test_no_limit_to_the_trials(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> float:
        if len(oracle.trials) == 12:
            raise kt.errors.FatalValueError("enough")
        return conditional(hp)

    oracle = TPEOracle(max_trials=None, seed=0)
    with pytest.raises(kt.errors.FatalValueError):
        search(tmp_path, run, oracle)
    assert len(oracle.trials) == 12
    expected = values_of(search(tmp_path / "limited", max_trials=12, seed=0))
    assert [*values_of_oracle(oracle).values()] == [*expected.values()]


# Spaces that grow, and those that may not.


def declared() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    return hp


def test_new_hyperparameters_keep_their_defaults_if_they_are_not_tuned(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=5, seed=0, hyperparameters=declared(), tune_new_entries=False)

    def run(hp: kt.HyperParameters) -> float:
        return hp.Float("rate", 1.0, 2.0) * hp.Int("units", 3, 9, default=7)

    tuner = search(tmp_path, run, oracle)
    for _ in range(2):
        for trial in tuner.oracle.trials.values():
            assert trial.hyperparameters.values["units"] == 7
            assert trial.score == pytest.approx(7 * trial.hyperparameters.values["rate"])
        assert [hp.name for hp in tuner.oracle.get_space().space] == ["rate"]
        oracle = TPEOracle(max_trials=5, hyperparameters=declared(), tune_new_entries=False)
        tuner = search(tmp_path, run, oracle)


def test_new_hyperparameters_that_are_not_allowed(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=9, seed=0, hyperparameters=declared(), allow_new_entries=False)

    def run(hp: kt.HyperParameters) -> float:
        rate = hp.Float("rate", 1e-4, 1e-1)
        return rate if len(oracle.trials) < 3 else hp.Int("units", 3, 9)

    with pytest.raises(RuntimeError, match=r"allow_new_entries=False. Received: \['units'\]"):
        search(tmp_path, run, oracle)
    assert [trial.status for trial in oracle.trials.values()] == ["COMPLETED"] * 2 + ["FAILED"]
    assert "units" in oracle.trials["2"].message
    assert_lock_free(oracle)
    again = TPEOracle(max_trials=5, hyperparameters=declared(), allow_new_entries=False)
    tuner = search(tmp_path, lambda hp: hp.Float("rate", 0, 1), again)
    assert statuses(tuner) == ["COMPLETED"] * 2 + ["FAILED"] + ["COMPLETED"] * 2


def test_a_name_declared_twice_with_different_domains(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> float:
        kind = hp.Choice("kind", ["a", "b"])
        if len(oracle.trials) == 3:
            with hp.conditional_scope("kind", [kind]):
                hp.Int("units", 1, 100)
        return float(hp.Int("units", 1, 10))

    oracle = TPEOracle(max_trials=9, seed=0)
    with pytest.raises(ValueError, match="'units' is declared twice"):
        search(tmp_path, run, oracle)
    assert oracle.trials["2"].status == "FAILED"
    assert_lock_free(oracle)


def test_a_name_declared_under_two_conditions(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> float:
        kind = hp.Choice("kind", ["a", "b", "c"])
        for name in ("a", "b"):
            with hp.conditional_scope("kind", [name]):
                units = hp.Int("units", 1, 10)
                if kind == name:
                    return float(units)
        return 0.5

    tuner = search(tmp_path, run, max_trials=30, seed=0)
    assert len(tuner.oracle.trials) == 21
    for trial in tuner.oracle.trials.values():
        values = trial.hyperparameters.values
        assert trial.score == values.get("units", 0.5)
        assert ("units" in values) == (values["kind"] != "c")


def test_a_space_that_grows_during_the_search(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> float:
        score = hp.Float("x", 0.0, 1.0)
        if len(oracles[-1].trials) > 5:
            score += hp.Float("late", 0.0, 1.0, default=0.9)
        return score

    oracles = [TPEOracle(max_trials=40, seed=3)]
    tuner = search(tmp_path / "whole", run, oracles[0])
    whole = values_of(tuner)
    assert ["late" in values for values in whole.values()] == [False] * 5 + [True] * 35
    assert whole[5]["late"] == 0.9
    assert min(values["late"] for values in [*whole.values()][20:]) < 0.2
    for limit in (3, 5, 6, 20, 40):
        oracles.append(TPEOracle(max_trials=limit, seed=3))
        parts = values_of(search(tmp_path / "parts", run, oracles[-1]))
    assert [*parts.values()] == [*whole.values()]
    old = reloaded(tmp_path / "parts").oracle.trials["0"].hyperparameters
    assert old.Float("late", 0.0, 1.0, default=0.9) == 0.9


def test_a_space_that_only_the_trials_declare(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=12, seed=0)
    tuner = kt.Tuner.__new__(FunctionTuner)
    tuner.function = conditional
    kt.Tuner.__init__(tuner, oracle=oracle, directory=tmp_path, project_name="project")
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert (first.status, second.status) == ("RUNNING", "IDLE")
    tuner.tuner_id = "a"
    tuner.search(verbose=0)
    assert len(oracle.trials) == 12
    assert {values["kind"] for values in values_of(tuner).values()} == {"sgd", "adam"}


def test_a_space_without_more_configurations_may_grow_while_a_trial_runs(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Boolean("a")
    oracle = TPEOracle(max_trials=12, seed=0, hyperparameters=hp)
    oracle._set_project_dir(tmp_path, "project")
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert oracle.create_trial("c").status == "IDLE"
    ended(oracle, second)
    assert oracle.create_trial("c").status == "IDLE"
    first.hyperparameters.Boolean("late")
    oracle.update_space(first.hyperparameters)
    ended(oracle, first)
    others = [oracle.create_trial(worker) for worker in "abc"]
    assert [trial.status for trial in others] == ["RUNNING"] * 3
    for trial in others:
        ended(oracle, trial)
    assert oracle.create_trial("c").status == "STOPPED"


def ended(oracle: kt.Oracle, trial: Trial) -> None:
    oracle.update_trial(trial.trial_id, {"default_objective": 0.5})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


# Failures.


def test_a_retry_can_succeed(tmp_path: Path) -> None:
    runs: list[float] = []

    def run(hp: kt.HyperParameters) -> float:
        hp.Float("x", 0.0, 1.0)
        runs.append(hp.values["x"])
        results = {2: math.nan, 4: math.inf, 5: -math.inf}
        if len(runs) == 7:
            raise ArithmeticError("crash")
        return results.get(len(runs), 1.5)

    tuner = search(tmp_path, run, max_trials=5, max_retries_per_trial=3, seed=0)
    assert [trial.score for trial in tuner.oracle.trials.values()] == [1.5] * 5
    assert len(runs[1:]) == 5 + 4
    events = logged(tmp_path)
    ends = [event["status"] for event in events if event["event"] == "end"]
    assert ends.count("INVALID") == 4
    messages = [event["message"] for event in events if event.get("message")]
    assert messages[0] == "The objective 'default_objective' was nan."
    assert any("ArithmeticError: crash" in message for message in messages)
    assert values_of(reloaded(tmp_path)) == values_of(tuner)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_fails(tmp_path: Path, score: float) -> None:
    def run(hp: kt.HyperParameters) -> float:
        x = hp.Float("x", 0.0, 1.0)
        return score if x > 0.5 else x

    tuner = search(tmp_path, run, max_trials=20, seed=0, max_consecutive_failed_trials=None)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"FAILED", "COMPLETED"}
    for trial in tuner.oracle.trials.values():
        failed = trial.hyperparameters["x"] > 0.5
        assert trial.status == ("FAILED" if failed else "COMPLETED")
        assert (trial.score is None) == failed
    assert all(trial.score <= 0.5 for trial in tuner.oracle.get_best_trials(20))
    logged(tmp_path)
    again = search(tmp_path, run, max_trials=20)
    assert statuses(again) == statuses(tuner)


def test_too_many_failures(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> float:
        x = conditional(hp)
        if len(oracle.trials) in (2, 4, 5, 6):
            raise ArithmeticError("crash")
        return x

    oracle = TPEOracle(max_trials=9, seed=0)
    with pytest.raises(RuntimeError, match=r"3 trials in a row have failed(.|\n)*crash"):
        search(tmp_path, run, oracle)
    assert [trial.status for trial in oracle.trials.values()] == [
        *("COMPLETED", "FAILED", "COMPLETED", "FAILED", "FAILED", "FAILED")
    ]
    assert_lock_free(oracle)
    oracle = TPEOracle(max_trials=9)
    tuner = search(tmp_path, conditional, oracle)
    assert statuses(tuner).count("COMPLETED") == 5


# The lock.


class Broken:
    def suggest(self, history: Any, rng: Any) -> Any:
        if history.number == 2:
            raise ArithmeticError("no idea")
        return samplers.Random().suggest(history, rng)


def test_a_sampler_that_raises(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=9, seed=0, sampler=Broken())
    with pytest.raises(ArithmeticError, match="no idea"):
        search(tmp_path, conditional, oracle)
    assert len(oracle.trials) == 2
    oracle.sampler = samplers.Random()
    assert_lock_free(oracle)


@pytest.mark.parametrize("failing", range(2, 6))
def test_a_disk_that_is_full(tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = TPEOracle(max_trials=9, seed=0)
    tuner = FunctionTuner(conditional, oracle, tmp_path)
    calls = 0
    append = store.EventLog.append

    def full(log: store.EventLog, *events: store.Event, durable: bool = True) -> None:
        nonlocal calls
        calls += durable  # what the trials report is not
        if calls == failing and durable:
            raise OSError(28, "No space left on device")
        append(log, *events, durable=durable)

    monkeypatch.setattr(store.EventLog, "append", full)
    with pytest.raises(OSError, match="No space left"):
        tuner.search(verbose=0)
    tuner.search(verbose=0)
    assert_lock_free(oracle)
    whole = search(tmp_path / "whole", max_trials=9, seed=0)
    assert values_of(tuner) == values_of(whole)
    assert statuses(tuner) == ["COMPLETED"] * 9
    assert values_of(reloaded(tmp_path)) == values_of(whole)


def test_a_write_that_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = TPEOracle(max_trials=9, seed=0)
    tuner = FunctionTuner(conditional, oracle, tmp_path)
    oracle.create_trial("tuner0")
    write_all = store._write_all

    def half(descriptor: int, data: bytes) -> None:
        write_all(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_all", half)
    with pytest.raises(OSError), pytest.warns(UserWarning, match="A report of trial 0"):
        tuner.search(verbose=0)
    monkeypatch.undo()
    tuner.search(verbose=0)
    assert values_of(tuner) == values_of(search(tmp_path / "whole", max_trials=9, seed=0))
    assert len(logged(tmp_path)) == 2 + 2 * 9


def test_an_objective_that_is_missing(tmp_path: Path) -> None:
    oracle = TPEOracle("loss", max_trials=9, seed=0)
    FunctionTuner(conditional, oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    with pytest.raises(ValueError, match="missing"):
        oracle.update_trial(trial.trial_id, {"accuracy": 1.0})
    with pytest.raises(KeyError):
        oracle.update_trial("unheard of", {"loss": 1.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    assert oracle.trials[trial.trial_id].status == "FAILED"
    assert "'loss' was not reported" in oracle.trials[trial.trial_id].message
    assert_lock_free(oracle)


def test_an_interrupt_while_the_lock_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = values_of(search(tmp_path / "whole", max_trials=9, seed=0))
    for moment in range(1, 12):
        folder = tmp_path / str(moment)
        oracle = TPEOracle(max_trials=9, seed=0)
        tuner = FunctionTuner(conditional, oracle, folder)
        remaining = [moment]

        def interrupt(name: str, event: Any, remaining: list[int] = remaining) -> None:
            remaining[0] -= not remaining[0] < 0
            if remaining[0] == 0:
                remaining[0] = -1
                raise KeyboardInterrupt

        for owner, name in [
            (store.EventLog, "append"),
            (SamplerOracle, "save_trial_file"),
            (SamplerOracle, "_record_values"),
        ]:
            with_interrupt(monkeypatch, owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            tuner.search(verbose=0)
        monkeypatch.undo()
        assert not LOCKS[oracle].locked()
        tuner.search(verbose=0)
        assert values_of(tuner) == whole, moment
        assert statuses(tuner) == ["COMPLETED"] * 9


def with_interrupt(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, interrupt: Callable[..., None]
) -> None:
    original = getattr(owner, name)

    def before_and_after(*args: Any, **kwargs: Any) -> Any:
        interrupt(name, "before")
        result = original(*args, **kwargs)
        interrupt(name, "after")
        return result

    monkeypatch.setattr(owner, name, before_and_after)


def test_trials_that_run_meanwhile_go_on_after_an_error(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=9, seed=0, sampler=Broken())
    FunctionTuner(conditional, oracle, tmp_path)
    trials = {name: oracle.create_trial(name) for name in ("a", "b")}
    oracle.update_trial(trials["b"].trial_id, {"default_objective": 2.0})
    with pytest.raises(ArithmeticError):
        oracle.create_trial("c")
    oracle.update_trial(trials["a"].trial_id, {"default_objective": 1.0})
    for trial in trials.values():
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert [trial.score for trial in oracle.get_best_trials(9)] == [1.0, 2.0]


def test_many_threads(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=60, seed=0)
    FunctionTuner(conditional, oracle, tmp_path)
    oracle.verbose = 0

    def work(name: str) -> None:
        while (trial := oracle.create_trial(name)).status == "RUNNING":
            score = conditional(trial.hyperparameters)
            oracle.update_trial(trial.trial_id, {"default_objective": score})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)

    threads = [threading.Thread(target=work, args=[f"tuner{i}"]) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len({str(values) for values in values_of_oracle(oracle).values()}) == 60
    assert [trial.status for trial in oracle.trials.values()] == ["COMPLETED"] * 60
    again = reloaded(tmp_path).oracle
    assert values_of_oracle(again) == values_of_oracle(oracle)
    assert [t.trial_id for t in again.get_best_trials(60)] == [
        t.trial_id for t in oracle.get_best_trials(60)
    ]


def test_a_trial_ends_once(tmp_path: Path) -> None:
    oracle = search(tmp_path, max_trials=3).oracle
    first, second, _ = oracle.trials.values()
    for told in (first.trial_id, second):
        with pytest.warns(UserWarning, match="has ended already"):
            oracle.end_trial(told)
    assert len(oracle.end_order) == len(oracle.get_best_trials(9)) == 3
    assert {*oracle.end_order} == {trial.trial_id for trial in oracle.get_best_trials(9)}


def test_a_late_report_changes_nothing(tmp_path: Path) -> None:
    tuner = search(tmp_path, max_trials=3)
    ranked = [trial.trial_id for trial in tuner.oracle.get_best_trials(9)]
    last = ranked[-1]
    message = Message(execution=0, planned=2, logs={"default_objective": 0.0}).metrics()
    for told in ({"default_objective": -1.0}, message):
        with pytest.warns(UserWarning, match=f"Trial {last} has ended already.*`update_trial`"):
            tuner.oracle.update_trial(last, told)
    for oracle in (tuner.oracle, reloaded(tmp_path).oracle):
        assert [trial.trial_id for trial in oracle.get_best_trials(9)] == ranked
        assert not oracle.reports[last].executions


@pytest.mark.parametrize("name", ["mean_io_u", "one_hot_mean_io_u", "precision_at_recall"])
def test_metrics_that_keras_tuner_cannot_tell_the_direction_of(tmp_path: Path, name: str) -> None:
    def run(hp: kt.HyperParameters) -> dict[str, float]:
        x = hp.Float("x", 0.0, 1.0)
        return {f"val_{name}": x, name: 0.5, "val_loss": 1 - x, "own": x}

    for objective in (f"val_{name}", "val_loss"):
        folder = tmp_path / objective
        search(folder, run, TPEOracle(objective, max_trials=3, seed=0))
        oracle = search(folder, run, TPEOracle(objective, max_trials=5)).oracle
        again = FunctionTuner(run, TPEOracle(objective, max_trials=5), folder)
        assert statuses(again) == ["COMPLETED"] * 5
        metrics = oracle.trials["4"].metrics
        directions = [metrics.get_direction(m) for m in (f"val_{name}", name, "val_loss", "own")]
        assert directions == ["max", "max", "min", "min"]
        xs = {t.hyperparameters["x"] for t in oracle.trials.values()}
        assert again.get_best_hyperparameters()[0]["x"] == max(xs)


# Configurations that a person asks for.


def test_enqueued_configurations_run_first(tmp_path: Path) -> None:
    def program(max_trials: int) -> FunctionTuner:
        oracle = TPEOracle(max_trials=max_trials, seed=0)
        oracle.enqueue({"rate": 0.012345678901234567, "kind": "adam", "units": np.int64(5)})
        tuner = FunctionTuner(conditional, oracle, tmp_path)
        oracle.enqueue({"momentum": 0.3})
        oracle.enqueue({"momentum": 0.3})
        tuner.search(verbose=0)
        return tuner

    runs = [values_of(program(n)) for n in (1, 2, 8, 8)]
    first, second, third, *rest = runs[-1].values()
    assert first == {"kind": "adam", "rate": 0.012345678901234567, "units": 5}
    assert type(first["units"]) is int
    for values in (second, third):
        assert (values["kind"], values["momentum"]) == ("sgd", 0.3)
        assert values.keys() == {"kind", "rate", "momentum", "units"}
    assert second["rate"] != third["rate"]
    assert len({str(values) for values in rest}) == 5
    plain = values_of(search(tmp_path / "plain", max_trials=8, seed=0))
    assert rest == [*plain.values()][3:]


def test_a_queue_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are of them, and in each space: it may have grown."""
    checked: Counter[int] = Counter()

    def check(self: SearchSpace, values: Any) -> None:
        checked[len(self)] += 1

    def growing(hp: kt.HyperParameters) -> float:
        value = hp.Float("x", 0.0, 1.0)
        return value + (hp.Float("y", 0.0, 1.0) if value > 0.195 else 0.0)

    oracle = TPEOracle(max_trials=40, seed=0)
    for i in range(30):
        oracle.enqueue({"x": i / 100})
    tuner = FunctionTuner(growing, oracle, tmp_path)
    monkeypatch.setattr(SearchSpace, "check", check)
    tuner.search(verbose=0)
    assert [t.hyperparameters["x"] for t in oracle.trials.values()][:30] == [
        i / 100 for i in range(30)
    ]
    assert checked == {1: 21, 2: 30}


@pytest.mark.parametrize("limits", [{"allow_new_entries": False}, {"tune_new_entries": False}])
def test_what_is_enqueued_before_there_is_a_tuner(tmp_path: Path, limits: dict[str, bool]) -> None:
    override = kt.HyperParameters()
    override.Fixed("rate", 0.01)
    oracle = TPEOracle(max_trials=1, seed=0, hyperparameters=override.copy())
    oracle.enqueue({"units": 5, "kind": "adam"})
    tuner = FunctionTuner(conditional, oracle, tmp_path)
    hp = oracle.get_space()
    conditional(hp)  # as a hypermodel is built
    oracle.update_space(hp)
    tuner.search(verbose=0)
    (values,) = values_of(tuner).values()
    assert values == {"rate": 0.01, "units": 5, "kind": "adam"}
    whole = TPEOracle(max_trials=1, seed=0, hyperparameters=override, **limits)
    with pytest.raises(ValueError, match=r"among \['rate'\]. Received: 'units'"):
        whole.enqueue({"units": 5})


def test_the_same_configuration_twice_on_purpose(tmp_path: Path) -> None:
    wanted = {"kind": "adam", "rate": 0.01, "units": 8}
    for limit in (1, 2, 6):
        oracle = TPEOracle(max_trials=limit, seed=0)
        for _ in range(3):
            oracle.enqueue(wanted)
        trials = [*values_of(search(tmp_path, conditional, oracle)).values()]
    assert [values == wanted for values in trials] == [True] * 3 + [False] * 3


def test_enqueued_configurations_run_though_all_were_tried(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=9, seed=0)
    tuner = search(tmp_path, lambda hp: float(hp.Int("n", 1, 3)), oracle)
    assert len(oracle.trials) == 3
    oracle.enqueue({"n": 2})
    tuner.search(verbose=0)
    assert [values["n"] for values in values_of(tuner).values()][3:] == [2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": 0.1}, "Did you mean 'rate'"),
        ({"rate": 0.5}, "'rate'"),
        ({"units": 5.5}, "'units'"),
        ({"units": "many"}, "'units'"),
        ({"kind": "adam", "momentum": 0.1}, "inactive"),
        ({"momentum": 0.15}, "'momentum'"),
    ],
)
def test_wrong_configurations(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    oracle = TPEOracle(max_trials=3, seed=0)
    oracle.enqueue(values)
    tuner = FunctionTuner(conditional, oracle, tmp_path)
    with pytest.raises(ValueError, match=message):
        oracle.enqueue(values)
    with pytest.raises(ValueError, match=message):
        tuner.search(verbose=0)
    tuner.search(verbose=0)
    assert statuses(tuner) == ["COMPLETED"] * 3
    assert_lock_free(oracle)


def linked(hp: kt.HyperParameters) -> float:
    """Conditions that overlap, and values of parents which the parents do not have."""
    hp.Choice("block", ["plain", "residual", "dense"])
    hp.Int("growth", 1, 9, parent_name="block", parent_values=["dense"])
    hp.Float("dropout", 0, 0.5, parent_name="block", parent_values=["residual", "dense"])
    hp.Float("decay", 0, 0.5, parent_name="block", parent_values=["plain"])
    hp.Int("layers", 1, 5, step=2)
    hp.Int("units", 8, 64, parent_name="layers", parent_values=[0, 2, 3, 4, 5])
    return 0.0


@pytest.mark.parametrize(
    ("asked", "parents"),
    [
        ({"growth": 4, "dropout": 0.2}, {"block": "dense"}),
        ({"dropout": 0.2}, {"block": "residual"}),
        ({"units": 64}, {"layers": 3}),
        ({"units": 64, "decay": 0.1}, {"layers": 3, "block": "plain"}),
    ],
)
def test_enqueued_values_have_the_parents_they_need(
    tmp_path: Path, asked: dict[str, Any], parents: dict[str, Any]
) -> None:
    oracle = TPEOracle(max_trials=1, seed=0)
    oracle.enqueue(asked)
    (values,) = values_of(search(tmp_path, linked, oracle)).values()
    assert {**asked, **parents}.items() <= values.items()


def test_enqueued_values_that_exclude_each_other(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=3, seed=0)
    oracle.enqueue({"growth": 4, "decay": 0.1})
    tuner = FunctionTuner(linked, oracle, tmp_path)
    with pytest.raises(ValueError, match=r"make \['growth', 'decay'\] active together"):
        tuner.search(verbose=0)
    tuner.search(verbose=0)  # it was taken out
    assert statuses(tuner) == ["COMPLETED"] * 3


# Learning from earlier searches.


def near_optimum(hp: kt.HyperParameters) -> dict[str, float]:
    x, y = hp.Float("x", 0.0, 1.0), hp.Float("y", 0.0, 1.0)
    return {"loss": (x - 0.2) ** 2 + (y - 0.7) ** 2}


@pytest.mark.parametrize("stock", [True, False])
def test_warm_start_is_used_from_the_first_trial(tmp_path: Path, stock: bool) -> None:
    oracle: kt.Oracle = kt.oracles.RandomSearchOracle("loss", max_trials=60, seed=1)
    if not stock:
        oracle = TPEOracle("loss", max_trials=60, seed=1)
    search(tmp_path / "earlier", near_optimum, oracle)
    folders = [tmp_path / "earlier" / "project"]

    def program(limit: int) -> FunctionTuner:
        oracle = TPEOracle("loss", max_trials=limit, seed=2, warm_start=folders)
        return search(tmp_path / "new", near_optimum, oracle)

    first = program(4)
    for values in values_of(first).values():
        assert near_optimum_distance(values) < 0.1
    assert len(first.oracle.trials) == 4
    whole = TPEOracle("loss", max_trials=8, seed=2, warm_start=folders)
    expected = [*values_of(search(tmp_path / "whole", near_optimum, whole)).values()]
    (tmp_path / "earlier").rename(tmp_path / "gone")
    assert [*values_of(program(8)).values()] == expected


def test_warm_start_with_a_search_for_another_objective(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> dict[str, float]:
        x = hp.Float("x", 0.0, 1.0)
        return {"accuracy": x, "loss": 2 * (1 - x)}

    earlier = search(tmp_path / "earlier", run, TPEOracle("accuracy", max_trials=4, seed=1)).oracle
    oracle = TPEOracle("loss", max_trials=1, seed=0, warm_start=[tmp_path / "earlier" / "project"])
    search(tmp_path / "new", run, oracle)
    x = [trial.hyperparameters["x"] for trial in earlier.trials.values()]
    assert oracle.record.table.history().y[:4] == pytest.approx([2 * (1 - v) for v in x])


def test_warm_start_knows_pruned_trials(tmp_path: Path) -> None:
    """They stay behind those that were trained to the end, also after a resume."""
    first = search(tmp_path / "earlier", near_optimum, TPEOracle("loss", max_trials=2, seed=1))
    file = tmp_path / "earlier" / "project" / "trial_1" / "trial.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"message": "Pruned: worse than the median."}))
    folders = [tmp_path / "earlier" / "project"]
    for limit in (1, 2):
        oracle = TPEOracle("loss", max_trials=limit, seed=0, warm_start=folders)
        search(tmp_path / "new", near_optimum, oracle)
        assert oracle.record.table.history().pruned[:2].tolist() == [False, True]
    assert len(first.oracle.trials) == 2


def near_optimum_distance(values: dict[str, float]) -> float:
    return (values["x"] - 0.2) ** 2 + (values["y"] - 0.7) ** 2


def test_a_folder_to_learn_from_that_is_missing(tmp_path: Path) -> None:
    oracle = TPEOracle("loss", max_trials=3, warm_start=[tmp_path / "nowhere"])
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            search(tmp_path, near_optimum, oracle)
    assert not oracle.trials
    assert not (tmp_path / "project" / store.LOG_NAME).exists()


# Projects of KerasTuner's own tools.


def test_keras_tuner_reads_our_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(hp: kt.HyperParameters) -> float:
        if hp.Float("rate", 1e-4, 1e-1) > 0.09:
            raise ArithmeticError("crash")
        return conditional(hp)

    ours = search(tmp_path, run, max_trials=20, seed=0)
    oracle = kt.oracles.RandomSearchOracle(max_trials=20)
    stock = FunctionTuner(conditional, oracle, tmp_path)
    assert [hp.values for hp in stock.get_best_hyperparameters(10)] == [
        hp.values for hp in ours.get_best_hyperparameters(10)
    ]
    stock.results_summary(3)
    assert f"Score: {ours.oracle.get_best_trials()[0].score}" in capsys.readouterr().out
    stock.search(verbose=0)
    assert len(oracle.trials) == 20


def test_we_take_up_a_project_of_keras_tuner(tmp_path: Path) -> None:
    stock = kt.oracles.RandomSearchOracle("loss", max_trials=30, seed=1)
    before = values_of(search(tmp_path, near_optimum, stock))
    ours = TPEOracle("loss", max_trials=34, seed=0)
    tuner = search(tmp_path, near_optimum, ours)
    after = values_of(tuner)
    assert len(after) == 34
    assert {trial: after[trial] for trial in before} == before
    for trial in after.keys() - before.keys():
        assert near_optimum_distance(after[trial]) < 0.1
    best = min(near_optimum_distance(values) for values in after.values())
    assert tuner.oracle.get_best_trials()[0].score == best
    again = search(tmp_path, near_optimum, TPEOracle("loss", max_trials=34))
    assert values_of(again) == after
    assert again.oracle.seed == 0


@pytest.mark.parametrize("objective", ["loss", kt.Objective("accuracy", "min"), "val_loss"])
def test_a_project_of_keras_tuner_for_another_objective(tmp_path: Path, objective: Any) -> None:
    def run(hp: kt.HyperParameters) -> dict[str, float]:
        return {"accuracy": hp.Float("x", 0.0, 1.0), "loss": 3.0}

    search(tmp_path, run, kt.oracles.RandomSearchOracle("accuracy", max_trials=3, seed=3))
    with pytest.raises(ValueError, match=r"holds a search for another objective(.|\n)*overwrite"):
        search(tmp_path, run, TPEOracle(objective, max_trials=5, seed=0))
    tuner = search(tmp_path, run, TPEOracle("accuracy", max_trials=5, seed=0))
    assert statuses(tuner) == ["COMPLETED"] * 5


def test_values_of_keras_tuner_that_are_out_of_range(tmp_path: Path) -> None:
    def run(hp: kt.HyperParameters) -> dict[str, float]:
        return {"loss": hp.Int("units", 16, 256, sampling="log") / 256}

    class Beyond(kt.oracles.RandomSearchOracle):
        def populate_space(self, trial_id: str) -> dict[str, Any]:
            return {"status": "RUNNING", "values": {"units": 257 - int(trial_id)}}

    search(tmp_path, run, Beyond("loss", max_trials=3))
    tuner = search(tmp_path, run, TPEOracle("loss", max_trials=6, seed=0))
    units = [values["units"] for values in values_of(tuner).values()]
    assert units[:3] == [257, 256, 255]
    assert len(units) == 6
    assert all(16 <= value <= 256 for value in units[3:])
    again = search(tmp_path, run, TPEOracle("loss", max_trials=6))
    assert values_of(again) == values_of(tuner)


def test_a_damaged_project_of_keras_tuner(tmp_path: Path) -> None:
    search(tmp_path, near_optimum, kt.oracles.RandomSearchOracle("loss", max_trials=3))
    (tmp_path / "project" / "trial_1" / "trial.json").write_text("")
    with pytest.raises(ValueError, match="warm_start="):
        search(tmp_path, near_optimum, TPEOracle("loss", max_trials=6))
    oracle = TPEOracle("loss", max_trials=6, warm_start=[tmp_path / "project"])
    with pytest.warns(UserWarning, match=r"trial_1.*not a readable trial"):
        assert len(search(tmp_path / "new", near_optimum, oracle).oracle.trials) == 6


# Resuming, copies, and the cost of a trial.


def test_a_resumed_search_goes_on_as_one_never_stopped(tmp_path: Path) -> None:
    whole = values_of(search(tmp_path / "whole", max_trials=25, seed=4))
    for limit in (1, 2, 9, 10, 11, 25):
        parts = values_of(search(tmp_path / "parts", max_trials=limit, seed=4))
    assert [*parts.values()] == [*whole.values()]


def test_a_resumed_search_keeps_its_seed_and_its_domains(tmp_path: Path) -> None:
    def other(hp: kt.HyperParameters) -> float:
        return hp.Float("rate", 1.0, 2.0)

    before = search(tmp_path, max_trials=3, seed=4)
    with pytest.warns(UserWarning, match="keeps its seed 4"):
        assert search(tmp_path, max_trials=3, seed=5).oracle.seed == 4
    hp = kt.HyperParameters()
    hp.Float("rate", 1.0, 2.0)
    with pytest.warns(UserWarning, match=r"others for \['rate'\]"):
        oracle = TPEOracle(max_trials=4, hyperparameters=hp)
        after = search(tmp_path, other, oracle)
    assert 1e-4 <= after.oracle.trials["3"].hyperparameters["rate"] <= 1e-1
    assert len(before.oracle.trials) == 3


def test_a_project_for_another_objective(tmp_path: Path) -> None:
    search(tmp_path, near_optimum, objective="loss", max_trials=2)
    with pytest.raises(ValueError, match=r"loss(.|\n)*overwrite=True"):
        search(tmp_path, near_optimum, objective="accuracy", max_trials=2)


def test_the_best_trials_are_known_before_a_search(tmp_path: Path) -> None:
    expected = search(tmp_path, max_trials=6, seed=0).get_best_hyperparameters()[0].values
    tuner = FunctionTuner(conditional, TPEOracle(), tmp_path, tuner_id="mine")
    assert tuner.get_best_hyperparameters()[0].values == expected


def test_an_oracle_that_is_given_to_another_tuner(tmp_path: Path) -> None:
    oracle = TPEOracle(max_trials=4, seed=0)
    first = values_of(search(tmp_path / "a", conditional, oracle))
    assert values_of(search(tmp_path / "b", conditional, oracle)) == first
    tuner = FunctionTuner(conditional, oracle, tmp_path / "a", overwrite=True)
    assert not oracle.trials
    tuner.search(verbose=0)
    assert values_of(tuner) == first
    assert len(logged(tmp_path / "a")) == 2 + 2 * 4


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda oracle: pickle.loads(pickle.dumps(oracle))]
)
def test_copies(tmp_path: Path, duplicate: Callable[[TPEOracle], TPEOracle]) -> None:
    oracle = duplicate(TPEOracle(max_trials=9, seed=0))
    FunctionTuner(conditional, oracle, tmp_path)
    oracle.stopping = lambda: None
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"default_objective": 1.0})
    other = duplicate(oracle)
    assert other.stopping is None
    trial = other.create_trial("tuner0")
    trial.status = "COMPLETED"
    other.end_trial(trial)
    assert other.get_best_trials()[0].score == 1.0
    assert other.create_trial("tuner0").trial_id == "1"


def test_a_trial_costs_the_same_however_many_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write_all, atomically = store._write_all, store.write_atomically

    def count(descriptor: int, data: bytes) -> None:
        written.append(len(data))
        write_all(descriptor, data)

    def count_file(path: Any, text: str, durable: bool = False) -> None:
        written.append(len(text))
        atomically(path, text, durable)

    monkeypatch.setattr(store, "_write_all", count)
    monkeypatch.setattr(store, "write_atomically", count_file)
    sizes: list[tuple[int, int]] = []

    def run(hp: kt.HyperParameters) -> float:
        sizes.append((len(written), sum(written)))
        return conditional(hp)

    search(tmp_path, run, max_trials=300, seed=0, sampler=samplers.Random())
    counts, volumes = np.diff(np.array(sizes[1:]), axis=0).T
    assert set(counts[1:]) == {6}
    assert max(volumes[1:]) < 1.3 * min(volumes[1:])
