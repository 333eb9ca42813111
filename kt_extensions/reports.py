"""What the trials of a search report: every epoch of every execution, and how each attempt ended.

Of each trial it is in the file `reports.jsonl` of its folder, whatever the oracle.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kt_extensions.store import Event, EventLog, as_json

FILE_NAME = "reports.jsonl"
FINISHED = ("COMPLETED", "FAILED")
"""The statuses of trials that have ended, and are not to run again."""

Logs = dict[str, float]


@dataclass(frozen=True)
class Attempt:
    """How a run of a trial ended.

    Args:
        status: That of KerasTuner: "COMPLETED", "FAILED", or "INVALID" if it is run again.
        message: The error with its traceback; `None` if there was none.
        seconds: How long it took; `None` if that was not noted.
    """

    status: str
    message: str | None
    seconds: float | None


class Stint(NamedTuple):
    """Where and when a trial was run.

    Args:
        worker: The tuner, or the place among the trials that it runs at once.
        began: When, in seconds since 1970, by the clock of the machine.
        ended: When it ended; `None` if it has not, or was killed.
    """

    worker: str
    began: float
    ended: float | None


@dataclass
class TrialReport:
    """What a trial has reported.

    Args:
        executions: For each execution its logs by epoch, counted from 0. A trial that goes on from
            another one begins with the epoch after that one's last.
        pruned: Why the trial was pruned; `None` if it was not.
        attempts: The runs that have ended.
        scores: The value of the objective that each execution has ended with.
        runs: Where and when it was run, once for each attempt that has begun.
    """

    executions: dict[int, dict[int, Logs]] = field(default_factory=dict)
    pruned: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    runs: list[Stint] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        """Brings the report up to an event."""
        match event["event"]:
            case "begin":
                self.runs.append(Stint(event["worker"], event["time"], None))
            case "epoch":
                self._add(event["execution"], event["epoch"], event["logs"])
            case "score":
                self.scores[event["execution"]] = float(event["score"])
            case "pruned":
                self.pruned = event["reason"]
            case "end":
                attempt = Attempt(event["status"], event["message"], event["seconds"])
                self.attempts.append(attempt)
                if self.runs:
                    self.runs[-1] = self.runs[-1]._replace(ended=event.get("time"))

    def _add(self, execution: int, epoch: int, logs: Mapping[str, float | str]) -> None:
        """Adds an epoch; one that is trained again has what came after it trained again, too."""
        epochs = self.executions.setdefault(execution, {})
        for later in [e for e in self.executions if e > execution]:
            del self.executions[later]
        self.scores = {e: score for e, score in self.scores.items() if e < execution}
        if epochs and epoch <= next(reversed(epochs)):
            for again in [e for e in epochs if e >= epoch]:
                del epochs[again]
        epochs[epoch] = {name: float(value) for name, value in logs.items()}
        self.pruned = None

    @property
    def epochs(self) -> int:
        """How many epochs were trained, over all executions."""
        return sum(map(len, self.executions.values()))

    @property
    def seconds(self) -> float | None:
        """How long all attempts took, as far as it was noted; `None` if it was of none."""
        known = [a.seconds for a in self.attempts if a.seconds is not None]
        return sum(known) if known else None

    def histories(self) -> list[dict[str, list[float]]]:
        """Returns, for each execution, the numbers of its epochs (`epoch`) and its logs by name.

        What an epoch did not log is NaN.
        """
        return [_history(epochs) for _, epochs in sorted(self.executions.items())]


def _history(epochs: Mapping[int, Logs]) -> dict[str, list[float]]:
    names = {name: None for logs in epochs.values() for name in logs}
    columns = {name: [logs.get(name, math.nan) for logs in epochs.values()] for name in names}
    return {"epoch": list(epochs), **columns}


class Reports:
    """The reports of all trials of a project.

    A report that cannot be written is lost when the search is resumed, with a warning, which costs
    no trial.

    Args:
        folder: The project folder. Of one that is not on a disk (`gs://`) nothing can be appended
            to a file: the reports are kept in memory.

    Example:

    >>> import tempfile
    >>> reports = Reports(tempfile.mkdtemp())
    >>> reports.add_epoch("00", 0, 0, {"val_loss": 0.5})
    >>> reports.add_epoch("00", 0, 1, {"val_loss": 0.25})
    >>> reports["00"].histories()
    [{'epoch': [0, 1], 'val_loss': [0.5, 0.25]}]
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._remote = "://" in os.fspath(folder)
        self._known: dict[str, TrialReport] = {}
        self._logs: dict[str, EventLog] = {}  # of the trials that run
        self._began: dict[str, float] = {}

    def __getitem__(self, trial_id: str) -> TrialReport:
        """Returns what a trial has reported, also before the search was resumed."""
        if trial_id not in self._known:
            empty = TrialReport()
            self._known[trial_id] = (
                empty if self._remote else read_report(self._folder_of(trial_id))
            )
        return self._known[trial_id]

    def read(self, trial_id: str) -> TrialReport:
        """Returns what a trial has reported, also to another process."""
        return self[trial_id] if self._remote else read_report(self._folder_of(trial_id))

    def begin(self, trial_id: str, worker: str) -> None:
        """Notes that a run of a trial begins.

        Args:
            trial_id: The trial.
            worker: Where; as the oracle knows the tuner that asked for it.
        """
        self._began[trial_id] = time.monotonic()
        self._write(trial_id, {"event": "begin", "worker": worker, "time": _now()})

    def add_epoch(
        self, trial_id: str, execution: int, epoch: int, logs: Mapping[str, float]
    ) -> None:
        """Adds what was logged at the end of an epoch.

        Args:
            trial_id: The trial.
            execution: Number of its execution, from 0.
            epoch: Number of the epoch, from 0.
            logs: Keras' metrics. Those with several values are left out.
        """
        values = {name: as_json(value) for name, value in numbers(logs).items()}
        place = {"execution": execution, "epoch": epoch}
        self._write(trial_id, {"event": "epoch", **place, "logs": values})

    def add_score(self, trial_id: str, execution: int, score: float) -> None:
        """Adds the value of the objective that an execution of a trial has ended with."""
        event = {"event": "score", "execution": execution, "score": as_json(score)}
        self._write(trial_id, event)

    def prune(self, trial_id: str, reason: str) -> None:
        """Notes that a trial is stopped before its end."""
        self._write(trial_id, {"event": "pruned", "reason": reason})

    def end(self, trial_id: str, status: str, message: str | None) -> None:
        """Notes how a run of a trial ended, and how long it took."""
        began = self._began.pop(trial_id, None)
        seconds = None if began is None else round(time.monotonic() - began, 3)
        how = {"status": status, "message": message, "seconds": seconds}
        self._write(trial_id, {"event": "end", **how, "time": _now()})
        self._logs.pop(trial_id, None)

    def _folder_of(self, trial_id: str) -> Path:
        return self._folder / f"trial_{trial_id}"

    def _write(self, trial_id: str, event: Event) -> None:
        report = self[trial_id]
        try:
            if self._remote:
                return
            self._log(trial_id).append(event, durable=False)
        except OSError as error:
            warnings.warn(f"A report of trial {trial_id} was not kept: {error}.", stacklevel=3)
        finally:
            report.apply(event)

    def _log(self, trial_id: str) -> EventLog:
        if trial_id not in self._logs:
            log = EventLog(self._folder_of(trial_id), FILE_NAME)
            log.open()
            self._logs[trial_id] = log
        return self._logs[trial_id]

    def __getstate__(self) -> dict[str, Any]:
        """A copy, as for another process, reads what it needs."""
        return {**self.__dict__, "_known": {}, "_logs": {}}


