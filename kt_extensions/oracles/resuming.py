"""How an oracle begins a search in a project folder, or takes up the one that is there."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives, store
from kt_extensions.oracles.shared import declared_as
from kt_extensions.record import FORMAT, SearchRecord
from kt_extensions.reports import FINISHED, is_pruned
from kt_extensions.space.rounding import TOLERANCE
from kt_extensions.store import Event
from kt_extensions.warm_start import known_trials

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
        events = record.log.read()
    if record.log.exists():  # still: it held more than the beginning of a first line
        _resume(oracle, record, events)
    else:
        _begin(oracle, record)
    return record


def load_project(oracle: LoggedOracle) -> None:
    """Loads a project that an oracle of KerasTuner's has made.

    Raises:
        ValueError: If a file of it is damaged, or it is a search for another objective.
    """
    declared = oracle.hyperparameters
    try:
        kt.Oracle.reload(oracle)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"Expected a project that KerasTuner can read. Received: {oracle.project_dir!r} "
            f"({error!r}). {_advice(oracle)}"
        ) from error
    if not all(_is_scored_by(oracle.objective, trial) for trial in oracle.trials.values()):
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search for another objective. "
            f"Received: {oracle.objective}. {_advice(oracle)}"
        )
    if oracle.given_seed is not None:
        oracle.seed = oracle.given_seed
    _declare(oracle, declared)


def _is_scored_by(objective: kt.Objective, trial: Trial) -> bool:
    """Whether the score of a trial, if it has one, is a value of the objective, which it reported.

    KerasTuner's files do not tell what a search was for.
    """
    if trial.status != TrialStatus.COMPLETED:
        return True
    if not trial.metrics.exists(objective.name):
        return False
    metric = trial.metrics.metrics[objective.name]
    reported = [observation.mean() for observation in metric.get_history()]
    is_known = np.isclose(trial.score, reported, rtol=TOLERANCE, equal_nan=True).any()
    return metric.direction == objective.direction and bool(is_known)


def growth(oracle: LoggedOracle, record: SearchRecord) -> list[Event]:
    """Returns the event that tells of the hyperparameters that were not logged yet, if any."""
    logged = len(record.space_config)
    if len(oracle.hyperparameters.space) == logged:
        return []
    added = oracle.hyperparameters.get_config()["space"][logged:]
    return [{"event": "space", "hyperparameters": added}]


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


def _begin(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Starts the log: with the trials that KerasTuner loaded from its own files, if any."""
    header = {
        "event": "search",
        "format": FORMAT,
        "objective": str(oracle.objective),
        "direction": oracle.objective.direction,
        "seed": oracle.seed,
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
    for folder in oracle.warm_start:
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


def start_event(trial_id: str, values: Mapping[str, Any]) -> Event:
    """Returns the event for a trial of which no proposal is known."""
    return {"event": "start", "trial": trial_id, "values": dict(values), "proposal": None}


def _resume(oracle: LoggedOracle, record: SearchRecord, events: list[Event]) -> None:
    _check_header(oracle, record, events[0] if events else {"event": "nothing that can be read"})
    declared = oracle.hyperparameters
    for event in _with_lost_starts(events):
        _check_space(record, event)
        _add_objectives(oracle, event)
        _replay(oracle, record, event)
    _declare(oracle, declared)
    _recover(oracle, record)
    oracle._retry_queue = list(reversed(record.unfinished))
    if oracle.start_order:
        _write_last(oracle, events[-1].get("trial", oracle.start_order[-1]))
    if events[-1]["event"] == "end":
        _report_last(oracle, events[-1])


def _write_last(oracle: LoggedOracle, trial_id: str) -> None:
    """Brings the trial's own file up to the log, which is written before it."""
    file, trial = oracle.trial_file(trial_id), oracle.trials[trial_id]
    state = store.read_trial(file) if file.exists() else None
    if state is None or state["status"] != trial.status:
        oracle.save_trial_file(trial)


def _report_last(oracle: LoggedOracle, event: Event) -> None:
    """Brings the reports of a trial up to its end, which is logged before it is reported."""
    trial_id = event["trial"]
    if len(oracle.reports[trial_id].attempts) < oracle._run_times[trial_id]:
        oracle.reports.end(trial_id, event["status"], event["message"])


def _check_header(oracle: LoggedOracle, record: SearchRecord, header: Event) -> None:
    if header["event"] != "search" or header["format"] > FORMAT:
        raise ValueError(
            f"Expected a log of format {FORMAT}. Received: {record.log.path}, which begins with "
            f"{header}. {_advice(oracle)}"
        )
    if header["objective"] != str(oracle.objective):
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search for "
            f"{header['objective']}. Received: {oracle.objective}. {_advice(oracle)}"
        )
    if header.get("scheduler") != oracle.schedule:
        raise ValueError(
            f"The project folder {oracle.project_dir!r} holds a search with the schedule "
            f"{header.get('scheduler')}. Received: {oracle.schedule}. {_advice(oracle)}"
        )
    if oracle.given_seed not in (None, header["seed"]):
        warnings.warn(
            f"The resumed search keeps its seed {header['seed']}. "
            f"Received: seed={oracle.given_seed}. {_advice(oracle)}",
            stacklevel=2,
        )
    oracle.seed = header["seed"]


