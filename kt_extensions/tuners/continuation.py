"""How the trials of a tuner go on from where others, or they themselves, have ended."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine.tuner_utils import SaveBestEpoch

from kt_extensions.record import EPOCHS, INITIAL_EPOCH, PARENT
from kt_extensions.snapshot import Continuation, Order, Snapshot, first_readable, snapshot_file
from kt_extensions.snapshot.files import delete
from kt_extensions.tuners.best import BestTrials


class ContinuedTrials(BestTrials):
    """A tuner whose trials go on as if they had never stopped."""

    snapshot_epochs: int | None = None
    _continuation: Continuation | None = None

    def _try_build(self, hp: Any) -> keras.Model:
        model = super()._try_build(hp)
        return model if self._continuation is None else self._continuation.attach(model)

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial, and deletes the snapshots that are of no use any more."""
        super().on_trial_end(trial)
        for name in self._obsolete(self.oracle.get_trial(trial.trial_id)):
            delete(Path(self.get_trial_dir(name)))

    def _obsolete(self, trial: Trial) -> list[str]:
        """Returns the trials whose snapshots no trial will go on from.

        A trial that was promoted is not promoted again: its snapshot is kept until the next but one
        trial in its line has completed, in case that of the next is damaged. A trial that failed is
        run anew, if at all.
        """
        line = list(self._line(trial))
        if trial.status != TrialStatus.COMPLETED:
            return line[:1]
        return line[2:] if EPOCHS in trial.hyperparameters.values else line

    def _continue(self, trial: Trial, execution: int, kwargs: dict[str, Any]) -> None:
        """Changes the arguments of `fit` so that an execution of a trial goes on."""
        start = end = None
        scheduled = EPOCHS in trial.hyperparameters.values
        if scheduled or self.snapshot_epochs is not None:
            end = self._snapshot_file(trial.trial_id, execution)
            start = self._start(trial, execution)
        if scheduled or start is not None:
            kwargs["initial_epoch"] = 0 if start is None else start.epoch
        if scheduled:
            self._warn_if_late(trial, start)
        if start is not None and execution == 0:
            self._take_best(trial, start, kwargs["callbacks"])
        seed = self._training_seed(trial, execution)
        order = None if seed is None else Order(seed)
        self._continuation = Continuation(start, end, order=order, every=self.snapshot_epochs)
        kwargs["callbacks"].insert(0, self._continuation)

    def _start(self, trial: Trial, execution: int) -> Snapshot | None:
        """Returns the state that an execution of a trial goes on from, if from any."""
        line = self._line(trial)
        return first_readable(self._snapshot_file(name, execution) for name in line)

    def _warn_if_late(self, trial: Trial, start: Snapshot | None) -> None:
        values = trial.hyperparameters.values
        reached = 0 if start is None else start.epoch
        if reached >= values[INITIAL_EPOCH] or (start is not None and start.stopped):
            return
        where = f"epoch {reached}" if reached else "the beginning"
        folder = self.get_trial_dir(values[PARENT])
        warnings.warn(
            f"Trial {trial.trial_id} was to go on from trial {values[PARENT]}, but there is no "
            f"snapshot in {folder} that can be read. It is trained from {where}. Let all workers "
            "share the folder of the project, and let the hypermodel's `fit` pass its callbacks "
            "on.",
            stacklevel=2,
        )

    def _take_best(
        self, trial: Trial, start: Snapshot, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        """Begins with the best epoch so far, of all executions, and with its weights."""
        files = [Path(self._get_checkpoint_fname(name)) for name in self._line(trial)]
        found = next((file for file in files if file.exists()), None)
        if found is None:
            return
        if found != files[0]:
            files[0].parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, files[0])
        others = [self._start(trial, i) for i in range(1, self.executions_per_trial)]
        histories = [s.history for s in (start, *others) if s is not None]
        for callback in callbacks:
            if isinstance(callback, SaveBestEpoch):
                callback.best_value = _best(callback, histories)

    def _line(self, trial: Trial) -> Iterator[str]:
        """Yields the names of a trial, of that which it goes on from, and so on."""
        values = trial.hyperparameters.values
        yield trial.trial_id
        while values.get(PARENT) is not None:
            yield values[PARENT]
            values = self.oracle.get_trial(values[PARENT]).hyperparameters.values

    def _snapshot_file(self, trial_id: str, execution: int) -> Path:
        return snapshot_file(self.get_trial_dir(trial_id), execution)

    def _training_seed(self, trial: Trial, execution: int) -> int | None:
        """Returns a seed for one training, the same for all trials in a line; `None` for none."""
        if getattr(self.oracle, "given_seed", None) is None:
            return None
        *_, first = self._line(trial)
        return seed_of(self.oracle.seed, first, execution)


def seed_of(seed: int, trial_id: str, execution: int) -> int:
    """Returns a seed for one training, independent of those of all others."""
    number = trial_id.lstrip("0")  # the padding depends on max_trials, which may be raised
    entropy = [seed, int.from_bytes(number.encode(), "big"), execution]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _best(checkpoint: SaveBestEpoch, histories: list[dict[str, list[float]]]) -> float:
    """Returns the best value of the objective in some trainings."""
    objective, best = checkpoint.objective, checkpoint.best_value
    for history in histories:
        for values in zip(*history.values(), strict=False):
            logs = dict(zip(history, values, strict=True))
            if objective.has_value(logs) and objective.better_than(objective.get_value(logs), best):
                best = objective.get_value(logs)
    return float(best)
