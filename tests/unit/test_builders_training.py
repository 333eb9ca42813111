"""The hyperparameters of training."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import MLP

X, Y = np.ones((64, 4)), np.zeros(64)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[:8], Y[:8]


def generator():
    while True:
        yield X[:8], Y[:8]


def steps_and_space(*args, batch_size=(16, 32), input_normalization=True, **kwargs):
    """Trains for an epoch; returns the optimizer's steps and the batch size's hyperparameters."""
    hypermodel = MLP(
        input_shape=(4,),
        outputs=3,
        batch_size=batch_size,
        input_normalization=input_normalization,
    )
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, *args, verbose=0, **kwargs)
    space = [p for p in hp.space if p.name == "batch_size"]
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations)), space


def test_default_is_a_choice():
    hp = kt.HyperParameters()
    hypermodel = MLP(input_shape=(4,), outputs=3)
    hypermodel.fit(hp, hypermodel.build(hp), X, Y, verbose=0)
    [batch_size] = [p for p in hp.space if p.name == "batch_size"]
    assert (batch_size.min_value, batch_size.max_value, batch_size.step) == (16, 128, 2)


@pytest.mark.parametrize("args", [(X, Y), (keras.ops.ones((64, 4)), Y)])
def test_batch_size_of_arrays_is_tuned(args):
    steps, [batch_size] = steps_and_space(*args)
    assert steps == 64 // 16
    assert (batch_size.min_value, batch_size.max_value, batch_size.sampling) == (16, 32, "log")


def test_keyword_arrays_are_tuned():
    steps, space = steps_and_space(x=X, y=Y)
    assert (steps, len(space)) == (4, 1)


def test_fixed_batch_size_is_used_and_not_tuned():
    assert steps_and_space(X, Y, batch_size=8) == (8, [])


def test_batch_size_passed_to_search_wins():
    hypermodel = MLP(input_shape=(4,), outputs=3)
    for args, kwargs in [((X, Y), {"batch_size": 64}), ((X, Y, 64), {})]:
        hp = kt.HyperParameters()
        model = hypermodel.build(hp)
        hypermodel.fit(hp, model, *args, **kwargs, verbose=0)
        assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 1
        assert "batch_size" not in [p.name for p in hp.space]


def test_data_in_batches_keep_theirs():
    plain = {"input_normalization": False, "shuffle": False}
    assert steps_and_space(Batches(), **plain) == (2, [])
    assert steps_and_space(generator(), steps_per_epoch=3, **plain) == (3, [])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_tf_datasets_keep_their_batches():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    assert steps_and_space(data, shuffle=False) == (2, [])


def test_random_search_finds_a_good_model(digits, tmp_path):
    hypermodel = MLP(input_shape=(64,), outputs=10, depth=(1, 2), learning_rate=(1e-3, 1e-2))
    tuner = kt.RandomSearch(
        hypermodel, "val_accuracy", max_trials=4, seed=1, directory=tmp_path, project_name="mlp"
    )
    validation = (digits.x_val, digits.y_val)
    tuner.search(digits.x, digits.y, validation_data=validation, epochs=10, verbose=0)
    best, *others = tuner.oracle.get_best_trials(4)
    assert best.score > 0.9
    sizes = {trial.hyperparameters.get("batch_size") for trial in (best, *others)}
    assert sizes <= {16, 32, 64, 128}
    assert len(sizes) > 1
    model = tuner.get_best_models()[0]
    _, accuracy = model.evaluate(*validation, verbose=0)
    assert accuracy == pytest.approx(best.score, abs=1e-6)
