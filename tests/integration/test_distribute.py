"""Trials on two logical processors are those on one; what cannot work is refused before them.

What is refused is also done in Keras alone, so that an upgrade with which it works tells.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from kt_extensions.tuners.undistributable import problem_of_model
from tests.conftest import Once

PROGRAM = Path(__file__).with_name("distribute_program.py")
ROOT = Path(__file__).parents[2]


class Done:
    """What the program has printed, and where its folders are."""

    def __init__(self, backend: str, once: Once) -> None:
        self.backend = backend
        self.folder = once(f"distribute_{backend}", self._run)
        self.results = json.loads((self.folder / "printed.json").read_text())

    def _run(self, folder: Path) -> None:
        environment = {
            **os.environ,
            "KERAS_BACKEND": self.backend,
            "PYTHONPATH": str(ROOT),
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2 "
            "--xla_backend_optimization_level=0",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        command = [sys.executable, str(PROGRAM), str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "printed.json").write_text(done.stdout.splitlines()[-1])

    def __getitem__(self, name: str) -> Any:
        return self.results[name]


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def done(request: pytest.FixtureRequest, once: Once) -> Done:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return Done(request.param, once)


@pytest.fixture
def with_tensorflow(done: Done) -> Done:
    if done.backend != "tensorflow":
        pytest.skip("it is a matter of TensorFlow's strategies")
    return done


def test_a_search_on_replicas_is_the_one_on_a_single_device(done: Done) -> None:
    """Promotions included: the scores of those tell which trials are promoted next."""
    one, two = done["none"], done["mirrored"]
    assert (one["trained on"], two["trained on"]) == ([1], [2])
    assert len(two["scores"]) == 5
    assert two["scores"] == pytest.approx(one["scores"], abs=1e-5)
    assert two["values"] == one["values"]
    assert any("tuner/trial_id" in values for values in two["values"])


@pytest.mark.parametrize(
    ("strategy", "devices"),
    [("one-device", 1), ("auto", 1), ("function", 2), ("given", 2), ("compiled in fit", 2)],
)
def test_strategies_train_where_they_say(done: Done, strategy: str, devices: int) -> None:
    if strategy == "given" and done.backend != "tensorflow":
        pytest.skip("KerasTuner's `distribution_strategy` is TensorFlow's")
    found, one = done[strategy], done["one trial"]
    assert found["trained on"] == [devices]
    assert found["scores"] == pytest.approx(one["scores"], abs=1e-5)
    assert found["values"] == one["values"]


@pytest.mark.parametrize(("search", "devices"), [("none", 1), ("mirrored", 2)])
def test_models_are_loaded_where_they_were_trained(done: Done, search: str, devices: int) -> None:
    found = done[search]
    assert found["loaded on"] == devices
    assert found["evaluated"] == pytest.approx(min(found["scores"]), abs=1e-5)
    assert found["predicted"] == 7
    assert found["left behind"] == [None, None]


def test_hparams_are_identical(done: Done) -> None:
    one, two = (_logged(done.folder / "logs" / name) for name in ("none", "mirrored"))
    assert len(one) == 5
    assert two.keys() == one.keys()
    for trial, (hyperparameters, scalars) in one.items():
        assert two[trial][0] == hyperparameters
        assert "best/val_mae" in scalars
        assert two[trial][1] == {tag: pytest.approx(v, abs=1e-5) for tag, v in scalars.items()}


def _logged(folder: Path) -> dict[str, Any]:
    """Returns the hyperparameters of each trial, and its scalars but for the time it took."""
    found = {}
    for run in {file.parent for file in folder.rglob("*tfevents*")}:
        log = EventAccumulator(str(run)).Reload()
        start = log.summary_metadata.get(metadata.SESSION_START_INFO_TAG)
        if start is not None:
            content = plugin_data_pb2.HParamsPluginData.FromString(start.plugin_data.content)
            values = content.session_start_info.hparams.items()
            own = {name: str(v) for name, v in values if not name.startswith("search/")}
            found[run.parent.name] = own, _scalars(log)
    return found


def _scalars(log: EventAccumulator) -> dict[str, list[float]]:
    tags = log.Tags()["scalars"]
    return {
        tag: [event.value for event in log.Scalars(tag)] for tag in tags if "seconds" not in tag
    }


def test_parts_on_replicas_are_as_the_whole(done: Done) -> None:
    """With dropout and moving averages, of which each of TensorFlow's replicas has its own."""
    found = done["continued"]
    assert found["before"] != pytest.approx(found["whole"], abs=1e-3)
    assert found["parts"] == pytest.approx(found["whole"], abs=1e-5)


def test_a_search_goes_on_with_other_devices(done: Done) -> None:
    found = done["resumed"]
    assert found["devices"] == [[2, "float32"]]
    assert found["again"] == pytest.approx(found["whole"], abs=1e-5)


