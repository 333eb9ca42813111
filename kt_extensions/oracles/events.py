"""The events of a search: what they tell of its trials, and how an oracle comes to know it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives, store
from kt_extensions.oracles.shared import declared_as
from kt_extensions.record import SearchRecord
from kt_extensions.store import Event

if TYPE_CHECKING:
    from kt_extensions.oracles.logged_oracle import LoggedOracle


def growth(oracle: LoggedOracle, record: SearchRecord) -> list[Event]:
    """Returns the event that tells of the hyperparameters that were not logged yet, if any."""
    logged = len(record.space_config)
    if len(oracle.hyperparameters.space) == logged:
        return []
    added = oracle.hyperparameters.get_config()["space"][logged:]
    return [{"event": "space", "hyperparameters": added}]


def start_event(trial_id: str, values: Mapping[str, Any]) -> Event:
    """Returns the event for a trial of which no proposal is known."""
    return {"event": "start", "trial": trial_id, "values": dict(values), "proposal": None}


def end_event(trial: Trial, objective: kt.Objective, pruned: bool = False) -> Event:
    """Returns the event that tells how a trial ended."""
    several = objectives.several(objective)
    outcome = {"objectives": objectives.values_of(trial, objective)} if several else {}
    metrics = trial.metrics.get_config()["metrics"]
    observations = [o for metric in metrics.values() for o in metric["observations"]]
    for observation in observations:
        observation["value"] = [store.as_json(value) for value in observation["value"]]
    return {
        "event": "end",
        "trial": trial.trial_id,
        "status": trial.status,
        "score": trial.score,
        **outcome,
        "best_step": trial.best_step,
        "metrics": metrics,
        "message": trial.message,
        "pruned": pruned,
        "fidelity": max((observation["step"] for observation in observations), default=0),
        "values": trial.hyperparameters.values,
    }


def _metrics(event: Event) -> dict[str, Any]:
    """Returns the metrics of an end event as KerasTuner keeps them."""
    for metric in event["metrics"].values():
        for observation in metric["observations"]:
            observation["value"] = [float(value) for value in observation["value"]]
    return dict(event["metrics"])


def replay(oracle: LoggedOracle, record: SearchRecord, event: Event) -> None:
    """Applies an event to the record and to what the base class keeps."""
    record.apply(event)
    match event["event"]:
        case "space":
            oracle.hyperparameters = hyperparameters_from(record.space_config)
        case "start":
            hyperparameters = declared_as(oracle.hyperparameters.space, event["values"])
            oracle.trials[event["trial"]] = Trial(hyperparameters, event["trial"])
            oracle.start_order.append(event["trial"])
        case "end":
            oracle._run_times[event["trial"]] += 1
            if event["status"] != TrialStatus.INVALID:
                _replay_end(oracle, oracle.trials[event["trial"]], event)


def _replay_end(oracle: LoggedOracle, trial: Trial, event: Event) -> None:
    if len(trial.hyperparameters.space) < len(oracle.hyperparameters.space):
        trial.hyperparameters = declared_as(oracle.hyperparameters.space, event["values"])
    trial.hyperparameters.values = event["values"]
    trial.metrics = type(trial.metrics).from_config({"metrics": _metrics(event)})
    trial.score, trial.best_step = event["score"], event["best_step"]
    trial.status, trial.message = event["status"], event["message"]
    oracle.end_order.append(trial.trial_id)


def hyperparameters_from(config: list[dict[str, Any]]) -> kt.HyperParameters:
    """Returns hyperparameters from the configurations of a `space` event, with their defaults."""
    # A copy: KerasTuner replaces the conditions in what it reads.
    declared = kt.HyperParameters.from_config({"space": copy.deepcopy(config), "values": {}})
    hyperparameters = kt.HyperParameters()
    hyperparameters.merge(declared)
    return hyperparameters
