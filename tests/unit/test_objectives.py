"""The direction of an objective by its name."""

import keras_tuner as kt
import pytest

from kt_extensions.objectives import resolve


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy", "acc", "val_accuracy", "val_f1_score", "val_r2_score", "val_binary_io_u"),
        *("val_mean_io_u", "val_auc", "auc_3", "val_AUC", "head_accuracy", "val_head_precision_1"),
        *("weighted_accuracy", "val_weighted_recall", "val_cosine_similarity"),
        "val_sparse_top_k_categorical_accuracy",
    ],
)
def test_maximized(name: str) -> None:
    assert resolve(name) == kt.Objective(name, "max")


@pytest.mark.parametrize(
    "name",
    [
        *("loss", "val_loss", "val_head_loss", "mae", "val_mean_squared_error", "val_mse_2"),
        *("val_false_negatives", "val_kl_divergence", "val_sparse_categorical_crossentropy"),
        *("val_root_mean_squared_error", "val_rmse", "val_price_rmse"),
    ],
)
def test_minimized(name: str) -> None:
    assert resolve(name) == kt.Objective(name, "min")


@pytest.mark.parametrize("name", ["val_niceness", "", "val_", "lossy", "accuracy_of_sorts"])
def test_unknown(name: str) -> None:
    with pytest.raises(ValueError, match=r"keras_tuner\.Objective\("):
        resolve(name)


def test_what_is_no_name_stays() -> None:
    objective = kt.Objective("val_niceness", "max")
    assert resolve(objective) is objective
    assert resolve(None) is None
    assert resolve(("loss", objective)) == [kt.Objective("loss", "min"), objective]
