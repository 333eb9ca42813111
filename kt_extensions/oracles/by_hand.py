"""How an oracle, ours or another's, runs a trial that a person asks to go on from another one.

The trial counts neither as one of those that the search may have, nor as one of its schedule, and
samplers do not see it. What it has in common with others is that it is in the table of trials and
may be the best.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.oracles.processes import locked
from kt_extensions.oracles.sampler_oracle import SamplerOracle
from kt_extensions.record import by_hand

_RUNNER = "by hand"  # in place of the tuner's id, which may have a trial of the search


def begin(oracle: kt.Oracle, values: Mapping[str, Any]) -> str:
    """Begins a trial of the project.

    Args:
        oracle: The oracle itself, not a worker's client of it.
        values: The values of the hyperparameters, and `tuner/trial_id`, `tuner/epochs` and
            `tuner/initial_epoch`.

    Returns:
        The name of the trial.
    """
    with oracle._consistently() if isinstance(oracle, SamplerOracle) else locked(oracle):
        name = f"{len(oracle.trials):0{len(str(oracle.max_trials))}d}"
        if isinstance(oracle, SamplerOracle):
            oracle.begin_by_hand(name, values)
        hyperparameters = oracle.hyperparameters.copy()
        hyperparameters.values = dict(values)
        trial = Trial(hyperparameters, name, TrialStatus.RUNNING)
        oracle._record_values(trial)
        oracle.trials[name] = oracle.ongoing_trials[_RUNNER] = trial
        oracle.start_order.append(name)
        oracle._save_trial(trial)
        oracle.save()
        return name


def take_up(oracle: kt.Oracle, name: str) -> Trial:
    """Returns a trial that has begun and not ended, as one that runs."""
    with locked(oracle):
        _set_aside(oracle, name)
        trial = oracle.trials[name]
        trial.status = TrialStatus.RUNNING
        oracle.ongoing_trials[_RUNNER] = trial
        if isinstance(oracle, SamplerOracle):
            oracle.reports.begin(name, _RUNNER)
        oracle.save()
        return trial


def is_waiting(oracle: kt.Oracle, name: str) -> bool:
    """Whether a trial is to be run again."""
    return name in oracle._retry_queue


def give_back(oracle: kt.Oracle, name: str) -> None:
    """Leaves a trial that was stopped before its end to the next search, or to who asks again."""
    with locked(oracle):
        if oracle.ongoing_trials.pop(_RUNNER, None) is not None:
            oracle._retry_queue.append(name)


@contextlib.contextmanager
def uncounted(oracle: kt.Oracle) -> Iterator[None]:
    """Lets a search have as many trials of its own as it may, whatever a person asked for."""
    before = getattr(oracle, "max_trials", None)
    added = sum(by_hand(t.hyperparameters.values) for t in getattr(oracle, "trials", {}).values())
    if not (before and added):
        yield
        return
    oracle.max_trials = before + added
    try:
        yield
    finally:
        oracle.max_trials = before


def _set_aside(oracle: kt.Oracle, name: str) -> None:
    """Takes a trial from those who would run it."""
    oracle._retry_queue = [waiting for waiting in oracle._retry_queue if waiting != name]
    ongoing = oracle.ongoing_trials.items()
    oracle.ongoing_trials = {t: trial for t, trial in ongoing if trial.trial_id != name}
