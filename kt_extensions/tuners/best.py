"""What a search has found: the best trials, their models, the Pareto front."""

from __future__ import annotations

import warnings

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives
from kt_extensions.checking import check_integer
from kt_extensions.objectives import ParetoPoint
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.record import BRACKET, EPOCHS, ROUND, by_hand, name_of, own_values
from kt_extensions.reports import is_pruned
from kt_extensions.results_table import results_table
from kt_extensions.terminal import Terminal
from kt_extensions.tuners.chief_or_worker import ChiefOrWorker

_ALL = 2**31 - 1  # trials; the largest number that a worker can ask for


class BestTrials(ChiefOrWorker):
    """A tuner that tells the best trials of any oracle, and the front of several objectives."""

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, the best first; fewer if fewer have completed.

        Of a configuration that was promoted only the best trial is returned.

        Of several objectives, the best compromises, not those with the least sum: first the trials
        of the Pareto front, by their distance to the point that has the best of each objective, all
        objectives scaled to their range in the front; then, in the same way, the front of the
        remaining trials, and so on. `pareto_front` returns the whole choice.
        """
        check_integer("num_trials", num_trials, 0)
        if objectives.several(self.oracle.objective) and not isinstance(self.oracle, LoggedOracle):
            return objectives.best_first(self._completed(), self.oracle.objective)[:num_trials]
        return self._completed(num_trials)

    def _completed(self, number: int = _ALL) -> list[Trial]:
        best = self._ranked(number)
        if any(is_pruned(trial) for trial in best):  # after those that ran to their end
            best = sorted(self._ranked(_ALL), key=is_pruned)
        if any(EPOCHS in trial.hyperparameters.values for trial in best):
            best = _each_configuration_once(sorted(self._ranked(_ALL), key=is_pruned), number)
        return best[:number]

    def _ranked(self, number: int) -> list[Trial]:
        best = self.oracle.get_best_trials(number)
        return [trial for trial in best if trial.status == TrialStatus.COMPLETED]

    def pareto_front(self) -> list[ParetoPoint]:
        """Returns the completed trials that no other one dominates, sorted by the first objective.

        A trial dominates another if it is no worse in any objective and better in one. The
        objectives of a trial are those of its best epoch, the one with the least sum: that of the
        weights which `load_model` restores. Of a single objective the front is the best trial, and
        those that are as good.

        Returns:
            For each trial of the front a tuple `(trial, values)`, `values` by the objective's name.

        Example:

        ```python
        two = ["val_loss", keras_tuner.Objective("val_recall", "max")]
        tuner = kte.TPE(build_model, objective=two, max_trials=50)
        tuner.search(x, y, validation_split=0.2)
        for trial, values in tuner.pareto_front():
            print(trial.trial_id, values["val_loss"], values["val_recall"])
        ```
        """
        if isinstance(self.oracle, LoggedOracle):
            return self.oracle.pareto_front()
        return objectives.pareto_front(self._completed(), self.oracle.objective)

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """Returns the models of the best completed trials, with the weights of their best epoch.

        Of several objectives, those of the best compromises: see `get_best_trials`.
        """
        check_integer("num_models", num_models, 0)
        return [self.load_model(trial) for trial in self._best_or_warning(num_models)]

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[kt.HyperParameters]:
        """Returns the hyperparameters of the best completed trials, the best first.

        Of several objectives, those of the best compromises: see `get_best_trials`.
        """
        return [trial.hyperparameters for trial in self._best_or_warning(num_trials)]

    def _best_or_warning(self, number: int) -> list[Trial]:
        best = self.get_best_trials(number)
        if number and not best:
            warnings.warn(
                "No trial has completed yet: the list is empty. Call `search` first, or see "
                "`failures()` for what went wrong.",
                stacklevel=3,
            )
        return best

    def results_summary(self, num_trials: int = 10) -> None:
        """Prints the best trials, the best first, in a table as wide as the terminal.

        Args:
            num_trials: How many. Defaults to 10.
        """
        best, all_trials = self.get_best_trials(num_trials), len(self.oracle.trials)
        title = f"{self.project_name}: the {len(best)} best of {all_trials} trials"
        table = results_table(best, self.oracle.objective, title)
        Terminal().print(table)

    def trials_since_best(self) -> int:
        """Returns how many trials have ended after the last one that was better than all before.

        Only those of a last rung are counted, if there are rungs: the others were not to be better.
        """
        last = self._last_better()
        if last is None:
            return 0
        later = self.oracle.end_order[last + 1 :]
        return sum(_fully_trained(self.oracle.trials[trial_id]) for trial_id in later)

    def _last_better(self) -> int | None:
        """Returns the place, in the order of their ends, of the last trial that was better."""
        order = self.oracle.end_order
        if objectives.several(self.oracle.objective):
            since = objectives.trials_since_better(self.pareto_front(), order)
            return len(order) - 1 - since if order else None
        best = self.oracle.get_best_trials()
        if best and by_hand(best[0].hyperparameters.values):
            ranked = self.oracle.get_best_trials(_ALL)
            best = [trial for trial in ranked if not by_hand(trial.hyperparameters.values)]
        completed = best and best[0].status == TrialStatus.COMPLETED
        return order.index(best[0].trial_id) if completed else None


def _fully_trained(trial: Trial) -> bool:
    """Whether a trial of the search is in the last rung of its bracket, or there are none."""
    values = trial.hyperparameters.values
    top = values.get(ROUND) == values.get(BRACKET)
    return bool(top) and not by_hand(values)


def _each_configuration_once(trials: list[Trial], number: int) -> list[Trial]:
    """Returns the first trial with each of so many configurations, whatever it was trained for."""
    first: dict[str, Trial] = {}
    for trial in trials:
        if len(first) == number:
            break
        first.setdefault(name_of(own_values(trial.hyperparameters.values)), trial)
    return list(first.values())
