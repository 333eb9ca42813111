"""What KerasTuner's own oracles do not survive: a stop in the midst of a save, or between two."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine.oracle import LOCKS, THREADS

from kt_extensions import objectives, store
from kt_extensions.oracles.recovering import load_overlooked
from kt_extensions.reports import FINISHED
from kt_extensions.warm_start import advice


def save_atomically(oracle: kt.Oracle) -> None:
    """Has an oracle replace its files as a whole, where it would write over them.

    Args:
        oracle: An oracle of KerasTuner's. One that saves in a way of its own is left alone, and so
            is one whose folder is not on a disk (`gs://`).
    """
    if "://" in str(oracle._directory):
        return
    if type(oracle).save is kt.Oracle.save:
        oracle.save = functools.partial(_save, oracle)
    if type(oracle)._save_trial is kt.Oracle._save_trial:
        oracle._save_trial = functools.partial(_save_trial, oracle)


def _save(oracle: kt.Oracle) -> None:
    store.write_atomically(oracle._get_oracle_fname(), json.dumps(oracle.get_state()))


def _save_trial(oracle: kt.Oracle, trial: Trial) -> None:
    file = Path(oracle._get_trial_dir(trial.trial_id), "trial.json")
    text = json.dumps(trial.get_state())
    if trial.status == TrialStatus.RUNNING and trial.metrics.metrics and file.exists():
        with store.tolerantly("The state of a running trial"):
            store.write_atomically(file, text)
        return
    store.write_atomically(file, text)


def tell_directions(oracle: kt.Oracle) -> None:
    """Has an oracle know the metrics for which it would raise: every trial would fail.

    Args:
        oracle: An oracle of KerasTuner's.
    """
    oracle.update_trial = functools.partial(_update_trial, oracle)


def _update_trial(oracle: kt.Oracle, trial_id: str, metrics: Any, step: int = 0) -> Trial:
    objectives.register(oracle.get_trial(trial_id).metrics, oracle.objective, metrics)
    return type(oracle).update_trial(oracle, trial_id, metrics, step=step)


@contextlib.contextmanager
def any_number_of_failures(oracle: kt.Oracle) -> Iterator[int | None]:
    """Keeps an oracle from raising where it holds its lock, for ever then, and has saved nothing.

    Args:
        oracle: An oracle of KerasTuner's; a worker's client of one is left alone.

    Yields:
        How many failed trials in a row it would not stand; `None` for any number.
    """
    limit = getattr(oracle, "max_consecutive_failed_trials", None)
    if limit is None:
        yield None
        return
    oracle.max_consecutive_failed_trials = None
    try:
        yield limit
    finally:
        oracle.max_consecutive_failed_trials = limit


def refuse_scores_that_are_none(oracle: kt.Oracle, trial: Trial) -> None:
    """Has a trial be retried, or fail, whose score would be infinite or NaN.

    Args:
        oracle: An oracle of KerasTuner's, or a worker's client of one.
        trial: The trial that is about to end as completed.
    """
    name = oracle.objective.name
    metrics = oracle.get_trial(trial.trial_id).metrics
    value = metrics.get_best_value(name) if metrics.exists(name) else None
    if value is not None and not math.isfinite(value):
        trial.status = TrialStatus.INVALID
        trial.message = f"The objective {name!r} was {value}."


def let_go(oracle: kt.Oracle) -> None:
    """Gives back the lock that an oracle holds for ever after an error under it.

    Args:
        oracle: An oracle of KerasTuner's that this thread has searched with.
    """
    if THREADS[oracle] == threading.current_thread().name and LOCKS[oracle].locked():
        THREADS[oracle] = None
        LOCKS[oracle].release()


@contextlib.contextmanager
def telling_of_damage(folder: str) -> Iterator[None]:
    """Says what is wrong with a project that cannot be taken up.

    Args:
        folder: The project folder.

    Raises:
        ValueError: If something in it is damaged.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        files = [str(file) for file in _damaged(Path(folder))]
        raise ValueError(
            f"Expected a project that KerasTuner can read. Received: {folder!r}, with damaged "
            f"files {files} ({error!r}). Put back a copy of these. {advice(folder)}"
        ) from error


def _damaged(folder: Path) -> Iterator[Path]:
    for file in [folder / "oracle.json", *sorted(folder.glob("trial_*/trial.json"))]:
        try:
            json.loads(file.read_bytes())
        except (OSError, ValueError):
            yield file


def bring_up_to_date(oracle: kt.Oracle) -> None:
    """Makes up for what a stop has kept from `oracle.json`, which is saved after a trial's file.

    Args:
        oracle: An oracle of KerasTuner's that was reloaded.

    Raises:
        KeyError: If a trial has no file.
    """
    load_overlooked(oracle)
    for name in set(oracle.trials) - set(oracle.start_order):
        if oracle.trials[name].status == TrialStatus.RUNNING:
            del oracle.trials[name]  # it had not begun; it is proposed again
    begun = {name: oracle.trials[name] for name in oracle.start_order}
    oracle.trials = {**begun, **oracle.trials}  # in order: it decides between equal scores
    waiting = [name for name in dict.fromkeys(oracle._retry_queue) if name not in oracle.end_order]
    for name in waiting:
        trial = oracle.trials[name]
        if trial.status in FINISHED:
            oracle._run_times[name] += 1
            oracle.end_order.append(name)
        else:
            trial.metrics = type(trial.metrics)()  # those of the run that was cut off
    oracle._retry_queue = [name for name in waiting if name not in oracle.end_order]
