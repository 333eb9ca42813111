"""KerasTuner's searches with a chief and workers, which outlive the death of either."""

from kt_extensions.chief_worker.chief import Chief
from kt_extensions.chief_worker.client import WorkerClient
from kt_extensions.chief_worker.leases import Leases, is_unfinished
from kt_extensions.chief_worker.patience import patience
from kt_extensions.chief_worker.server import serve
from kt_extensions.chief_worker.wire import ChiefGone, Dismissed, SearchName, TrialTakenOver

__all__ = [
    "Chief",
    "ChiefGone",
    "Dismissed",
    "Leases",
    "SearchName",
    "TrialTakenOver",
    "WorkerClient",
    "is_unfinished",
    "patience",
    "serve",
]
