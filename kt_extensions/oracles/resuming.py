"""How an oracle begins a search in a project folder, or takes up the one that is there."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kt_extensions import objectives, store
from kt_extensions.oracles.events import end_event, growth, replay, start_event
from kt_extensions.oracles.recovering import (
    is_scored_by,
    load_overlooked,
    recover,
    trial_files,
)
from kt_extensions.record import FORMAT, SearchRecord
from kt_extensions.reports import is_pruned
from kt_extensions.store import Event
from kt_extensions.warm_start import advice, known_trials

if TYPE_CHECKING:
    from kt_extensions.oracles.logged_oracle import LoggedOracle


def open_record(oracle: LoggedOracle) -> SearchRecord:
    """Returns the record of an oracle's search, with the oracle in the state it tells of.

    Raises:
        ValueError: If the folder is not a local one, or holds a search for another objective, or
            one whose log is damaged beyond repair.
        FileNotFoundError: If a folder to warm-start from holds no project.
        OSError: If the folder cannot be written to.
    """
    if "://" in oracle.project_dir:
        raise ValueError(
            "Expected a local folder, or one that is mounted, as the tuner's `directory`: the "
            "oracles of kt_extensions append to a log, which no bucket allows. Received: "
            f"{oracle.project_dir!r}. Mount the bucket, or use an oracle of KerasTuner in "
            "`kt_extensions.Tuner`."
        )
    record = SearchRecord(oracle.project_dir)
    if record.log.exists():
        _resume(oracle, record, record.log.read())
    else:
        _take_over(oracle, record)
        _begin(oracle, record)
    recover(oracle, record)
    oracle._retry_queue = list(reversed(record.unfinished))
    return record


def _take_over(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Loads the project that is in the folder without a log, if there is one.

    Raises:
        ValueError: If it cannot be loaded.
    """
    if Path(oracle._get_oracle_fname()).exists():
        if record.log.path.exists():
            warnings.warn(
                f"{record.log.path}: nothing is left in it. What KerasTuner's files tell of the "
                "trials is taken from these.",
                stacklevel=2,
            )
        _load_project(oracle)
    elif trial_files(oracle):
        raise ValueError(
            f"Expected a project folder with a log ({store.LOG_NAME}), or one of KerasTuner's "
            f"(oracle.json). Received: {oracle.project_dir!r}, which holds trials and neither. "
            f"{advice(oracle.project_dir)}"
        )


def _load_project(oracle: LoggedOracle) -> None:
    """Loads a project of KerasTuner's, or what it can read of one whose log is lost.

    Raises:
        ValueError: If a file of it is damaged, or it is a search for another objective.
    """
    declared = oracle.hyperparameters
    try:
        kt.Oracle.reload(oracle)
        load_overlooked(oracle)
        oracle.trials = {name: oracle.trials[name] for name in oracle.start_order}
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"Expected a project that KerasTuner can read. Received: {oracle.project_dir!r} "
            f"({error!r}). {advice(oracle.project_dir)}"
        ) from error
    if not all(is_scored_by(oracle.objective, trial) for trial in oracle.trials.values()):
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search for another objective. "
            f"Received: {oracle.objective}. {advice(oracle.project_dir)}"
        )
    if oracle.given_seed is not None:
        oracle.seed = oracle.given_seed
    _declare(oracle, declared)


