"""The objectives of a search: their directions, their values in a trial, the best trials."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kt_extensions import pareto
from kt_extensions.space.domains import Array
from kt_extensions.wording import hint

_MAXIMIZED = frozenset(
    {
        *("accuracy", "acc", "binary_accuracy", "categorical_accuracy"),
        *("sparse_categorical_accuracy", "top_k_categorical_accuracy"),
        *("sparse_top_k_categorical_accuracy", "true_positives", "true_negatives"),
        *("auc", "precision", "recall", "precision_at_recall", "recall_at_precision"),
        *("sensitivity_at_specificity", "specificity_at_sensitivity"),
        *("f1_score", "fbeta_score", "f_beta_score"),
        *("io_u", "binary_io_u", "mean_io_u", "one_hot_io_u", "one_hot_mean_io_u"),
        *("r2_score", "cosine_similarity", "pearson_correlation", "concordance_correlation"),
    }
)
_MINIMIZED = frozenset(
    {
        *("loss", "mse", "mean_squared_error", "rmse", "root_mean_squared_error"),
        *("mae", "mean_absolute_error", "mape", "mean_absolute_percentage_error"),
        *("msle", "mean_squared_logarithmic_error", "logcosh", "log_cosh", "log_cosh_error"),
        *("huber", "huber_loss", "hinge", "squared_hinge", "categorical_hinge", "poisson"),
        *("crossentropy", "ce", "binary_crossentropy", "categorical_crossentropy"),
        *("sparse_categorical_crossentropy", "kl_divergence", "kld"),
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
        ValueError: If a name is not known (pass a `keras_tuner.Objective` then), or it is none of
            these.

    Example:

    >>> resolve("val_f1_score").direction
    'max'
    >>> resolve("val_loss").direction
    'min'
    """
    if isinstance(objective, list | tuple) and objective:
        return [resolve(item) for item in objective]
    import keras_tuner as kt  # what only looks at a search needs none

    if isinstance(objective, str):
        return kt.Objective(objective, _known_direction(objective))
    known = objective is None or isinstance(objective, kt.Objective)
    if not known or getattr(objective, "direction", "min") not in ("min", "max"):
        raise ValueError(
            "Expected `objective` to be the name of a metric, such as 'val_accuracy', a "
            "`keras_tuner.Objective(name, direction)` with the direction 'min' or 'max', or a list "
            f"of these. Received: objective={objective!r}."
        )
    return objective


def direction_of(name: str) -> str | None:
    """Returns "min" or "max" for a metric, `None` if its name does not tell.

    Args:
        name: The name as Keras logs it.

    Example:

    >>> direction_of("val_mean_io_u"), direction_of("val_rmse"), direction_of("val_fun")
    ('max', 'min', None)
    """
    metric = _metric_in(name)
    for names, direction in ((_MAXIMIZED, "max"), (_MINIMIZED, "min")):
        if metric in names or any(metric.endswith(f"_{known}") for known in names):
            return direction
    return None


def _metric_in(name: str) -> str:
    return re.sub(r"_\d+$", "", re.sub(r"^(val_)?(weighted_)?", "", name)).lower()


def _known_direction(name: str) -> str:
    direction = direction_of(name)
    if direction is None:
        known = hint(_metric_in(name), _MAXIMIZED | _MINIMIZED)
        raise ValueError(
            f"Expected an objective whose direction the name tells, such as 'val_accuracy' or "
            f"'val_loss'. Received: objective={name!r}.{known} Pass "
            f"`keras_tuner.Objective({name!r}, direction='max')` or `direction='min'`."
        )
    return direction


def register(tracker: Any, objective: Any, names: Iterable[str]) -> None:
    """Tells the metrics of a trial their directions, of which KerasTuner does not know all.

    Args:
        tracker: The trial's `metrics`.
        objective: The `keras_tuner.Objective` of the search, that of a list included.
        names: Names of metrics. Of one whose direction is not known less is better.
    """
    known = {**directions(objective), objective.name: objective.direction}
    for name in names:
        if not tracker.exists(name):
            tracker.register(name, known.get(name) or direction_of(name) or "min")


class ParetoPoint(NamedTuple):
    """A trial of the Pareto front, and its objectives by name."""

    trial: Any
    values: dict[str, float]


