"""The columns of the HParams tab: hyperparameters with their domains, and metrics in order.

TensorBoard reads one experiment summary for a log folder and picks any when there are several, so
each search keeps its own part in `experiment.pb` and the one run `LOGDIR/_config-HASH` holds the
union of all parts. A changed union is a new run, as TensorBoard never reads a run's summary twice.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from tensorboard.plugins.hparams import api_pb2, metadata

from kt_extensions import objectives
from kt_extensions.hparams import _layout as layout
from kt_extensions.hparams._events import hparams_event, write_atomically, write_events

OBJECTIVE_TAG = "objective/"
BEST_TAG = "best/"
BEST_EPOCH_TAG = "best_epoch"
EPOCHS_TAG = "epochs_trained"
DURATION_TAG = "duration_seconds"
PRUNED_TAG = "pruned"
EPOCH_TAG = "epoch_"

_COLUMN_ORDER = (
    OBJECTIVE_TAG,
    BEST_TAG,
    BEST_EPOCH_TAG,
    EPOCHS_TAG,
    DURATION_TAG,
    PRUNED_TAG,
    EPOCH_TAG,
)
_LONGEST_NUMERIC_CHOICE = 9  # From ten on, the page offers a text filter that fails on numbers.
_PART = "experiment.pb"
_CONFIG_RUN = re.compile(r"_config-[0-9a-f]{16}")


def hyperparameter_columns(hyperparameters: Any) -> list[Any]:
    """A column for each declared hyperparameter, and for each value that none declares."""
    declared = {hp.name for hp in hyperparameters.space}
    return [_declared_column(hp) for hp in hyperparameters.space] + [
        _observed_column(name, value)
        for name, value in hyperparameters.values.items()
        if name not in declared
    ]


def objective_columns(objective: Any) -> list[Any]:
    """The column of the score, after those of the single objectives if there are several."""
    known = {**objectives.directions(objective), objective.name: objective.direction}
    return [_metric(OBJECTIVE_TAG + n, f"{n} ({direction})") for n, direction in known.items()]


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


class Columns:
    """Keeps the experiment summary of a log folder up to date with one search's columns.

    Args:
        log_dir: The log folder that all searches share.
        search_folder: The folder of this search, where its part is kept.
    """

    def __init__(self, log_dir: str, search_folder: str) -> None:
        self._log_dir = log_dir
        self._part = os.path.join(search_folder, _PART)
        self._known = api_pb2.Experiment()
        self._config = ""

    def add(self, hyperparameters: Iterable[Any] = (), metrics: Iterable[Any] = ()) -> None:
        """Adds columns; costs nothing but a look when all are known and nobody else wrote."""
        more = api_pb2.Experiment(hparam_infos=hyperparameters, metric_infos=metrics)
        merged = _merge(self._known, more)
        if merged == self._known and os.path.isdir(self._config):
            return
        self._known = _merge(_read(self._part), merged)
        write_atomically(self._part, _bytes(self._known))
        self._publish()

    def _publish(self) -> None:
        """Writes the union of all searches first and deletes the old one then."""
        parts = [_read(path) for path in glob.glob(os.path.join(self._folder_pattern, _PART))]
        content = _union([*parts, self._known])
        name = f"_config-{hashlib.sha256(_bytes(content)).hexdigest()[:16]}"
        self._config = os.path.join(self._log_dir, name)
        if not os.path.isdir(self._config):
            event = hparams_event(metadata.EXPERIMENT_TAG, experiment=content)
            write_events(self._config, [event])
        for other in os.listdir(self._log_dir):
            if other != name and _CONFIG_RUN.fullmatch(other):
                layout.remove(os.path.join(self._log_dir, other))

    @property
    def _folder_pattern(self) -> str:
        return os.path.join(glob.escape(self._log_dir), "*", "*")


def _declared_column(hp: Any) -> Any:
    """The column of one of KerasTuner's hyperparameters.

    `differs` brings a column to the front and into the parallel view. It is kept to tuned
    unconditional ones, as that view drops every trial that has a blank on one of its axes.
    """
    if hasattr(hp, "min_value"):
        differs = not hp.conditions and hp.min_value < hp.max_value
        return _interval(hp.name, hp.min_value, hp.max_value, differs)
    values = list(hp.values)
    return _discrete(hp.name, values, not hp.conditions and len(values) > 1)


def _observed_column(name: str, value: Any) -> Any:
    """For what an oracle adds to the values, such as Hyperband's `tuner/epochs`."""
    if isinstance(value, (bool, str)):
        return _discrete(name, [value], differs=False)
    return _interval(name, value, value, differs=False)


def _interval(name: str, low: float, high: float, differs: bool) -> Any:
    return api_pb2.HParamInfo(
        name=name,
        type=api_pb2.DATA_TYPE_FLOAT64,
        domain_interval=api_pb2.Interval(min_value=low, max_value=high),
        differs=differs,
    )


def _discrete(name: str, values: list[Any], differs: bool) -> Any:
    if _is_number(values[0]) and len(values) > _LONGEST_NUMERIC_CHOICE:
        return _interval(name, min(values), max(values), differs)
    info = api_pb2.HParamInfo(name=name, type=_data_type(values[0]), differs=differs)
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


def _merge(first: Any, second: Any) -> Any:
    """Both experiments' columns: domains joined, metrics in the order of the table."""
    infos = {info.name: info for info in first.hparam_infos}
    for info in second.hparam_infos:
        known = infos.get(info.name)
        infos[info.name] = info if known is None else _join(known, info)
    metrics: dict[tuple[str, str], Any] = {}
    for metric in (*first.metric_infos, *second.metric_infos):
        metrics.setdefault((metric.name.group, metric.name.tag), metric)
    columns = sorted(metrics.values(), key=_place)
    return api_pb2.Experiment(hparam_infos=infos.values(), metric_infos=columns)


def _place(metric: Any) -> int:
    return next(i for i, prefix in enumerate(_COLUMN_ORDER) if metric.name.tag.startswith(prefix))


def _join(first: Any, second: Any) -> Any:
    """One column for a name that is declared twice: the smallest domain that holds both."""
    if first == second:
        return first
    differs = first.differs or second.differs
    domains = {first.WhichOneof("domain"), second.WhichOneof("domain")}
    if first.type != second.type or None in domains:
        text = api_pb2.DATA_TYPE_STRING
        return api_pb2.HParamInfo(name=first.name, type=text, differs=differs)
    if domains == {"domain_discrete"}:
        values = dict.fromkeys([*first.domain_discrete, *second.domain_discrete])
        return _discrete(first.name, list(values), differs)
    bounds = [*_bounds(first), *_bounds(second)]
    return _interval(first.name, min(bounds), max(bounds), differs)


def _bounds(info: Any) -> list[float]:
    if info.WhichOneof("domain") == "domain_interval":
        return [info.domain_interval.min_value, info.domain_interval.max_value]
    return list(info.domain_discrete)


def _union(parts: list[Any]) -> Any:
    """All searches' columns; `differs` only where it holds in every search that has columns."""
    union = api_pb2.Experiment()
    for part in parts:
        union = _merge(union, part)
    shared = [{i.name for i in part.hparam_infos if i.differs} for part in parts if part.ByteSize()]
    for info in union.hparam_infos:
        info.differs = all(info.name in names for names in shared)
    return union


def _read(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return api_pb2.Experiment.FromString(file.read())
    except (FileNotFoundError, DecodeError):  # none, or a damaged one: it is written anew
        return api_pb2.Experiment()


def _bytes(message: Any) -> bytes:
    content: bytes = message.SerializeToString(deterministic=True)
    return content
