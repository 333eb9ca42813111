"""The tuners that make their oracle themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import keras_tuner as kt

from kt_extensions.oracles import SamplerOracle
from kt_extensions.samplers import Sampler
from kt_extensions.tuners.tuner import Tuner


class SamplerTuner(Tuner):
    """A tuner whose oracle is made from the arguments that KerasTuner's tuners take.

    Args:
        hypermodel: As in `Tuner`.
        objective: As in `kt_extensions.oracles.SamplerOracle`, like those that follow.
        max_trials: Number of trials. Defaults to 10.
        seed: Integer, the seed of the search and of each training.
        hyperparameters: Optional `keras_tuner.HyperParameters` to override or declare some.
        tune_new_entries: Whether hyperparameters declared by the hypermodel alone are tuned.
        allow_new_entries: Whether the hypermodel may declare others than `hyperparameters`.
        max_retries_per_trial: How often a crashed trial is run again. Defaults to 0.
        max_consecutive_failed_trials: Failed trials in a row that end the search. Defaults to 3.
        sampler: The search algorithm, if not with its default settings.
        warm_start: Folders of earlier KerasTuner projects to learn from.
        **kwargs: As for `Tuner`.
    """

    oracle_class: ClassVar[type[SamplerOracle]] = SamplerOracle

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        sampler: Sampler | None = None,
        warm_start: Sequence[str | os.PathLike[str]] = (),
        **kwargs: Any,
    ) -> None:
        oracle = self.oracle_class(
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            sampler=sampler,
            warm_start=warm_start,
        )
        super().__init__(oracle, hypermodel, **kwargs)
