"""How the trials of a tuner go on from where others, or they themselves, have ended."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from keras_tuner.engine.trial import Trial

from kt_extensions import gfiles, store
from kt_extensions.record import EPOCHS, INITIAL_EPOCH, PARENT, by_hand
from kt_extensions.snapshot import Continuation, Order, Snapshot, files, newest_readable
from kt_extensions.tuners.best_epoch import remember_best
from kt_extensions.tuners.kept import KeptFiles
from kt_extensions.tuners.live import LiveModel, watching_rungs
from kt_extensions.tuners.replicas import ReplicatedTrials

_SHARE_SNAPSHOTS = (
    "Let all workers share the folder of the project, and let the hypermodel's `fit` pass its "
    "callbacks on."
)
_KEEP_SNAPSHOTS = (
    "Search with `snapshots=kt_extensions.Snapshots(keep='best')`, or keep='all' for any trial but "
    "the best."
)


class ContinuedTrials(KeptFiles, ReplicatedTrials):
    """A tuner whose trials go on as if they had never stopped."""

    _continuation: Continuation | None = None
    _live: LiveModel | None = None
    _same_for_all_rungs = False

    def _let_go_of_live(self, trial: Trial) -> None:
        """Lets go of the live model if a trial does not go on with it."""
        if self._live is not None and not self._live.is_of_parent(trial):
            self._live = None

    def _try_build(self, hp: Any) -> keras.Model:
        """Builds a model, unless a trial goes on with the one that was just trained."""
        live, self._live = self._live, None
        if self._continuation is None:
            return super()._try_build(hp)
        if live is not None and self._continuation.fits(live.model):
            self._same_for_all_rungs = True
            return self._continuation.attach(live.model)
        with watching_rungs(hp) as asked:
            model = super()._try_build(hp)
        self._same_for_all_rungs = not asked.any
        return self._continuation.attach(model)

    def _keep_live(self, trial: Trial, execution: int) -> None:
        """Keeps the model of a training that has ended, should its trial be promoted at once."""
        ended, scheduled = self._continuation, EPOCHS in trial.hyperparameters.values
        if ended is not None and scheduled and self._same_for_all_rungs:
            self._live = LiveModel(trial.trial_id, execution, ended.epochs, ended.detach())

    def _continue(
        self,
        trial: Trial,
        execution: int,
        kwargs: dict[str, Any],
        readers: Sequence[keras.callbacks.Callback],
    ) -> None:
        """Changes the arguments of `fit` so that an execution of a trial goes on.

        Args:
            trial: The trial.
            execution: Number of its execution, from 0.
            kwargs: The arguments.
            readers: Those of the callbacks that are to see what all others log.
        """
        found = end = None
        self._same_for_all_rungs = False
        scheduled = EPOCHS in trial.hyperparameters.values
        if scheduled or self.snapshots.for_all:
            end = self._snapshot_file(trial.trial_id, execution)
            found = self._start(trial, execution)
        start = None if found is None else found.snapshot
        if scheduled or start is not None:
            kwargs["initial_epoch"] = 0 if start is None else start.epoch
        if scheduled:
            self._warn_if_late(trial, start)
        if found is not None:
            self._take_best(trial, execution, found.trial_id)
            self._remember_best(trial, found.snapshot, kwargs["callbacks"])
        seed = self._training_seed(trial, execution)
        order = None if seed is None else Order(seed)
        if self._live is not None and not self._live.is_start_of(trial, execution, start):
            self._live = None
        self._continuation = Continuation(
            start,
            end,
            order=order,
            readers=readers,
            snapshots=self.snapshots,
            written=functools.partial(self._snapshot_written, trial, execution),
            check=self._check_fit,
            ask=self._check_turn,
        )
        kwargs["callbacks"].insert(0, self._continuation)

    def _snapshot_written(self, trial: Trial, execution: int) -> None:
        if self.snapshots.for_all:
            self._keep_best(trial, execution)
        self._keep_to_budget()

    def _keep_best(self, trial: Trial, execution: int) -> None:
        """Keeps the weights of the best epoch so far, should what comes next be lost."""
        with store.tolerantly("The best epoch so far"):
            checkpoint = self._get_checkpoint_fname(trial.trial_id)
            files.keep_best(checkpoint, self.get_trial_dir(trial.trial_id), execution)

    def _start(self, trial: Trial, execution: int) -> _Start | None:
        """Returns the state that an execution of a trial goes on from, if from any."""
        asked_for = by_hand(trial.hyperparameters.values)
        for name in self._line(trial):
            found = newest_readable(self._snapshot_file(name, execution))
            if found is not None:  # A person asks for more epochs, whatever had ended the other.
                again = asked_for and name != trial.trial_id
                return _Start(name, replace(found, stopped=False) if again else found)
        return None

    def _warn_if_late(self, trial: Trial, start: Snapshot | None) -> None:
        values = trial.hyperparameters.values
        reached = 0 if start is None else start.epoch
        if reached >= values[INITIAL_EPOCH] or (start is not None and start.stopped):
            return
        where = f"epoch {reached}" if reached else "the beginning"
        folder = self.get_trial_dir(values[PARENT])
        warnings.warn(
            f"Trial {trial.trial_id} was to go on from trial {values[PARENT]}, but there is no "
            f"snapshot in {folder} that can be read. It is trained from {where}. "
            + (_KEEP_SNAPSHOTS if by_hand(values) else _SHARE_SNAPSHOTS),
            stacklevel=2,
        )

    def _take_best(self, trial: Trial, execution: int, origin: str) -> None:
        """Begins with the weights of the best epoch so far.

        Those that the trial has itself may be of an epoch, or of an attempt, that was lost.

        Args:
            trial: The trial.
            execution: Number of its execution, from 0.
            origin: The trial whose snapshot it goes on from.
        """
        own, *others = (self._get_checkpoint_fname(name) for name in self._line(trial))
        kept = files.best_file(self.get_trial_dir(trial.trial_id), execution)
        candidates = [own, *others]
        if origin == trial.trial_id:
            candidates.insert(0, kept)
        elif not execution:
            candidates = others
        found = next(filter(gfiles.exists, candidates), own)
        if found != own:
            gfiles.copy(found, own)

    def _remember_best(
        self, trial: Trial, start: Snapshot, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        """Begins with the value of the best epoch so far, of all executions."""
        if not gfiles.exists(self._get_checkpoint_fname(trial.trial_id)):
            return
        others = [self._start(trial, i) for i in range(1, self.executions_per_trial)]
        histories = [start.history, *(other.snapshot.history for other in others if other)]
        remember_best(callbacks, histories)

    def _training_seed(self, trial: Trial, execution: int) -> int | None:
        """Returns a seed for one training, the same for all trials in a line; `None` for none."""
        if getattr(self.oracle, "given_seed", None) is None:
            return None
        *_, first = self._line(trial)
        return seed_of(self.oracle.seed, first, execution)


class _Start(NamedTuple):
    """The state that a training goes on from, and the trial whose it is."""

    trial_id: str
    snapshot: Snapshot


def seed_of(seed: int, trial_id: str, execution: int) -> int:
    """Returns a seed for one training, independent of those of all others."""
    number = trial_id.lstrip("0")  # the padding depends on max_trials, which may be raised
    entropy = [seed, int.from_bytes(number.encode(), "big"), execution]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
