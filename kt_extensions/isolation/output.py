"""What a process prints, printed where this one prints."""

from __future__ import annotations

import codecs
import os
import sys
from collections import deque
from typing import IO

_KEPT = 20  # lines
_LONGEST = 2**12  # characters of one
_SIZE = 2**16  # bytes; what a pipe holds


class Output:
    """One of the output streams of a process. Nothing is printed before `show`.

    Args:
        pipe: The end of the stream.
        name: `"stdout"` or `"stderr"`: where to print. It is looked up in `sys` each time, since
            notebooks, pytest and progress displays replace it.
    """

    def __init__(self, pipe: IO[bytes], name: str) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._name = name
        self._shown = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._lines: deque[str] = deque([""], maxlen=_KEPT)

    def fileno(self) -> int:
        return self._pipe.fileno()

    def close(self) -> None:
        self._pipe.close()

    def show(self) -> None:
        """Forgets what has come, and has what comes printed from now on."""
        while self.pass_on():
            pass
        self._shown = True
        self._lines = deque([""], maxlen=_KEPT)

    def pass_on(self) -> bool:
        """Takes what has come, and prints it; tells whether anything has."""
        try:
            data = os.read(self._pipe.fileno(), _SIZE)
        except BlockingIOError:
            return False
        text = self._decode(data)
        self._keep(text)
        stream = getattr(sys, self._name)
        if self._shown and text and stream is not None:  # None in a program without a console
            encoding = getattr(stream, "encoding", None) or "utf-8"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        return bool(data)

    def last_lines(self) -> list[str]:
        """Returns the last lines that were printed."""
        return [line for line in self._lines if line.strip()]

    def _keep(self, text: str) -> None:
        first, *others = text.split("\n")
        self._lines.append(_seen(self._lines.pop() + first))
        self._lines.extend(map(_seen, others))


def _seen(line: str) -> str:
    """Returns what is left of a line on a terminal: the last state of a progress bar."""
    text = line.rstrip("\r")
    return text.rpartition("\r")[2][-_LONGEST:] + line[len(text) :][:1]
