"""How a tuner learns what a scheduler decided: by the values of KerasTuner's Hyperband."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial

from kt_extensions.history import Run, TrialTable
from kt_extensions.record import BRACKET, EPOCHS, INITIAL_EPOCH, PARENT, ROUND, own_values


def schedule_values(table: TrialTable, run: Run, halvings: int) -> dict[str, Any]:
    """Returns the values `tuner/...` of a trial.

    Args:
        table: The trials so far.
        run: What the trial is in the schedule.
        halvings: How often its bracket halves, which is KerasTuner's `tuner/bracket`; the rung is
            its `tuner/round`.
    """
    values: dict[str, Any] = {
        EPOCHS: run.epochs,
        INITIAL_EPOCH: 0,
        BRACKET: halvings,
        ROUND: run.rung,
    }
    if run.parent >= 0:
        values[INITIAL_EPOCH] = int(table.history().budget[run.parent])
        values[PARENT] = table.trial_id(run.parent)
    return values


def promoted(table: TrialTable, trials: Mapping[str, Trial], run: Run) -> dict[str, Any]:
    """Returns the values and the point of the trial that is promoted, for the one that goes on."""
    parent = trials[table.trial_id(run.parent)]
    point = np.nan_to_num(table.history().proposal[run.parent], nan=0.5)
    return {"values": own_values(parent.hyperparameters.values), "proposal": point.tolist()}
