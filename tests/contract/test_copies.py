"""Every public object can be copied and pickled, and then does what it did."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions import callbacks, oracles, pruners, samplers, schedulers, schedules
from kt_extensions.builders import CNN, GRU, MLP
from kt_extensions.callbacks.clock import Time
from kt_extensions.optimizers import HypergradientAdam, HypergradientSGD
from kt_extensions.searches import view_of
from kt_extensions.testing import PROGRESSES, SPACES, trial_table

DUPLICATES: dict[str, Callable[[Any], Any]] = {
    "copied": copy.deepcopy,
    "pickled": lambda thing: pickle.loads(pickle.dumps(thing)),
}
PRUNERS: dict[str, dict[str, Any]] = {"patience": {"epochs": 2}, "threshold": {"worse_than": 0.5}}
SCHEDULES: list[Any] = [
    schedules.constant(0.5),
    *[schedules.warmup(2, shape=shape) for shape in schedules.WARMUPS],
    schedules.inverse_time(0.5),
    schedules.exponential(0.5),
    schedules.step(0.5, every=2),
    schedules.step(0.5, milestones=[1, 4]),
    schedules.cosine(4),
    schedules.staircase(schedules.join([schedules.constant(), schedules.exponential(0.5)], [2])),
]
CALLBACKS = [
    callbacks.RateCallback(),
    callbacks.ScheduledRate(schedules.cosine(4)),
    callbacks.StepDecay(0.5, every=1),
    callbacks.CosineDecay(4),
    callbacks.PlateauDecay(0.5, patience=2),
    callbacks.LinearScaling(64, reference=32, warmup=2),
    callbacks.LearningRateWarmup(2),
    callbacks.WarmupDecay(2, schedules.exponential(0.5)),
]
TIMES = [Time(epochs=epochs, steps=4 * epochs) for epochs in (0.0, 0.5, 1.0, 3.0)]


class Scoring:
    """Declares a space, and trains nothing."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        hp = trial.hyperparameters
        return {"loss": hp.Float("x", 0.0, 1.0) + hp.Int("n", 1, 9)}


class TPE(Scoring, kte.TPE): ...


class GP(Scoring, kte.GP): ...


class PSO(Scoring, kte.PSO): ...


class Skopt(Scoring, kte.Skopt): ...


class Search(Scoring, kte.Search): ...


class Hyperband(Scoring, kte.Hyperband): ...


class BOHB(Scoring, kte.BOHB): ...


class ASHA(Scoring, kte.ASHA): ...


TUNERS: list[Any] = [TPE, GP, PSO, Skopt, Search, Hyperband, BOHB, ASHA]


