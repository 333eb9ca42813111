"""Facts of every trial that stand in for hyperparameters which not every trial has.

The page shows the first five hyperparameters, and its parallel view drops each trial with a blank
in one of them. Where fewer than five are sure to be filled, these fill up: they are in each row,
but a column only where it is needed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorboard.plugins.hparams import api_pb2

from kt_extensions.hparams._columns import CONDITIONAL
from kt_extensions.record import PARENT

SHOWN = 5
"""How many columns the page shows at first."""

_PREFIX = "search/"  # so that no name of a user's is taken
_NONE = "none"
_NAMED = 3

Infos = dict[str, Any]


class _Fact(NamedTuple):
    title: str
    tells: Callable[[Infos, int], bool]
    numeric: bool = False


def _has_conditions(infos: Infos, searches: int) -> bool:
    return any(info.description == CONDITIONAL for info in infos.values())


def _has_promotions(infos: Infos, searches: int) -> bool:
    return PARENT in infos


def _has_neighbours(infos: Infos, searches: int) -> bool:
    return searches > 1


def _always(infos: Infos, searches: int) -> bool:
    return True


_TELLING = (
    _Fact("active", _has_conditions),
    _Fact("parent", _has_promotions),
    _Fact("project", _has_neighbours),
    _Fact("trial", _always, numeric=True),
    _Fact("worker", _always),
    _Fact("attempt", _always, numeric=True),
    _Fact("project", _always),
    _Fact("parent", _always),
)


def facts(group: str, attempt: int, hyperparameters: Any) -> dict[str, Any]:
    """Returns the facts of a trial, as values of a row.

    Args:
        group: The name of its row, `PROJECT/TRIAL`.
        attempt: How often it was begun.
        hyperparameters: Its hyperparameters.
    """
    project, _, trial = group.rpartition("/")
    told = {
        "active": _active(hyperparameters),
        "parent": hyperparameters.values.get(PARENT) or _NONE,
        "project": project,
        "trial": int(trial) if trial.isdecimal() else -1,
        "worker": os.environ.get("KERASTUNER_TUNER_ID") or socket.gethostname(),
        "attempt": attempt,
    }
    return {_PREFIX + title: value for title, value in told.items()}


def fact_columns(infos: Infos, searches: int, number: int) -> list[Any]:
    """Returns so many columns of facts, the most telling ones.

    Args:
        infos: The columns of the hyperparameters, by name.
        searches: How many searches there are in the log folder.
        number: How many columns to return.
    """
    telling = {fact.title: fact for fact in _TELLING if fact.tells(infos, searches)}
    return [_column(fact) for fact in list(telling.values())[:number]]


def _column(fact: _Fact) -> Any:
    kind = api_pb2.DATA_TYPE_FLOAT64 if fact.numeric else api_pb2.DATA_TYPE_STRING
    column = api_pb2.HParamInfo(
        name=_PREFIX + fact.title, display_name=fact.title, type=kind, differs=True
    )
    if fact.numeric:
        column.domain_interval.max_value = 1e9
    return column


def _active(hyperparameters: Any) -> str:
    """Names the conditional hyperparameters that are active."""
    space = [hp for hp in hyperparameters.space if hp.conditions]
    names = list(dict.fromkeys(hp.name for hp in space if hyperparameters.is_active(hp)))
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join(names[:_NAMED] + more) or _NONE