def _now() -> float:
    return round(time.time(), 3)


def read_report(trial_dir: str | os.PathLike[str]) -> TrialReport:
    """Returns what a trial has reported, by its folder; an empty one if there is no file of it."""
    report = TrialReport()
    log = EventLog(trial_dir, FILE_NAME)
    if log.exists():
        for event in log.read():
            report.apply(event)
    return report


class Message(NamedTuple):
    """What a trial reports at the end of an epoch, and how it is sent to an oracle.

    KerasTuner's `Oracle.update_trial` takes nothing but metrics, also from another process.

    Args:
        execution: Number of the execution, from 0.
        planned: Epochs after which it ends, 0 if that is not known.
        logs: Keras' metrics of the epoch.

    Example:

    >>> Message(0, 9, {"loss": 0.5}).metrics()
    {'epoch:0:9:loss': 0.5}
    >>> Message.of({"epoch:0:9:loss": 0.5})
    Message(execution=0, planned=9, logs={'loss': 0.5})
    """

    execution: int
    planned: int
    logs: Logs

    def metrics(self) -> dict[str, float]:
        """Returns the metrics to send."""
        place = f"epoch:{self.execution}:{self.planned}:"
        return {place + name: value for name, value in numbers(self.logs).items()}

    @classmethod
    def of(cls, metrics: Mapping[str, float]) -> Message | None:
        """Returns the message that was sent as metrics; `None` if they are a trial's results."""
        first = next(iter(metrics), "").split(":", 3)
        if len(first) < 4 or first[0] != "epoch":
            return None
        logs = {name.split(":", 3)[3]: value for name, value in metrics.items()}
        return cls(int(first[1]), int(first[2]), logs)


class Score(NamedTuple):
    """What a trial reports at the end of an execution, and how it is sent to an oracle.

    Args:
        execution: Number of the execution, from 0.
        score: The value of the objective that it has ended with.

    Example:

    >>> Score.of(Score(0, 0.5).metrics())
    Score(execution=0, score=0.5)
    """

    execution: int
    score: float

    def metrics(self) -> dict[str, float]:
        """Returns the metrics to send."""
        return {f"execution:{self.execution}": self.score}

    @classmethod
    def of(cls, metrics: Mapping[str, float]) -> Score | None:
        """Returns what was sent as metrics; `None` if it was something else."""
        kind, _, number = next(iter(metrics), "").partition(":")
        if len(metrics) != 1 or kind != "execution" or not number.isdecimal():
            return None
        return cls(int(number), *metrics.values())


def numbers(logs: Mapping[str, Any]) -> Logs:
    """Returns the metrics that are one number; others, such as a score for each class, are not."""
    found: Logs = {}
    for name, value in logs.items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = float(value)
    return found


def pruned_message(reason: str | None) -> str:
    """Returns the message of a trial that was pruned."""
    return f"Pruned: {reason}." if reason else "Pruned."


def is_pruned(trial: Any) -> bool:
    """Whether a completed trial was pruned, which its message tells."""
    return told_as_pruned(trial.status, trial.message)


def told_as_pruned(status: str, message: str | None) -> bool:
    """Whether KerasTuner's record of a trial tells that it was pruned."""
    return status == "COMPLETED" and (message or "").startswith("Pruned")
