"""What sends the heartbeats of a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Heart:
    """Calls a function again and again, in a thread of its own.

    Args:
        period: Seconds between two calls.
        beat: The function.
    """

    def __init__(self, period: float, beat: Callable[[], None]) -> None:
        self._period = period
        self._beat = beat
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def start(self) -> None:
        """Begins; the first call comes after a period."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the call that is being made, if any."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._period):
            self._beat()