def several(objective: Any) -> bool:
    """Whether a search has a list of objectives; KerasTuner scores a trial by their sum then."""
    return hasattr(objective, "objectives")


def parts(objective: Any) -> list[Any]:
    """Returns the objectives of a search one by one."""
    return list(getattr(objective, "objectives", [objective]))


def directions(objective: Any) -> dict[str, str]:
    """Returns `"min"` or `"max"` for each objective, by name."""
    return {part.name: part.direction for part in parts(objective)}


def values_of(trial: Any, objective: Any) -> dict[str, float] | None:
    """Returns the objectives of a completed trial by name, or `None` if it has not all of them.

    Of several objectives those of the trial's best step, that is, the step of the least sum, which
    KerasTuner's checkpoint is of: they belong to one and the same model.

    Args:
        trial: A trial, its record in the oracle.
        objective: The `keras_tuner.Objective` of the search, that of a list included.
    """
    if trial.status != "COMPLETED":
        return None
    if several(objective):
        metrics = trial.metrics.get_config()["metrics"]
        return values_at(metrics, trial.best_step, directions(objective))
    known = trial.score is not None and math.isfinite(trial.score)
    return {objective.name: float(trial.score)} if known else None


def values_at(
    metrics: Mapping[str, Any], step: int | None, names: Iterable[str]
) -> dict[str, float] | None:
    """Returns the objectives at a step of a trial; `None` if they are not all there, and finite.

    Args:
        metrics: The metrics as KerasTuner saves them, the value of its `"metrics"`.
        step: A step. Executions that reported the same step are averaged.
        names: The objectives.
    """
    found = {}
    for name in names:
        observations = metrics.get(name, {}).get("observations", [])
        at_step = [o["value"] for o in observations if o["step"] == step]
        found[name] = float(np.mean([float(v) for v in at_step[0]])) if at_step else math.nan
    return found if np.isfinite(list(found.values())).all() else None


def minimized(values: Mapping[str, float], objective: Any) -> list[float]:
    """Returns objectives with the sign with which they are to be minimized.

    Example:

    >>> import keras_tuner as kt
    >>> minimized({"accuracy": 0.9}, kt.Objective("accuracy", "max"))
    [-0.9]
    """
    return [values[n] if d == "min" else -values[n] for n, d in directions(objective).items()]


def pareto_front(trials: Iterable[Any], objective: Any) -> list[ParetoPoint]:
    """Returns the completed trials that no other one dominates, sorted by the first objective.

    A trial dominates another if it is no worse in any objective and better in one. Of a single
    objective these are the best trial and those that are as good.
    """
    points, values = _scored(trials, objective)
    front = np.flatnonzero(pareto.fronts(values) == 0)
    order = front[np.argsort(values[front, 0], kind="stable")]
    return [points[i] for i in order]


def trials_since_better(front: Iterable[ParetoPoint], order: Sequence[str]) -> int:
    """Returns how many trials have ended after the one that entered the Pareto front last.

    It is still there, for what dominates it would have entered later. A trial that only repeats the
    objectives of another has not entered.

    Args:
        front: The Pareto front.
        order: The names of all trials that have ended, in that order.
    """
    place = {trial_id: i for i, trial_id in enumerate(order)}
    entered: dict[tuple[float, ...], int] = {}
    for trial, values in front:
        key = tuple(values.values())
        entered[key] = min(place[trial.trial_id], entered.get(key, len(place)))
    return len(place) - 1 - max(entered.values(), default=len(place) - 1)


def best_first(trials: Iterable[Any], objective: Any) -> list[Any]:
    """Returns the completed trials, the best compromise (`pareto.compromises`) first."""
    points, values = _scored(trials, objective)
    return [points[i].trial for i in pareto.compromises(values)]


def _scored(trials: Iterable[Any], objective: Any) -> tuple[list[ParetoPoint], Array]:
    """Returns the trials that have all objectives, and these to be minimized, `(n, m)`."""
    known = ((trial, values_of(trial, objective)) for trial in trials)
    points = [ParetoPoint(trial, values) for trial, values in known if values is not None]
    rows = [minimized(point.values, objective) for point in points]
    return points, np.array(rows).reshape(len(points), len(parts(objective)))
