"""What a kill, a full disk or a damaged file has left out of a log or of the files beside it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import store
from kt_extensions.oracles.events import end_event, growth, replay, start_event
from kt_extensions.record import SearchRecord
from kt_extensions.reports import FINISHED, is_pruned
from kt_extensions.space.rounding import TOLERANCE
from kt_extensions.store import Event
from kt_extensions.warm_start import advice

if TYPE_CHECKING:
    from kt_extensions.oracles.logged_oracle import LoggedOracle


def load_overlooked(oracle: kt.Oracle) -> None:
    """Loads the trials that KerasTuner has not: it takes brackets in a folder's name for a pattern.

    Args:
        oracle: An oracle, ours or another, that KerasTuner's `Oracle.reload` has reloaded.
    """
    for name in set(oracle.start_order) - set(oracle.trials):
        file = Path(oracle._get_trial_dir(name), "trial.json")
        if file.exists():
            oracle.trials[name] = Trial.load(str(file))


def trial_files(oracle: LoggedOracle) -> list[Path]:
    return sorted(Path(oracle.project_dir).glob("trial_*/trial.json"))


def is_scored_by(objective: kt.Objective, trial: Trial) -> bool:
    """Whether the score of a trial, if it has one, is a value of the objective, which it reported.

    KerasTuner's files do not tell what a search was for.
    """
    if trial.status != TrialStatus.COMPLETED:
        return True
    if not trial.metrics.exists(objective.name):
        return False
    metric = trial.metrics.metrics[objective.name]
    reported = [observation.mean() for observation in metric.get_history()]
    is_known = np.isclose(trial.score, reported, rtol=TOLERANCE, equal_nan=True).any()
    return metric.direction == objective.direction and bool(is_known)


def recover(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Takes from KerasTuner's files what the log should tell of the trials, and does not.

    So it is if lines of it were damaged. The files tell less: no proposals, no order. The log is
    left as it is; what it lacks is written when the search goes on.

    Raises:
        ValueError: If a trial is missing in both.
    """
    unknown = list(_unlogged(oracle, record))
    if unknown and record.log.changed():
        return  # another program is searching, and has logged them by now
    started = {*oracle.trials}
    recovered = [t for t in _without_gaps(oracle, unknown) if _recover_trial(oracle, record, t)]
    new = [trial for trial in recovered if trial.trial_id not in started]
    _warn(oracle, "the log tells nothing of some trials, which are taken from their files", new)
    others = [trial for trial in unknown if trial not in recovered]
    _warn(oracle, "left out as trials of another search", others)
    _check_complete(oracle, record)


def _unlogged(oracle: LoggedOracle, record: SearchRecord) -> Iterator[Trial]:
    """Yields the trials of files, as far as they can be read, whose end the log does not tell."""
    for file in trial_files(oracle):
        trial_id = file.parent.name.removeprefix("trial_")
        if trial_id in oracle.trials and trial_id not in record.unfinished:
            continue
        trial = _trial_in(file, trial_id)
        if trial is not None and (trial_id not in oracle.trials or trial.status in FINISHED):
            yield trial


def _without_gaps(oracle: LoggedOracle, trials: list[Trial]) -> list[Trial]:
    """Returns those that are known or follow the known ones: the others lie astray here."""
    known = {int(name) for name in oracle.trials if name.isdecimal()}
    found = {int(trial.trial_id) for trial in trials if trial.trial_id.isdecimal()}
    gap = next(number for number in itertools.count() if number not in known | found)
    return [
        trial
        for trial in trials
        if trial.trial_id in oracle.trials
        or not trial.trial_id.isdecimal()
        or int(trial.trial_id) < gap
    ]


def _trial_in(file: Path, trial_id: str) -> Trial | None:
    """Returns the trial in a file, `None`, with a warning, if the file is damaged."""
    state = store.read_trial(file)
    if state is None:
        return None
    try:
        trial = Trial.from_state(state)
        if trial.trial_id != trial_id:
            raise ValueError(f"it tells of a trial {trial.trial_id!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        warnings.warn(f"{file}: left out, not a readable trial ({error!r}).", stacklevel=2)
        return None
    return trial


def _recover_trial(oracle: LoggedOracle, record: SearchRecord, trial: Trial) -> bool:
    """Brings oracle and record up to a trial. Returns whether it can be one of this search."""
    if not is_scored_by(oracle.objective, trial):
        return False
    events: list[Event] = []
    if trial.trial_id not in oracle.trials:
        events.append(start_event(trial.trial_id, trial.hyperparameters.values))
    if trial.status in FINISHED:
        try:
            oracle.add_to_space(trial.hyperparameters)
        except ValueError:  # a name that this search knows with another domain
            return False
        end = end_event(trial, oracle.objective, is_pruned(trial))
        events += [*growth(oracle, record), end]
    for event in events:
        replay(oracle, record, event)
    record.lost += events
    return True


def _warn(oracle: LoggedOracle, what: str, trials: list[Trial]) -> None:
    if trials:
        folders = ", ".join(oracle.trial_file(trial.trial_id).parent.name for trial in trials)
        warnings.warn(f"{oracle.project_dir}: {what}: {folders}.", stacklevel=2)


def _check_complete(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Raises if a trial was lost: KerasTuner names a new one by the number of trials there are."""
    numbers = [int(name) for name in oracle.trials if name.isdecimal()]
    if max(numbers, default=-1) >= len(oracle.trials):
        raise ValueError(
            f"Expected a log with {max(numbers) + 1} trials. Received: {record.log.path} with "
            f"{len(oracle.trials)} that can be read. {advice(oracle.project_dir)}"
        )


def bring_up_to_date(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Brings the files of a search that goes on up to its record.

    A kill may have left the log with half a line, and what is written after the log behind it.

    Raises:
        OSError: If the folder cannot be written to.
    """
    record.log.open()
    if record.lost:
        record.log.append(*record.lost)
        record.lost = []
    last = record.last
    if oracle.start_order:
        _write_last(oracle, last.get("trial", oracle.start_order[-1]))
    if last["event"] == "end":
        _report_last(oracle, last)


def _write_last(oracle: LoggedOracle, trial_id: str) -> None:
    """Brings the trial's own file up to the log, which is written before it."""
    file, trial = oracle.trial_file(trial_id), oracle.trials[trial_id]
    state = store.read_trial(file) if file.exists() else None
    if state is None or state["status"] != trial.status:
        oracle.save_trial_file(trial)


def _report_last(oracle: LoggedOracle, event: Event) -> None:
    """Brings the reports of a trial up to its end, which is logged before it is reported."""
    trial_id = event["trial"]
    if len(oracle.reports[trial_id].attempts) < oracle._run_times[trial_id]:
        oracle.reports.end(trial_id, event["status"], event["message"])
