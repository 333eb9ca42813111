"""Workers that are processes of this machine."""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cloudpickle

from kt_extensions.isolation import Outcome, Parcel, Process
from kt_extensions.isolation.interrupts import deferred
from kt_extensions.parallel.base import Call, Ended

_TICK = 0.1  # seconds between two looks at the processes


class LocalCrew:
    """Runs calls in processes of this machine, which are started when they are needed first.

    Args:
        content: What all calls work on: pickled once, its arrays mapped into the memory of each
            process.
        environments: For each worker the variables of its environment, besides this process's.
        prepare: A function without arguments that each process calls first.
        anew: Whether each call gets a process of its own. The next one is started while a call
            runs, so that the imports, which take seconds, are done when it is needed.

    Raises:
        ValueError: If the system is none on which this works.
        Exception: What the pickling of the content raises.

    Example:

    >>> crew = LocalCrew((2, 3), [{}, {}], print)
    >>> crew.idle()
    [0, 1]
    >>> crew.close()
    """

    def __init__(
        self,
        content: Any,
        environments: Sequence[Mapping[str, str]],
        prepare: Callable[[], None],
        *,
        anew: bool = False,
    ) -> None:
        if os.name != "posix":
            raise ValueError(
                "Expected Linux, macOS or another POSIX system for trials in processes of their "
                f"own. Received: {os.name!r}. Leave out `isolate` and `workers`, or run the search "
                "in WSL or a container."
            )
        self._parcel = Parcel(content)
        self._environments = environments
        self._prepare = cloudpickle.dumps(prepare)
        self._anew = anew
        self._selector = selectors.DefaultSelector()
        self._started: list[Process] = []
        self._next: dict[int, Process] = {}
        self._busy: dict[int, Process] = {}

    def idle(self) -> list[int]:
        """Returns the workers that can run a call."""
        return [n for n in range(len(self._environments)) if n not in self._busy]

    def submit(self, worker: int, call: Call) -> None:
        """Has an idle worker run a call.

        Raises:
            OSError: If its process cannot be started.
        """
        function = cloudpickle.dumps(call.function)
        job = ("job", self._prepare, self._parcel.places, function, call.arguments)
        process = self._busy[worker] = self._take(worker)
        process.run(job, call.objects, call.limits)

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the calls that have ended, once there is one or the seconds are over."""
        until = time.monotonic() + seconds
        while not (ended := self._ended()) and (left := until - time.monotonic()) > 0:
            self._listen(min(_TICK, left))
            for worker in list(self._busy):
                self._look(worker)
        return ended

    def close(self) -> None:
        """Ends all processes, and forgets the content.

        Those that have run calls and run none now end by themselves: what trials have opened is
        closed, what they have registered to be called at the end is.
        """
        try:
            self._let_idle_end()
        finally:
            for process in list(self._started):
                self._stop(process)
            self._busy, self._next = {}, {}
            self._selector.close()
            self._parcel.close()

    def _let_idle_end(self) -> None:
        idle = [] if self._anew else list(self._next.values())
        for process in idle:
            process.let_end()
        while not all(process.has_left for process in idle):
            self._listen(_TICK)

    def _listen(self, seconds: float) -> None:
        """Hears what the processes say, once one says something or the seconds are over."""
        for key, _ in self._selector.select(seconds):
            if not key.data():
                self._selector.unregister(key.fileobj)

    def _look(self, worker: int) -> None:
        process = self._busy[worker]
        process.look()
        if self._anew and process.began is not None and worker not in self._next:
            with contextlib.suppress(OSError):  # it is started when it is needed, or fails then
                self._start(worker)

    def _ended(self) -> list[Ended]:
        """Returns the calls that have ended, and lets go of their workers."""
        ended = []
        for worker, process in list(self._busy.items()):
            if process.outcome is not None and self._is_free(process, process.outcome):
                ended.append(Ended(worker, process.outcome))
                self._let_go(worker, process)
        return ended

    def _is_free(self, process: Process, outcome: Outcome) -> bool:
        """Whether a worker can begin anew: one for each call leaves its devices to the next."""
        if not self._anew or outcome.death is not None:
            return True
        process.let_end()
        return process.has_left

    def _let_go(self, worker: int, process: Process) -> None:
        del self._busy[worker]
        if self._anew or not process.is_alive:
            self._stop(process)
        else:
            self._next[worker] = process

    def _take(self, worker: int) -> Process:
        waiting = self._next.get(worker)
        if waiting is not None and not waiting.is_alive:  # killed while it waited
            self._stop(waiting)
            waiting = None
        if waiting is None:
            self._start(worker)
        return self._next.pop(worker)

    def _start(self, worker: int) -> None:
        environment = {**os.environ, **self._environments[worker]}
        with deferred():  # a process that nobody knows of would not be ended
            process = self._next[worker] = Process(self._parcel.fileno(), environment)
            self._started.append(process)
        for source, hear in process.sources().items():
            self._selector.register(source, selectors.EVENT_READ, hear)

    def _stop(self, process: Process) -> None:
        for source in process.sources():
            if source in self._selector.get_map():
                self._selector.unregister(source)
        process.stop()
        self._started.remove(process)
