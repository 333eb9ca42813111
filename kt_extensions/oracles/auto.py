"""The oracle for those who would rather not choose an algorithm."""

from __future__ import annotations

from typing import Any

from kt_extensions.oracles.sampler_oracle import SamplerOracle
from kt_extensions.samplers import Auto, Sampler


class AutoOracle(SamplerOracle):
    """Chooses the search algorithm by the space and the number of trials.

    Says which and why, in one line, when the first trial begins, unless the search is silent. See
    `kt_extensions.samplers.Auto` for the rules.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.Auto(max_trials)`.

    Example:

    ```python
    oracle = AutoOracle("val_accuracy", max_trials=50)
    tuner = keras_tuner.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    def _make_default_sampler(self) -> Sampler:
        return Auto(self.max_trials)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a new trial; tells the choice before the first."""
        if not self.trials and self.verbose:
            print(self.explanation())
        return super().populate_space(trial_id)

    def explanation(self) -> str:
        """Returns the line that tells which algorithm is used, and why."""
        if isinstance(self.sampler, Auto):
            return self.sampler.choose(self.record.space).explanation
        return f"Search algorithm: {self.sampler}."
