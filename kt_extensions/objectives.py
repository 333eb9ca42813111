"""The direction of an objective: what KerasTuner infers wrongly or not at all."""

from __future__ import annotations

import re
from typing import Any

import keras_tuner as kt

_MAXIMIZED = frozenset(
    {
        *("accuracy", "acc", "binary_accuracy", "categorical_accuracy"),
        *("sparse_categorical_accuracy", "top_k_categorical_accuracy"),
        *("sparse_top_k_categorical_accuracy", "auc", "precision", "recall", "f1_score"),
        *(
            "fbeta_score",
            "f_beta_score",
            "precision_at_recall",
            "recall_at_precision",
            "true_positives",
        ),
        *("sensitivity_at_specificity", "specificity_at_sensitivity", "true_negatives"),
        *("r2_score", "cosine_similarity", "io_u", "binary_io_u", "mean_io_u", "one_hot_io_u"),
        *("one_hot_mean_io_u", "pearson_correlation", "concordance_correlation"),
    }
)
_MINIMIZED = frozenset(
    {
        *("loss", "mse", "mean_squared_error", "mae", "mean_absolute_error", "mape", "msle"),
        *("mean_absolute_percentage_error", "mean_squared_logarithmic_error", "logcosh"),
        *(
            "root_mean_squared_error",
            "log_cosh",
            "log_cosh_error",
            "crossentropy",
            "ce",
            "binary_crossentropy",
        ),
        *("categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence", "kld"),
        *("poisson", "hinge", "squared_hinge", "categorical_hinge", "huber", "huber_loss"),
        *("false_positives", "false_negatives"),
    }
)


def resolve(objective: Any) -> Any:
    """Returns an objective whose direction is known where the name alone tells it.

    Args:
        objective: What KerasTuner's oracles take: `None`, the name of a metric as Keras logs it
            (`"val_accuracy"`, `"val_f1_score"`), a `keras_tuner.Objective`, or a list of these.

    Returns:
        The same, names replaced by `keras_tuner.Objective` where the direction is known.

    Raises:
        ValueError: If a name is not known; pass a `keras_tuner.Objective` then.

    Example:

    >>> resolve("val_f1_score").direction
    'max'
    >>> resolve("val_loss").direction
    'min'
    """
    if isinstance(objective, list | tuple):
        return [resolve(item) for item in objective]
    if not isinstance(objective, str):
        return objective
    return kt.Objective(objective, _direction(objective))


def _direction(name: str) -> str:
    metric = re.sub(r"_\d+$", "", re.sub(r"^(val_)?(weighted_)?", "", name)).lower()
    for names, direction in ((_MAXIMIZED, "max"), (_MINIMIZED, "min")):
        if metric in names or any(metric.endswith(f"_{known}") for known in names):
            return direction
    raise ValueError(
        f"Expected an objective whose direction the name tells, such as 'val_accuracy' or "
        f"'val_loss'. Received: objective={name!r}. Pass "
        f"`keras_tuner.Objective({name!r}, direction='max')` or `direction='min'`."
    )
