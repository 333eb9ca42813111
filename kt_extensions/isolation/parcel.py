"""What all calls work on: pickled once, and mapped into the memory of each process."""

from __future__ import annotations

import mmap
import pickle
import tempfile
from collections.abc import Mapping
from typing import Any

import cloudpickle

_ALIGNMENT = 64  # bytes; that of a cache line, which is what array libraries like best


class Parcel:
    """Any objects in a temporary file without a name, which only this process and its own can read.

    The arrays among them are not copied into the processes that read the file: they see its pages,
    and a page of their own only where they write.

    Args:
        content: What to hand over.

    Raises:
        Exception: What its pickling raises, if it cannot be pickled.

    Example:

    >>> parcel = Parcel({"x": [1, 2]})
    >>> load(parcel.fileno(), parcel.places)
    {'x': [1, 2]}
    >>> parcel.close()
    """

    def __init__(self, content: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        data = cloudpickle.dumps(content, protocol=5, buffer_callback=buffers.append)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open until `close`
        parts = [memoryview(data), *(buffer.raw() for buffer in buffers)]
        self.places = [self._write(part) for part in parts]
        """Where the parts lie in the file: beginning and length, in bytes."""
        self._file.flush()

    def _write(self, part: memoryview) -> tuple[int, int]:
        self._file.seek(-self._file.tell() % _ALIGNMENT, 1)
        begin = self._file.tell()
        self._file.write(part)
        return begin, part.nbytes

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def load(descriptor: int, places: list[tuple[int, int]]) -> Any:
    """Returns the content of a parcel.

    Args:
        descriptor: That of its file, inherited from the process that made it.
        places: `Parcel.places`.
    """
    pages = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY))
    data, *buffers = (pages[begin : begin + length] for begin, length in places)
    return pickle.loads(data, buffers=buffers)


def check(things: Mapping[str, Any]) -> None:
    """Refuses what cannot be pickled, by its name.

    Args:
        things: What is to be handed over, by the names that the user knows.

    Raises:
        ValueError: If something cannot be.
    """
    problems = {name: problem for name in things if (problem := _problem(things[name]))}
    if problems:
        told = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise ValueError(
            "Expected what can be pickled, since `isolate` and `workers` hand it to other "
            f"processes. Received what cannot: {told}. Pass arrays, a `keras.utils.PyDataset` or a "
            "function without arguments that makes the data there, such as a `tf.data.Dataset`; "
            "make other things in the hypermodel's `build` or `fit`, or leave out `isolate` and "
            "`workers`."
        )


def _problem(thing: Any) -> str | None:
    try:
        cloudpickle.dumps(thing, protocol=5, buffer_callback=_leave_out)
    except Exception as error:  # whatever the pickling of a user's own object raises
        return f"{type(thing).__name__} ({error})"
    return None


def _leave_out(buffer: pickle.PickleBuffer) -> None:
    """Takes the bytes of an array, which need not be copied for a look."""
