"""What KerasTuner's record of a trial tells."""

from __future__ import annotations

from typing import Any


def active_values(hyperparameters: Any) -> dict[str, Any]:
    """Returns the values in force: no stale ones of inactive branches, but those none declares.

    Args:
        hyperparameters: A `keras_tuner.HyperParameters`.

    Example:
        >>> import keras_tuner
        >>> hp = keras_tuner.HyperParameters()
        >>> kind = hp.Choice("kind", ["a", "b"])
        >>> units = hp.Int("units", 1, 9, parent_name="kind", parent_values=["b"])
        >>> hp.values["units"] = 3
        >>> active_values(hp)
        {'kind': 'a'}
    """
    declared = {hp.name for hp in hyperparameters.space}
    return {
        name: value
        for name, value in hyperparameters.values.items()
        if name not in declared or hyperparameters.is_active(name)
    }


def value_at_best(trial: Any, name: str) -> float:
    """Returns a metric at the best step, or its best value where none was reported at that step.

    Args:
        trial: A `keras_tuner.engine.trial.Trial` that is completed.
        name: The metric.
    """
    for observation in trial.metrics.get_history(name):
        if observation.step == trial.best_step:
            return float(observation.mean())
    return float(trial.metrics.get_best_value(name))
