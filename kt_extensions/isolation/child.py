"""The program of the process of one call."""

from __future__ import annotations

import faulthandler
import functools
import gc
import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from kt_extensions.isolation.channel import Channel, portable
from kt_extensions.isolation.parcel import load

_NEEDED_BY_ALL = "kt_extensions.tuners"


def main() -> None:
    """Waits for a call, runs it, tells what came of it, and ends."""
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
    channel.send(*_outcome(channel, descriptor))
    gc.freeze()  # the memory goes with the process; to collect it takes a second


def _outcome(channel: Channel, descriptor: int) -> tuple[Any, ...]:
    """Runs the call that comes next; returns the message that tells what came of it."""
    _, *job = channel.receive()
    try:
        call = _loaded(channel, descriptor, *job)
    except Exception as error:  # whatever the imports of a user's own modules raise
        return "raised", _not_loaded(error), traceback.format_exc()
    channel.send("began")
    try:
        return "returned", call(), ""
    except Exception as error:  # it is for the process that asked
        return "raised", portable(error), traceback.format_exc()
    except BaseException:  # `sys.exit`, which would wait for threads
        traceback.print_exc()
        _exit()


def _loaded(
    channel: Channel,
    descriptor: int,
    prepare: bytes,
    places: list[tuple[int, int]],
    function: bytes,
    arguments: bytes,
) -> Callable[[], Any]:
    """Prepares the process, and returns the call."""
    pickle.loads(prepare)()
    content = load(descriptor, places)
    return functools.partial(pickle.loads(function), channel, content, *pickle.loads(arguments))


def _exit() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _not_loaded(error: Exception) -> Exception:
    return RuntimeError(
        "Expected that the process of a trial can load the tuner, its hypermodel and the arguments "
        f"of `search`. Received: {error!r}. Let the modules that they come from be found by "
        "`import`, in a folder of `sys.path`, or leave out isolate=True."
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
