"""A trial while it runs, and what is written of it when the oracle has ended it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from kt_extensions import wording
from kt_extensions.logs.trial_facts import active_values, value_at_best
from kt_extensions.mlflow._run import Run
from kt_extensions.mlflow._server import Server
from kt_extensions.reports import FINISHED, TrialReport, is_pruned, numbers, read_report

_STATUSES = {"COMPLETED": "FINISHED", "FAILED": "FAILED", "INVALID": "FAILED"}


class Attempt:
    """One run of a trial, from its begin to the oracle's verdict.

    Args:
        server: The server.
        run: The trial's run of MLflow's, already created.
        trial: The trial; its values are read when training begins.
        folder: The trial's folder, which tells what it has trained before it was cut off.
    """

    def __init__(self, server: Server, run: Run, trial: Any, folder: str) -> None:
        self.server, self.run, self.trial = server, run, trial
        self.epochs = 0
        self.executions: dict[int, Execution] = {}
        self._folder = folder
        self._clock = time.monotonic()  # which nobody sets back

    def execution(self, number: int) -> Execution:
        return self.executions.setdefault(number, Execution(self, number))

    def write_values(self) -> None:
        self.run.params(active_values(self.trial.hyperparameters))

    def restore(self, report: TrialReport, before: tuple[float, float] = (math.inf, 0)) -> None:
        """Writes epochs that were not logged, or were in a run that is deleted.

        Args:
            report: What the trial has reported.
            before: The number of an execution and of its first epoch that is left out.
        """
        for number, epochs in sorted(report.executions.items()):
            for epoch, logs in epochs.items():
                if (number, epoch) < before:
                    self.execution(number).write(epoch, logs)

    def restore_before(self, execution: int, epoch: int) -> None:
        """Writes the epochs that an earlier attempt has trained, and that this one goes on from."""
        self.restore(read_report(self._folder), (execution, epoch))

    @property
    def seconds(self) -> float:
        """How long the attempt has taken so far."""
        return time.monotonic() - self._clock

    def end(self, trial: Any, seconds: float | None) -> None:
        """Writes the result.

        Args:
            trial: The oracle's record of the trial.
            seconds: How long it took; `None` if that is not known.
        """
        if trial.status not in _STATUSES:
            self.cut()
            return
        self.trial = trial
        self.write_values()
        costs = {"duration_seconds": seconds, "epochs_trained": self.epochs or None}
        known = {name: float(cost) for name, cost in costs.items() if cost is not None}
        self.run.metrics({**result_of(trial), **known}, int(trial.best_step or 0))
        self.run.tags(_tags_of(trial))
        if trial.message and not is_pruned(trial):
            self.run.text(trial.message, "error.txt")
        self.run.end(_STATUSES[trial.status], {"ended": trial.status in FINISHED})

    def cut(self) -> None:
        """Ends the run of a trial that was interrupted."""
        self.run.tags({"status": "INTERRUPTED"})
        self.run.end("KILLED")


class Execution:
    """One training of a trial's model.

    KerasTuner deep-copies callbacks: a copy of a callback reports to the same execution.
    """

    def __init__(self, attempt: Attempt, number: int) -> None:
        self._attempt = attempt
        self._number = number
        self._prefix = f"execution_{number}/" if number else ""
        self._last_step = -1

    def __deepcopy__(self, memo: dict[int, Any]) -> Execution:
        return self

    def begin(self) -> None:
        self._attempt.write_values()

    def log_epoch(self, epoch: int, logs: Mapping[str, float], rate: float | None) -> None:
        if self._attempt.epochs == 0 and (self._number, epoch) > (0, 0):
            self._attempt.restore_before(self._number, epoch)
        rates = {} if rate is None else {"learning_rate": rate}
        self.write(epoch, {**rates, **logs})
        self._attempt.server.send_now_and_then()

    def write(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Writes an epoch; those of a second `fit` come after those of the first."""
        self._last_step = step = epoch if epoch > self._last_step else self._last_step + 1
        self._attempt.epochs += 1
        metrics = {self._prefix + name: value for name, value in numbers(logs).items()}
        self._attempt.run.metrics(_finite(metrics), step)

    def close(self) -> None:
        """Does nothing: what waits is sent with the trial's result."""


def result_of(trial: Any) -> dict[str, float]:
    """Returns the metrics of a trial that is completed: the score, and what there was at its best.

    One that was pruned has no score, so that those which ran to their end are sorted by it.
    """
    if trial.status != "COMPLETED":
        return {}
    best = {f"best/{name}": value_at_best(trial, name) for name in trial.metrics.metrics}
    score = {} if trial.score is None or is_pruned(trial) else {"score": float(trial.score)}
    return _finite({**best, **score, "best_epoch": float(trial.best_step or 0)})


def _tags_of(trial: Any) -> dict[str, Any]:
    pruned = is_pruned(trial)
    reason = trial.message if pruned or not trial.message else wording.reason(trial.message)
    return {"status": "PRUNED" if pruned else trial.status, "reason": reason}


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
