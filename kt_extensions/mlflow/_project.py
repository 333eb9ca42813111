"""The runs of a search that was not logged while it ran."""

from __future__ import annotations

import os
import types
import warnings
from typing import Any

import keras_tuner as kt

from kt_extensions.logs.recorded import recorded
from kt_extensions.mlflow._logger import MLflowLogger
from kt_extensions.mlflow._server import Unsent
from kt_extensions.reports import FINISHED


def write_project(
    project: str | os.PathLike[str],
    tracking_uri: str | None = None,
    experiment_name: str | None = None,
    objective: Any = None,
) -> int:
    """Writes a search, finished or running, to MLflow from its project folder.

    What the folder does not tell is not in the runs: the best model, and, of searches of other
    tuners than ours, the curves and the durations. Trials that have a run already keep it; the
    folder remembers the ids in files `mlflow.json`.

    Args:
        project: The project folder, `directory/project_name`, of any KerasTuner search.
        tracking_uri: As for `MLflowLogger`.
        experiment_name: As for `MLflowLogger`.
        objective: The objective, as a tuner takes it. By default what the folder tells.

    Returns:
        The number of trials that have ended, and have a run now.

    Raises:
        ConnectionError: If the server is away.
        FileNotFoundError: If the folder holds no trials.
        ImportError: If mlflow is not installed.
        ValueError: If `tracking_uri` is none.

    Example:
        >>> write_project("results/digits", "http://127.0.0.1:5000")  # doctest: +SKIP
        50
    """
    search, trials, aim = recorded(project, objective)
    oracle = types.SimpleNamespace(
        objective=aim,
        trials=trials,
        get_space=kt.HyperParameters,
    )
    logger = MLflowLogger(tracking_uri, experiment_name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Unsent)  # no search goes on
        logger.on_search_begin(oracle, os.fspath(project), search.name)
        logger.on_search_end()
    if logger.unsent:
        raise ConnectionError(
            f"Expected an MLflow server at {logger.tracking_uri!r}. Received no answer: "
            f"{logger.problem} Start it, or correct the address."
        )
    return sum(trial.status in FINISHED for trial in trials.values())
