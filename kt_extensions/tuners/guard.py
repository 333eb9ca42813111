"""What a search needs of its process: its folder for itself, an end in order, fewer warnings."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from kt_extensions.warm_start import check_folders

LOCK_NAME = "search.lock"


@contextlib.contextmanager
def exclusively(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Lets no other program search in a project folder. A program that is killed lets go of it.

    Args:
        folder: The project folder. One that is not on a disk (`gs://`) cannot be locked.

    Raises:
        RuntimeError: If another program, or another tuner of this one, is searching there.
    """
    if "://" in os.fspath(folder):
        yield
        return
    lock = FileLock(Path(folder, LOCK_NAME))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RuntimeError(
            "Expected a project folder in which no other search is running. Received: "
            f"{os.fspath(folder)!r}, in which one is. Wait until it has ended, or choose another "
            "`project_name` or `directory`. Of several processes for one search, one is the chief: "
            "see KerasTuner's guide to distributed tuning."
        ) from error
    except (OSError, NotImplementedError) as error:
        warnings.warn(
            f"The project folder {os.fspath(folder)!r} could not be locked ({error!r}). Let no "
            "other program search in it.",
            stacklevel=2,
        )
    try:
        yield
    finally:
        lock.release()


def check_deletable(folder: str, oracle: Any) -> None:
    """Checks that a project folder can be deleted to begin anew.

    Args:
        folder: The project folder.
        oracle: That of the new search, which may learn from other folders.

    Raises:
        RuntimeError: If a search is running there.
        FileNotFoundError: If there is nothing to learn from in another folder.
        ValueError: If the new search is to learn from this one.
    """
    if os.path.exists(os.path.join(folder, LOCK_NAME)):
        with exclusively(folder):
            pass
    check_folders(getattr(oracle, "warm_start", ()), deleted=folder)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Has SIGTERM end the program as Ctrl-C does: what is open is closed, and the trial resumed.

    A handler of the program's own stays as it is. A process that is forked meanwhile ends by the
    signal, once it runs.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    searching = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() == searching:
            raise SystemExit(128 + number)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def without_warnings_of_nan() -> Iterator[None]:
    """Silences NumPy's warnings of a score that is NaN, several for each in KerasTuner's code.

    The trial's message tells of it. Filters belong to the whole program: they are as before at the
    end, and are left alone by another thread than the main one, which could mix them up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning, module=r"keras_tuner\.")
        yield
