"""The tuners that train most trials for a few epochs only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import keras_tuner as kt

from kt_extensions.oracles import ASHAOracle, BOHBOracle, HyperbandOracle
from kt_extensions.samplers import Sampler
from kt_extensions.tuners.tuner import Tuner


class Hyperband(Tuner):
    """Tunes with Hyperband; see `kt_extensions.schedulers.Hyperband`.

    Takes what `keras_tuner.Hyperband` takes, and what `Tuner` adds. A promoted trial goes on with
    the weights and the optimizer with which it ended.

    Args:
        hypermodel: As in `Tuner`.
        objective: As in `kt_extensions.oracles.SamplerOracle`, like those not told of here.
        max_epochs: The most epochs that a model is trained. A little more than the largest needs;
            `epochs` need not be passed to `search`. Defaults to 100.
        factor: One of so many trials is promoted, to so many times more epochs. Defaults to 3.
        hyperband_iterations: How often all brackets are run; `None` for no limit. Defaults to 1.
        seed: Integer, the seed of the search and of each training.
        hyperparameters: Optional `keras_tuner.HyperParameters` to override or declare some.
        tune_new_entries: Whether hyperparameters declared by the hypermodel alone are tuned.
        allow_new_entries: Whether the hypermodel may declare others than `hyperparameters`.
        max_retries_per_trial: How often a crashed trial is run again. Defaults to 0.
        max_consecutive_failed_trials: Failed trials in a row that end the search. Defaults to 3.
        min_epochs: The least epochs that a model is trained. Defaults to 1.
        sampler: The search algorithm, if not the default one.
        warm_start: Folders of earlier KerasTuner projects to learn from.
        **kwargs: As for `Tuner`.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.Hyperband(build_model, objective="val_accuracy", max_epochs=81)
    tuner.search(x, y, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class: ClassVar[type[HyperbandOracle]] = HyperbandOracle

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = 1,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        min_epochs: int = 1,
        sampler: Sampler | None = None,
        warm_start: Sequence[str | os.PathLike[str]] = (),
        **kwargs: Any,
    ) -> None:
        oracle = self.oracle_class(
            objective,
            max_epochs=max_epochs,
            factor=factor,
            hyperband_iterations=hyperband_iterations,
            min_epochs=min_epochs,
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


class BOHB(Hyperband):
    """Tunes with BOHB: Hyperband with a model; see `kt_extensions.samplers.KDE`.

    Args: as `Hyperband`.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.BOHB(build_model, objective="val_accuracy", max_epochs=81, tensorboard_dir="logs")
    tuner.search(x, y, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = BOHBOracle


class ASHA(Tuner):
    """Tunes with ASHA, which keeps any number of workers busy; see `kt_extensions.schedulers.ASHA`.

    Args: as `Hyperband`, but for

        max_trials: Number of trials, promotions included; `None` for no limit. Defaults to 100.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.ASHA(build_model, objective="val_accuracy", max_trials=200, max_epochs=81)
    tuner.search(x, y, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 100,
        max_epochs: int = 100,
        factor: int = 3,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        min_epochs: int = 1,
        sampler: Sampler | None = None,
        warm_start: Sequence[str | os.PathLike[str]] = (),
        **kwargs: Any,
    ) -> None:
        oracle = ASHAOracle(
            objective,
            max_trials=max_trials,
            max_epochs=max_epochs,
            factor=factor,
            min_epochs=min_epochs,
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