def _begin(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Starts the log: with the trials that KerasTuner loaded from its own files, if any."""
    header = {
        "event": "search",
        "format": FORMAT,
        "objective": str(oracle.objective),
        "direction": oracle.objective.direction,
        "seed": oracle.seed,
        "warm_start": [*oracle.warm_start],
        **_objectives(oracle),
    }
    if oracle.schedule is not None:
        header["scheduler"] = oracle.schedule
    record.apply(header)
    space = growth(oracle, record)
    for event in space:
        record.apply(event)
    events = [*_known_events(oracle, record), *_loaded_events(oracle, record)]
    record.log.create(header, *space, *events)
    for event in events:
        record.apply(event)
    oracle.save_state()


def _objectives(oracle: LoggedOracle) -> dict[str, Any]:
    """Returns what the log tells of several objectives."""
    if not objectives.several(oracle.objective):
        return {}
    return {"objectives": objectives.directions(oracle.objective)}


def _known_events(oracle: LoggedOracle, record: SearchRecord) -> Iterator[Event]:
    folders = {os.path.realpath(folder): folder for folder in oracle.warm_start}
    for folder in folders.values():
        for values, y, pruned in known_trials(folder, record.space, oracle.objective):
            outcome = {"y": y if np.isfinite(y).all() else None, "pruned": pruned}
            yield {"event": "known", "values": values, **outcome}


def _loaded_events(oracle: LoggedOracle, record: SearchRecord) -> Iterator[Event]:
    for trial_id in oracle.start_order:
        trial = oracle.trials[trial_id]
        if trial.score is not None and not np.isfinite(trial.score):
            trial.status, trial.score = TrialStatus.FAILED, None
        yield start_event(trial_id, trial.hyperparameters.values)
        if trial.status != TrialStatus.RUNNING:
            yield end_event(trial, oracle.objective, is_pruned(trial))


def _resume(oracle: LoggedOracle, record: SearchRecord, events: list[Event]) -> None:
    _check_header(oracle, record, events[0] if events else {"event": "nothing that can be read"})
    declared = oracle.hyperparameters
    for event in _consistent(events):
        _check_space(record, event)
        _add_objectives(oracle, event)
        replay(oracle, record, event)
    _declare(oracle, declared)


def _check_header(oracle: LoggedOracle, record: SearchRecord, header: Event) -> None:
    if header["event"] != "search" or header["format"] > FORMAT:
        raise ValueError(
            f"Expected a log of format {FORMAT}. Received: {record.log.path}, which begins with "
            f"{header}. {advice(oracle.project_dir)}"
        )
    if header["objective"] != str(oracle.objective):
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search for "
            f"{header['objective']}. Received: {oracle.objective}. {advice(oracle.project_dir)}"
        )
    if header.get("scheduler") != oracle.schedule:
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search with the schedule "
            f"{header.get('scheduler')}. Received: {oracle.schedule}. {advice(oracle.project_dir)}"
        )
    if oracle.given_seed not in (None, header["seed"]):
        warnings.warn(
            f"The resumed search keeps its seed {header['seed']}. "
            f"Received: seed={oracle.given_seed}. {advice(oracle.project_dir)}",
            stacklevel=2,
        )
    oracle.seed = header["seed"]
    known_from = header.get("warm_start", [*oracle.warm_start])
    if known_from != [*oracle.warm_start]:
        warnings.warn(
            f"The resumed search keeps the trials that it began with, those of {known_from}. "
            f"Received: warm_start={[*oracle.warm_start]}. {advice(oracle.project_dir)}",
            stacklevel=2,
        )


def _check_space(record: SearchRecord, event: Event) -> None:
    """Raises if the sampler proposed a point of another space than the log tells of."""
    if event["event"] == "start" and len(event["proposal"] or record.space) != len(record.space):
        raise ValueError(
            f"Expected a log with the whole search space. Received: {record.log.path}, in which a "
            f"line about it is damaged: trial {event['trial']} has {len(event['proposal'])} "
            f"hyperparameters, the lines before it tell of {len(record.space)}. "
            + advice(record.log.path.parent)
        )


def _add_objectives(oracle: LoggedOracle, event: Event) -> None:
    """Adds to an event what the log did not always tell of several objectives."""
    if event["event"] == "search":
        event.update(_objectives(oracle))
    elif event["event"] == "end" and objectives.several(oracle.objective):
        names = objectives.directions(oracle.objective)
        values = objectives.values_at(event["metrics"], event["best_step"], names)
        event.setdefault("objectives", values if event["status"] == "COMPLETED" else None)


def _consistent(events: Iterable[Event]) -> Iterator[Event]:
    """Puts a start before the end of a trial whose own one was damaged, and tells nothing twice."""
    started: set[str] = set()
    ended: set[str] = set()
    for event in events:
        match event["event"]:
            case "start" if event["trial"] in started:
                continue
            case "end" if event["trial"] in ended:
                continue
            case "end" if event["trial"] not in started:
                yield start_event(event["trial"], event["values"])
        if event["event"] in ("start", "end"):
            started.add(event["trial"])
        if event["event"] == "end" and event["status"] != TrialStatus.INVALID:
            ended.add(event["trial"])
        yield event


def _declare(oracle: LoggedOracle, declared: kt.HyperParameters) -> None:
    """Adds to the recorded space what the program declares beyond it."""
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
            f"for {changed}. {advice(oracle.project_dir)}",
            stacklevel=2,
        )
    oracle.add_to_space(declared)


def _declaration(hp: Any, *only: str) -> str:
    config = {"class": type(hp).__name__, **hp.get_config()}
    kept = {key: value for key, value in config.items() if not only or key in ("name", *only)}
    return json.dumps(kept, sort_keys=True)
