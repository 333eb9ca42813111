"""The oracles users name: search algorithms for any KerasTuner tuner.

All are `SamplerOracle`s, which ask a sampler for configurations, and a scheduler for how long each
is trained. Below it, `outcomes.OutcomeOracle` says what came of a trial, `reported.ReportedOracle`
keeps the learning curves and has trials pruned, and `logged_oracle.LoggedOracle` records the
search, so that it can be resumed.
"""

from kt_extensions.oracles.auto import AutoOracle
from kt_extensions.oracles.sampler_oracle import SamplerOracle
from kt_extensions.oracles.scheduled import ASHAOracle, BOHBOracle, HyperbandOracle
from kt_extensions.samplers import GP, PSO, TPE, Skopt


class GPOracle(SamplerOracle):
    """Gaussian process: models the scores over the whole space, and tries where they may be best.

    For searches of up to some 300 trials, in spaces of any kind. See
    `kt_extensions.samplers.GP` for the algorithm, its settings and its sources.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.GP()`.

    Example:

    ```python
    import keras_tuner as kt
    from kt_extensions.oracles import GPOracle

    tuner = kt.Tuner(oracle=GPOracle("val_accuracy", max_trials=50), hypermodel=build_model)
    tuner.search(x, y, epochs=10, validation_split=0.2)
    ```
    """

    default_sampler = GP


class PSOOracle(SamplerOracle):
    """Particle swarm: particles move on, drawn to the best that they and the swarm have found.

    For smooth scores, any number of trials, and many at once. See `kt_extensions.samplers.PSO` for
    the algorithm, its settings and its sources.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.PSO()`.

    Example:

    ```python
    import keras_tuner as kt
    from kt_extensions.oracles import PSOOracle

    tuner = kt.Tuner(oracle=PSOOracle("val_accuracy", max_trials=100), hypermodel=build_model)
    tuner.search(x, y, epochs=10, validation_split=0.2)
    ```
    """

    default_sampler = PSO


class SkoptOracle(SamplerOracle):
    """Surrogate models of scikit-optimize: forests, boosting or a Gaussian process.

    By default extremely randomized trees, for rough scores and spaces with many options. See
    `kt_extensions.samplers.Skopt` for the models, the settings and their sources.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.Skopt()`.

    Example:

    ```python
    import keras_tuner as kt
    from kt_extensions.oracles import SkoptOracle

    tuner = kt.Tuner(oracle=SkoptOracle("val_accuracy", max_trials=50), hypermodel=build_model)
    tuner.search(x, y, epochs=10, validation_split=0.2)
    ```
    """

    default_sampler = Skopt


class TPEOracle(SamplerOracle):
    """Tree-structured Parzen Estimator: models where good trials are, and tries there.

    For spaces with categories and conditions and for any number of trials. See
    `kt_extensions.samplers.TPE` for the algorithm, its settings and its sources.

    Args: as `SamplerOracle`; `sampler` defaults to `kt_extensions.samplers.TPE()`.

    Example:

    ```python
    import keras_tuner as kt
    from kt_extensions.oracles import TPEOracle

    tuner = kt.Tuner(oracle=TPEOracle("val_accuracy", max_trials=50), hypermodel=build_model)
    tuner.search(x, y, epochs=10, validation_split=0.2)
    ```
    """

    default_sampler = TPE


__all__ = [
    "ASHAOracle",
    "AutoOracle",
    "BOHBOracle",
    "GPOracle",
    "HyperbandOracle",
    "PSOOracle",
    "SamplerOracle",
    "SkoptOracle",
    "TPEOracle",
]
