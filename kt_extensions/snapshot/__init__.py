"""The state of a training, from which another one goes on as if there had been no stop."""

from kt_extensions.snapshot.continuation import Continuation
from kt_extensions.snapshot.files import Snapshot, newest_readable, read, snapshot_file, write
from kt_extensions.snapshot.order import Order
from kt_extensions.snapshot.settings import Snapshots

__all__ = [
    "Continuation",
    "Order",
    "Snapshot",
    "Snapshots",
    "newest_readable",
    "read",
    "snapshot_file",
    "write",
]
