"""The tuners users name: any oracle, or a search algorithm.

`Tuner` is put together of parts, each of which adds one thing to `keras_tuner.Tuner`. A method that
several of them have hands on to the next, from the first to the last of these:

- `tuner.Tuner`: the order in which all else happens.
- `told.ToldSearch`: what the log and the display of the progress are told.
- `executions.RepeatedTrials`: several trainings of a trial, or one for each fold of the data.
- `reporting.ReportedTrials`: the report of each epoch, pruning, `results()` and `failures()`.
- `remembered.RememberedCalls`: the arguments of `search`, for what comes after it.
- `parallel.ParallelTrials`: trials in other processes: each in its own, or many at once.
- `continued_by_hand.ContinuedByHand`: `continue_trial`.
- `continuation.ContinuedTrials`: trials that go on from a snapshot.
- `kept.KeptFiles`: which snapshots and weights stay on the disk.
- `stopping.StoppingRules`: `max_time` and `patience`.
- `best.BestTrials`: the best trials, their models, the Pareto front.
- `chief_or_worker.ChiefOrWorker`: a search with a chief and workers.
- `replicas.ReplicatedTrials`: one trial on several devices.

Example:
    >>> parts = [part for part in Tuner.__mro__ if part.__module__.startswith("kt_extensions.")]
    >>> [part.__name__ for part in parts]  # doctest: +NORMALIZE_WHITESPACE
    ['Tuner', 'ToldSearch', 'RepeatedTrials', 'ReportedTrials', 'RememberedCalls',
     'ParallelTrials', 'ContinuedByHand', 'ContinuedTrials', 'KeptFiles', 'StoppingRules',
     'BestTrials', 'ChiefOrWorker', 'ReplicatedTrials']
"""

from kt_extensions.oracles import AutoOracle, GPOracle, PSOOracle, SkoptOracle, TPEOracle
from kt_extensions.tuners.sampler_tuner import SamplerTuner
from kt_extensions.tuners.scheduled import ASHA, BOHB, Hyperband
from kt_extensions.tuners.tuner import Tuner


class GP(SamplerTuner):
    """Tunes with a Gaussian process; see `kt_extensions.samplers.GP`.

    Takes what `keras_tuner.RandomSearch` takes, and what `Tuner` adds.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.GP(build_model, objective="val_accuracy", max_trials=50, tensorboard_dir="logs")
    tuner.search(x, y, epochs=10, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = GPOracle


class PSO(SamplerTuner):
    """Tunes with a particle swarm; see `kt_extensions.samplers.PSO`.

    Takes what `keras_tuner.RandomSearch` takes, and what `Tuner` adds.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.PSO(build_model, objective="val_accuracy", max_trials=100, tensorboard_dir="logs")
    tuner.search(x, y, epochs=10, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = PSOOracle


class Search(SamplerTuner):
    """Tunes with the algorithm that suits the space and the number of trials; says which and why.

    Takes what `keras_tuner.RandomSearch` takes, and what `Tuner` adds. See
    `kt_extensions.samplers.Auto` for the choice.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.Search(build_model, objective="val_accuracy", max_trials=50, tensorboard_dir="logs")
    tuner.search(x, y, epochs=10, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = AutoOracle


class Skopt(SamplerTuner):
    """Tunes with scikit-optimize's surrogate models; see `kt_extensions.samplers.Skopt`.

    Takes what `keras_tuner.RandomSearch` takes, and what `Tuner` adds.

    Example:

    ```python
    import kt_extensions as kte

    forest = kte.samplers.Skopt(surrogate="RF", acquisition="LCB")
    tuner = kte.Skopt(build_model, objective="val_accuracy", max_trials=50, sampler=forest)
    tuner.search(x, y, epochs=10, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = SkoptOracle


class TPE(SamplerTuner):
    """Tunes with the Tree-structured Parzen Estimator; see `kt_extensions.samplers.TPE`.

    Takes what `keras_tuner.RandomSearch` takes, and what `Tuner` adds.

    Example:

    ```python
    import kt_extensions as kte

    tuner = kte.TPE(build_model, objective="val_accuracy", max_trials=50, tensorboard_dir="logs")
    tuner.search(x, y, epochs=10, validation_split=0.2)
    model = tuner.get_best_models()[0]
    ```
    """

    oracle_class = TPEOracle


__all__ = [
    "ASHA",
    "BOHB",
    "GP",
    "PSO",
    "TPE",
    "Hyperband",
    "SamplerTuner",
    "Search",
    "Skopt",
    "Tuner",
]
