"""One process after the other, each started while the one before it works."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle

from kt_extensions.isolation.channel import replies
from kt_extensions.isolation.interrupts import deferred
from kt_extensions.isolation.limits import Limits
from kt_extensions.isolation.parcel import Parcel
from kt_extensions.isolation.process import Process


class Processes:
    """Runs each call in a process of its own.

    While one works the next one is started, so that the imports, which take seconds, are done when
    it is needed.

    Args:
        content: What all calls work on; pickled once.
        environment: Variables of the processes' environment, besides those of this one.
        prepare: A function without arguments that each process calls first.

    Raises:
        ValueError: If the system is none on which this works.
        Exception: What the pickling of the content raises.

    Example:

    >>> processes = Processes((2, 3), {}, print)
    >>> processes.run(call_with_content, pickle.dumps(()), {})  # doctest: +SKIP
    >>> processes.close()
    """

    def __init__(
        self, content: Any, environment: Mapping[str, str], prepare: Callable[[], None]
    ) -> None:
        if os.name != "posix":
            raise ValueError(
                "Expected Linux, macOS or another POSIX system for isolate=True. Received: "
                f"{os.name!r}. Leave it out, or run the search in WSL or a container."
            )
        self._parcel = Parcel(content)
        self._environment = environment
        self._prepare = prepare
        self._next: Process | None = None
        self._started: list[Process] = []

    def run(
        self,
        function: Callable[..., Any],
        arguments: bytes,
        objects: Mapping[str, Any],
        limits: Limits | None = None,
        *,
        last: bool = False,
    ) -> Any:
        """Runs a call in a process of its own and returns what it returns.

        Args:
            function: Is called with a `Channel`, the content, and the arguments.
            arguments: What this call alone works on, pickled by `cloudpickle`.
            objects: Objects of this process that a `Remote` may stand for, by name.
            limits: Of the call; `None` for none.
            last: Whether no other call follows.

        Raises:
            ProcessDied: If the process ends before the call, or exceeds a limit.
            Exception: What the function raises.
        """
        first, then = cloudpickle.dumps(self._prepare), cloudpickle.dumps(function)
        job = ("job", first, self._parcel.places, then, arguments)
        process = self._take()
        began = _nothing if last else self._prepare_next
        try:
            return process.run(job, replies(objects), limits or Limits(), began)
        finally:
            self._stop(process)

    def close(self) -> None:
        """Ends all processes, and forgets the content."""
        self._next = None
        for process in list(self._started):
            self._stop(process)
        self._parcel.close()

    def _take(self) -> Process:
        process, self._next = self._next, None
        if process is not None and not process.is_alive:  # killed while it waited
            self._stop(process)
            process = None
        return process or self._start()

    def _prepare_next(self) -> None:
        with contextlib.suppress(OSError):  # it is started when it is needed, or fails then
            self._next = self._start()

    def _start(self) -> Process:
        with deferred():  # a process that nobody knows of would not be ended
            process = Process(self._parcel.fileno(), {**os.environ, **self._environment})
            self._started.append(process)
        return process

    def _stop(self, process: Process) -> None:
        process.stop()
        self._started.remove(process)


def _nothing() -> None:
    pass
