"""Whether a running trial is worth another epoch: pure functions of the curves so far."""

from kt_extensions.pruners.base import Progress, Pruner

REGISTRY: dict[str, type[Pruner]] = {}
"""Every pruner by name; the contract tests run over it."""

__all__ = ["REGISTRY", "Progress", "Pruner"]
