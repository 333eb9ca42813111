"""What stays of the trials on the disk: the snapshots, and the weights of the best epochs."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import gfiles, objectives
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.oracles.processes import is_worker
from kt_extensions.record import PARENT, by_hand
from kt_extensions.snapshot import Snapshots, files, snapshot_file
from kt_extensions.tuners.promotable import promotable
from kt_extensions.tuners.stopping import StoppingRules

_DELETED = (
    "with `snapshots=Snapshots(keep='best')` those of the best trial stay only. Ask for its model, "
    "`get_best_models()[0]`, or for the hyperparameters of others, `get_best_hyperparameters(n)`; "
    "to have the models of all, search with another `keep`."
)
_NEVER_SAVED = (
    "they were deleted, or never saved. A `HyperModel.fit` of one's own has to pass the "
    "`callbacks` that it gets on to `Model.fit`; one of them saves the weights."
)


class KeptFiles(StoppingRules):
    """A tuner that deletes what its trials have left behind once it is of no use any more.

    In a search with a chief each worker does so for its own trials and those that these go on from;
    the chief, when the search has ended, for all.
    """

    snapshots = Snapshots()
    _holding: set[str] | None = None  # trials that may have files; known from the first use on
    _running: set[str] | None = None  # trials that this tuner runs
    _over_budget = False

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs the search, and deletes what is only of use to one that goes on."""
        self._run_trials(fit_args, fit_kwargs)
        if not is_worker() and self._reason_to_stop() is None:
            self._holding = set(self.oracle.trials)
            self._tidy(self._holding, ended=True)

    def _run_trials(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Runs trials one after the other, as KerasTuner does."""
        super().search(*args, **kwargs)

    def on_trial_begin(self, trial: Trial) -> None:
        """Notes whose files are in use."""
        self._running = self._own() | {trial.trial_id}
        super().on_trial_begin(trial)

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial, and deletes the files that are of no use any more."""
        self._check_budget()
        super().on_trial_end(trial)
        self._running = self._own() - {trial.trial_id}
        ended = self.oracle.get_trial(trial.trial_id)
        self._holders().add(ended.trial_id)
        if ended.status != TrialStatus.COMPLETED:  # it is run anew, if at all
            self._delete_snapshots(ended.trial_id)
        self._tidy(self._line(ended) if is_worker() else self._holders())
        self._keep_to_budget()

    def load_model(self, trial: Trial) -> keras.Model:
        """Returns the model of a trial, with the weights of its best epoch.

        The optimizer starts anew: it is not part of what KerasTuner restores.

        Raises:
            FileNotFoundError: If they were deleted, as `Snapshots(keep="best")` asks for, or not
                saved, as by a `HyperModel.fit` that leaves the callbacks out.
        """
        file = self._get_checkpoint_fname(trial.trial_id)
        if not gfiles.exists(file):
            raise FileNotFoundError(
                f"Expected the weights of trial {trial.trial_id} in {file}. They are not there: "
                f"{_DELETED if self.snapshots.keep == 'best' else _NEVER_SAVED}"
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return super().load_model(trial)

    def _holders(self) -> set[str]:
        """Returns the trials that may have files: a worker's own, or all of the project."""
        if self._holding is None:
            self._holding = set() if is_worker() else set(self.oracle.trials)
        return self._holding

    def _tidy(self, trials: Iterable[str], ended: bool = False) -> None:
        """Deletes the files of those trials that are not to stay.

        Args:
            trials: Names of trials.
            ended: Whether the search has ended, so that no trial will be promoted.
        """
        if self.snapshots.keep == "all":
            return
        names = set(trials)
        needed = self._in_use() | self._kept_as_best()
        if self.snapshots.keep == "best":
            needed.update(filter(self._asked_for, names))
        for name in () if ended else promotable(self.oracle, names):
            needed.update(itertools.islice(self._line(self.oracle.get_trial(name)), 2))
        for name in names - needed:
            self._delete(name)

    def _in_use(self) -> set[str]:
        """Returns the running trials and the two before each, to which it may have to go back."""
        names = {t.trial_id for t in list(getattr(self.oracle, "ongoing_trials", {}).values())}
        names.update(getattr(self.oracle, "_retry_queue", ()), self._own())
        before = self._parents(names)
        return names | before | self._parents(before)

    def _parents(self, names: set[str]) -> set[str]:
        """Returns the trials that some others go on from."""
        trials = map(self.oracle.get_trial, names)
        parents = {trial.hyperparameters.values.get(PARENT) for trial in trials}
        return parents - {None}

    def _own(self) -> set[str]:
        """Returns the trials that this tuner runs."""
        return self._running or set()

    def _kept_as_best(self) -> set[str]:
        """Returns the trials that stay for being the best."""
        if self.snapshots.keep != "best":
            return set()
        if objectives.several(self.oracle.objective):
            return {trial.trial_id for trial, _ in self.pareto_front()}
        return {trial.trial_id for trial in self._completed(1)}

    def _asked_for(self, name: str) -> bool:
        """Whether a person has asked for a trial, by `continue_trial`, and will want its model."""
        return by_hand(self.oracle.get_trial(name).hyperparameters.values)

    def _delete(self, name: str) -> None:
        self._delete_snapshots(name)
        if self.snapshots.keep == "best":
            file = self._get_checkpoint_fname(name)
            self._delete_files([file] if gfiles.exists(file) else [])
        self._holders().discard(name)

    def _delete_snapshots(self, name: str) -> None:
        self._delete_files(files.present(self.get_trial_dir(name)))

    def _delete_files(self, paths: list[str]) -> None:
        """Deletes files once the ends of trials that make them useless are on the disk.

        One that cannot be deleted costs a warning.
        """
        if paths and isinstance(self.oracle, LoggedOracle):
            self.oracle.settle()
        try:
            for path in paths:
                gfiles.remove(path)
        except OSError as error:
            warnings.warn(f"What is of no use any more could not be deleted: {error}", stacklevel=2)

    # The budget.

    def _keep_to_budget(self) -> None:
        """Deletes the least useful snapshots until the rest is within the budget."""
        if self.snapshots.max_bytes is None:
            return
        names = self._holders() | self._own()
        sizes = {name: files.size(self.get_trial_dir(name)) for name in names}
        excess = sum(sizes.values()) - self.snapshots.max_bytes
        for name in self._least_useful_first(names - self._in_use()) if excess > 0 else ():
            if excess > 0 and sizes[name]:
                self._delete_snapshots(name)
                excess -= sizes[name]

    def _check_budget(self) -> None:
        """Tells once that the budget cannot be kept, while a trial still needs its snapshots."""
        limit = self.snapshots.max_bytes
        if limit is None or self._over_budget:
            return
        needed = sum(files.size(self.get_trial_dir(name)) for name in self._in_use())
        if needed > limit:
            self._over_budget = True
            warnings.warn(
                f"The snapshots that running trials need take {needed} bytes, and max_bytes="
                f"{limit}. They are kept. Raise `max_bytes`.",
                stacklevel=2,
            )

    def _least_useful_first(self, names: set[str]) -> list[str]:
        """Returns trials: those that are of no use first, then the worst first."""
        useful = promotable(self.oracle, names) | self._kept_as_best()
        sign = 1.0 if self.oracle.objective.direction == "max" else -1.0

        def usefulness(name: str) -> tuple[bool, float]:
            score = self.oracle.get_trial(name).score
            return name in useful, float("-inf") if score is None else sign * score

        return sorted(names, key=usefulness)

    # The line of trials that go on from each other.

    def _line(self, trial: Trial) -> Iterator[str]:
        """Yields the names of a trial, of that which it goes on from, and so on."""
        values = trial.hyperparameters.values
        yield trial.trial_id
        while values.get(PARENT) is not None:
            yield values[PARENT]
            values = self.oracle.get_trial(values[PARENT]).hyperparameters.values

    def _snapshot_file(self, trial_id: str, execution: int) -> str:
        return snapshot_file(self.get_trial_dir(trial_id), execution)
