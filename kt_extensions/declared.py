"""The hyperparameters that a model function, a tuner or an oracle declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras_tuner as kt

from kt_extensions.reports import FINISHED


class Declared(NamedTuple):
    """What is known of a search before, or while, it runs.

    Attributes:
        hyperparameters: Those of KerasTuner.
        seconds_per_trial: Mean seconds from the start of one trial to that of the next.
        max_trials: How many trials the search may have.
    """

    hyperparameters: list[Any]
    seconds_per_trial: float | None = None
    max_trials: int | None = None


def read(space: Any) -> Declared:
    """Returns what a search space, a model function or a search declares.

    Args:
        space: A `keras_tuner.HyperParameters`, a model function, a `keras_tuner.HyperModel`, or a
            tuner or oracle, a worker's client included.

    Raises:
        TypeError: If it is none of these.
        ValueError: If a model function raises; its error is the cause.
    """
    if isinstance(space, kt.HyperParameters):
        return Declared(space.space)
    if not isinstance(space, type):
        if hasattr(space, "oracle") or hasattr(space, "get_space"):
            return _of_search(space)
        if isinstance(space, kt.HyperModel):
            return Declared(_declarations(_with_training(space), space.declare_hyperparameters))
        if callable(space):
            return Declared(_declarations(space))
    raise TypeError(
        "Expected a keras_tuner.HyperParameters, a model function, a keras_tuner.HyperModel, or a "
        f"tuner or oracle. Received: {space!r} of type {type(space).__name__}. Pass an object, not "
        "its class."
    )


def _with_training(hypermodel: kt.HyperModel) -> Callable[[Any], None]:
    """Returns what builds a model and, of one of ours, declares what its `fit` tunes."""
    declare = getattr(hypermodel, "declare_training", lambda hp: None)

    def build(hp: Any) -> None:
        hypermodel.build(hp)
        declare(hp)

    return build


def _of_search(search: Any) -> Declared:
    oracle = getattr(search, "oracle", search)
    planned = getattr(oracle, "planned_trials", oracle.max_trials)
    return Declared(
        oracle.get_space().space,
        seconds_per_trial=_pace(search, oracle),
        max_trials=planned if planned and planned > 0 else None,
    )


def _pace(search: Any, oracle: Any) -> float | None:
    """Returns the mean seconds of a trial, if the tuner keeps the time and trials have ended."""
    trials = getattr(oracle, "trials", {}).values()
    finished = sum(trial.status in FINISHED for trial in trials)
    seconds = search.get_state().get("seconds") if finished and search is not oracle else None
    return seconds / finished if seconds else None


def _declarations(
    build: Callable[[Any], Any], declare: Callable[[Any], Any] = lambda hp: None
) -> list[Any]:
    """Builds models until each conditional scope was open once, as KerasTuner's tuners do."""
    hp = kt.HyperParameters()
    _run(declare, hp)
    waiting: list[list[Any]] = [[]]
    tried: list[list[Any]] = []
    while waiting:
        hp = hp.copy()  # with what is declared, without the scopes of the last build
        hp.values = _opening(hp, waiting[0])
        _run(build, hp)
        tried += [waiting[0], *hp.active_scopes]
        waiting = [scope for scope in waiting + hp.inactive_scopes if scope not in tried]
    space: list[Any] = hp.space
    return space


def _opening(hp: Any, scope: Iterable[Any]) -> dict[str, Any]:
    """Returns values with which a scope is open; defaults where it leaves the choice.

    Scopes that a depth opens list all the larger ones: the last value opens most of them at once.
    """
    opened = hp.copy()
    opened.values = {condition.name: condition.values[-1] for condition in scope}
    for declared in opened.space:
        if opened.is_active(declared):
            opened.values.setdefault(declared.name, declared.default)
    values: dict[str, Any] = opened.values
    return values


def _run(function: Callable[[Any], Any], hp: Any) -> None:
    try:
        function(hp)
    except Exception as error:
        raise ValueError(
            "Expected a model function that builds a model with any hyperparameters. Received: "
            f"{type(error).__name__}: {error} with {hp.values}. The traceback above shows where; "
            "or describe a `HyperParameters` that is declared without a model."
        ) from error
