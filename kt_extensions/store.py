"""The project folder: an append-only log of the search, atomic files, other projects' trials.

An event of a search is one line of `trials.jsonl`, JSON with a checksum, written by a single
append: the cost does not grow with the search. A process killed in the middle of a write leaves an
unfinished last line, which is cut off when the log is read again. What was finished stays.
"""

from __future__ import annotations

import json
import os
import re
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]

LOG_NAME = "trials.jsonl"
_LINE = re.compile(rb'^(\{.*),"crc":"([0-9a-f]{8})"\}$', re.DOTALL)


class TrialLog:
    """The log of one search.

    Holds no open file, so that the oracle that owns it can be copied and pickled.

    Args:
        folder: The project folder. It is made when the first event is written.

    Example:

    >>> import tempfile
    >>> log = TrialLog(tempfile.mkdtemp())
    >>> log.append({"event": "start", "trial": "00"})
    >>> log.read()
    [{'event': 'start', 'trial': '00'}]
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / LOG_NAME

    def exists(self) -> bool:
        """Whether anything was logged."""
        return self.path.exists()

    def append(self, *events: Event) -> None:
        """Writes events, all by one write that is on the disk when the call returns."""
        data = b"".join(_line(event) for event in events)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[Event]:
        """Returns all events, and repairs the end of the log if a write was cut off there.

        A damaged line elsewhere is left out with a warning; the others are returned.
        """
        data = self.path.read_bytes()
        lines = data.split(b"\n")
        events = [_parse(line) for line in lines[:-1]]
        if lines[-1]:
            os.truncate(self.path, len(data) - len(lines[-1]))
        damaged = [number + 1 for number, event in enumerate(events) if event is None]
        if damaged:
            warnings.warn(
                f"{self.path}: left out damaged lines {damaged}; the other "
                f"{len(events) - len(damaged)} events of the search were read.",
                stacklevel=2,
            )
        return [event for event in events if event is not None]


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file so that at any moment either the old or the new text is there, whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def mend_json_files(folder: str | os.PathLike[str]) -> None:
    """Replaces damaged files `*.json` of a folder by an empty object, with a warning.

    Args:
        folder: A project folder. Its subfolders are left alone.
    """
    for file in Path(folder).glob("*.json"):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            warnings.warn(
                f"{file}: the {file.stat().st_size} bytes in it are not JSON, since a write was cut "
                "off. It is begun anew; the trials are in other files.",
                stacklevel=2,
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
        try:
            yield json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            warnings.warn(f"{file}: left out, not a readable trial ({error}).", stacklevel=2)


def _line(event: Event) -> bytes:
    body = json.dumps(event, separators=(",", ":")).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def _parse(line: bytes) -> Event | None:
    match = _LINE.match(line)
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        return None
    event: Event = json.loads(match[1] + b"}")
    return event


def _write_all(descriptor: int, data: bytes) -> None:
    """Writes all of `data`; a disk that fills up raises before anything more is appended."""
    while data:
        data = data[os.write(descriptor, data) :]
