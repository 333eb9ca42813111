"""The log of a search that was not logged while it ran."""

from __future__ import annotations

import os
import types
from typing import Any

import keras_tuner as kt

from kt_extensions.hparams._logger import HParamsLogger
from kt_extensions.logs.recorded import recorded


def write_project(
    project: str | os.PathLike[str], log_dir: str | os.PathLike[str], objective: Any = None
) -> int:
    """Writes the HParams log of a search, finished or running, from its project folder.

    What the folder does not tell is not in the log: of searches of other tuners than ours the
    curves and the durations. Trials that have a row already keep it; the folder remembers which
    rows are its own in a file `hparams_search_id`.

    Args:
        project: The project folder, `directory/project_name`, of any KerasTuner search.
        log_dir: The folder to open with `tensorboard --logdir`.
        objective: The objective, as a tuner takes it. By default what the folder tells.

    Returns:
        The number of trials that have ended, and have a row now.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        OSError: If a folder cannot be written to.

    Example:
        >>> write_project("results/digits", "logs")  # doctest: +SKIP
        50
    """
    search, trials, aim = recorded(project, objective)
    oracle = types.SimpleNamespace(
        objective=aim,
        trials={},
        get_space=kt.HyperParameters,
    )
    logger = HParamsLogger(log_dir)
    logger.on_search_begin(oracle, os.fspath(project), search.name)
    ended = [view for view in search.trials if view.status not in ("RUNNING", "INVALID", "IDLE")]
    for view in ended:
        logger.restore(trials[view.trial_id], view.history, view.duration)
    oracle.trials.update(trials)
    logger.on_search_end()
    return len(ended)
