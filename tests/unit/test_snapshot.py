"""Snapshots: their files, the states of callbacks, the order of the data."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from kt_extensions.snapshot import (
    Continuation,
    Order,
    Snapshot,
    Snapshots,
    continuation,
    read,
    snapshot_file,
    variables,
    write,
)
from kt_extensions.snapshot.callback_states import flat, restore, states_of
from kt_extensions.snapshot.files import earlier, newest_readable, present

ROWS = np.arange(16.0)[:, None]


def sample(epoch=2, **kwargs):
    optimizer = {"variables": [np.array(7, "int64")], "trained": [0]}
    return Snapshot(epoch, variables=[np.eye(3, dtype="float32")], optimizers=[optimizer], **kwargs)


# Files.


def test_what_is_written_is_read(tmp_path):
    history = {"loss": [0.1, float("inf")]}
    states = [["A 0", {"best": np.float64(0.3), "weights": [np.ones(2), None]}]]
    file = snapshot_file(tmp_path / "trial", 1)
    write(file, sample(stopped=True, callbacks=states, epochs=[0, 1], history=history))
    found = read(file)
    assert (found.epoch, found.stopped, found.epochs) == (2, True, [0, 1])
    assert found.history == history
    assert found.variables[0].dtype == "float32"
    np.testing.assert_array_equal(found.variables[0], np.eye(3))
    assert found.optimizers[0]["trained"] == [0]
    assert found.optimizers[0]["variables"][0] == 7
    [[name, state]] = found.callbacks
    assert (name, state["best"], state["weights"][1]) == ("A 0", 0.3, None)
    np.testing.assert_array_equal(state["weights"][0], np.ones(2))
    assert [path.name for path in (tmp_path / "trial").iterdir()] == ["last_1.snapshot"]


def test_values_of_each_replica_are_kept(tmp_path):
    apart = [(3, [np.zeros(2, "float32"), np.ones(2, "float32")])]
    write(tmp_path / "file", sample(apart=apart))
    [[place, arrays]] = read(tmp_path / "file").apart
    assert (place, np.array(arrays).tolist()) == (3, [[0, 0], [1, 1]])


def test_of_replicas_that_are_no_more_the_mean_is_taken():
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    assert variables.apart_of(model.variables) == []
    arrays = variables.arrays_of(model.variables)
    mean = [variable.name for variable in model.variables].index("moving_mean")
    apart = [(mean, [np.array([1, 5], "float32"), np.array([3, 9], "float32")])]
    variables.restore(model, arrays, [], apart)
    assert model.variables[mean].numpy().tolist() == [2, 7]


def test_bfloat16_is_kept(tmp_path):
    variable = keras.Variable([1.5, 2.5], dtype="bfloat16")
    array = np.array(keras.ops.convert_to_numpy(variable))
    write(tmp_path / "file", Snapshot(0, variables=[array]))
    [found] = read(tmp_path / "file").variables
    assert found.dtype == array.dtype
    assert found.tolist() == [1.5, 2.5]


def test_nothing_is_unpickled(tmp_path):
    objects = Snapshot(0, variables=[np.array([{}], dtype=object)])
    write(tmp_path / "file", objects)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read(tmp_path / "file")


def test_damage_anywhere_is_noticed(tmp_path):
    """Each cut and each flipped bit, at places all over the file."""
    file = Path(snapshot_file(tmp_path, 0))
    write(file, sample())
    data = file.read_bytes()
    for place in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        for damaged in (data[:place], bytes(flipped)):
            file.write_bytes(damaged)
            with pytest.raises(ValueError, match="Received: a damaged file"):
                read(file)


def test_the_last_good_one_is_used(tmp_path):
    file = Path(snapshot_file(tmp_path, 0))
    assert newest_readable(file) is None
    write(file, sample(2))
    write(file, sample(3))
    assert read(earlier(file)).epoch == 2
    for broken, epoch in ((file, 2), (Path(earlier(file)), None)):
        broken.write_bytes(b"broken")
        with pytest.warns(UserWarning, match="Left out the snapshot .* a damaged file"):
            found = newest_readable(file)
        assert (found and found.epoch) == epoch


def test_the_files_of_a_trial(tmp_path):
    file = snapshot_file(tmp_path, 0)
    write(file, sample())
    write(file, sample())
    (tmp_path / "trial.json").touch()
    (tmp_path / ".last_0.snapshot.part").touch()
    found = {path.name for path in tmp_path.iterdir()} - {"trial.json"}
    assert len(found) == 3
    assert {Path(path).name for path in present(tmp_path)} == found
    assert {Path(path).parent for path in present(tmp_path)} == {tmp_path}


# Callbacks.


class Counter(keras.callbacks.Callback):
    def __init__(self, count=0):
        super().__init__()
        self.count = count

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


def test_callbacks_of_one_class_are_told_apart():
    nested = keras.callbacks.CallbackList([Counter(2), keras.callbacks.History()])
    callbacks = flat([Counter(1), nested, None])
    states = states_of(callbacks)
    assert states == [("Counter 0", {"count": 1}), ("Counter 1", {"count": 2})]
    new = [Counter(), Counter(), Counter(5)]
    restore(new, states)
    assert [callback.count for callback in new] == [1, 2, 5]


def test_callbacks_of_keras():
    stopping = keras.callbacks.EarlyStopping()
    stopping.wait, stopping.best, stopping.best_epoch = 2, np.float32(0.5), 3
    stopping.best_weights = [np.ones(2)]
    plateau = keras.callbacks.ReduceLROnPlateau()
    plateau.wait, plateau.cooldown_counter, plateau.best = 1, 4, None
    new = [keras.callbacks.ReduceLROnPlateau(), keras.callbacks.EarlyStopping()]
    restore(new, states_of([stopping, plateau]))
    assert (new[0].wait, new[0].cooldown_counter, new[0].best) == (1, 4, None)
    assert (new[1].wait, new[1].best, new[1].best_epoch) == (2, 0.5, 3)
    assert new[1].best_weights[0].tolist() == [1, 1]


# Trainings.


class Seen(keras.layers.Layer):
    """Keeps its inputs; the training is to be run eagerly."""

    rows: list[Any] = []  # noqa: RUF012

    def call(self, x, training=False):
        if training:
            self.rows.append(keras.ops.convert_to_numpy(x)[:, 0].tolist())
        return x


def make_model(units=1, optimizer="adam"):
    model = keras.Sequential([keras.Input((1,)), Seen(), keras.layers.Dense(units)])
    model.compile(optimizer, loss="mse", run_eagerly=True)
    return model


def train(model, continuation, **kwargs):
    Seen.rows.clear()
    arguments = {"batch_size": 5, "verbose": 0, "callbacks": [continuation], **kwargs}
    return continuation.attach(model).fit(ROWS, ROWS, **arguments)


def test_a_training_that_may_not_go_on_ends_before_others_keep_anything(tmp_path):
    class Kept(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(epoch)

    def ask():
        if len(kept) == 2:
            raise ConnectionError("another has it")

    kept = []
    continuation = Continuation(end=tmp_path / "file", ask=ask)
    with pytest.raises(ConnectionError):
        train(make_model(), continuation, epochs=9, callbacks=[continuation, Kept()])
    assert kept == [0, 1]
    assert not (tmp_path / "file").exists()


def orders(epochs, seed=1, **kwargs):
    """Returns the rows of each epoch, in the order in which they were seen."""
    train(make_model(), Continuation(order=Order(seed)), epochs=epochs, **kwargs)
    rows = list(itertools.chain.from_iterable(Seen.rows))
    each = len(rows) // (epochs - kwargs.get("initial_epoch", 0))
    return [rows[i : i + each] for i in range(0, len(rows), each)]


needs_steps_in_python = pytest.mark.skipif(
    keras.config.backend() == "jax", reason="JAX's steps are compiled"
)


@needs_steps_in_python
def test_the_order_of_an_epoch_follows_from_seed_and_epoch():
    whole = orders(4)
    assert all(sorted(epoch) == ROWS[:, 0].tolist() for epoch in whole)
    assert len({tuple(epoch) for epoch in whole}) == 4
    keras.utils.set_random_seed(5)
    assert orders(4, initial_epoch=2) == whole[2:]
    assert orders(4, seed=2) != whole


@needs_steps_in_python
def test_the_last_rows_validate():
    for epoch in orders(3, validation_split=0.25):
        assert sorted(epoch) == ROWS[:12, 0].tolist()


@needs_steps_in_python
def test_data_that_are_not_to_be_shuffled_are_not():
    assert orders(2, shuffle=False) == [ROWS[:, 0].tolist()] * 2


def test_weights_of_classes_and_rows_count(tmp_path):
    """The rows that count have the target 0, which a network of zeros meets."""
    y = (ROWS[:, 0] > 7).astype("int32")
    for weights in ({"class_weight": {0: 1.0, 1: 0.0}}, {"sample_weight": 1.0 - y}):
        model = make_model()
        model.set_weights([np.zeros((1, 1)), np.zeros(1)])
        continuation = Continuation(order=Order(0))
        fit = continuation.attach(model).fit
        history = fit(ROWS, y, callbacks=[continuation], verbose=0, **weights)
        assert history.history["loss"] == [0.0]


def test_several_inputs_and_outputs():
    inputs = {name: keras.Input((1,), name=name) for name in "ab"}
    outputs = [keras.layers.Dense(1)(inputs[name]) for name in "ab"]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss=["mse", "mse"])
    continuation = Continuation(order=Order(0))
    fit = continuation.attach(model).fit
    history = fit(
        {"a": ROWS, "b": ROWS}, [ROWS, ROWS], callbacks=[continuation], validation_split=0.5,
        verbose=0,
    )  # fmt: skip
    assert np.isfinite(history.history["val_loss"]).all()


def test_averaged_weights_are_not_those_that_training_goes_on_with(tmp_path):
    """Keras overwrites the weights by their averages when `fit` ends."""

    def average():
        return keras.optimizers.SGD(0.001, use_ema=True, ema_momentum=0.5)

    def run(start, end, first, epochs):
        keras.utils.set_random_seed(0)
        continuation = Continuation(start, tmp_path / end, order=Order(0))
        model = make_model(optimizer=average())
        train(model, continuation, initial_epoch=first, epochs=epochs)
        return [keras.ops.convert_to_numpy(v).tolist() for v in model.variables]

    whole = run(None, "whole", 0, 3)
    run(None, "part", 0, 1)
    assert run(read(tmp_path / "part"), "rest", 1, 3) == whole


def test_snapshots_in_between(tmp_path):
    model, file = make_model(), tmp_path / "file"
    train(model, Continuation(end=file, snapshots=Snapshots(every_epochs=2)), epochs=5)
    assert (read(file).epoch, read(earlier(file)).epoch) == (5, 4)
    assert read(file).epochs == [0, 1, 2, 3, 4]


def written_at(tmp_path, snapshots, seconds_an_epoch, monkeypatch):
    """Returns the epochs after which the file was written, on a clock of our own."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(continuation, "time", clock)

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            clock.now += seconds_an_epoch

    file = tmp_path / "file"
    epochs = []
    written = Continuation(
        end=file, snapshots=snapshots, written=lambda: epochs.append(read(file).epoch)
    )
    train(make_model(), written, epochs=7, callbacks=[written, Clock()])
    return epochs


