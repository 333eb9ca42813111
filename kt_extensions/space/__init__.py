"""The search space: KerasTuner's hyperparameters as coordinates in the unit cube, and back."""

from kt_extensions.space.finite import GeometricSteps, LinearSteps, LogIntegers, Options
from kt_extensions.space.interval import Interval
from kt_extensions.space.search_space import Condition, Dimension, SearchSpace

__all__ = [
    "Condition",
    "Dimension",
    "GeometricSteps",
    "Interval",
    "LinearSteps",
    "LogIntegers",
    "Options",
    "SearchSpace",
]
