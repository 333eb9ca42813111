"""Checks of what a tuner is made with, before anything is written."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt

from kt_extensions.checking import check_integer, takes
from kt_extensions.space.reading import from_hyperparameter
from kt_extensions.wording import hint


def check_arguments(
    tuner: type, runs_trials: bool, oracle: Any, hypermodel: Any, kwargs: Mapping[str, Any]
) -> None:
    """Checks the arguments of a tuner.

    Args:
        tuner: Its class.
        runs_trials: Whether it runs trials as KerasTuner's does, and so needs a hypermodel.
        oracle: The oracle.
        hypermodel: The hypermodel.
        kwargs: The others that KerasTuner takes.

    Raises:
        ValueError: If an argument is unknown, or not what it is to be.
        OSError: If there can be no project folder.
    """
    _check_known(tuner, oracle, kwargs)
    _check_hypermodel(hypermodel, runs_trials)
    check_integer("executions_per_trial", kwargs.get("executions_per_trial", 1), 1)
    _check_project(kwargs.get("directory"), kwargs.get("project_name"))


def _check_known(tuner: type, oracle: object, names: Iterable[str]) -> None:
    """Checks the names of a tuner's arguments."""
    constructors = [vars(c)["__init__"] for c in tuner.__mro__[:-1] if "__init__" in vars(c)]
    known = {name for taken in map(_parameters, constructors) for name in taken} - {"self"}
    for name in names:
        if name not in known:
            advice = hint(name, known)
            if name in _parameters(vars(type(oracle)).get("__init__", object.__init__)):
                advice = " Pass it to the oracle."
            raise ValueError(
                f"Expected arguments that `{tuner.__name__}` takes. Received: {name!r}.{advice}"
            )


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function, follow_wrapped=False).parameters)


def _check_hypermodel(hypermodel: Any, is_needed: bool) -> None:
    """Checks that there is a hypermodel, and that it can build models."""
    if hypermodel is None and not is_needed:
        return
    received = f"hypermodel={hypermodel!r}"
    if isinstance(hypermodel, type) and not issubclass(hypermodel, keras.Model):
        received = f"the class {hypermodel.__name__}. Pass an instance: call the class"
    elif isinstance(hypermodel, keras.Model):
        received = "a model. Pass a function that builds a new one for each trial"
    elif isinstance(hypermodel, kt.HyperModel) or takes(hypermodel, "hp"):
        return
    raise ValueError(
        "Expected `hypermodel`, a function from HyperParameters to a compiled model, "
        "`def build(hp): ...`, or an instance of `keras_tuner.HyperModel`. Received: "
        f"{received}. It may be left out only by a subclass that overrides `run_trial`."
    )


def check_folder(name: str, folder: Any) -> None:
    """Checks that something is a folder, or can become one. One that is not on a disk may be any.

    Raises:
        ValueError: If it is no path.
        NotADirectoryError: If a file is in the way.
        PermissionError: If it cannot be made.
    """
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(f"Expected `{name}` to be the path of a folder. Received: {folder!r}.")
    if "://" in os.fspath(folder):
        return
    path = Path(folder).absolute()
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir():
        raise NotADirectoryError(
            f"Expected `{name}` to be a folder. Received: {os.fspath(folder)!r}, where {there} is "
            "a file. Choose another path, or move the file."
        )
    if there != path and not os.access(there, os.W_OK):
        raise PermissionError(
            f"Expected `{name}` to be a folder that can be written to. Received: "
            f"{os.fspath(folder)!r}, and nothing can be written to {there}. Choose another path."
        )


def _check_project(directory: Any, project_name: Any) -> None:
    """Checks where a project is to be, as KerasTuner's tuners are told it."""
    check_folder("directory", directory or ".")
    if not isinstance(project_name, str | os.PathLike | None):
        raise ValueError(f"Expected `project_name` to be a text. Received: {project_name!r}.")
    told = {"directory": directory, "project_name": project_name}
    check_folder("project_name", folder_told(told))


def folder_told(kwargs: Mapping[str, Any]) -> str:
    """Returns the project folder by the arguments that KerasTuner's tuners take."""
    name = kwargs.get("project_name") or "untitled_project"
    return os.path.join(kwargs.get("directory") or ".", name)


def warn_of_steps(space: Iterable[Any]) -> None:
    """Warns of hyperparameters that have one value, since their step is larger than the range."""
    for hp in space:
        step, low, high = (getattr(hp, n, None) for n in ("step", "min_value", "max_value"))
        if step is None or low is None or low == high:
            continue
        if from_hyperparameter(hp).size == 1:
            warnings.warn(
                f"The step {step} of {hp.name!r} leads out of its range, {low} to {high}: it is "
                "not searched. Make the step smaller.",
                stacklevel=2,
            )
