"""Cutting data into folds."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
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


def judged_rows(part):
    return (part["validation_data"][0][:, 0] / 2).astype(int)


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


@pytest.mark.parametrize(
    "y",
    [
        Y.astype("float32"),
        Y.astype("float32")[:, np.newaxis],
        np.eye(2)[Y],
        np.eye(2, dtype=bool)[Y],
        pd.get_dummies(pd.Series(Y)),
        2.0 * Y - 1,
        Y.astype(object),
        np.array([b"no", b"yes"])[Y],
    ],
)
def test_classes_of_any_type_are_shared_out_evenly(y):
    cut = parts(Folds(3), y=y)
    assert [Y[judged_rows(part)].sum() for part in cut] == [1, 1, 1]


def repeated(values, times=3):
    return np.repeat(np.asarray(values, "float32"), times)


@pytest.mark.parametrize(
    "y",
    [
        repeated(np.arange(21)),  # whole numbers, but of many values
        repeated([0.5, 1, 2, 3, 4]),
        repeated([np.nan, 1, 2, 3, 4]),
        np.repeat([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]], 7, axis=0),  # several labels
        np.repeat([[0.2, 0.8], [0.8, 0.2]], 9, axis=0),
    ],
)
def test_quantities_and_several_labels_are_no_classes(y):
    x = np.arange(2.0 * len(y)).reshape(-1, 2)
    cut, expected = parts(Folds(3), x, y), KFold(3, shuffle=True, random_state=0).split(x)
    for part, (train, _) in zip(cut, expected, strict=True):
        np.testing.assert_array_equal(part["x"], x[train])


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


def test_an_output_without_weights():
    weights = {"a": np.arange(10.0), "b": None}
    arguments = {"y": {"a": Y, "b": Y}, "sample_weight": weights}
    Folds(2).check((X,), arguments)
    part = Folds(2).arguments(0, (X,), arguments)
    assert part["sample_weight"]["b"] is part["validation_data"][2]["b"] is None
    np.testing.assert_array_equal(2 * part["sample_weight"]["a"], part["x"][:, 0])


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_rows_stay_sparse(kind):
    Folds(2).check((kind(X), Y), {})
    for part, dense in zip(parts(Folds(2), x=kind(X)), parts(Folds(2)), strict=True):
        assert scipy.sparse.issparse(part["x"])
        np.testing.assert_array_equal(part["x"].toarray(), dense["x"])
        np.testing.assert_array_equal(part["validation_data"][0].toarray(), X[judged_rows(dense)])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others have no such tensors")
def test_tensors_that_numpy_cannot_hold():
    import tensorflow as tf

    words = [[f"row {i}"] for i in range(10)]
    x = {
        "text": tf.constant(words),
        "ragged": tf.ragged.constant([list(range(i)) for i in range(10)]),
        "sparse": tf.sparse.from_dense(X),
        "row": np.arange(10),
    }
    Folds(2).check((x, Y), {})
    for part in parts(Folds(2), x=x):
        for cut in (part["x"], part["validation_data"][0]):
            assert cut["text"].dtype == tf.string
            assert [word.decode() for (word,) in cut["text"].numpy()] == [
                words[row][0] for row in cut["row"]
            ]
            assert cut["ragged"].row_lengths().numpy().tolist() == cut["row"].tolist()
            np.testing.assert_array_equal(cut["sparse"], X[cut["row"]])


def test_tables_are_cut_by_place_and_stay_tables():
    index = np.arange(10)[::-1]
    x, y = pd.DataFrame(X, index, columns=["a", "b"]), pd.Series(Y, index + 5)
    Folds(3).check((x, y), {})
    for part, dense in zip(parts(Folds(3), x=x, y=y), parts(Folds(3)), strict=True):
        assert isinstance(part["x"], pd.DataFrame)
        np.testing.assert_array_equal(part["x"], dense["x"])
        np.testing.assert_array_equal(part["y"], dense["y"])


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


@pytest.mark.parametrize(
    "y", [Y.astype("float32"), Y.astype(float)[:, np.newaxis], np.eye(2)[Y], np.eye(2)[Y] > 0]
)
def test_a_splitter_by_classes_gets_classes_of_any_type(y):
    cut = parts(Folds(StratifiedKFold(3)), y=y)
    assert [Y[judged_rows(part)].sum() for part in cut] == [1, 1, 1]


def test_a_splitter_of_scikit_learn():
    folds = Folds(TimeSeriesSplit(3))
    assert len(folds) == 3
    for part in parts(folds):
        assert part["x"][:, 0].max() < part["validation_data"][0][:, 0].min()


def test_more_folds_than_rows_of_a_splitter_that_repeats_them():
    folds = Folds(RepeatedKFold(n_splits=2, n_repeats=6))
    folds.check((X, Y), {})
    assert len(parts(folds)) == 12 > len(X)


def test_a_number_of_numpy():
    folds = Folds(np.int64(3))
    assert len(folds) == 3
    assert [part["y"].tolist() for part in parts(folds)] == [
        part["y"].tolist() for part in parts(Folds(3))
    ]


@pytest.mark.parametrize("wrong", [LeaveOneOut(), LeaveOneGroupOut(), KFold])
def test_a_splitter_that_needs_the_data_to_tell_how_many_folds_it_makes(wrong):
    with pytest.raises(ValueError, match=r"Received: .*Leave|Received: .*KFold") as raised:
        Folds(wrong)
    assert "Pass a number of folds." in str(raised.value)


@pytest.mark.parametrize("wrong", [1, 0, -2, True, False, np.True_, np.int64(1), 2.5, "5", None])
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
        ((X, Y), {"sample_weight": np.ones(30)}, r"one length.* shape \(30,\)"),
        ((X, Y), {"sample_weight": [np.ones(10), np.ones(9)]}, r"one length.* shape \(9,\)"),
        ((scipy.sparse.csr_matrix(X), Y[:5]), {}, "one length"),
        ((iter([X]),), {}, "cannot be cut: pass arrays"),
        ((X.tolist(), Y.tolist()), {}, r"Received: \[float, int\]\."),
    ],
)
def test_data_that_cannot_be_cut(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        Folds(3).check(args, kwargs)


@pytest.mark.parametrize(
    ("splitter", "y", "reason"),
    [
        (GroupKFold(3), Y, "'groups' parameter should not be None"),
        (StratifiedKFold(3), np.linspace(0, 1, 10), "'continuous'"),
        (StratifiedKFold(3), [Y, Y], "of which it says"),
        (PredefinedSplit(np.arange(12) % 3), Y, "out of bounds"),
        (PredefinedSplit(np.zeros(10)), Y, "no rows to train with"),
        (PredefinedSplit(-np.ones(10)), Y, "none to judge by"),
    ],
)
def test_data_that_a_splitter_cannot_split(splitter, y, reason):
    with pytest.raises(ValueError, match=f"Received: .*{reason}.* Pass a number of folds"):
        Folds(splitter).check((X, y), {})


def test_data_that_can():
    folds, arguments = Folds(3), {"y": Y, "validation_split": 0.0}
    folds.check((X,), arguments)
    cut = folds.arguments(0, (X,), arguments)
    assert len(cut["x"]) + len(cut["validation_data"][0]) == len(X)
