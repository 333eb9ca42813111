"""The trials of a search as a list that can be saved."""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from kt_extensions.reports import Attempt, TrialReport
from kt_extensions.store import write_atomically

_COLUMNS = ("trial_id", "status", "score", "epochs", "duration", "parent", "message")


class Results(list[dict[str, Any]]):
    """Trials, each a dictionary; see `kt_extensions.Tuner.results`.

    Example:

    >>> results = Results([{"trial_id": "0", "score": 0.5, "values": {"units": 8}}])
    >>> results.rows()[0]["values/units"]
    8
    """

    def rows(self) -> list[dict[str, Any]]:
        """Returns one flat dictionary for each trial: no history, `values/...` for each value."""
        names = {name: None for result in self for name in result["values"]}
        return [_row(result, list(names)) for result in self]

    def to_csv(self, file: str | os.PathLike[str]) -> None:
        """Writes a table, one row for each trial, without the histories.

        Args:
            file: The file, which is replaced if there is one.

        Raises:
            OSError: If it cannot be written.
        """
        rows = self.rows()
        table = io.StringIO(newline=None)  # all line ends become "\n"
        writer = csv.DictWriter(table, list(rows[0]) if rows else _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(file, table.getvalue())

    def to_json(self, file: str | os.PathLike[str]) -> None:
        """Writes all that there is, with the histories. NaN and infinities are written as null.

        Args:
            file: The file, which is replaced if there is one.

        Raises:
            OSError: If it cannot be written.
        """
        write_atomically(file, json.dumps(_plain(self), indent=1))

    def to_pandas(self) -> Any:
        """Returns a `pandas.DataFrame`, one row for each trial, without the histories.

        Raises:
            ImportError: If pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError(
                "Expected pandas, which makes the table. It is not installed: run "
                "`pip install pandas`, or use `rows()` or `to_csv(file)`."
            ) from error
        return pandas.DataFrame(self.rows())


def trial_result(
    report: TrialReport,
    *,
    trial_id: str,
    status: str,
    score: float | None,
    values: Mapping[str, Any],
    parent: str | None,
    message: str | None,
) -> dict[str, Any]:
    """Returns what `Results` tells of a trial; see `kt_extensions.Tuner.results`.

    Args:
        report: What the trial has reported.
        trial_id: Its name.
        status: That of KerasTuner, or `"PRUNED"`.
        score: Its score; `None` if it has none.
        values: Its hyperparameters.
        parent: The trial that it goes on from; `None` for none.
        message: Why it failed or was pruned.

    Example:

    >>> told = {"status": "RUNNING", "score": None, "values": {}, "parent": None, "message": None}
    >>> [*trial_result(TrialReport(), trial_id="00", **told)]  # doctest: +NORMALIZE_WHITESPACE
    ['trial_id', 'status', 'scores', 'score', 'values', 'epochs', 'history', 'parent', 'duration',
     'message']
    """
    return {
        "trial_id": trial_id,
        "status": status,
        "scores": [score for _, score in sorted(report.scores.items())],
        "score": score,
        "values": dict(values),
        "epochs": report.epochs,
        "history": report.histories(),
        "parent": parent,
        "duration": report.seconds,
        "message": message,
    }


def failed_attempts(
    report: TrialReport, status: str, message: str | None
) -> list[tuple[int, Attempt]]:
    """Returns the attempts of a trial that have failed, each with its number from 1.

    Args:
        report: What the trial has reported. It may lack the last end: a kill came before it.
        status: The trial's own, which tells of that end, too.
        message: The trial's own.

    Example:

    >>> failed_attempts(TrialReport(), "FAILED", "too large")
    [(1, Attempt(status='FAILED', message='too large', seconds=None))]
    """
    attempts = report.attempts
    known = [attempt.status for attempt in attempts]
    if status in ("FAILED", "INVALID") and status not in known:
        attempts = [*attempts, Attempt(status, message, None)]
    return [pair for pair in enumerate(attempts, start=1) if pair[1].status != "COMPLETED"]


def _row(result: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    values = {f"values/{name}": result["values"].get(name) for name in names}
    return {**{column: result.get(column) for column in _COLUMNS}, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
