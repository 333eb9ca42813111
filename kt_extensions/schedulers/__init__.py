"""Which trial runs next, and for how many epochs: pure functions of the trials so far."""

from kt_extensions.schedulers.asha import ASHA
from kt_extensions.schedulers.base import Action, AllAlike, Done, Scheduler, Start, Wait
from kt_extensions.schedulers.hyperband import Hyperband, SuccessiveHalving

REGISTRY: dict[str, type[Scheduler]] = {
    "asha": ASHA,
    "hyperband": Hyperband,
    "successive_halving": SuccessiveHalving,
}
"""Every scheduler by name; the contract tests run over it."""

__all__ = [
    "ASHA",
    "REGISTRY",
    "Action",
    "AllAlike",
    "Done",
    "Hyperband",
    "Scheduler",
    "Start",
    "SuccessiveHalving",
    "Wait",
]
