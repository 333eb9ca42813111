"""Trials to the workers, and their results back, until the search ends."""

from __future__ import annotations

import heapq
import warnings
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.parallel import Call, Crew, Ended
from kt_extensions.record import PARENT

_DEATHS = 3  # of its workers, after which a trial is taken for their cause
_SECONDS = 1.0  # between two questions to an oracle that has had nothing to do


class Tuner(Protocol):
    """What a tuner is asked for."""

    def on_trial_begin(self, trial: Trial) -> None: ...

    def on_trial_end(self, trial: Trial) -> None: ...

    def ends_together(self) -> AbstractContextManager[None]:
        """Returns a context in which several trials end, which is cheaper than one by one."""

    def call(self, trial: Trial) -> Call:
        """Returns the call that runs a trial: it returns hyperparameters, status and message."""


class Dispatch:
    """Gives trials to idle workers until there are no more.

    A trial whose worker has died is given to another, unless it has been the death of three. Of a
    worker that was dead before it got the trial, the trial is not the cause.

    Args:
        tuner: The tuner.
        crew: The workers.
        create: Returns a trial for a place, as `keras_tuner.Oracle.create_trial` does for a tuner.
            Of the places, numbered from 0, as many are taken as trials run.
        blames: Whether a trial whose worker has died has failed at once.
    """

    def __init__(
        self, tuner: Tuner, crew: Crew, create: Callable[[int], Trial], *, blames: bool
    ) -> None:
        self._tuner, self._crew, self._create, self._blames = tuner, crew, create, blames
        self._running: dict[int, Trial] = {}
        self._again: deque[Trial] = deque()
        self._deaths: Counter[str] = Counter()
        self._places: dict[str, int] = {}  # of the running trials
        self._free: list[int] = []  # places that were taken, a heap
        self._last: dict[int, str] = {}  # the trial that a worker has run last

    def run(self) -> None:
        """Runs all trials.

        Raises:
            Exception: What a trial raises to end the search.
        """
        while self._begin_trials() or self._running:
            self._end_all(self._crew.wait(_SECONDS))

    def _begin_trials(self) -> bool:
        """Begins as many trials as can run now; tells whether there may be more later."""
        while idle := self._crew.idle():
            trial = self._again.popleft() if self._again else self._next()
            if trial.status == TrialStatus.STOPPED:
                return False
            if trial.status == TrialStatus.IDLE:
                break
            self._submit(self._best_suited(idle, trial), trial)
        return True

    def _next(self) -> Trial:
        place = self._free[0] if self._free else len(self._places)
        trial = self._create(place)
        if trial.status == TrialStatus.RUNNING:
            self._places[trial.trial_id] = place
            if self._free:
                heapq.heappop(self._free)
            self._tuner.on_trial_begin(trial)
        return trial

    def _best_suited(self, idle: list[int], trial: Trial) -> int:
        """Returns a worker, if possible one that has the model which the trial goes on with."""
        parent = trial.hyperparameters.values.get(PARENT)
        if parent is None:
            return idle[0]
        return next((worker for worker in idle if self._last.get(worker) == parent), idle[0])

    def _submit(self, worker: int, trial: Trial) -> None:
        self._running[worker] = trial
        self._last[worker] = trial.trial_id
        self._crew.submit(worker, self._tuner.call(trial))

    def _end_all(self, came: list[Ended]) -> None:
        """Ends trials; what one of them raises keeps none of the others from ending.

        Raises:
            BaseException: The first of what they have raised, an interrupt before all others.
        """
        errors: list[BaseException] = []
        with self._tuner.ends_together():
            for ended in came:
                try:
                    self._end(ended)
                except BaseException as error:
                    errors.append(error)
        if errors:
            first, *others = sorted(errors, key=lambda error: isinstance(error, Exception))
            for other in others:
                warnings.warn(f"Another trial has ended with {other!r}.", stacklevel=2)
            raise first

    def _end(self, ended: Ended) -> None:
        trial = self._running.pop(ended.worker)
        outcome = ended.outcome
        if outcome.death is None:
            trial.hyperparameters, trial.status, trial.message = outcome.returned()
        elif not (outcome.began and self._is_dead(trial, outcome.death)):
            self._again.append(trial)
            return
        heapq.heappush(self._free, self._places.pop(trial.trial_id))
        self._tuner.on_trial_end(trial)

    def _is_dead(self, trial: Trial, death: str) -> bool:
        """Whether a trial whose worker has died has failed; if not, it is to run again."""
        if self._blames:
            trial.status, trial.message = TrialStatus.INVALID, death
            return True
        self._deaths[trial.trial_id] += 1
        if self._deaths[trial.trial_id] < _DEATHS:
            trial.metrics = type(trial.metrics)()
            warnings.warn(
                f"The worker of trial {trial.trial_id} has died; another one runs the trial. "
                f"{death}",
                stacklevel=2,
            )
            return False
        trial.status = TrialStatus.FAILED
        trial.message = f"{death}\nIt was the third worker of this trial that has died."
        return True
