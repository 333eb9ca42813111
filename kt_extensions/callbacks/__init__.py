"""Keras callbacks that change the learning rate, by the functions of `schedules.py`."""

from kt_extensions.callbacks.base import RateCallback
from kt_extensions.callbacks.decays import CosineDecay, ScheduledRate, StepDecay
from kt_extensions.callbacks.plateau import PlateauDecay
from kt_extensions.callbacks.scaling import LinearScaling
from kt_extensions.callbacks.space import ScheduleSpace, tunable_schedule
from kt_extensions.callbacks.warmup import LearningRateWarmup, WarmupDecay

__all__ = [
    "CosineDecay",
    "LearningRateWarmup",
    "LinearScaling",
    "PlateauDecay",
    "RateCallback",
    "ScheduleSpace",
    "ScheduledRate",
    "StepDecay",
    "WarmupDecay",
    "tunable_schedule",
]
