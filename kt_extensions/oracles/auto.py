"""The oracle for those who would rather not choose an algorithm."""

from __future__ import annotations

from typing import Any

from kt_extensions.oracles.sampler_oracle import SamplerOracle
from kt_extensions.samplers import Auto, Sampler


class AutoOracle(SamplerOracle):
    """Chooses the search algorithm by the space and the number of trials.

    Says which and why, in one line, as soon as the space is known, and again if that changes,
    unless the search is silent. See `kt_extensions.samplers.Auto` for the rules.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.Auto` for the trials
        that the search is to have.

    Example:

    ```python
    oracle = AutoOracle("val_accuracy", max_trials=50)
    tuner = keras_tuner.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    _told: str | None = None  # the algorithm that was told last

    def _make_default_sampler(self) -> Sampler:
        return Auto(self.planned_trials, promotes=self.schedule is not None)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a new trial; tells the choice if it is new."""
        populated = super().populate_space(trial_id)
        if self.verbose and (line := self.new_explanation()):
            print(line)
        return populated

    def new_explanation(self) -> str | None:
        """Returns the line that tells which algorithm is used, and why.

        Returns:
            `None` if the space is not known yet, or the last line told the same algorithm.
        """
        space = self.record.space
        if not len(space):
            return None
        if not isinstance(self.sampler, Auto):
            name, line = repr(self.sampler), f"Search algorithm: {self.sampler}."
        else:
            choice = self.sampler.choose(space)
            name, line = choice.name, choice.explanation
        told, self._told = self._told, name
        return line if name != told else None
