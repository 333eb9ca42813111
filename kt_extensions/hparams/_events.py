"""TensorBoard event files, written without TensorFlow and without a thread.

Only `tensorboard` is imported. Everything handed over is on disk when the call returns, so a
killed search loses no more than the epoch it was in.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import socket
import struct
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

ENDED_SUFFIX = ".ended"
_PREFIX = "events.out.tfevents."
# A record is its length, a checksum of that, its bytes, and a checksum of these.
_HEAD = struct.Struct("<Q4x")
_CHECK = 4
_numbers = itertools.count()


class EventFile:
    """Appends scalars to one run, an event for each step.

    Args:
        folder: The run's folder; made if missing.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self._file = open(os.path.join(folder, _file_name()), "wb")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        self.write(_version())

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes the finite ones of `scalars`: a NaN would break the sorting of the whole table."""
        event = scalar_event(step, scalars)
        if event.summary.value:
            self.write(event)

    def close(self) -> None:
        self._file.close()

    def write(self, event: Any) -> None:
        """Writes an event as it is."""
        self._records.write(event.SerializeToString())
        self._file.flush()


def write_events(folder: str, events: Iterable[Any], suffix: str = "") -> None:
    """Writes a whole event file at once: after a kill it is there or it is not, never a part."""
    buffer = io.BytesIO()
    records = RecordWriter(buffer)
    for event in (_version(), *events):
        records.write(event.SerializeToString())
    write_atomically(os.path.join(folder, _file_name() + suffix), buffer.getvalue())


def read_events(folder: str) -> list[Any]:
    """Returns the events of a run, without those of runs below it; none if it has no files."""
    if not os.path.isdir(folder):
        return []
    names = sorted(name for name in os.listdir(folder) if name.startswith(_PREFIX))
    return [event for name in names for event in _records_of(os.path.join(folder, name))]


def _records_of(path: str) -> Iterator[Any]:
    """Yields the events of a file, up to one that a kill has cut."""
    with open(path, "rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            record = file.read(_HEAD.unpack(head)[0])
            if len(file.read(_CHECK)) < _CHECK:
                return
            yield event_pb2.Event.FromString(record)


def write_atomically(path: str, content: bytes) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    aside = os.path.join(folder, f".{uuid.uuid4().hex}.tmp")
    with open(aside, "wb") as file:
        file.write(content)
    os.replace(aside, path)


def scalar_event(step: int, scalars: Mapping[str, float], wall_time: float | None = None) -> Any:
    values = [
        summary_pb2.Summary.Value(tag=tag, simple_value=value)
        for tag, value in scalars.items()
        if math.isfinite(value)
    ]
    return event_pb2.Event(
        wall_time=time.time() if wall_time is None else wall_time,
        step=step,
        summary=summary_pb2.Summary(value=values),
    )


def hparams_event(tag: str, **content: Any) -> Any:
    """An event of the HParams plugin; `content` is the one field of `HParamsPluginData` to set."""
    value = summary_pb2.Summary.Value(
        tag=tag,
        metadata=metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**content)),
        tensor=metadata.NULL_TENSOR,
    )
    return event_pb2.Event(wall_time=time.time(), summary=summary_pb2.Summary(value=[value]))


def _version() -> Any:
    return event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2")


def _file_name() -> str:
    """Sorts by the time it was made, because TensorBoard reads a run's files in order of name."""
    order = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"
    return f"{_PREFIX}{order}"
