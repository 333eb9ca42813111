"""Cutting data into folds."""

import keras
import numpy as np
import pytest
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)

from kt_extensions.folds import Folds

X = np.arange(20.0).reshape(10, 2)
Y = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1])


def parts(folds, x=X, y=Y, rounds=1, **kwargs):
    return [folds.arguments(i, (x, y), kwargs) for i in range(rounds * len(folds))]


def test_each_row_is_judged_once_and_trained_on_in_all_other_folds():
    cut = parts(Folds(3))
    judged = np.concatenate([part["validation_data"][0] for part in cut])
    assert sorted(judged[:, 0]) == X[:, 0].tolist()
    for part in cut:
        both = np.concatenate([part["x"], part["validation_data"][0]])
        assert sorted(both[:, 0]) == X[:, 0].tolist()
        np.testing.assert_array_equal(Y[(part["x"][:, 0] / 2).astype(int)], part["y"])


def test_classes_are_shared_out_evenly():
    assert [part["validation_data"][1].sum() for part in parts(Folds(3))] == [1, 1, 1]


@pytest.mark.parametrize("y", [np.arange(10) % 7, np.linspace(0, 1, 10), np.eye(2)[Y]])
def test_other_targets_are_cut_without_regard_to_them(y):
    judged = [part["validation_data"][0] for part in parts(Folds(5), y=y)]
    assert [len(part) for part in judged] == [2] * 5


def test_further_rounds_are_shuffled_otherwise_and_alike_each_time():
    cut, again = parts(Folds(2), rounds=2), parts(Folds(2), rounds=2)
    assert cut[0]["y"].tolist() == again[0]["y"].tolist()
    assert cut[0]["x"].tolist() != cut[2]["x"].tolist()
    for one, other in zip(cut, again, strict=True):
        np.testing.assert_array_equal(one["x"], other["x"])


def test_several_inputs_weights_and_what_else_fit_takes():
    x = {"a": X, "b": keras.ops.convert_to_tensor(X[:, :1])}
    (part, _) = parts(Folds(2), x=x, sample_weight=np.arange(10.0), epochs=3, of_my_own=4)
    assert part["x"]["a"].shape == (5, 2)
    np.testing.assert_array_equal(part["x"]["a"][:, :1], part["x"]["b"])
    np.testing.assert_array_equal(part["x"]["a"][:, 0], 2 * part["sample_weight"])
    assert len(part["validation_data"]) == 3
    assert (part["epochs"], part["of_my_own"]) == (3, 4)


def test_positional_arguments_after_the_data():
    part = Folds(2).arguments(0, (X, Y, 4), {"epochs": 2})
    assert part["batch_size"] == 4


def test_a_splitter_that_shuffles_makes_the_same_folds_each_time():
    folds = Folds(KFold(5, shuffle=True))
    one, other = parts(folds, rounds=2), parts(folds, rounds=2)
    judged = np.concatenate([part["validation_data"][0] for part in one[:5]])
    assert sorted(judged[:, 0]) == X[:, 0].tolist()
    assert [p["y"].tolist() for p in one] == [p["y"].tolist() for p in other]
    assert [p["x"][0, 0] for p in one[:5]] != [p["x"][0, 0] for p in one[5:]]


@pytest.mark.parametrize(
    "splitter",
    [
        RepeatedKFold(n_splits=2, n_repeats=1),
        ShuffleSplit(2),
        StratifiedShuffleSplit(2, test_size=0.4),
        KFold(2, shuffle=True, random_state=np.random.RandomState(0)),
    ],
)
def test_all_splitters_make_the_same_folds_each_time(splitter):
    folds = Folds(splitter)
    one, other = parts(folds), parts(folds)
    for part, again in zip(one, other, strict=True):
        np.testing.assert_array_equal(part["x"], again["x"])
        both = np.concatenate([part["x"], part["validation_data"][0]])
        assert sorted(both[:, 0]) == X[:, 0].tolist()
    assert getattr(splitter, "random_state", 0) is None or isinstance(splitter, KFold)


def test_repeated_folds_judge_each_row_once():
    cut = parts(Folds(RepeatedKFold(n_splits=2, n_repeats=1)))
    judged = np.concatenate([part["validation_data"][0] for part in cut])
    assert sorted(judged[:, 0]) == X[:, 0].tolist()


@pytest.mark.parametrize("y", [Y.astype("float32"), Y.astype(float)[:, np.newaxis]])
def test_a_splitter_by_classes_gets_classes_of_any_type(y):
    cut = parts(Folds(StratifiedKFold(3)), y=y)
    assert [part["validation_data"][1].sum() for part in cut] == [1, 1, 1]


def test_a_splitter_of_scikit_learn():
    folds = Folds(TimeSeriesSplit(3))
    assert len(folds) == 3
    for part in parts(folds):
        assert part["x"][:, 0].max() < part["validation_data"][0][:, 0].min()


@pytest.mark.parametrize("wrong", [1, 0, -2, True, 2.5, "5", None])
def test_what_is_no_number_of_folds(wrong):
    with pytest.raises(ValueError, match="`cross_validation` to be"):
        Folds(wrong)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((X, Y), {"validation_split": 0.2}, "no validation data beside"),
        ((X, Y), {"validation_data": (X, Y)}, "no validation data beside"),
        ((X, Y[:5]), {}, "one length"),
        ((X[:2], Y[:2]), {}, "into 3 folds"),
        ((X,), {}, "one length"),
        ((iter([X]),), {}, "cannot be cut: pass arrays"),
    ],
)
def test_data_that_cannot_be_cut(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        Folds(3).check(args, kwargs)


def test_data_that_can():
    folds, arguments = Folds(3), {"y": Y, "validation_split": 0.0}
    folds.check((X,), arguments)
    cut = folds.arguments(0, (X,), arguments)
    assert len(cut["x"]) + len(cut["validation_data"][0]) == len(X)
