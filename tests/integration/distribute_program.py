"""Searches on two logical processors, by one strategy or another; prints what came of each.

python distribute_program.py FOLDER, the backend in KERAS_BACKEND, and with JAX
XLA_FLAGS=--xla_force_host_platform_device_count=2.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte

FOLDER = Path(sys.argv[1])
BACKEND = keras.backend.backend()
X = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
DATA = {"x": X, "y": Y, "validation_split": 0.25, "batch_size": 16, "verbose": 0}
BUILT: list[tuple[str, int]] = []
TRAINED: list[tuple[str, int]] = []


def two_processors() -> None:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )


def both() -> Any:
    """Returns a strategy for both processors."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    return keras.distribution.DataParallel(devices=["cpu:0", "cpu:1"])


def in_a_process_of_its_own() -> Any:
    two_processors()
    return both()


def devices_of(variable: Any) -> int:
    if BACKEND == "tensorflow":
        return len(getattr(variable.value, "values", [None]))
    return len(variable.value.sharding.device_set)


def network(units: int = 8, rate: float = 0.03, **settings: Any) -> keras.Model:
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    optimizer = settings.pop("optimizer", None) or keras.optimizers.Adam(rate)
    model.compile(optimizer, "mse", metrics=["mae"], **settings)
    return model


def build(hp: kt.HyperParameters) -> keras.Model:
    model = network(hp.Int("units", 4, 8), hp.Float("rate", 1e-3, 1e-1, sampling="log"))
    weight = model.trainable_variables[0]
    BUILT.append((model.layers[0].dtype_policy.name, devices_of(weight)))
    return model


class Devices(keras.callbacks.Callback):
    """Notes where the weights are in the end."""

    def on_train_end(self, logs: Any = None) -> None:
        weight = self.model.trainable_variables[0]
        TRAINED.append((weight.path, devices_of(weight)))


def tuner(name: str, cls: Any = kte.TPE, hypermodel: Any = build, **settings: Any) -> Any:
    if cls is not kte.Hyperband:
        settings = {"max_trials": 2, **settings}
    return cls(hypermodel, "val_loss", seed=1, directory=FOLDER, project_name=name, **settings)


def scores(done: Any) -> list[float]:
    return [trial.score for trial in done.oracle.trials.values()]


def hyperband(name: str, **settings: Any) -> dict[str, Any]:
    BUILT.clear()
    TRAINED.clear()
    logs = FOLDER / "logs" / name
    done = tuner(name, kte.Hyperband, max_epochs=4, tensorboard_dir=logs, **settings)
    BUILT.clear()
    done.search(**DATA, callbacks=[Devices()])
    trained = sorted({devices for _, devices in TRAINED})
    best = done.get_best_models()[0]
    return {
        "scores": scores(done),
        "values": [t.hyperparameters.values for t in done.oracle.trials.values()],
        "trained on": trained,
        "loaded on": devices_of(best.trainable_variables[0]),
        "evaluated": best.evaluate(X[96:], Y[96:], verbose=0),
        "predicted": best.predict(X[:7], verbose=0).shape[0],
        "left behind": [done.distribution_strategy, keras.distribution.distribution()],
    }


def continued(name: str, **settings: Any) -> dict[str, Any]:
    """Trains for 4 epochs, and for 2 and then 2 more."""
    whole = tuner(f"whole {name}", max_trials=1, **settings)
    whole.search(**DATA, epochs=4)
    parts = tuner(f"parts {name}", max_trials=1, snapshots=kte.Snapshots(keep="best"), **settings)
    parts.search(**DATA, epochs=2)
    trial = parts.continue_trial("0", **DATA, epochs=4)
    return {"whole": scores(whole)[0], "parts": trial.score, "before": scores(parts)[0]}


def resumed() -> dict[str, Any]:
    """Stops a search in its second trial, and runs it again, first with another strategy."""
    whole = tuner("never stopped", strategy=both)
    whole.search(**DATA, epochs=3)
    stopped = tuner("stopped", snapshots=kte.Snapshots(every_epochs=1))
    try:
        stopped.search(**DATA, epochs=3, callbacks=[Stop()])
    except KeyboardInterrupt:
        again = tuner("stopped", snapshots=kte.Snapshots(every_epochs=1), strategy=both)
        again.search(**DATA, epochs=3, callbacks=[Devices()])
        return {"whole": scores(whole), "again": scores(again), "trained": TRAINED[-1][1]}
    return {}


class Stop(keras.callbacks.Callback):
    """Interrupts the second training after its second epoch."""

    trainings = 0

    def on_train_begin(self, logs: Any = None) -> None:
        Stop.trainings += 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if (Stop.trainings, epoch) == (2, 2):
            raise KeyboardInterrupt


def isolated() -> list[float]:
    done = tuner("isolated", isolate=True, strategy=in_a_process_of_its_own)
    done.search(**DATA, epochs=3)
    return scores(done)


