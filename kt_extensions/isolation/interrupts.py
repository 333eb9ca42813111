"""Interrupts that wait until what must not be torn apart is done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Has Ctrl-C, and SIGTERM where Python handles it, take effect after the block only.

    Example:

    >>> with deferred():
    ...     process = start()  # doctest: +SKIP
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in _DEFERRED}
    own = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in own:
        signal.signal(number, lambda *what: came.append(what))
    try:
        yield
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)
        for what in came[:1]:
            own[signal.Signals(what[0])](*what)
