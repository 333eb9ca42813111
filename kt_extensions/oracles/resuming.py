"""How an oracle begins a search in a project folder, or takes up the one that is there."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.record import FORMAT, SearchRecord, hyperparameters_from
from kt_extensions.store import Event
from kt_extensions.warm_start import known_trials

if TYPE_CHECKING:
    from kt_extensions.oracles.sampler_oracle import SamplerOracle


def open_record(oracle: SamplerOracle) -> SearchRecord:
    """Returns the record of an oracle's search, with the oracle in the state it tells of.

    Raises:
        ValueError: If the folder is not a local one, or holds a search for another objective.
        FileNotFoundError: If a folder to warm-start from holds no project.
    """
    if "://" in oracle.project_dir:
        raise ValueError(
            "Expected a local folder, or one that is mounted, as the tuner's `directory`. "
            f"Received: {oracle.project_dir!r}."
        )
    record = SearchRecord(oracle.project_dir)
    events = record.log.read() if record.log.exists() else []
    if events:
        _resume(oracle, record, events)
    else:
        _begin(oracle, record)
    return record


def end_event(trial: Trial, pruned: bool = False) -> Event:
    """Returns the event that tells how a trial ended."""
    steps = [
        observation["step"]
        for metric in trial.metrics.get_config()["metrics"].values()
        for observation in metric["observations"]
    ]
    return {
        "event": "end",
        "trial": trial.trial_id,
        "status": trial.status,
        "score": trial.score,
        "best_step": trial.best_step,
        "metrics": trial.metrics.get_config()["metrics"],
        "message": trial.message,
        "pruned": pruned,
        "fidelity": max(steps, default=0),
        "values": trial.hyperparameters.values,
    }


def with_values(space: kt.HyperParameters, values: Mapping[str, Any]) -> kt.HyperParameters:
    """Returns a copy of hyperparameters with other values."""
    hyperparameters = space.copy()
    hyperparameters.values = dict(values)
    return hyperparameters


def _begin(oracle: SamplerOracle, record: SearchRecord) -> None:
    """Starts the log: with the trials that KerasTuner loaded from its own files, if any."""
    header = {
        "event": "search",
        "format": FORMAT,
        "objective": str(oracle.objective),
        "direction": oracle.objective.direction,
        "seed": oracle.seed,
    }
    space = oracle.hyperparameters.get_config()["space"]
    events: list[Event] = [header, {"event": "space", "hyperparameters": space}]
    record.apply(header)
    record.apply(events[1])
    events += _known_events(oracle, record)
    for trial_id in oracle.start_order:
        events += _events_of(oracle.trials[trial_id], record)
    record.log.append(*events)
    for event in events[2:]:
        record.apply(event)
    oracle.save_state()


def _known_events(oracle: SamplerOracle, record: SearchRecord) -> list[Event]:
    return [
        {"event": "known", "values": values, "y": y if y < float("inf") else None}
        for folder in oracle.warm_start
        for values, y in known_trials(folder, record.space, oracle.objective)
    ]


def _events_of(trial: Trial, record: SearchRecord) -> list[Event]:
    values = trial.hyperparameters.values
    proposal = record.space.encode(values).tolist()
    start = {"event": "start", "trial": trial.trial_id, "values": values, "proposal": proposal}
    return [start] if trial.status == TrialStatus.RUNNING else [start, end_event(trial)]


def _resume(oracle: SamplerOracle, record: SearchRecord, events: list[Event]) -> None:
    _check_header(oracle, record, events[0])
    for event in events:
        record.apply(event)
    _restore_space(oracle, record)
    for event in events:
        if event["event"] == "start":
            _restore_start(oracle, event)
        elif event["event"] == "end":
            _restore_end(oracle, event)
    unfinished = [t for t in oracle.start_order if t not in set(oracle.end_order)]
    oracle._retry_queue = unfinished[::-1]
    if oracle.start_order:
        oracle.save_trial_file(oracle.trials[events[-1].get("trial", oracle.start_order[-1])])


def _check_header(oracle: SamplerOracle, record: SearchRecord, header: Event) -> None:
    advice = "Change `project_name` or `directory`, or pass `overwrite=True`, to begin a new search"
    if header["event"] != "search" or header["format"] > FORMAT:
        raise ValueError(
            f"Expected a log of format {FORMAT}. Received: {record.log.path}, which begins with "
            f"{header}. {advice}."
        )
    if header["objective"] != str(oracle.objective):
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search for "
            f"{header['objective']}. Received: {oracle.objective}. {advice}."
        )
    if oracle.given_seed not in (None, header["seed"]):
        warnings.warn(
            f"The resumed search keeps its seed {header['seed']}. "
            f"Received: seed={oracle.given_seed}. {advice}.",
            stacklevel=2,
        )
    oracle.seed = header["seed"]


def _restore_space(oracle: SamplerOracle, record: SearchRecord) -> None:
    """The recorded space comes first, then what the program declares beyond it."""
    declared = oracle.hyperparameters
    oracle.hyperparameters = hyperparameters_from(record.space_config)
    recorded = {_declaration(hp, "conditions"): hp for hp in oracle.hyperparameters.space}
    changed = [
        hp.name
        for hp in declared.space
        if _declaration(hp, "conditions") in recorded
        and _declaration(hp) != _declaration(recorded[_declaration(hp, "conditions")])
    ]
    if changed:
        warnings.warn(
            f"The resumed search keeps the domains it began with; the program now declares others "
            f"for {changed}. Pass `overwrite=True` to begin a new search.",
            stacklevel=2,
        )
    oracle.update_space(declared)


def _declaration(hp: Any, *only: str) -> str:
    config = {"class": type(hp).__name__, **hp.get_config()}
    kept = {key: value for key, value in config.items() if not only or key in ("name", *only)}
    return json.dumps(kept, sort_keys=True)


def _restore_start(oracle: SamplerOracle, event: Event) -> None:
    trial_id = event["trial"]
    hyperparameters = with_values(oracle.hyperparameters, event["values"])
    oracle.trials[trial_id] = Trial(hyperparameters, trial_id, TrialStatus.RUNNING)
    oracle.start_order.append(trial_id)
    if "enqueued" in event:
        oracle.enqueued_before[json.dumps(event["enqueued"], sort_keys=True)] += 1


def _restore_end(oracle: SamplerOracle, event: Event) -> None:
    trial = oracle.trials[event["trial"]]
    oracle._run_times[trial.trial_id] += 1
    if event["status"] == TrialStatus.INVALID:
        return
    trial.hyperparameters.values = event["values"]
    trial.metrics = type(trial.metrics).from_config({"metrics": event["metrics"]})
    trial.score, trial.best_step = event["score"], event["best_step"]
    trial.status, trial.message = event["status"], event["message"]
    oracle.end_order.append(trial.trial_id)
