"""Who may do what when: KerasTuner's lock of an oracle, and the chief and workers of a search."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import keras_tuner as kt
from keras_tuner.src.engine.oracle import LOCKS, THREADS


@contextlib.contextmanager
def locked(oracle: kt.Oracle) -> Iterator[None]:
    """Holds KerasTuner's lock of an oracle, and releases it whatever happens.

    KerasTuner's own `synchronized` leaves the lock held when an exception passes through, and all
    other threads wait for ever. Inside of this one it takes no lock.
    """
    thread = threading.current_thread().name
    if THREADS[oracle] == thread:
        yield
        return
    with LOCKS[oracle]:
        THREADS[oracle] = thread
        try:
            yield
        finally:
            THREADS[oracle] = None


def is_chief() -> bool:
    """Whether this process is the chief of a search with workers (KerasTuner's variables)."""
    return _is_distributed() and "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")


def is_worker() -> bool:
    """Whether this process is a worker of a search with a chief."""
    return _is_distributed() and not is_chief()


def _is_distributed() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ
