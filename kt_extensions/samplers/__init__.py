"""Search algorithms: pure functions from the trials so far to the next point. No Keras here."""

from kt_extensions.samplers.auto import Auto
from kt_extensions.samplers.base import Random, Sampler, SpaceExhausted
from kt_extensions.samplers.gp import GP
from kt_extensions.samplers.kde import KDE
from kt_extensions.samplers.pso import PSO
from kt_extensions.samplers.surrogate import Skopt
from kt_extensions.samplers.tpe import TPE

REGISTRY: dict[str, type[Sampler]] = {
    "auto": Auto,
    "gp": GP,
    "kde": KDE,
    "pso": PSO,
    "random": Random,
    "skopt": Skopt,
    "tpe": TPE,
}
"""Every sampler by name; the contract tests run over it."""

__all__ = [
    "GP",
    "KDE",
    "PSO",
    "REGISTRY",
    "TPE",
    "Auto",
    "Random",
    "Sampler",
    "Skopt",
    "SpaceExhausted",
]
