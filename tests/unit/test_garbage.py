"""Garbage collections during a search."""

import gc
import weakref

import keras
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.tuners.garbage import LongLived

pytestmark = pytest.mark.unfrozen

X, Y = np.ones((4, 2)), np.ones((4, 1))


def build(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-3, 1e-1)), "mse")
    return model


class Watch(keras.callbacks.Callback):
    """Notes how many objects each training's collections leave out."""

    frozen: list = []  # noqa: RUF012  KerasTuner copies the callback for each trial

    def on_train_begin(self, logs=None):
        self.frozen.append(gc.get_freeze_count())


@pytest.fixture
def tuner(tmp_path):
    Watch.frozen.clear()
    return kte.TPE(build, "loss", max_trials=3, seed=0, directory=tmp_path)


def test_collections_of_a_search_leave_out_what_is_older(tuner):
    tuner.search(X, Y, verbose=0, callbacks=[Watch()])
    first, second, third = Watch.frozen
    assert first == 0
    assert min(second, third) > 10_000
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()


def test_an_interrupted_search_gives_it_back(tuner):
    class Interrupt(Watch):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            if gc.get_freeze_count():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuner.search(X, Y, verbose=0, callbacks=[Interrupt()])
    assert Watch.frozen[-1] > 0
    assert gc.get_freeze_count() == 0


def test_what_each_trial_has_made_is_left_out_too(tuner):
    tuner.oracle.max_trials = 4
    tuner.search(X, Y, verbose=0, callbacks=[Watch()])
    assert Watch.frozen[1] < Watch.frozen[2] < Watch.frozen[3]


def test_models_are_freed_though_the_user_keeps_one_for_a_while(tuner):
    held, built = [], weakref.WeakSet()

    class Keep(keras.callbacks.Callback):
        def __deepcopy__(self, memo):
            return self

        def on_train_end(self, logs=None):
            gc.collect()
            alive.append(len(built))
            held[:] = [self.model]
            built.add(self.model)

    alive = []
    tuner.oracle.max_trials = 6
    tuner.search(X, Y, verbose=0, callbacks=[Keep()])
    assert alive[0] == 0
    assert max(alive[2:]) <= 2  # the one that is kept, and that of the first trial


def test_models_of_a_run_trial_of_ones_own_are_freed(tmp_path):
    class Own(kte.TPE):
        def run_trial(self, trial, x, y, **kwargs):
            model = self.hypermodel.build(trial.hyperparameters)
            self.last = model.fit(x, y, verbose=0)  # which holds the model
            built.add(model)
            del model
            gc.collect()
            alive.append(len(built))
            return self.last.history["loss"][-1]

    built, alive = weakref.WeakSet(), []
    Own(build, "loss", max_trials=6, seed=0, directory=tmp_path).search(X, Y)
    assert alive[0] == 1
    assert max(alive[1:]) <= 2  # the one that is kept, and that of the first trial


def test_a_model_that_lives_is_not_left_out():
    long_lived = LongLived()
    long_lived.leave_out()
    try:
        model, others = keras.Sequential(), [[] for _ in range(1000)]
        before = gc.get_freeze_count()
        long_lived.leave_out()
        assert gc.get_freeze_count() == before
        del model
        long_lived.leave_out()
        assert gc.get_freeze_count() > before + len(others) / 2
    finally:
        long_lived.take_in()
    assert gc.get_freeze_count() == 0


def test_what_the_program_froze_stays_frozen():
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        long_lived = LongLived()
        long_lived.leave_out()
        long_lived.take_in()
        assert gc.get_freeze_count() == count > 0
    finally:
        gc.unfreeze()
