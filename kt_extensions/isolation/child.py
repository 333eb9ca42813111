"""The program of a process that runs calls."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from kt_extensions.isolation.channel import Channel, Message, portable
from kt_extensions.isolation.parcel import load
from kt_extensions.isolation.workplace import Workplace

_NEEDED_BY_ALL = "kt_extensions.tuners"


def main() -> None:
    """Runs the calls that come, and tells what came of each, until it is told to end."""
    end, descriptor = int(sys.argv[1]), int(sys.argv[2])
    _end_with_the_other()
    faulthandler.enable(all_threads=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    for inherited in (end, descriptor):
        os.set_inheritable(inherited, False)
    channel = Channel(Connection(end))
    importlib.import_module(_NEEDED_BY_ALL)
    gc.freeze()  # as garbage, what was imported is of no interest
    channel.send("ready")
    calls = Calls(channel, descriptor)
    with contextlib.suppress(EOFError, OSError):  # the other process has ended
        while (message := channel.receive())[0] != "end":
            channel.send(*calls.outcome(message))
    gc.freeze()  # the memory goes with the process; to collect it takes a second


class Calls:
    """The calls of this process.

    Args:
        channel: The end of the pipe in this process.
        descriptor: The file of the parcel.
    """

    def __init__(self, channel: Channel, descriptor: int) -> None:
        self._channel = channel
        self._descriptor = descriptor
        self._workplace: Workplace | None = None

    def outcome(self, message: Message) -> Message:
        """Runs a call; returns the message that tells what came of it."""
        _, prepare, places, function, arguments = message
        try:
            workplace = self._workplace or self._furnished(prepare, places)
            call, given = pickle.loads(function), pickle.loads(arguments)
        except Exception as error:  # whatever the imports of a user's own modules raise
            return "raised", not_loaded(error), traceback.format_exc()
        self._channel.send("began")
        return outcome_of(call, workplace, given)

    def _furnished(self, prepare: bytes, places: list[tuple[int, int]]) -> Workplace:
        pickle.loads(prepare)()
        self._workplace = Workplace(self._channel, load(self._descriptor, places))
        return self._workplace


def outcome_of(call: Any, workplace: Workplace, given: tuple[Any, ...]) -> Message:
    """Runs a call; returns what came of it: `"returned"` or `"raised"`, what, the traceback."""
    try:
        return "returned", call(workplace, *given), ""
    except Exception as error:  # it is for the process that asked
        return "raised", portable(error), traceback.format_exc()
    except BaseException:  # `sys.exit`, which would wait for threads
        traceback.print_exc()
        _exit()


def _exit() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def not_loaded(error: Exception) -> Exception:
    """Returns the error of a worker that cannot read what it is to work on."""
    return RuntimeError(
        "Expected that the process of a trial can load the tuner, its hypermodel and the arguments "
        f"of `search`. Received: {error!r}. Let the modules that they come from be found by "
        "`import`, in a folder of `sys.path`, or leave out `isolate` and `workers`."
    )


def _end_with_the_other() -> None:
    """Ends this process, and all that it starts, when the one that started it ends.

    That one holds the other end of this one's standard input, and writes nothing.
    """
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def follow() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()
