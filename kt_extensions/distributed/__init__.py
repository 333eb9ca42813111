"""KerasTuner's searches with a chief and workers, which outlive the death of either."""

from kt_extensions.distributed.chief import Chief
from kt_extensions.distributed.client import WorkerClient
from kt_extensions.distributed.leases import Leases
from kt_extensions.distributed.patience import patience
from kt_extensions.distributed.server import serve
from kt_extensions.distributed.wire import ChiefGone, Dismissed, TrialTakenOver

__all__ = [
    "Chief",
    "ChiefGone",
    "Dismissed",
    "Leases",
    "TrialTakenOver",
    "WorkerClient",
    "patience",
    "serve",
]
