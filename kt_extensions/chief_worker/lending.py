"""How a chief hands trials to workers, and takes them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.chief_worker.leases import Lease, Leases
from kt_extensions.chief_worker.wire import Caller, taken_over

MOST_DEATHS = 3
"""A trial of which so many workers have died has failed."""
_ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class Lending:
    """The trials of an oracle, as workers have them.

    Args:
        oracle: The oracle.
        leases: Which worker has which trial; here a chief that was killed has left it.
        begin: Is called when a worker has got a trial.
        end: Ends a trial.
    """

    def __init__(
        self,
        oracle: kt.Oracle,
        leases: Leases,
        begin: Callable[[Trial], None],
        end: Callable[[Trial], None],
    ) -> None:
        self._oracle = oracle
        self._leases = leases
        self._begin, self._end = begin, end
        # By trial, the worker that was silent for too long, and the death that this was taken for.
        self._let_go: dict[str, tuple[Caller, str | None]] = {}
        self._ended_by: dict[str, str | None] = {}  # by trial, the run of a worker

    def take_up(self) -> Iterator[Lease]:
        """Leaves the trials of a chief that was killed to the workers that run them.

        Yields:
            Their leases.
        """
        for name in list(self._oracle.ongoing_trials):  # of an earlier search of this program
            self._release(name)
        for trial_id, lease in list(self._leases.held.items()):
            waiting = trial_id in self._oracle._retry_queue
            if waiting and lease.run == self._oracle._run_times[trial_id]:
                self._hand(trial_id, lease.tuner)
                self._oracle._display.on_trial_begin(self._oracle.trials[trial_id])
                yield lease
            else:  # it had ended already
                del self._leases.held[trial_id]
        unfinished = {*self._oracle._retry_queue, *self._leases.held}
        for trial_id in set(self._leases.deaths) - unfinished:
            del self._leases.deaths[trial_id]

    def finish_search(self) -> None:
        """Notes that the oracle has no more trials, for a chief after this one."""
        self._leases.finish(self._limit())

    def has_finished_search(self) -> bool:
        """Whether the oracle had no more trials already for a chief before this one."""
        return self._leases.over == self._limit()

    def _limit(self) -> dict[str, Any]:
        return {"max_trials": self._oracle.max_trials}

    def lease_of(self, name: str) -> Lease | None:
        """Returns the lease of the trial that a worker has; `None` if it has none."""
        trial = self._oracle.ongoing_trials.get(name)
        return None if trial is None else self._leases.held.get(trial.trial_id)

    def holder(self, trial_id: str) -> str:
        """Returns the name of the worker that has a trial."""
        return self._leases.held[trial_id].tuner

    def running(self) -> list[Lease]:
        """Returns the leases of all trials that workers run."""
        return list(self._leases.held.values())

    def has_ended(self, caller: Caller | None, trial_id: str) -> bool:
        """Whether a trial has ended for good, by the worker that speaks of it.

        Raises:
            TrialTakenOver: If it has by another one.
        """
        trial = self._oracle.trials.get(trial_id)
        if trial is None or trial.status not in _ENDED:
            return False
        if caller is not None and self._ended_by.get(trial_id, caller.instance) != caller.instance:
            raise taken_over(trial_id)
        return True

    def lend(self, trial: Trial, tuner: str, instance: str | None) -> None:
        """Notes that a worker has got a trial."""
        self._begin(trial)
        self._let_go.pop(trial.trial_id, None)
        run = self._oracle._run_times[trial.trial_id]
        self._leases.lend(trial.trial_id, Lease(tuner, instance, run))

    def check(self, caller: Caller | None, trial_id: str) -> None:
        """Checks that a trial is that of the worker which speaks of it.

        One that was silent has its trial again if nobody else has.

        Raises:
            TrialTakenOver: If it is not.
        """
        lease = self._leases.held.get(trial_id)
        if lease is not None and lease.instance == (caller and caller.instance):
            return
        silent, death = self._let_go.get(trial_id, (None, None))
        if caller is None or silent is None or silent[:2] != caller[:2]:
            raise taken_over(trial_id)
        if death is not None:
            self._leases.revoke(trial_id, death)
        self._hand(trial_id, caller.tuner)
        self.lend(self._oracle.trials[trial_id], caller.tuner, caller.instance)

    def let_go(self, caller: Caller, death: str | None) -> None:
        """Takes the trial back from a worker that is silent for too long."""
        self._let_go[self._oracle.ongoing_trials[caller.tuner].trial_id] = caller, death
        self.take_back(caller.tuner, death)

    def take_back(self, name: str, death: str | None = None) -> None:
        """Has the trial of a worker be run again, or fail if too many have died of it.

        Args:
            name: The worker.
            death: How it has died; `None` if that is not to be laid to the trial.
        """
        trial = self._oracle.ongoing_trials[name]
        self._leases.take_back(trial.trial_id, death)
        deaths = self._leases.deaths.get(trial.trial_id, [])
        if death is not None and len(deaths) >= MOST_DEATHS:
            trial.status = TrialStatus.FAILED
            trial.message = f"WorkerDied: {len(deaths)} workers died of it: {'; '.join(deaths)}."
            self.finish(trial, instance=None)
            return
        trial.metrics = type(trial.metrics)()
        self._release(name)

    def finish(self, trial: Trial, instance: str | None) -> None:
        """Ends a trial.

        Args:
            trial: The trial.
            instance: The run of the worker that has ended it, if it is known.
        """
        known = self._oracle.trials[trial.trial_id]
        if not known.metrics.exists(self._oracle.objective.name):
            known.metrics = trial.metrics  # a chief that was killed had got them
        try:
            self._end(trial)
        finally:
            self._ended_by[trial.trial_id] = instance
            self._leases.close(trial.trial_id)

    def _release(self, name: str) -> None:
        trial = self._oracle.ongoing_trials.pop(name)
        self._oracle._retry_queue.append(trial.trial_id)

    def _hand(self, trial_id: str, tuner: str) -> None:
        trial = self._oracle.trials[trial_id]
        self._oracle._retry_queue.remove(trial_id)
        self._oracle.ongoing_trials[tuner] = trial
        trial.status = TrialStatus.RUNNING
