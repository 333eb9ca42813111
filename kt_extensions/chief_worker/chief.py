"""The chief of a search: it lends trials to workers, and takes them back from those that die."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.chief_worker.leases import Leases
from kt_extensions.chief_worker.lending import Lending
from kt_extensions.chief_worker.roster import Roster
from kt_extensions.chief_worker.wire import Caller, Dismissed, SearchName
from kt_extensions.oracles.processes import locked


class Chief:
    """An oracle for many workers, of which any may die.

    A worker of ours that is silent for too long loses its trial, which is run again, with the same
    values. One of KerasTuner's, which says nothing while it trains, keeps its trial; started again
    under the same name it gets it again.

    All methods but `note` are to be called with the lock of the oracle held.

    Args:
        oracle: The oracle of the search, ours or another.
        leases: Which worker has which trial; here a chief that was killed has left it.
        begin: Is called when a worker has got a trial.
        end: Ends a trial, as `oracle.end_trial` does.
        patience: Seconds of silence after which a worker counts as dead.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        oracle: kt.Oracle,
        leases: Leases,
        begin: Callable[[Trial], None],
        end: Callable[[Trial], None],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.oracle = oracle
        self.search: SearchName | None = None
        """Which search of the program it is; workers in another one get no trials."""
        self.error: Exception | None = None
        """What has ended the search, if anything has but its last trial."""
        self._lending = Lending(oracle, leases, begin, end)
        self._roster = Roster(patience, clock)
        self._is_over = False  # the oracle has no more trials
        self._is_alone = False  # has said that no worker is left
        self._waits_until = clock() + patience  # for a worker, if the search was over before
        self._clock = clock
        self._watched = clock()
        with locked(oracle):
            for lease in self._lending.take_up():
                self._roster.expect(lease.tuner, lease.instance)

    # What workers ask for.

    def is_elsewhere(self, caller: Caller) -> bool:
        """Whether a worker is in another search of the program."""
        if self.search is None or caller.search is None:
            return False
        return self.search.is_another(caller.search)

    def note(self, caller: Caller) -> None:
        """Notes when a worker was heard, also while an oracle takes its time with others."""
        self._roster.note(caller)

    def beat(self, caller: Caller) -> None:
        """Notes that a worker lives.

        Raises:
            Dismissed: If the worker is to end.
            TrialTakenOver: If the trial that it is running is not its trial any more.
        """
        self._hear(caller)
        self._dismiss_after_error(caller)
        if caller.trial is not None and not self._lending.has_ended(caller, caller.trial):
            self._lending.check(caller, caller.trial)

    def leave(self, caller: Caller) -> None:
        """Takes the trial back from a worker that ends before it, and tells of its error."""
        self._hear(caller)
        if caller.tuner in self.oracle.ongoing_trials:
            self._lending.take_back(caller.tuner)
        self._roster.dismiss(caller.tuner)
        if caller.message is not None and self.error is None:
            warnings.warn(f"{caller.tuner} has ended with {caller.message}", stacklevel=2)
        self._tell_if_nobody_is_left()

    def create_trial(self, caller: Caller | None, tuner_id: str) -> Trial:
        """Returns the next trial for a worker; see `keras_tuner.Oracle.create_trial`.

        Raises:
            Dismissed: If an error has ended the search, and the worker is one of ours.
        """
        tuner_id = tuner_id if caller is None else caller.tuner
        self._hear(caller, tuner_id)
        trial = self._next(tuner_id)
        self._dismiss_after_error(caller)
        if trial is None:
            return self._without_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            self._roster.workers[tuner_id].waits = False
            self._lending.lend(trial, tuner_id, caller and caller.instance)
        return trial

    def _next(self, tuner_id: str) -> Trial | None:
        """Returns what the oracle has for a worker; `None` if it has no more trials."""
        has_one = self.oracle._retry_queue or tuner_id in self.oracle.ongoing_trials
        if self.error is None and (has_one or not self._is_over):
            with self._ending_if_it_fails():
                trial = self.oracle.create_trial(tuner_id)
                if trial.status != TrialStatus.STOPPED:
                    return trial
        self._is_over = True
        if self.error is None:
            self._lending.finish_search()
        return None

    def update_trial(
        self, caller: Caller | None, trial_id: str, metrics: Mapping[str, float], step: int = 0
    ) -> Trial:
        """Records metrics of a trial; see `keras_tuner.Oracle.update_trial`.

        Raises:
            Dismissed: If an error has ended the search, and the worker is one of ours.
            TrialTakenOver: If the trial is not the worker's.
        """
        self._hear(caller)
        self._dismiss_after_error(caller)
        self._lending.check(caller, trial_id)
        return self.oracle.update_trial(trial_id, metrics, step=step)

    def end_trial(self, caller: Caller | None, trial: Trial) -> None:
        """Ends a trial; see `keras_tuner.Oracle.end_trial`. One that has ended stays as it is.

        Raises:
            TrialTakenOver: If the trial is not the worker's.
        """
        self._hear(caller)
        if self._lending.has_ended(caller, trial.trial_id):
            return  # the worker has not got the answer when it said so before
        self._lending.check(caller, trial.trial_id)
        if caller is None:
            self._roster.hear_of_keras_tuner(self._lending.holder(trial.trial_id))
        trial.message = _message(caller, trial)
        with self._ending_if_it_fails():
            self._lending.finish(trial, caller and caller.instance)

    # What the chief does by itself.

    def watch(self) -> None:
        """Takes the trials back from workers that are silent for too long.

        A chief that was stopped itself, and so is not called for long, has not listened.
        """
        now, before = self._clock(), self._watched
        self._watched = now
        if now - before > self._roster.patience / 2:
            self._roster.hear_all()
        for name in self._roster.silent():
            if self._lending.lease_of(name) is not None:
                self._let_go_of(name)
        self._tell_if_nobody_is_left()

    def has_finished(self) -> bool:
        """Whether the search has ended, and all workers that live know it."""
        if self.error is None and (self.oracle._retry_queue or not self._has_no_more_trials()):
            return False
        return not self._is_busy() and self._roster.nobody_is_left()

    def _has_no_more_trials(self) -> bool:
        """Whether the oracle has no more trials.

        A chief that is started again when all workers have ended has nobody to ask it for one.
        """
        too_late = self._clock() > self._waits_until
        return self._is_over or (too_late and self._lending.has_finished_search())

    def _is_busy(self) -> bool:
        """Whether a trial runs that is to be waited for.

        After an error workers of ours leave theirs; of KerasTuner's none can.
        """
        return any(self.error is None or one.instance is None for one in self._lending.running())

    # Workers.

    def _hear(self, caller: Caller | None, asking: str | None = None) -> None:
        """Notes that a worker lives, and whether it died before and was started again.

        Args:
            caller: The worker; `None` if it is a tuner of KerasTuner's.
            asking: Its name if it asks for a trial.
        """
        self._is_alone = False
        died, name, instance = False, asking, None
        if caller is not None:
            died, name, instance = self._roster.hear(caller), caller.tuner, caller.instance
        elif asking is not None:
            self._roster.hear_of_keras_tuner(asking)
        lease = None if name is None else self._lending.lease_of(name)
        if name is not None and lease is not None and lease.instance not in (None, instance):
            self._take_back(name, f"{name} was started again in the midst of it" if died else None)
        if asking is not None:
            self._roster.workers[asking].dismissed = False

    def _let_go_of(self, name: str) -> None:
        worker = self._roster.workers[name]
        said = f"{name} was silent for more than {self._roster.patience:g} s"
        caller = Caller(name, str(worker.instance))
        with self._ending_if_it_fails():
            self._lending.let_go(caller, said if worker.seen else None)
        warnings.warn(f"{said[0].upper()}{said[1:]}: its trial is taken back.", stacklevel=3)

    def _tell_if_nobody_is_left(self) -> None:
        """Tells, once, that all workers have gone and the search has not ended."""
        gone = bool(self._roster.workers) and self._roster.nobody_is_left()
        if self._is_alone or not gone or self._lending.running() or self.has_finished():
            return
        self._is_alone = True
        again = self.oracle._retry_queue
        warnings.warn(
            f"{f'Trials {again} wait' if again else 'The search waits'} for a worker, and none is "
            "left. Start one; or end the chief, and start it again some time, and it goes on.",
            stacklevel=3,
        )

    def _take_back(self, name: str, death: str | None) -> None:
        with self._ending_if_it_fails():
            self._lending.take_back(name, death)

    def _dismiss_after_error(self, caller: Caller | None) -> None:
        if self.error is not None and caller is not None:
            self._roster.dismiss(caller.tuner)
            raise Dismissed(f"The search has ended with an error: {self.error}")

    def _without_trial(self, name: str) -> Trial:
        """Tells a worker that it can end; of those without a trial, one waits for the others.

        Should a worker die of one of the last trials, there is one left to run it again.
        """
        may_die = self.error is None and any(one.instance for one in self._lending.running())
        waits = may_die and not self._roster.somebody_waits(but=name)
        self._roster.workers[name].waits = waits
        if not waits:
            self._roster.dismiss(name)
        status = TrialStatus.IDLE if waits else TrialStatus.STOPPED
        return Trial(self.oracle.get_space(), status=status)

    @contextlib.contextmanager
    def _ending_if_it_fails(self) -> Iterator[None]:
        """An error that would end a search without workers ends this one, too."""
        try:
            yield
        except Exception as error:
            self.error = self.error or error
        self.error = self.error or getattr(self.oracle, "ended_by", None)


def _message(caller: Caller | None, trial: Trial) -> str | None:
    if trial.status == TrialStatus.COMPLETED:
        return None
    if caller is None:
        return "The worker, a tuner of KerasTuner's, does not tell why."
    return caller.message
