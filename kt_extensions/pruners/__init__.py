"""Whether a running trial is worth another epoch: pure functions of the curves so far."""

from kt_extensions.pruners.base import Progress, Pruner
from kt_extensions.pruners.extrapolation import Extrapolation
from kt_extensions.pruners.halving import SuccessiveHalving
from kt_extensions.pruners.own import Patience, Threshold
from kt_extensions.pruners.percentile import Median, Percentile

REGISTRY: dict[str, type[Pruner]] = {
    "extrapolation": Extrapolation,
    "median": Median,
    "patience": Patience,
    "percentile": Percentile,
    "successive_halving": SuccessiveHalving,
    "threshold": Threshold,
}
"""Every pruner by name; the contract tests run over it."""

__all__ = [
    "REGISTRY",
    "Extrapolation",
    "Median",
    "Patience",
    "Percentile",
    "Progress",
    "Pruner",
    "SuccessiveHalving",
    "Threshold",
]