def test_snapshots_after_some_seconds(tmp_path, monkeypatch):
    every = {
        3.0: [3, 6, 7],  # seconds: the epochs, of one second each
        2.5: [3, 6, 7],
        0.1: [1, 2, 3, 4, 5, 6, 7],
        99: [7],
    }
    for seconds, epochs in every.items():
        snapshots = Snapshots(every_seconds=seconds)
        assert written_at(tmp_path, snapshots, 1.0, monkeypatch) == epochs
    both = Snapshots(every_seconds=2.0, every_epochs=3)
    assert written_at(tmp_path, both, 1.0, monkeypatch) == [2, 3, 5, 6, 7]


def test_a_snapshot_of_another_model_is_a_cold_start(tmp_path):
    file = tmp_path / "file"
    train(make_model(1), Continuation(end=file), epochs=1)
    with pytest.warns(UserWarning, match="does not fit the model: variables .* It begins anew"):
        history = train(make_model(2), Continuation(read(file)), initial_epoch=1, epochs=2)
    assert history.epoch == [0, 1]


def test_a_disk_that_is_full_costs_the_snapshot_only(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="could not be kept"):
        history = train(make_model(), Continuation(end=tmp_path / "file" / "in"), epochs=1)
    assert history.epoch == [0]


def generator():
    while True:
        yield ROWS[:4], ROWS[:4]


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return ROWS[:4], ROWS[:4]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("data", [generator, Batches, None])
def test_models_without_declared_inputs_are_built_from_the_data(tmp_path, data):
    seen = []

    class Beginning(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if self.model.built:
                seen[:] = [keras.ops.convert_to_numpy(w) for w in self.model.weights]

    for start, first in ((None, 0), (tmp_path / "file", 1)):
        model = Subclassed()
        model.compile("sgd", loss="mse")
        continuation = Continuation(start and read(start), tmp_path / "file")
        x, y = (ROWS, ROWS) if data is None else (data(), None)
        kwargs = {"steps_per_epoch": 2, "shuffle": False} if data is generator else {}
        continuation.attach(model).fit(
            x, y, initial_epoch=first, epochs=first + 1, verbose=0,
            callbacks=[continuation, Beginning()], **kwargs,
        )  # fmt: skip
    for restored, kept in zip(seen, read(earlier(tmp_path / "file")).variables, strict=True):
        np.testing.assert_array_equal(restored, kept)
