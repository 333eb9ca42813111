"""Columns of the HParams tab: hyperparameters with their domains, and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorboard.plugins.hparams import api_pb2

from kt_extensions import objectives
from kt_extensions.record import EPOCHS

SCORE_TAG = "score"
OBJECTIVE_TAG = "objective/"
BEST_TAG = "best/"
BEST_EPOCH_TAG = "best_epoch"
EPOCHS_TAG = "epochs_trained"
DURATION_TAG = "duration_seconds"
PRUNED_TAG = "pruned"
EPOCH_TAG = "epoch_"

CONDITIONAL = "Active under a condition."
LATE = "Not every trial has it."

_LONGEST_NUMERIC_CHOICE = 9  # From ten on, the page offers a text filter that fails on numbers.


def hyperparameter_columns(hyperparameters: Any, trials: Iterable[Any] = ()) -> list[Any]:
    """A column for each declared hyperparameter, and for each value that none declares.

    `differs` brings a column to the front and into the parallel view. It is kept to tuned ones that
    every trial has, those of `trials` included: that view drops what has a blank on an axis.
    """
    declared = {hp.name for hp in hyperparameters.space}
    known = [trial.hyperparameters.values for trial in trials]
    return [_declared_column(hp, known) for hp in hyperparameters.space] + [
        _observed_column(name, value)
        for name, value in hyperparameters.values.items()
        if name not in declared
    ]


def objective_columns(objective: Any) -> list[Any]:
    """The column of the score, after those of the single objectives if there are several."""
    known = {**objectives.directions(objective), objective.name: objective.direction}
    return [_metric(OBJECTIVE_TAG + n, f"{n} ({direction})") for n, direction in known.items()]


def score_column() -> Any:
    """The score of trials of searches that have different objectives."""
    return _metric(SCORE_TAG, "score")


def best_column(metric: str) -> Any:
    return _metric(BEST_TAG + metric, f"{metric} at best")


def best_epoch_column() -> Any:
    return _metric(BEST_EPOCH_TAG, "best epoch")


def epochs_column() -> Any:
    return _metric(EPOCHS_TAG, "epochs trained")


def pruned_column() -> Any:
    return _metric(PRUNED_TAG, "pruned after (epochs)")


def duration_column() -> Any:
    return _metric(DURATION_TAG, "duration (s)")


def last_value_column(metric: str, group: str) -> Any:
    prefix = "val_" if group == "validation" else ""
    return _metric(EPOCH_TAG + metric, f"{prefix}{metric} (last)", group)


def _declared_column(hp: Any, known: list[dict[str, Any]]) -> Any:
    """The column of one of KerasTuner's hyperparameters."""
    if hasattr(hp, "min_value"):
        info, tuned = interval(hp.name, hp.min_value, hp.max_value), hp.min_value < hp.max_value
    else:
        info, tuned = discrete(hp.name, list(hp.values)), len(hp.values) > 1
    if hp.conditions:
        return rare(info, CONDITIONAL)
    info.differs = tuned
    return info if all(hp.name in values for values in known) else rare(info)


def _observed_column(name: str, value: Any) -> Any:
    """For what an oracle adds to the values, such as Hyperband's `tuner/epochs`."""
    text = isinstance(value, (bool, str))
    info = discrete(name, [value]) if text else interval(name, value, value)
    if name != EPOCHS:
        return rare(info)
    info.differs = True
    return info


def rare(info: Any, why: str = LATE) -> Any:
    """Returns a column that some trials have a blank in, where it is not shown at first."""
    info.differs, info.description = False, why
    return info


def interval(name: str, low: float, high: float) -> Any:
    return api_pb2.HParamInfo(
        name=name,
        type=api_pb2.DATA_TYPE_FLOAT64,
        domain_interval=api_pb2.Interval(min_value=low, max_value=high),
    )


def discrete(name: str, values: list[Any]) -> Any:
    if _is_number(values[0]) and len(values) > _LONGEST_NUMERIC_CHOICE:
        return interval(name, min(values), max(values))
    info = api_pb2.HParamInfo(name=name, type=_data_type(values[0]))
    info.domain_discrete.extend(values)
    return info


def _metric(tag: str, title: str, group: str = "") -> Any:
    kinds = {
        "train": api_pb2.DATASET_TRAINING,
        "validation": api_pb2.DATASET_VALIDATION,
        "": api_pb2.DATASET_UNKNOWN,
    }
    return api_pb2.MetricInfo(
        name=api_pb2.MetricName(group=group, tag=tag),
        display_name=title,
        dataset_type=kinds[group],
    )


def _is_number(value: Any) -> bool:
    return not isinstance(value, (bool, str))


def _data_type(value: Any) -> Any:
    if _is_number(value):
        return api_pb2.DATA_TYPE_FLOAT64
    return api_pb2.DATA_TYPE_BOOL if isinstance(value, bool) else api_pb2.DATA_TYPE_STRING


def join(first: Any, second: Any) -> Any:
    """One column for a name that is declared twice: the smallest domain that holds both.

    Whether all trials have it was decided when it was declared first.
    """
    joined = _with_both_domains(first, second)
    joined.differs, joined.description = first.differs, first.description
    return joined


def _with_both_domains(first: Any, second: Any) -> Any:
    domains = {first.WhichOneof("domain"), second.WhichOneof("domain")}
    if first.type != second.type or None in domains:
        return api_pb2.HParamInfo(name=first.name, type=api_pb2.DATA_TYPE_STRING)
    if domains == {"domain_discrete"}:
        values = dict.fromkeys([*first.domain_discrete, *second.domain_discrete])
        return discrete(first.name, list(values))
    bounds = [*_bounds(first), *_bounds(second)]
    return interval(first.name, min(bounds), max(bounds))


def _bounds(info: Any) -> list[float]:
    if info.WhichOneof("domain") == "domain_interval":
        return [info.domain_interval.min_value, info.domain_interval.max_value]
    return list(info.domain_discrete)
