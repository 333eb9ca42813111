"""A process that runs calls, seen from the one that starts it."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple, cast

from kt_extensions.isolation.channel import Channel, Message, replies
from kt_extensions.isolation.endings import ending, with_last_lines
from kt_extensions.isolation.limits import Limits, resident_memory
from kt_extensions.isolation.output import Output

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from kt_extensions.isolation.child import main; main()"
)
_PATIENCE = 10.0  # seconds for a process to end when it has nothing more to do


class Outcome(NamedTuple):
    """What became of a call.

    Args:
        value: What it has returned.
        error: What it has raised; `None` if it has returned.
        death: How its process has ended, if that was before the call; a trial's message.
        began: Whether the call may have begun, and be the cause of the death.
    """

    value: Any = None
    error: BaseException | None = None
    death: str | None = None
    began: bool = True

    @classmethod
    def of(cls, kind: str, content: Any, traceback: str) -> Outcome:
        """Returns what became of a call whose worker has told so.

        Args:
            kind: `"returned"` or `"raised"`.
            content: What.
            traceback: Where it was raised.
        """
        if kind == "returned":
            return cls(value=content)
        content.__cause__ = CallFailed(f"\n{traceback}")
        return cls(error=content)

    def returned(self) -> Any:
        """Returns what the call has returned, or raises what it has raised."""
        if self.error is not None:
            raise self.error
        return self.value


class CallFailed(Exception):
    """Where, in the other process, an error was raised: the cause of the error here."""


class Process:
    """A Python interpreter, started anew, that waits for calls and runs one at a time.

    It imports what all calls need at once, and ends when this process does, whatever ends it.
    Nothing here waits: who has started it calls what `sources` tells when there is something to
    read, and `look` from time to time.

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
        self._is_ready = False
        self._job: Message | None = None
        self._limits = Limits()
        self._replies: Mapping[str, Callable[..., Any]] = {}
        self._memory: int | None = None
        self._told_to_end = math.inf
        self.began: float | None = None
        """When, by `time.monotonic`, the call that it runs began; `None` before."""
        self.outcome: Outcome | None = None
        """What became of the call; `None` while it runs."""

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def has_left(self) -> bool:
        """Whether it has ended by itself after `let_end`, or has had the time for it."""
        return not self.is_alive or time.monotonic() > self._told_to_end + _PATIENCE

    def sources(self) -> dict[Any, Callable[[], bool]]:
        """Returns what can be read from, and what to call then: it tells whether more may come."""
        outputs = {output: output.pass_on for output in (self._stdout, self._stderr)}
        return {**outputs, self._channel: self._hear}

    def run(self, job: Message, objects: Mapping[str, Any], limits: Limits) -> None:
        """Begins a call, at once or when the process is ready.

        Args:
            job: What `kt_extensions.isolation.child` needs to know.
            objects: Objects of this process that a `Remote` may stand for, by name.
            limits: Of the call.
        """
        self.began = self.outcome = None
        self._job, self._replies, self._limits = job, replies(objects), limits
        if self._is_ready:
            self._send_job()

    def look(self) -> None:
        """Notes how a process has ended that did so before its call, or exceeds a limit of it."""
        if self.outcome is None and not self.is_alive:
            while self.outcome is None and self._channel.has_message() and self._hear():
                pass
            self._died(ending(self._popen.returncode, self._memory))
        if self.outcome is not None or self.began is None:
            return
        self._memory = resident_memory(self._popen.pid) or self._memory
        reason = self._limits.exceeded(time.monotonic() - self.began, self._memory)
        if reason is not None:
            self._died(reason)

    def let_end(self) -> None:
        """Lets it end by itself: what it has opened is closed then, devices are free."""
        if self._told_to_end < math.inf:
            return
        self._told_to_end = time.monotonic()
        with contextlib.suppress(OSError):
            self._channel.send("end")

    def stop(self) -> None:
        """Kills the process and all that it has started."""
        self._kill()
        self._popen.wait()
        self._pass_on_the_rest()
        cast(IO[bytes], self._popen.stdin).close()
        for end in (self._channel, self._stdout, self._stderr):
            end.close()

    def _hear(self) -> bool:
        """Does what a message says; tells whether there may be more."""
        try:
            kind, *content = self._channel.receive()
            if kind == "ready":
                self._be_ready()
            elif kind in self._replies:
                self._channel.answer(self._replies[kind], *content)
        except (EOFError, OSError):  # the other end is closed
            return False
        if kind == "began":
            self.began = time.monotonic()
        elif kind in ("returned", "raised"):
            self.outcome = Outcome.of(kind, *content)
        return True

    def _be_ready(self) -> None:
        """Shows what is printed from now on; before, the imports have said what they always say."""
        self._stdout.show()
        self._stderr.show()
        self._is_ready = True
        if self._job is not None:
            self._send_job()

    def _send_job(self) -> None:
        with contextlib.suppress(OSError):  # it has ended, which `look` sees
            self._channel.send(*cast(Message, self._job))

    def _died(self, reason: str) -> None:
        """Ends the process, if it has not, and notes why."""
        if self.outcome is None:
            self._kill()
            self._pass_on_the_rest()
            self.outcome = Outcome(death=with_last_lines(reason, self._stderr.last_lines()))

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def _pass_on_the_rest(self) -> None:
        for output in (self._stdout, self._stderr):
            while output.pass_on():
                pass