@pytest.fixture(params=DUPLICATES)
def duplicate(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return DUPLICATES[request.param]


def by_type(thing: Any) -> str:
    return type(thing).__name__


@pytest.mark.parametrize("name", samplers.REGISTRY)
def test_samplers(name: str, duplicate: Any) -> None:
    made, history = samplers.REGISTRY[name](), trial_table(SPACES["mixed"]).history()
    points = [s.suggest(history, np.random.default_rng(0)) for s in (made, duplicate(made))]
    np.testing.assert_array_equal(*points)


@pytest.mark.parametrize("name", schedulers.REGISTRY)
def test_schedulers(name: str, duplicate: Any) -> None:
    made, history = schedulers.REGISTRY[name](9), trial_table(SPACES["mixed"]).history()
    assert duplicate(made).next(history) == made.next(history)


@pytest.mark.parametrize("name", pruners.REGISTRY)
def test_pruners(name: str, duplicate: Any) -> None:
    made = pruners.REGISTRY[name](**PRUNERS.get(name, {}))
    for progress in PROGRESSES.values():
        assert duplicate(made).verdict(duplicate(progress)) == made.verdict(progress)


@pytest.mark.parametrize("index", range(len(SCHEDULES)))
def test_schedules(index: int, duplicate: Any) -> None:
    made = SCHEDULES[index]
    assert [duplicate(made)(t) for t in range(6)] == [made(t) for t in range(6)]


@pytest.mark.parametrize("made", CALLBACKS[1:], ids=by_type)
def test_callbacks(made: Any, duplicate: Any) -> None:
    other = duplicate(made)
    assert [other.factor(t, 0.1) for t in TIMES] == [made.factor(t, 0.1) for t in TIMES]
    assert other.get_state() == made.get_state()


def test_spaces_of_schedules(duplicate: Any) -> None:
    made = callbacks.ScheduleSpace.of(schedule=["step", "cosine"], drop=(0.1, 0.5))
    assert duplicate(made) == made


@pytest.mark.parametrize("kind", [HypergradientSGD, HypergradientAdam])
def test_optimizers(kind: Any, duplicate: Any) -> None:
    made = kind(0.1, hypergradient_rate=0.01)
    assert duplicate(made).get_config() == made.get_config()


@pytest.mark.parametrize(
    "made",
    [
        MLP(input_shape=(4,), outputs=2, name="mine"),
        CNN(input_shape=(8, 8, 1), outputs=2, name="mine"),
        GRU(input_shape=(None, 3), outputs=2, window=(2, 6), name="mine"),
    ],
    ids=by_type,
)
def test_builders(made: Any, duplicate: Any) -> None:
    other = duplicate(made)
    spaces = [kt.HyperParameters(), kt.HyperParameters()]
    for hypermodel, hp in zip((made, other), spaces, strict=True):
        hypermodel.build(hp)
    assert spaces[0].get_config() == spaces[1].get_config()
    assert str(kte.describe(other)) == str(kte.describe(made))
    assert other.name == "mine"


def in_folder(oracle: Any, folder: Path) -> Any:
    oracle._set_project_dir(str(folder), "project")
    oracle.verbose = 0
    oracle.hyperparameters.Float("x", 0.0, 1.0)
    oracle.hyperparameters.Choice("kind", ["a", "b"])
    return oracle


def asked(oracle: Any, number: int) -> Iterator[dict[str, Any]]:
    for _ in range(number):
        trial = oracle.create_trial("tuner0")
        yield trial.hyperparameters.values
        oracle.update_trial(trial.trial_id, {"loss": trial.hyperparameters["x"]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)


@pytest.mark.parametrize("name", oracles.__all__)
def test_oracles(name: str, duplicate: Any, tmp_path: Path) -> None:
    """Before the search, and within it."""
    settings = {"sampler": samplers.Random()} if name == "SamplerOracle" else {}
    made = getattr(oracles, name)("loss", seed=3, **settings)
    other = in_folder(duplicate(made), tmp_path / "other")
    expected = list(asked(in_folder(made, tmp_path / "made"), 4))
    assert list(asked(other, 2)) == expected[:2]
    assert list(asked(duplicate(other), 2)) == expected[2:]


@pytest.mark.parametrize("kind", TUNERS, ids=lambda kind: kind.__name__)
def test_tuners(kind: Any, duplicate: Any, tmp_path: Path) -> None:
    limit: dict[str, Any] = {"max_epochs": 3} if kind in (Hyperband, BOHB) else {"max_trials": 3}
    values = []
    for name, change in (("made", lambda tuner: tuner), ("other", duplicate)):
        tuner = kind(None, "loss", seed=1, directory=tmp_path, project_name=name, **limit)
        tuner = change(tuner)
        tuner.search(verbose=0)
        values.append([result["values"] for result in duplicate(tuner).results()])
    assert values[0] == values[1] and len(values[0]) > 1


def test_what_tells_of_a_search(duplicate: Any, tmp_path: Path) -> None:
    tuner = TPE(None, "loss", max_trials=2, seed=1, directory=tmp_path, tensorboard_dir=tmp_path)
    tuner.search(verbose=0)
    for made in (tuner.results(), tuner.failures(), view_of(tuner), kte.describe(tuner)):
        assert duplicate(made) == made
    point = duplicate(tuner.pareto_front())[0]
    assert point.values == tuner.pareto_front()[0].values
    history = tuner.oracle.record.table.history()
    np.testing.assert_array_equal(duplicate(history).X, history.X)


def test_settings(duplicate: Any) -> None:
    settings = kte.Snapshots(every_epochs=2, keep="best")
    assert repr(duplicate(settings)) == repr(settings)
    for space in SPACES.values():
        assert duplicate(space).dimensions == space.dimensions
    assert str(duplicate(samplers.SpaceExhausted("none left"))) == "none left"


def loggers(folder: Path) -> Iterator[Any]:
    yield kte.hparams.HParamsLogger(folder / "logs")
    if importlib.util.find_spec("mlflow"):
        yield kte.MLflowLogger(f"sqlite:///{folder / 'mlflow.db'}")


def test_loggers(duplicate: Any, tmp_path: Path) -> None:
    """They begin a search as the original would, and are written to apart from it."""
    for made in loggers(tmp_path):
        other = duplicate(made)
        other.on_search_begin(in_folder(oracles.TPEOracle("loss"), tmp_path), str(tmp_path), "p")
        assert made._search is None and other._search is not None


def test_all_of_them_are_here() -> None:
    """A class that is new in a public module has to be told of above."""
    registries = (*samplers.REGISTRY.values(), *schedulers.REGISTRY.values())
    told = {by_type(made) for made in CALLBACKS} | {kind.__name__ for kind in registries}
    told |= {kind.__name__ for kind in (*pruners.REGISTRY.values(), *TUNERS)} | {*oracles.__all__}
    told |= {"MLP", "CNN", "GRU", "HParamsLogger", "MLflowLogger", "Snapshots", "ScheduleSpace"}
    told |= {"SpaceExhausted", "Progress", "Tuner"}
    alone = {"CurveLogger"}  # writes while a model trains
    abstract = {"Sampler", "Scheduler", "Pruner", "Action", "AllAlike", "Done", "Start", "Wait"}
    modules = [kte, callbacks, oracles, pruners, samplers, schedulers, kte.builders, kte.hparams]
    for module in modules:
        for name in module.__all__:
            if inspect.isclass(getattr(module, name)):
                assert name in told | alone | abstract, f"{module.__name__}.{name}"