def _check_space(record: SearchRecord, event: Event) -> None:
    """Raises if the sampler proposed a point of another space than the log tells of."""
    if event["event"] == "start" and len(event["proposal"] or record.space) != len(record.space):
        raise ValueError(
            f"Expected a log with the whole search space. Received: {record.log.path}, in which a "
            f"line about it is damaged: trial {event['trial']} has {len(event['proposal'])} "
            f"hyperparameters, the lines before it tell of {len(record.space)}. "
            + _advice_for(record.log.path.parent)
        )


def _advice(oracle: LoggedOracle) -> str:
    return _advice_for(Path(oracle.project_dir))


def _advice_for(folder: Path) -> str:
    return (
        "To begin a new search, change `project_name` or `directory`, or pass `overwrite=True`. "
        f"With `warm_start=[{str(folder)!r}]` a search in another folder learns from the trials "
        "of this one."
    )


def _add_objectives(oracle: LoggedOracle, event: Event) -> None:
    """Adds to an event what the log did not always tell of several objectives."""
    if event["event"] == "search":
        event.update(_objectives(oracle))
    elif event["event"] == "end" and objectives.several(oracle.objective):
        names = objectives.directions(oracle.objective)
        values = objectives.values_at(event["metrics"], event["best_step"], names)
        event.setdefault("objectives", values if event["status"] == "COMPLETED" else None)


def _with_lost_starts(events: Iterable[Event]) -> Iterator[Event]:
    """Puts a start before the end of each trial whose own one was damaged."""
    started = set()
    for event in events:
        if event["event"] == "end" and event["trial"] not in started:
            yield start_event(event["trial"], event["values"])
        if event["event"] in ("start", "end"):
            started.add(event["trial"])
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
            f"for {changed}. {_advice(oracle)}",
            stacklevel=2,
        )
    oracle.add_to_space(declared)


def _declaration(hp: Any, *only: str) -> str:
    config = {"class": type(hp).__name__, **hp.get_config()}
    kept = {key: value for key, value in config.items() if not only or key in ("name", *only)}
    return json.dumps(kept, sort_keys=True)


def _replay(oracle: LoggedOracle, record: SearchRecord, event: Event) -> None:
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


def _recover(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Takes from KerasTuner's files what the log should tell of the trials, and does not.

    So it is if lines of it were damaged. The files tell less: no proposals, no order.
    """
    for file in sorted(Path(oracle.project_dir).glob("trial_*/trial.json")):
        trial_id = file.parent.name.removeprefix("trial_")
        if trial_id in oracle.trials and trial_id not in record.unfinished:
            continue
        trial = _trial_in(file, trial_id)
        if trial is not None:
            _recover_trial(oracle, record, trial)
    _check_complete(oracle, record)


def _trial_in(file: Path, trial_id: str) -> Trial | None:
    """Returns the trial in a file, `None`, with a warning, if the file is damaged."""
    state = store.read_trial(file)
    if state is None:
        return None
    try:
        trial = Trial.from_state(state)
        if trial.trial_id != trial_id:
            raise ValueError(f"it tells of a trial {trial.trial_id!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        warnings.warn(f"{file}: left out, not a readable trial ({error!r}).", stacklevel=2)
        return None
    return trial


def _recover_trial(oracle: LoggedOracle, record: SearchRecord, trial: Trial) -> None:
    events = []
    if trial.trial_id not in oracle.trials:
        events.append(start_event(trial.trial_id, trial.hyperparameters.values))
    if trial.status in FINISHED:
        oracle.add_to_space(trial.hyperparameters)
        end = end_event(trial, oracle.objective, is_pruned(trial))
        events += [*growth(oracle, record), end]
    if events:
        record.log.append(*events)
    for event in events:
        _replay(oracle, record, event)


def _check_complete(oracle: LoggedOracle, record: SearchRecord) -> None:
    """Raises if a trial was lost: KerasTuner names a new one by the number of trials there are."""
    numbers = [int(name) for name in oracle.trials if name.isdecimal()]
    if max(numbers, default=-1) >= len(oracle.trials):
        raise ValueError(
            f"Expected a log with {max(numbers) + 1} trials. Received: {record.log.path} with "
            f"{len(oracle.trials)} that can be read. {_advice(oracle)}"
        )


def hyperparameters_from(config: list[dict[str, Any]]) -> kt.HyperParameters:
    """Returns hyperparameters from the configurations of a `space` event, with their defaults."""
    # A copy: KerasTuner replaces the conditions in what it reads.
    declared = kt.HyperParameters.from_config({"space": copy.deepcopy(config), "values": {}})
    hyperparameters = kt.HyperParameters()
    hyperparameters.merge(declared)
    return hyperparameters
