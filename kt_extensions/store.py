"""The project folder: an append-only log of the search, atomic files, other projects' trials.

An event of a search is one line of `trials.jsonl`, JSON with a checksum, written by a single
append: the cost does not grow with the search. A process killed in the middle of a write leaves an
unfinished last line, which is cut off when the log is written to again. What was finished stays.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

Event = dict[str, Any]

LOG_NAME = "trials.jsonl"
_LINE = re.compile(rb'^(\{.*),"crc":"([0-9a-f]{8})"\}$', re.DOTALL)
_BEGINNING = b'{"event":'


class EventLog:
    """A file to which events are appended, such as those of a search.

    Holds no open file, so that the oracle that owns it can be copied and pickled.

    Args:
        folder: The folder of the file, that of the project for a search. It is made when the log
            is created.
        name: Name of the file.

    Example:

    >>> import tempfile
    >>> log = EventLog(tempfile.mkdtemp())
    >>> log.create({"event": "search"})
    >>> log.append({"event": "start", "trial": "00"})
    >>> log.read()
    [{'event': 'search'}, {'event': 'start', 'trial': '00'}]
    """

    def __init__(self, folder: str | os.PathLike[str], name: str = LOG_NAME) -> None:
        self.path = Path(folder) / name
        self._size = 0

    def exists(self) -> bool:
        """Whether anything was logged, be it unreadable. The beginning of a first line is not."""
        try:
            with self.path.open("rb") as file:
                return not _is_unfinished(file.readline())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def create(self, *events: Event) -> None:
        """Begins the log: afterwards all these events are on the disk, or there is no log.

        Raises:
            OSError: If the folder cannot be written to.
        """
        text = b"".join(map(as_line, events)).decode()
        try:
            write_atomically(self.path, text, durable=True)
            self._size = self.path.stat().st_size
        except OSError as error:
            raise type(error)(
                error.errno,
                "Expected a project folder that can be written to "
                f"({error.strerror}). Received: {str(self.path.parent)!r}",
            ) from error

    def open(self) -> None:
        """Makes the log ready to be appended to, whether it was begun before or not.

        The beginning of an event at its end is cut off; anything else there becomes a damaged line.

        Raises:
            OSError: If the folder cannot be written to.
        """
        with _opened(self.path, "a") as file:
            is_new = file.tell() == 0
        if not is_new:
            self._repair_end()

    def changed(self) -> bool:
        """Whether someone else has written to the log since it was read or written here."""
        return self.path.stat().st_size != self._size

    def append(self, *events: Event, durable: bool = True) -> None:
        """Writes events, all by one write.

        Args:
            *events: What is to be appended.
            durable: Whether they are on the disk when the call returns. If not, they survive a kill
                of the program, but not of the machine.

        Raises:
            OSError: If they could not be written. The log is then as it was before.
        """
        self._append(b"".join(map(as_line, events)), durable)

    def _append(self, data: bytes, durable: bool = True) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        before = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
            self._size = os.fstat(descriptor).st_size
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Puts on the disk what was appended without being durable.

        Raises:
            OSError: If it could not be.
        """
        descriptor = os.open(self.path, os.O_WRONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[Event]:
        """Returns all events, and leaves the log as it is: someone may be writing to it.

        What is being written is left out. A damaged line is left out with a warning.
        """
        data = self.path.read_bytes()
        self._size = len(data)
        *lines, end = data.split(b"\n")
        if not _is_unfinished(end):
            lines.append(end)
        events = [read_line(line) for line in lines]
        damaged = [number + 1 for number, event in enumerate(events) if event is None]
        if damaged:
            warnings.warn(
                f"{self.path}: left out damaged lines {damaged}; the other "
                f"{len(events) - len(damaged)} events of the search were read.",
                stacklevel=2,
            )
        return [event for event in events if event is not None]

    def _repair_end(self) -> None:
        data = self.path.read_bytes()
        end = data[data.rfind(b"\n") + 1 :]
        if not end:
            return
        if _is_unfinished(end):
            self._size = len(data) - len(end)
            os.truncate(self.path, self._size)
        else:
            self._append(b"\n")


def _is_unfinished(line: bytes) -> bool:
    """Whether a line is the beginning of an event, or nothing."""
    begins = line.startswith(_BEGINNING) or _BEGINNING.startswith(line)
    return begins and not line.endswith(b"\n")


def write_atomically(path: str | os.PathLike[str], text: str, durable: bool = False) -> None:
    """Writes a file so that at any moment either the old or the new text is there, whole.

    Args:
        path: The file. A link to one stays; what is no file, as a pipe, is written to as it is.
        text: Its new content.
        durable: Whether the text must be on the disk before the file is replaced.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return
    path = os.path.realpath(path) if os.path.islink(path) else path
    folder, name = os.path.split(os.fspath(path))
    aside = os.path.join(folder, f".{name}.part")
    with _opened(aside, "w") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(aside, path)


def _opened(path: str | os.PathLike[str], mode: str) -> IO[str]:
    """Opens a file to write to, in a folder that is made if there is none."""
    try:
        return open(path, mode, encoding="utf-8")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, mode, encoding="utf-8")


@contextlib.contextmanager
def tolerantly(what: str) -> Iterator[None]:
    """Has a file that cannot be written, but can be done without, cost a warning.

    Args:
        what: What it holds.
    """
    try:
        yield
    except OSError as error:
        warnings.warn(f"{what} was not kept: {error}", stacklevel=3)


def mend_state_files(folder: str | os.PathLike[str]) -> None:
    """Replaces KerasTuner's files of an oracle and a tuner where they are damaged, with a warning.

    Args:
        folder: A project folder. Other files in it are left alone.
    """
    for file in [*Path(folder).glob("oracle.json"), *Path(folder).glob("tuner[0-9]*.json")]:
        mend_state_file(file)


def mend_state_file(file: str | os.PathLike[str]) -> None:
    """Replaces a file by an empty object, with a warning, if it does not hold an object."""
    data = Path(file).read_bytes()
    try:
        is_whole = isinstance(json.loads(data), dict)
    except ValueError:
        is_whole = False
    if not is_whole:
        warnings.warn(
            f"{file}: the {len(data)} bytes in it are not the state of a search, since a write was "
            "cut off. It is begun anew; the trials are in other files.",
            stacklevel=3,
        )
        write_atomically(file, "{}")


def read_trials(folder: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Reads the trials of any KerasTuner project.

    Args:
        folder: A project folder, with files `trial_*/trial.json`.

    Yields:
        The state of each trial as KerasTuner saves it, in the order of their names. A damaged file
        is left out with a warning.

    Raises:
        FileNotFoundError: If there is no such folder, or no trial in it.
    """
    files = sorted(Path(folder).glob("trial_*/trial.json"))
    if not files:
        raise FileNotFoundError(
            f"Expected a KerasTuner project folder with files trial_*/trial.json. "
            f"Received: {os.fspath(folder)!r}, which has none. The project folder is "
            "`directory/project_name` of the tuner that made it."
        )
    for file in files:
        state = read_trial(file)
        if state is not None:
            yield state


def read_trial(file: Path) -> dict[str, Any] | None:
    """Returns the state of a trial, or `None`, with a warning, if the file is damaged."""
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        _check_trial(state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        warnings.warn(f"{file}: left out, not a readable trial ({error!r}).", stacklevel=3)
        return None
    return dict(state)


def search_of(folder: str | os.PathLike[str]) -> Event | None:
    """Returns the first event of a search's log, `None` if there is none that can be read.

    The log is left as it is, also if a search is writing to it.
    """
    try:
        with open(Path(folder) / LOG_NAME, "rb") as file:
            return read_line(file.readline())
    except FileNotFoundError:
        return None


def as_line(event: Event, default: Callable[[Any], Any] | None = None) -> bytes:
    """Returns a line of a log: JSON with a checksum.

    Args:
        event: What to write.
        default: What makes of a value that JSON cannot hold one that it can.

    Raises:
        TypeError: If there is such a value and no `default`.

    Example:

    >>> read_line(as_line({"event": "start"}))
    {'event': 'start'}
    """
    body = json.dumps(event, separators=(",", ":"), default=default).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def read_line(line: bytes) -> Event | None:
    """Returns what is in a line of a log, `None` if it is damaged."""
    match = _LINE.match(line.removesuffix(b"\n"))
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        return None
    event: Event = json.loads(match[1] + b"}")
    return event


def as_json(number: float) -> float | str:
    """Returns a number as JSON can hold it, which has no NaN and no infinity: by name.

    `float` reads the names.
    """
    return number if math.isfinite(number) else str(number)


def _check_trial(state: Any) -> None:
    """Raises `KeyError` or `TypeError` if something is missing that KerasTuner writes."""
    for key in ("trial_id", "status", "score", "best_step", "message"):
        _ = state[key]
    _ = dict(state["hyperparameters"]["values"]), list(state["hyperparameters"]["space"])
    _ = dict(state["metrics"]["metrics"])


def _write_all(descriptor: int, data: bytes) -> None:
    """Writes all of `data`; a disk that fills up raises before anything more is appended."""
    while data:
        data = data[os.write(descriptor, data) :]