def test_the_settings_of_the_program_hold_in_each_trial(done: Done) -> None:
    """And what a build sets holds in its own trial."""
    found, devices = done["settings"], 2 if done.backend == "jax" else 1
    assert found["built"] == {
        "program": [devices, "mixed_float16"],
        "bfloat16": [devices, "bfloat16"],
    }
    assert found["loaded"] == {"program": "mixed_float16", "bfloat16": "bfloat16"}
    assert (found["constructed"], found["after"]) == ("mixed_float16", "mixed_float16")
    assert found["distributed"] == (done.backend == "jax")


def test_a_function_makes_the_strategy_in_the_process_of_a_trial(done: Done) -> None:
    assert done["isolated"] == pytest.approx(done["one trial"]["scores"], abs=1e-5)


REFUSED_MODELS = {
    "steps": (
        "steps_per_execution=2; TensorFlow cannot run several steps",
        "compile with `steps_per_execution=1`, or train on one device",
        "InvalidArgumentError",
    ),
    "jit": (
        "jit_compile=True; a function that XLA compiles cannot reach",
        "leave it out: Keras then decides",
        "InvalidArgumentError",
    ),
    "accumulation": (
        "gradient_accumulation_steps=2; Keras updates the weights in a branch",
        "Instead, raise `batch_size`, which the replicas share; or train on one device",
        "RuntimeError",
    ),
}


@pytest.mark.parametrize("name", REFUSED_MODELS)
def test_models_that_tensorflow_cannot_train_on_replicas(done: Done, name: str) -> None:
    reason, alternative, keras_error = REFUSED_MODELS[name]
    found = done["refusals"][name]
    if done.backend == "jax":  # where all of it works
        assert found == {"tuner": {"error": None, "begun": 1}, "keras": None}
        return
    assert found["tuner"]["error"] == "FatalValueError"
    assert found["tuner"]["begun"] == 0
    assert reason in found["tuner"]["text"]
    assert alternative in found["tuner"]["text"]
    assert found["keras"].startswith(keras_error)


@pytest.mark.parametrize(("use_ema", "refused"), [(True, True), (False, False)])
def test_averages_that_overwrite_weights(use_ema: bool, refused: bool) -> None:
    """On one replica, which suffices; without averages Keras has no use for the frequency."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("it is a matter of TensorFlow's strategies")
    import tensorflow as tf

    optimizer = {"use_ema": use_ema, "ema_overwrite_frequency": 4}
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01, **optimizer), "mse")
    fails = pytest.raises(RuntimeError, match="merge_call") if refused else nullcontext()
    with fails:
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    problem = problem_of_model(model)
    assert (problem is not None) == refused
    if problem is not None:
        assert "ema_overwrite_frequency=4; Keras overwrites the weights in a branch" in problem
        assert "leave it out, with which the averages take the place of the weights" in problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "odd batches",
            "128 rows to train with in batches of 15, of which one has 15 rows. Choose",
        ),
        ("odd validation", "7 rows to validate with in batches of 16, of which one has 7 rows."),
        ("one row left", "97 rows to train with in batches of 16, of which one has 1 row. Leave"),
    ],
)
def test_batches_that_replicas_cannot_share(done: Done, name: str, text: str) -> None:
    found = done["refusals"][name]
    assert found["tuner"]["error"] == "FatalValueError"
    assert found["tuner"]["begun"] == 0
    assert text in found["tuner"]["text"]
    if (done.backend, name) != ("tensorflow", "one row left"):  # see the next test
        assert found["keras"] is not None


def test_a_refused_search_goes_on_when_it_is_mended(done: Done) -> None:
    assert done["refusals"]["mended"]["scores"] == done["function"]["scores"]


def test_a_replica_without_a_row_ruins_moving_averages(with_tensorflow: Done) -> None:
    assert np.isnan(with_tensorflow["not a number"])


def test_a_refusal_after_the_first_trial_fails_its_trial_only(with_tensorflow: Done) -> None:
    found = with_tensorflow["late"]
    assert [status for status, _ in found.values()] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert "steps_per_execution=2" in list(found.values())[1][1]


def test_clipping_on_replicas_costs_a_warning(with_tensorflow: Done) -> None:
    [text] = with_tensorflow["clipped"]
    assert "With global_clipnorm=1.0 each of the 2 replicas clips its own share" in text


@pytest.mark.parametrize("argument", ["strategy", "distribution_strategy"])
def test_strategies_of_several_machines_are_refused(with_tensorflow: Done, argument: str) -> None:
    text = with_tensorflow["workers"][argument]
    assert "Received: a MultiWorkerMirroredStrategy, with which `Model.fit` fails" in text
    assert "(keras-team/keras issues 20585 and 18624)" in text
    assert "let other machines train other trials, as workers of the same search" in text


def test_two_mirrored_strategies_mix_up_their_reductions(with_tensorflow: Done) -> None:
    """Why a process has one: the unit tests tell that the second is the first."""
    assert "Shape mismatch in the collective instance" in with_tensorflow["two"]
