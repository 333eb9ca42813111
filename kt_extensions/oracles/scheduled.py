"""The oracles that train most trials for a few epochs only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kt_extensions.checking import check_integer
from kt_extensions.oracles.sampler_oracle import SamplerOracle
from kt_extensions.samplers import KDE, Random, Sampler
from kt_extensions.schedulers import ASHA, Hyperband


class HyperbandOracle(SamplerOracle):
    """Hyperband: random configurations, the best of which are trained longer.

    Takes what `keras_tuner.oracles.HyperbandOracle` takes. See `kt_extensions.schedulers.Hyperband`
    for the algorithm and its source, and for what differs from KerasTuner's: the paper's numbers of
    trials and epochs, brackets that failed trials do not starve, resuming without a difference.

    Args:
        objective: As for `SamplerOracle`.
        max_epochs: The most epochs that a trial is trained. Defaults to 100.
        factor: One of so many trials is promoted, to so many times more epochs. Defaults to 3.
        hyperband_iterations: How often all brackets are run; `None` for no limit. Defaults to 1.
        min_epochs: The least epochs that a trial is trained. Defaults to 1.
        **kwargs: As for `SamplerOracle`, but for the scheduler: `seed`, `hyperparameters`,
            `max_retries_per_trial`, `max_trials`, `sampler`, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    oracle = HyperbandOracle("val_accuracy", max_epochs=81)
    tuner = kt_extensions.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    default_sampler: Callable[[], Sampler] | None = Random

    def __init__(
        self,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = 1,
        *,
        min_epochs: int = 1,
        **kwargs: Any,
    ) -> None:
        if hyperband_iterations is not None:
            check_integer("hyperband_iterations", hyperband_iterations, 1)
        scheduler = Hyperband(max_epochs, factor, min_epochs, hyperband_iterations)
        super().__init__(objective, scheduler=scheduler, **{"max_trials": None, **kwargs})


class BOHBOracle(HyperbandOracle):
    """BOHB: Hyperband whose configurations come from a model of all trials so far.

    See `kt_extensions.samplers.KDE` for the model and its source.

    Args: as `HyperbandOracle`; `sampler` defaults to `kt_extensions.samplers.KDE()`.

    Example:

    ```python
    oracle = BOHBOracle("val_accuracy", max_epochs=81)
    tuner = kt_extensions.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    default_sampler = KDE


class ASHAOracle(SamplerOracle):
    """ASHA: successive halving in which no worker waits, with a model of all trials so far.

    See `kt_extensions.schedulers.ASHA` for the algorithm and its source.

    Args:
        objective: As for `SamplerOracle`.
        max_trials: Number of trials after which the search ends, promotions included, or `None`
            for no limit. Defaults to 100.
        max_epochs: The most epochs that a trial is trained. Defaults to 100.
        factor: The best of so many trials is promoted, to so many times more epochs. Defaults to 3.
        min_epochs: The least epochs that a trial is trained. Defaults to 1.
        **kwargs: As for `SamplerOracle`, but for the scheduler; `sampler` defaults to
            `kt_extensions.samplers.KDE()`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    oracle = ASHAOracle("val_accuracy", max_trials=200, max_epochs=81)
    tuner = kt_extensions.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    default_sampler = KDE

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 100,
        max_epochs: int = 100,
        factor: int = 3,
        *,
        min_epochs: int = 1,
        **kwargs: Any,
    ) -> None:
        scheduler = ASHA(max_epochs, factor, min_epochs)
        super().__init__(objective, max_trials, scheduler=scheduler, **kwargs)