def settings_of_the_program() -> dict[str, Any]:
    """Searches under what the program has set, with a build that sets the policy sometimes."""

    def own(hp: kt.HyperParameters) -> keras.Model:
        if hp.Choice("policy", ["program", "float64"]) == "float64":
            keras.config.set_dtype_policy("float64")
        return build(hp)

    keras.config.set_dtype_policy("mixed_float16")
    keras.distribution.set_distribution(both() if BACKEND == "jax" else None)
    try:
        BUILT.clear()
        done = tuner("settings", hypermodel=own, max_trials=4, executions_per_trial=2)
        constructed = keras.config.dtype_policy().name
        BUILT.clear()
        done.search(**DATA, epochs=1)
        asked = [t.hyperparameters.get("policy") for t in done.oracle.trials.values()]
        in_trials = list(BUILT)
        done.get_best_models(4)
        return {
            "constructed": constructed,
            "asked": asked,
            "built": in_trials,
            "after": keras.config.dtype_policy().name,
            "distribution": keras.distribution.distribution() is not None,
        }
    finally:
        keras.config.set_dtype_policy("float32")
        keras.distribution.set_distribution(None)


def refusal(name: str, hypermodel: Any = build, **data: Any) -> dict[str, Any]:
    """Searches with what is refused, on replicas; returns the error, and the epochs trained."""
    TRAINED.clear()
    refused = tuner(f"refused {name}", hypermodel=hypermodel, strategy=both)
    try:
        refused.search(**{**DATA, "epochs": 1, "callbacks": [Devices()], **data})
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error), "trained": len(TRAINED)}
    return {"error": None, "scores": scores(refused)}


def in_keras(compiled: dict[str, Any] | None = None, **data: Any) -> str | None:
    """Does in plain Keras what is refused; returns why that fails."""
    keras.utils.set_random_seed(0)
    strategy = both()
    try:
        if BACKEND == "tensorflow":
            with strategy.scope():
                model = network(**compiled or {})
        else:
            keras.distribution.set_distribution(strategy)
            model = network(**compiled or {})
        model.fit(**{**DATA, **data})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        keras.distribution.set_distribution(None)
    return None


def accumulating() -> Any:
    return keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)


MODELS: dict[str, Any] = {
    "steps": lambda: {"steps_per_execution": 2},
    "jit": lambda: {"jit_compile": True},
    "accumulation": lambda: {"optimizer": accumulating()},
}
DATAS: dict[str, Any] = {
    "odd batches": {"batch_size": 15, "validation_split": 0.0, "validation_data": (X, Y)},
    "odd validation": {"validation_split": 0.0, "validation_data": (X[:7], Y[:7])},
    "one row left": {"x": X[:97], "y": Y[:97], "validation_split": 0.0}
    | {"validation_data": (X, Y)},
}


def refusals() -> dict[str, Any]:
    found = {}
    for name, compiled in MODELS.items():
        by_tuner = refusal(
            name, lambda hp, compiled=compiled: network(hp.Int("u", 4, 8), **compiled())
        )
        found[name] = {"tuner": by_tuner, "keras": in_keras(compiled())}
    for name, data in DATAS.items():
        found[name] = {"tuner": refusal(name, **data), "keras": in_keras(**data)}
    return found


def late() -> dict[str, Any]:
    """Refuses the second trial only."""
    trials = []

    def sometimes(hp: kt.HyperParameters) -> keras.Model:
        trials.append(hp)
        return network(hp.Int("u", 4, 8), steps_per_execution=2 if len(trials) == 3 else 1)

    done = tuner("late", hypermodel=sometimes, max_trials=3, strategy=both)
    done.search(**DATA, epochs=1)
    return {t: [trial.status, trial.message] for t, trial in done.oracle.trials.items()}


def clipping(hp: kt.HyperParameters) -> keras.Model:
    optimizer = keras.optimizers.SGD(0.01, global_clipnorm=1.0)
    return network(hp.Int("units", 4, 8), optimizer=optimizer)


def clipped() -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner("clipped", hypermodel=clipping, strategy=both).search(**DATA, epochs=1)
    return [str(w.message) for w in caught if "clips" in str(w.message)]


def refused_strategies() -> dict[str, Any]:
    if BACKEND != "tensorflow":
        return {}
    import tensorflow as tf

    workers = tf.distribute.MultiWorkerMirroredStrategy
    found = {}
    for name, settings in {
        "function": {"strategy": workers},
        "given": {"distribution_strategy": workers()},
        "nothing": {"strategy": lambda: None},
        "isolated": {"distribution_strategy": both(), "isolate": True},
        "two": {"distribution_strategy": both(), "strategy": "mirrored"},
    }.items():
        try:
            tuner(f"strategy {name}", **settings).search(**DATA, epochs=1)
        except ValueError as error:
            found[name] = str(error)
    return found


def main() -> dict[str, Any]:
    two_processors()
    found = {
        "none": hyperband("none"),
        "mirrored": hyperband("mirrored", strategy="mirrored"),
        "one-device": hyperband("one-device", strategy="one-device"),
        "auto": hyperband("auto", strategy="auto"),
        "function": hyperband("function", strategy=both),
        "continued": continued("replicas", strategy=both),
        "resumed": resumed(),
        "settings": settings_of_the_program(),
        "isolated": isolated(),
        "refusals": refusals(),
        "strategies": refused_strategies(),
        "late": late(),
        "clipped": clipped(),
    }
    if BACKEND == "tensorflow":
        found["given"] = hyperband("given", distribution_strategy=both())
    return found


if __name__ == "__main__":
    print(json.dumps(main(), default=repr))
