"""Searches on two logical processors, by one strategy or another; prints what came of each.

python distribute_program.py FOLDER, the backend in KERAS_BACKEND, and with JAX
XLA_FLAGS=--xla_force_host_platform_device_count=2.
"""

from __future__ import annotations

import gc
import json
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte
from kt_extensions.distribute import checked

FOLDER = Path(sys.argv[1])
BACKEND = keras.backend.backend()
X = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
DATA = {"x": X, "y": Y, "validation_split": 0.25, "batch_size": 16, "verbose": 0}


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


def network(
    units: int = 8, rate: float = 0.03, optimizer: Any = None, **settings: Any
) -> keras.Model:
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile(optimizer or keras.optimizers.Adam(rate), "mse", metrics=["mae"], **settings)
    return model


def build(hp: kt.HyperParameters) -> keras.Model:
    return network(hp.Int("units", 4, 8), hp.Float("rate", 1e-3, 1e-1, sampling="log"))


class CompiledInFit(kt.HyperModel):
    """Makes the optimizer, and compiles, where the training begins."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        model = build(hp)
        model.compile("sgd", "mae")
        return model

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        model.compile(keras.optimizers.Adam(hp["rate"]), "mse", metrics=["mae"])
        return model.fit(*args, **kwargs)


def noisy(hp: kt.HyperParameters) -> keras.Model:
    """Builds a model with random numbers and moving averages of its own."""
    hidden = [keras.layers.Dropout(0.2), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1, sampling="log")), "mse")
    return model


class Devices(keras.callbacks.Callback):
    """Notes on how many devices the weights are, and of which policy, where a training begins."""

    seen: ClassVar[list[tuple[int, str]]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        policy = self.model.layers[0].dtype_policy.name
        Devices.seen.append((devices_of(self.model.trainable_variables[0]), policy))


def tuner(name: str, cls: Any = kte.TPE, hypermodel: Any = build, **settings: Any) -> Any:
    if cls is not kte.Hyperband:
        settings = {"max_trials": 1, **settings}
    return cls(hypermodel, "val_loss", seed=1, directory=FOLDER, project_name=name, **settings)


def scores(done: Any) -> list[float]:
    return [trial.score for trial in done.oracle.trials.values()]


def one_trial(name: str, **settings: Any) -> dict[str, Any]:
    return found_by(tuner(name, **settings), epochs=1)


def found_by(done: Any, **fit: Any) -> dict[str, Any]:
    """Searches, and tells what it has found."""
    Devices.seen.clear()
    done.search(**DATA, callbacks=[Devices()], **fit)
    return {
        "scores": scores(done),
        "values": [t.hyperparameters.values for t in done.oracle.trials.values()],
        "trained on": sorted({devices for devices, _ in Devices.seen}),
    }


def hyperband(name: str, **settings: Any) -> dict[str, Any]:
    logs = FOLDER / "logs" / name
    done = tuner(name, kte.Hyperband, max_epochs=2, factor=2, tensorboard_dir=logs, **settings)
    found = found_by(done)
    best = done.get_best_models()[0]
    return {
        **found,
        "loaded on": devices_of(best.trainable_variables[0]),
        "evaluated": best.evaluate(X[96:], Y[96:], verbose=0)[0],
        "predicted": best.predict(X[:7], verbose=0).shape[0],
        "left behind": [done.distribution_strategy, keras.distribution.distribution()],
    }


def continued() -> dict[str, Any]:
    """Trains for 3 epochs, and for 2 and then one more."""
    whole = tuner("whole", hypermodel=noisy, strategy=both)
    whole.search(**DATA, epochs=3)
    kept = kte.Snapshots(keep="best")
    parts = tuner("parts", hypermodel=noisy, strategy=both, snapshots=kept)
    parts.search(**DATA, epochs=2)
    [first] = parts.oracle.trials
    trial = parts.continue_trial(first, **DATA, epochs=3)
    return {"whole": scores(whole)[0], "parts": trial.score, "before": scores(parts)[0]}


def resumed() -> dict[str, Any]:
    """Stops a search in its second trial on one device, and runs it again on two."""
    whole = tuner("never stopped", max_trials=2)
    whole.search(**DATA, epochs=2)
    settings = {"max_trials": 2, "snapshots": kte.Snapshots(every_epochs=1)}
    try:
        tuner("stopped", **settings).search(**DATA, epochs=2, callbacks=[Stop()])
    except KeyboardInterrupt:
        Devices.seen.clear()
        again = tuner("stopped", strategy=both, **settings)
        again.search(**DATA, epochs=2, callbacks=[Devices()])
        return {"whole": scores(whole), "again": scores(again), "devices": list(Devices.seen)}
    return {}


class Stop(keras.callbacks.Callback):
    """Interrupts the second training after its first epoch."""

    trainings = 0

    def on_train_begin(self, logs: Any = None) -> None:
        Stop.trainings += 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if (Stop.trainings, epoch) == (2, 1):
            raise KeyboardInterrupt


def isolated() -> list[float]:
    done = tuner("isolated", isolate=True, strategy=in_a_process_of_its_own)
    done.search(**DATA, epochs=1)
    return scores(done)


def settings_of_the_program() -> dict[str, Any]:
    """Searches under what the program has set, with a build that sets the policy sometimes."""

    def own(hp: kt.HyperParameters) -> keras.Model:
        if hp.Choice("policy", ["program", "bfloat16"]) == "bfloat16":
            keras.config.set_dtype_policy("bfloat16")
        return network()

    keras.config.set_dtype_policy("mixed_float16")
    keras.distribution.set_distribution(both() if BACKEND == "jax" else None)
    try:
        done = tuner("settings", hypermodel=own, max_trials=2)
        constructed = keras.config.dtype_policy().name
        Devices.seen.clear()
        done.search(**DATA, epochs=1, callbacks=[Devices()])
        loaded = done.get_best_models(2)
        names = [t.hyperparameters.get("policy") for t in done.oracle.trials.values()]
        best = [t.hyperparameters.get("policy") for t in done.get_best_trials(2)]
        return {
            "constructed": constructed,
            "built": dict(zip(names, Devices.seen, strict=True)),
            "loaded": dict(zip(best, [m.layers[0].dtype_policy.name for m in loaded], strict=True)),
            "after": keras.config.dtype_policy().name,
            "distributed": keras.distribution.distribution() is not None,
        }
    finally:
        keras.config.set_dtype_policy("float32")
        keras.distribution.set_distribution(None)


def refusal(name: str, hypermodel: Any = build, **data: Any) -> dict[str, Any]:
    """Searches with what is refused, on replicas; returns the error, and the trainings begun."""
    Devices.seen.clear()
    refused = tuner(f"refused {name}", hypermodel=hypermodel, strategy=both)
    try:
        refused.search(**{**DATA, "epochs": 1, "callbacks": [Devices()], **data})
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error), "begun": len(Devices.seen)}
    return {"error": None, "begun": len(Devices.seen)}


def in_keras(compiled: Callable[[], dict[str, Any]] = dict, **data: Any) -> str | None:
    """Does in plain Keras what is refused; returns why that fails."""
    try:
        if BACKEND == "tensorflow":
            with checked(both()).scope():
                model = network(**compiled())
        else:
            keras.distribution.set_distribution(both())
            model = network(**compiled())
        model.fit(**{**DATA, **data})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        keras.distribution.set_distribution(None)
    return None


def accumulating() -> Any:
    return {"optimizer": keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)}


MODELS: dict[str, Any] = {
    "steps": lambda: {"steps_per_execution": 2},
    "jit": lambda: {"jit_compile": True},
    "accumulation": accumulating,
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
        hypermodel = partial(with_settings, compiled)
        found[name] = {"tuner": refusal(name, hypermodel), "keras": in_keras(compiled)}
    for name, data in DATAS.items():
        found[name] = {"tuner": refusal(name, **data), "keras": in_keras(**data)}
    found["mended"] = one_trial("refused odd batches", strategy=both)
    return found


def with_settings(compiled: Any, hp: kt.HyperParameters) -> keras.Model:
    return network(hp.Int("units", 4, 8), **compiled())


def late() -> dict[str, Any]:
    """Compiles the second trial only with what is refused."""
    built = []

    def sometimes(hp: kt.HyperParameters) -> keras.Model:
        built.append(hp)
        return network(hp.Int("units", 4, 8), steps_per_execution=2 if len(built) == 3 else 1)

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


def not_a_number() -> float:
    """Trains in Keras, with batch normalization, data of which one replica gets no row in the end.

    With TensorFlow; the tuners refuse them."""
    with checked(both()).scope():
        dense = keras.layers.Dense(1)
        layers = [keras.Input((6,)), keras.layers.BatchNormalization(), dense]
        model = keras.Sequential(layers)
        model.compile("sgd", "mse")
    history = model.fit(X[:97], Y[:97], validation_data=(X, Y), batch_size=16, verbose=0)
    return float(history.history["val_loss"][-1])


def refused_workers() -> dict[str, Any]:
    """Searches with strategies of several machines."""
    import tensorflow as tf

    workers = tf.distribute.MultiWorkerMirroredStrategy
    found = {}
    for name, settings in {
        "strategy": {"strategy": workers},
        "distribution_strategy": {"distribution_strategy": workers()},
    }.items():
        try:
            tuner(f"several machines by {name}", **settings).search(**DATA, epochs=1)
        except ValueError as error:
            found[name] = str(error)
    return found


def two_mirrored() -> str | None:
    """Trains in Keras by two `MirroredStrategy` objects; returns why that fails. Is done last."""
    import tensorflow as tf

    try:
        for units in (4, 5, 6):
            with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
                model = network(units)
            model.fit(**DATA)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> dict[str, Any]:
    two_processors()
    gc.collect()
    gc.freeze()  # KerasTuner collects garbage in each trial
    found = {
        "none": hyperband("none"),
        "mirrored": hyperband("mirrored", strategy="mirrored"),
        "one trial": one_trial("one trial"),
        "one-device": one_trial("one-device", strategy="one-device"),
        "auto": one_trial("auto", strategy="auto"),
        "function": one_trial("function", strategy=both),
        "compiled in fit": one_trial("compiled", hypermodel=CompiledInFit(), strategy=both),
        "continued": continued(),
        "resumed": resumed(),
        "settings": settings_of_the_program(),
        "isolated": isolated(),
        "refusals": refusals(),
    }
    if BACKEND == "tensorflow":
        found["late"] = late()
        found["clipped"] = clipped()
        found["given"] = one_trial("given", distribution_strategy=both())
        found["workers"] = refused_workers()
        found["not a number"] = not_a_number()
        found["two"] = two_mirrored()
    return found


if __name__ == "__main__":
    print(json.dumps(main(), default=repr))
