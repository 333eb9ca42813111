"""The trials of an oracle, ours or another's, whose search was stopped before their end."""

from __future__ import annotations

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus

from kt_extensions.oracles.processes import locked


def requeue(oracle: kt.Oracle) -> None:
    """Has the trials that an earlier search of this program has left run again, in their order.

    They stay with the names of its workers, under which the next search may ask for nothing.

    Args:
        oracle: The oracle itself, not a worker's client of it. Nobody else searches with it.
    """
    with locked(oracle):
        left = {trial.trial_id for trial in oracle.ongoing_trials.values()}
        left -= {*oracle.end_order, *oracle._retry_queue}  # stopped in the midst of their end
        for name in reversed(oracle.start_order):  # the queue is taken from its end
            if name in left:
                trial = oracle.trials[name]
                trial.status, trial.metrics = TrialStatus.RUNNING, type(trial.metrics)()
                oracle._retry_queue.append(name)
        oracle.ongoing_trials.clear()
