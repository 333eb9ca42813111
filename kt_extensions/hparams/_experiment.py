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

from kt_extensions.hparams import _columns as columns_of
from kt_extensions.hparams import _layout as layout
from kt_extensions.hparams._events import hparams_event, write_atomically, write_events
from kt_extensions.hparams._facts import SHOWN, fact_columns

_COLUMN_ORDER = (
    columns_of.SCORE_TAG,
    columns_of.OBJECTIVE_TAG,
    columns_of.BEST_TAG,
    columns_of.BEST_EPOCH_TAG,
    columns_of.EPOCHS_TAG,
    columns_of.DURATION_TAG,
    columns_of.PRUNED_TAG,
    columns_of.EPOCH_TAG,
)
_PART = "experiment.pb"
_CONFIG_RUN = re.compile(r"_config-[0-9a-f]{16}")


class Columns:
    """Keeps the experiment summary of a log folder up to date with one search's columns.

    Args:
        log_dir: The log folder that all searches share.
        search_folder: The folder of this search, where its part is kept.
    """

    def __init__(self, log_dir: str, search_folder: str) -> None:
        self._log_dir = log_dir
        self._search_folder = search_folder
        self._part = os.path.join(search_folder, _PART)
        self._known = api_pb2.Experiment()
        self._seen: set[bytes] = set()
        self._config = ""

    def add(self, hyperparameters: Iterable[Any] = (), metrics: Iterable[Any] = ()) -> None:
        """Adds columns; costs nothing but a look when all are known and nobody else wrote."""
        more = api_pb2.Experiment(hparam_infos=hyperparameters, metric_infos=metrics)
        told = {_bytes(column) for column in (*more.hparam_infos, *more.metric_infos)}
        if self._seen.issuperset(told) and os.path.isdir(self._config):
            return
        if _merge(self._known, more) != self._known or not os.path.isdir(self._config):
            self._write(more)
        self._seen |= told

    def _write(self, more: Any) -> None:
        before = _merge(_read(self._part), self._known)
        self._mark_late(more, before)
        self._known = _merge(before, more)
        write_atomically(self._part, _bytes(self._known))
        self._publish()

    def _mark_late(self, more: Any, before: Any) -> None:
        """Marks new columns that earlier rows have no values for."""
        names = {info.name for info in before.hparam_infos}
        late = [info for info in more.hparam_infos if info.name not in names]
        if any(info.differs for info in late) and layout.has_rows(self._search_folder):
            for info in late:
                columns_of.rare(info, info.description or columns_of.LATE)
        tags = {_key(metric) for metric in before.metric_infos}
        scores = [metric for metric in more.metric_infos if _key(metric) not in tags]
        if scores and layout.has_rows(self._search_folder, ended=True):
            for metric in scores:
                _make_rare(metric)

    def _publish(self) -> None:
        """Writes the union of all searches first and deletes the old one then."""
        paths = sorted(glob.glob(os.path.join(self._folder_pattern, _PART)))
        content = _union([_read(path) for path in paths])
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


def _merge(first: Any, second: Any) -> Any:
    """Both experiments' columns: domains joined, metrics in the order of the table."""
    infos = {info.name: info for info in first.hparam_infos}
    for info in second.hparam_infos:
        known = infos.get(info.name)
        infos[info.name] = info if known is None else columns_of.join(known, info)
    metrics: dict[tuple[str, str], Any] = {}
    for metric in (*first.metric_infos, *second.metric_infos):
        metrics.setdefault(_key(metric), metric)
    columns = sorted(metrics.values(), key=_place)
    return api_pb2.Experiment(hparam_infos=infos.values(), metric_infos=columns)


def _key(metric: Any) -> tuple[str, str]:
    return metric.name.group, metric.name.tag


def _place(metric: Any) -> tuple[bool, int]:
    """What all trials have comes first; each in the order of declaration."""
    tag = metric.name.tag
    kind = next(i for i, prefix in enumerate(_COLUMN_ORDER) if tag.startswith(prefix))
    return bool(metric.description), kind


def _union(parts: list[Any]) -> Any:
    """All searches' columns; those first that every trial of every search has a value for."""
    union = api_pb2.Experiment()
    for part in parts:
        union = _merge(union, part)
    _compare([{info.name: info for info in part.hparam_infos} for part in parts], union)
    _compare_metrics([{_key(metric) for metric in part.metric_infos} for part in parts], union)
    return union


def _compare_metrics(parts: list[set[tuple[str, str]]], union: Any) -> None:
    """Finds out which metrics all searches have; if no objective, the score stands for it."""
    parts = [keys for keys in parts if keys]
    for metric in union.metric_infos:
        if not all(_key(metric) in keys for keys in parts):
            _make_rare(metric)
    objectives = [m for m in union.metric_infos if m.name.tag.startswith(columns_of.OBJECTIVE_TAG)]
    if objectives and all(metric.description for metric in objectives):
        known = {_key(metric) for metric in union.metric_infos}
        shared = (columns_of.score_column(), columns_of.pruned_column())
        union.metric_infos.extend(metric for metric in shared if _key(metric) not in known)
    union.metric_infos.sort(key=_place)


def _make_rare(metric: Any) -> None:
    """Marks a metric that some trials lack. Each has the one of pruning, declared or not."""
    if metric.name.tag != columns_of.PRUNED_TAG:
        metric.description = columns_of.LATE


def _compare(parts: list[dict[str, Any]], union: Any) -> None:
    """Finds out which hyperparameters all trials of all searches have."""
    parts = [infos for infos in parts if infos]
    for info in union.hparam_infos:
        told = [infos[info.name] for infos in parts if info.name in infos]
        if len(told) < len(parts) or any(other.description for other in told):
            columns_of.rare(info, info.description or columns_of.LATE)
        else:
            info.differs = any(other.differs for other in told)
    _fill_up(union, len(parts))


def _fill_up(union: Any, searches: int) -> None:
    """Adds facts of the trials where the page would show columns that have blanks."""
    infos = {info.name: info for info in union.hparam_infos}
    missing = SHOWN - sum(info.differs for info in infos.values())
    if missing > 0 and any(info.description for info in infos.values()):
        union.hparam_infos.extend(fact_columns(infos, searches, missing))


def _read(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return api_pb2.Experiment.FromString(file.read())
    except (FileNotFoundError, DecodeError):  # none, or a damaged one: it is written anew
        return api_pb2.Experiment()


def _bytes(message: Any) -> bytes:
    content: bytes = message.SerializeToString(deterministic=True)
    return content
