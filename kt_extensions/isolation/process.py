"""The process of one call, seen from the one that starts it."""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

from kt_extensions.isolation.channel import Channel, Message
from kt_extensions.isolation.endings import ending, with_last_lines
from kt_extensions.isolation.limits import Limits, resident_memory
from kt_extensions.isolation.output import Output

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from kt_extensions.isolation.child import main; main()"
)
_TICK = 0.1  # seconds between two looks at the process
_PATIENCE = 10.0  # seconds for a process to end when it has nothing more to do


class ProcessDied(Exception):
    """A process was killed, or ended, before its call was done. Its text is the trial's message."""


class CallFailed(Exception):
    """Where, in the other process, an error was raised: the cause of the error here."""


class Process:
    """A Python interpreter, started anew, that waits for one call.

    It imports what all calls need at once, and ends when this process does, whatever ends it.

    Args:
        descriptor: The file of a parcel.
        environment: Its environment variables.

    Raises:
        OSError: If it cannot be started.
    """

    def __init__(self, descriptor: int, environment: Mapping[str, str]) -> None:
        here, there = multiprocessing.Pipe()
        inherited = (there.fileno(), descriptor)
        path = json.dumps([str(folder) for folder in sys.path])
        with there:
            self._popen = subprocess.Popen(
                [sys.executable, "-c", _START, path, *map(str, inherited)],
                stdin=subprocess.PIPE,  # closed when this process ends
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=inherited,
                env=environment,
                start_new_session=True,  # Ctrl-C is for this process alone
            )
        self._channel = Channel(here)
        self._stdout = Output(cast(IO[bytes], self._popen.stdout), "stdout")
        self._stderr = Output(cast(IO[bytes], self._popen.stderr), "stderr")
        self._memory: int | None = None
        self._began: float | None = None
        self._result: Message | None = None

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def run(
        self,
        job: Message,
        replies: Mapping[str, Callable[..., Any]],
        limits: Limits,
        began: Callable[[], None],
    ) -> Any:
        """Runs the call, and answers what it asks, until it ends.

        Args:
            job: What `kt_extensions.isolation.child` needs to know.
            replies: What answers a request, by its kind.
            limits: Of the call.
            began: Is called when all is imported and loaded, and the call begins.

        Returns:
            What the call returns.

        Raises:
            ProcessDied: If the process ends before the call, or exceeds a limit.
            Exception: What the call raises.
        """
        with selectors.DefaultSelector() as selector:
            for source in (self._stdout, self._stderr):
                selector.register(source, selectors.EVENT_READ, source.pass_on)
            hear = functools.partial(self._hear, job, replies, began)
            selector.register(self._channel, selectors.EVENT_READ, hear)
            while self._result is None:
                self._step(selector, limits)
        self._end()
        return self._returned()

    def stop(self) -> None:
        """Kills the process and all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        cast(IO[bytes], self._popen.stdin).close()
        for end in (self._channel, self._stdout, self._stderr):
            end.close()

    def _step(self, selector: selectors.BaseSelector, limits: Limits) -> None:
        alive = self.is_alive
        events = selector.select(_TICK)
        for key, _ in events:
            if not key.data():
                selector.unregister(key.fileobj)
        if self._result is None and not alive and self._channel not in _sources(events):
            self._died(ending(self._popen.returncode, self._memory))
        self._check(limits)

    def _hear(
        self,
        job: Message,
        replies: Mapping[str, Callable[..., Any]],
        began: Callable[[], None],
    ) -> bool:
        """Does what a message says; tells whether there may be more."""
        try:
            kind, *content = self._channel.receive()
            if kind == "ready":
                self._show()
                self._channel.send(*job)
            elif kind in replies:
                self._channel.answer(replies[kind], *content)
        except (EOFError, OSError):  # the other end is closed
            return False
        if kind == "began":
            self._began = time.monotonic()
            began()
        elif kind != "ready" and kind not in replies:
            self._result = (kind, *content)
        return True

    def _show(self) -> None:
        """Shows what is printed from now on; before, the imports have said what they always say."""
        self._stdout.show()
        self._stderr.show()

    def _check(self, limits: Limits) -> None:
        if self._result is not None or self._began is None:
            return
        self._memory = resident_memory(self._popen.pid) or self._memory
        reason = limits.exceeded(time.monotonic() - self._began, self._memory)
        if reason is not None:
            self._died(reason)

    def _died(self, reason: str) -> None:
        """Ends the process, if it has not, and tells why."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._pass_on_the_rest()
        raise ProcessDied(with_last_lines(reason, self._stderr.last_lines()))

    def _end(self) -> None:
        """Lets the process end by itself: what it has opened is closed then, devices are free."""
        until = time.monotonic() + _PATIENCE
        while self.is_alive and time.monotonic() < until:
            self._pass_on_the_rest()
            time.sleep(_TICK / 10)
        self._pass_on_the_rest()

    def _pass_on_the_rest(self) -> None:
        for output in (self._stdout, self._stderr):
            while output.pass_on():
                pass

    def _returned(self) -> Any:
        kind, value, traceback = cast(Message, self._result)
        if kind == "raised":
            raise value from CallFailed(f"\n{traceback}")
        return value


def _sources(events: list[tuple[selectors.SelectorKey, int]]) -> list[Any]:
    return [key.fileobj for key, _ in events]
