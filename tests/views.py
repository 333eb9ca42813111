"""Trials as they are looked at, made by hand."""

from __future__ import annotations

from typing import Any

import keras_tuner as kt

from kt_extensions.searches import TrialView
from kt_extensions.space import saved


def saved_space(hp: kt.HyperParameters) -> list[saved.Hyperparameter]:
    """Hyperparameters as a view of a search has them."""
    return [saved.from_config(config) for config in hp.get_config()["space"]]


def trial_view(number: int, **facts: Any) -> TrialView:
    """A trial without values that has failed, but for what is told of it."""
    plain: dict[str, Any] = {
        "number": number,
        "trial_id": f"{number:02d}",
        "status": "FAILED",
        "score": None,
        "scores": [],
        "values": {},
        "rung": {},
        "parent": None,
        "history": [],
        "epochs": 0,
        "duration": None,
        "runs": [],
        "message": None,
    }
    return TrialView(**{**plain, **facts})
