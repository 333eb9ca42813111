"""What a worker has for an oracle: a client of the chief that outlives the chief."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_client import OracleClient

from kt_extensions.chief_worker import wire
from kt_extensions.chief_worker.connection import Connection
from kt_extensions.chief_worker.heart import Heart
from kt_extensions.chief_worker.patience import period
from kt_extensions.chief_worker.wire import Caller, Dismissed, SearchName, TrialTakenOver
from kt_extensions.reports import pruned_message

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds, after an answer that there is no trial yet
_FAREWELL = 1.0  # seconds that a chief has to answer one


class WorkerClient(OracleClient):  # type: ignore[misc]
    """An `OracleClient` that waits for a chief that is away, sends heartbeats, and tells messages.

    Args:
        oracle: The oracle as this program has made it, of which objective and limits are read.
        project_dir: The project folder. If it is that of the chief, too, it tells a worker that
            starts late that the search has ended.
        patience: Seconds to wait for a chief that has not been there yet.
    """

    def __init__(self, oracle: kt.Oracle, project_dir: str, patience: float) -> None:
        super().__init__(oracle)
        address = ":".join(os.environ[f"KERASTUNER_ORACLE_{part}"] for part in ("IP", "PORT"))
        self._connection = Connection(address, project_dir, patience)
        self._period = period(patience)
        self._instance = uuid.uuid4().hex
        self._running: Running | None = None
        self._refused: str | None = None
        self._ended = Ended("", None, False)
        self._idle = 0
        self._search: SearchName | None = None
        self.stub = _Stub(self)

    def joins(self, search: SearchName) -> bool:
        """Waits until the chief is in a search of the program; returns whether it is, not past it.

        A chief that does not tell is taken to be.

        Raises:
            ChiefGone: If it is away for too long.
        """
        self._search, self._connection.has_ended = search, False
        while True:
            request = protos.get_service().GetSpaceRequest()
            self._connection.ask("GetSpace", request, self._caller(None).metadata())
            theirs = self._connection.search
            if theirs is None or not theirs.is_another(search):
                return True
            if theirs.place > search.place:
                return False
            time.sleep(_LONGEST_PAUSE)

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Sends heartbeats meanwhile, and says at the end if, and why, it leaves before time."""
        self._refused, self._connection.has_ended = None, False
        heart = Heart(self._period, self._beat)
        heart.start()
        why = None
        try:
            yield
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise
        finally:
            heart.stop()
            self._leave(why)

    @property
    def given_seed(self) -> int | None:
        """The seed that the program asked for, if any: each training has one of it."""
        return getattr(self._oracle, "given_seed", None)

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return int(self._oracle.seed)

    # What KerasTuner's tuners call.

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial; after the answer that there is none yet, it takes its time."""
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            self._running = Running(trial.trial_id)
        self._connection.has_ended = trial.status == TrialStatus.STOPPED
        self._idle = self._idle + 1 if trial.status == TrialStatus.IDLE else 0
        if self._idle:
            time.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._idle - 1, 10)))
        return trial

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Reports metrics of a trial."""
        trial = super().update_trial(trial_id, metrics, step)
        if self._running is not None:
            self._running.metrics = trial.metrics
            self._running.pruned |= trial.status == TrialStatus.STOPPED
        return trial

    def end_trial(self, trial: Trial) -> None:
        """Reports the end of a trial, with all that was reported of it and why it failed."""
        running = self._running
        if running is not None and running.metrics is not None:
            trial.metrics = running.metrics
        pruned = running is not None and running.pruned
        self._ended = Ended(trial.trial_id, trial.message, pruned)
        super().end_trial(trial)
        self._running = None

    def get_trial(self, trial_id: str) -> Trial:
        """Returns a trial.

        Raises:
            TrialTakenOver: If this worker is running it, and another one has ended it.
        """
        trial = super().get_trial(trial_id)
        running = self._running is not None and self._running.trial_id == trial_id
        if running and trial.status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
            raise wire.taken_over(trial_id)
        if trial_id == self._ended.trial_id:  # KerasTuner's answer has no message
            if trial.status != TrialStatus.COMPLETED:
                trial.message = self._ended.message
            elif self._ended.pruned:
                trial.message = pruned_message(None)
        return trial

    def abandon(self) -> None:
        """Forgets the trial that is running: it is another worker's now."""
        self._running = None

    # How it speaks to the chief.

    def ask(self, name: str, request: Any) -> Any:
        """Returns the chief's answer to one of KerasTuner's calls, however long the chief is away.

        Raises:
            ChiefGone: If it is away for too long.
            Dismissed: If the search has ended with an error.
            TrialTakenOver: If another worker has the trial now.
            RuntimeError: If an error in the chief is the answer.
        """
        self.check()
        message = self._ended.message if name == "EndTrial" and self._connection.ours else None
        caller = self._caller(self._running, message=message)
        return self._connection.ask(name, request, caller.metadata())

    def _caller(self, running: Running | None, **told: Any) -> Caller:
        trial = None if running is None else running.trial_id
        return Caller(self.tuner_id, self._instance, trial, search=self._search, **told)

    def check(self) -> None:
        """Raises what the chief has answered to a heartbeat, if it was a refusal.

        Raises:
            Dismissed: If the search has ended with an error.
            TrialTakenOver: If another worker has the trial now.
        """
        if self._refused is not None:
            raise Dismissed(self._refused)
        if self._running is not None and self._running.refused is not None:
            raise TrialTakenOver(self._running.refused)

    def _beat(self) -> None:
        running = self._running
        try:
            self._tell(self._caller(running, act=wire.BEAT), max(self._period, _FAREWELL))
        except Dismissed as refusal:
            self._refused = str(refusal)
        except TrialTakenOver as refusal:
            if running is not None:
                running.refused = str(refusal)

    def _leave(self, why: str | None) -> None:
        if not self._connection.has_ended:
            farewell = self._caller(self._running, act=wire.LEAVE, message=why)
            with contextlib.suppress(Dismissed, TrialTakenOver):
                self._tell(farewell, _FAREWELL)
        self._running = None

    def _tell(self, caller: Caller, seconds: float) -> None:
        """Tells the chief what it does not have to answer. One that is away is not waited for."""
        if self._connection.ours:
            request = protos.get_service().GetSpaceRequest()
            self._connection.tell("GetSpace", request, caller.metadata(), seconds)


class Ended(NamedTuple):
    """How the last trial of a worker has ended: what a chief's answer does not tell.

    Args:
        trial_id: Its name.
        message: Why it has failed.
        pruned: Whether it was pruned.
    """

    trial_id: str
    message: str | None
    pruned: bool


class Running:
    """The trial that a worker is running.

    Args:
        trial_id: Its name.
    """

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
        self.metrics: Any = None
        """All that was reported of it, as the chief has it."""
        self.pruned = False
        """Whether the chief has stopped it."""
        self.refused: str | None = None
        """Why the chief takes nothing of it any more."""


class _Stub:
    """Stands for KerasTuner's stub, whose calls the client makes."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self._call, name)

    def _call(self, name: str, request: Any, **kwargs: Any) -> Any:
        return self._client.ask(name, request)
