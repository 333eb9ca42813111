"""What a training goes on with: states that Keras keeps apart, and the epoch after the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kt_extensions.snapshot import Continuation, Order, Snapshot, Snapshots, read

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def make_model(*layers: Any, **optimizer: Any) -> keras.Model:
    inputs = keras.Input(batch_shape=(8, 4))
    model = keras.Sequential([inputs, *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05, **optimizer), "mse")
    return model


class Stop(keras.callbacks.Callback):
    """Interrupts a training before one of its epochs."""

    def __init__(self, epoch: int | None) -> None:
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self._epoch:
            raise KeyboardInterrupt


def train(
    model: keras.Model,
    file: Path,
    start: Snapshot | None = None,
    stop: int | None = None,
    callbacks: Any = (),
    **settings: Any,
) -> Any:
    continuation = Continuation(start, file, order=Order(0), snapshots=Snapshots(every_epochs=1))
    settings = {"epochs": 4, "batch_size": 8, "verbose": 0, "validation_data": (X, Y)} | settings
    callbacks = [continuation, *callbacks, Stop(stop)]
    return continuation.attach(model).fit(X, Y, callbacks=callbacks, **settings)


def trained(folder: Path, make: Any, callbacks: Any = tuple) -> tuple[Snapshot, Snapshot]:
    """Trains with a stop, and in one go; returns what both have kept."""
    keras.utils.set_random_seed(0)
    train(make(), folder / "whole", callbacks=callbacks())
    keras.utils.set_random_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(make(), folder / "parts", stop=2, callbacks=callbacks())
    start = read(folder / "parts")
    train(make(), folder / "parts", start, initial_epoch=2, callbacks=callbacks())
    return read(folder / "parts"), read(folder / "whole")


def bits(snapshot: Snapshot) -> list[bytes]:
    """Returns the variables of the model and of its optimizers."""
    arrays = [*snapshot.variables, *(a for s in snapshot.optimizers for a in s["variables"])]
    return [np.asarray(array).tobytes() for array in arrays]


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averaged_weights_that_are_swapped_in(tmp_path: Path, swap_on_epoch: bool) -> None:
    parts, whole = trained(
        tmp_path,
        lambda: make_model(use_ema=True, ema_momentum=0.9),
        lambda: [keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)],
    )
    assert parts.history == whole.history
    assert bits(parts) == bits(whole)


@pytest.mark.parametrize("wrap", [lambda layer: layer, keras.layers.Bidirectional])
def test_the_states_of_rnns(tmp_path: Path, wrap: Any) -> None:
    def make() -> keras.Model:
        rnn = wrap(keras.layers.SimpleRNN(2, stateful=True))
        return make_model(keras.Sequential([keras.layers.Reshape((4, 1)), rnn]))

    parts, whole = trained(tmp_path, make)
    assert parts.history == whole.history
    assert bits(parts) == bits(whole)
    states = 2 if wrap is keras.layers.Bidirectional else 1
    assert len(whole.variables) == len(make().variables) + states


def test_a_fit_that_leaves_out_the_first_epoch_goes_on_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(make_model(), tmp_path / "file", stop=2)
    with pytest.warns(UserWarning, match=r"`initial_epoch=2`.* Received: initial_epoch=0\. ") as w:
        history = train(make_model(), tmp_path / "file", read(tmp_path / "file"))
    assert history.epoch == [0, 1, 2, 3]
    assert len(history.history["loss"]) == 4
    assert [a.filename for a in w if "initial_epoch" in str(a.message)] == [__file__]


def test_nothing_is_said_where_no_epoch_follows(tmp_path: Path, recwarn: Any) -> None:
    """A callback had ended the training: whatever the first epoch, none is trained."""
    early = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=99)
    train(make_model(), tmp_path / "file", callbacks=[early])
    start = read(tmp_path / "file")
    assert (start.epoch, start.stopped) == (2, True)
    assert train(make_model(), tmp_path / "file", start).epoch == [0, 1]
    assert not [w for w in recwarn if "initial_epoch" in str(w.message)]
