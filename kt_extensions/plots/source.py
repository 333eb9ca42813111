"""Where the figures find a search: in a tuner, or in a project folder."""

from __future__ import annotations

import glob
import json
import os
import re
import warnings
from typing import Any

_KEYS = ("trial_id", "status", "score", "best_step", "metrics")


def oracle_of(source: Any) -> Any:
    """Returns the oracle of a tuner.

    Raises:
        TypeError: If it is no tuner.
    """
    if not hasattr(source, "oracle"):
        raise TypeError(
            "Expected source to be a tuner or the path of a project folder. "
            f"Received: source={source!r} of type {type(source).__name__}."
        )
    return source.oracle


def read_states(folder: str) -> list[dict[str, Any]]:
    """Returns what KerasTuner has saved of the trials of a project, in the order of their start.

    Raises:
        FileNotFoundError: If the folder holds no trials.
    """
    paths = glob.glob(os.path.join(glob.escape(folder), "trial_*", "trial.json"))
    states = [state for state in map(_read_trial, sorted(paths)) if state]
    if not states:
        raise FileNotFoundError(
            "Expected a project folder with files trial_*/trial.json, which KerasTuner writes to "
            f"directory/project_name. Received: {folder!r}."
        )
    return sorted(states, key=lambda state: _natural(state["trial_id"]))


def _read_trial(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            state: dict[str, Any] = json.load(file)
        return {**{key: state[key] for key in _KEYS}, "message": state.get("message")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        warnings.warn(f"Skipped the damaged trial file {path}: {error!r}.", stacklevel=2)
        return None


def _natural(trial_id: str) -> list[tuple[int, str]]:
    """Orders 9 before 10, as the ids get longer when a search is extended."""
    return [(int(part or -1), text) for text, part in re.findall(r"(\D*)(\d*)", str(trial_id))]
