"""How a search stands: which trials are the best, how many ended how, how large its space is."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from kt_extensions import pareto
from kt_extensions.description import SpaceDescription, description_of
from kt_extensions.reports import TrialReport, read_report
from kt_extensions.results import Results, failed_attempts, trial_result
from kt_extensions.searches import SearchView, TrialView


def ranked(search: SearchView) -> list[TrialView]:
    """Returns the trials that have a score, the best first; pruned ones after all others.

    Of several objectives the best compromises come first, as with a tuner's `get_best_trials`.
    """
    trials = [trial for trial in search.scored if trial.scores]
    order = pareto.compromises(_minimized(search, trials))
    return sorted((trials[i] for i in order), key=lambda trial: trial.pruned)


def front(search: SearchView) -> list[TrialView]:
    """Returns the trials that no other one dominates, sorted by the first objective."""
    trials = [trial for trial in search.scored if trial.scores]
    values = _minimized(search, trials)
    best = np.flatnonzero(pareto.fronts(values) == 0)
    return [trials[i] for i in best[np.argsort(values[best, 0], kind="stable")]]


def best_trial(search: SearchView) -> TrialView:
    """Returns the best trial.

    Raises:
        ValueError: If no trial is completed.
    """
    trials = ranked(search)
    if not trials:
        raise ValueError(
            "Expected a search with a completed trial. Received: "
            f"{search.folder!r}, whose trials are {counted(search)}. "
            f"`kt-extensions report` shows why trials have failed."
        )
    return trials[0]


def counted(search: SearchView) -> str:
    """Returns how many trials ended how, in words.

    Example:
        >>> counted(SearchView("digits", "", "val_loss", "min", [("val_loss", "min")], [], []))
        'none'
    """
    statuses = [trial.status.lower() for trial in search.trials]
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    return ", ".join(f"{count:,} {status}" for status, count in counts.items()) or "none"


def described(search: SearchView) -> SpaceDescription:
    """Returns the search space, and how much of it was tried in which time.

    A trial that goes on from another one has that one's configuration and is not counted.
    """
    times = [trial.duration for trial in search.trials if trial.duration]
    return description_of(
        search.space,
        seconds_per_trial=fmean(times) if times else None,
        max_trials=sum(trial.parent is None for trial in search.trials) or None,
    )


def results_of(search: SearchView) -> Results:
    """Returns the trials as `kt_extensions.Tuner.results` does."""
    return Results(_result(search, trial) for trial in search.trials)


def failures(search: SearchView) -> list[tuple[TrialView, str]]:
    """Returns the message of each attempt that failed, with its trial; retried ones, too."""
    return [
        (trial, attempt.message or "")
        for trial in search.trials
        for _, attempt in failed_attempts(_report(search, trial), trial.status, trial.message)
    ]


def _report(search: SearchView, trial: TrialView) -> TrialReport:
    if not search.folder:
        return TrialReport()
    return read_report(Path(search.folder, f"trial_{trial.trial_id}"))


def _result(search: SearchView, trial: TrialView) -> dict[str, Any]:
    return trial_result(
        _report(search, trial),
        trial_id=trial.trial_id,
        status=trial.status,
        score=trial.score,
        values=trial.values,
        parent=trial.parent,
        message=trial.message,
    )


def _minimized(search: SearchView, trials: list[TrialView]) -> Any:
    signs = [1.0 if direction == "min" else -1.0 for _, direction in search.objectives]
    scores = [trial.scores for trial in trials]
    return np.array(scores).reshape(-1, len(signs)) * signs
