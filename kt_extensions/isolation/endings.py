"""Sentences that tell how a process has ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from kt_extensions.isolation.limits import size

_KILLED = "probably since the machine, or the container, ran out of memory"
_CRASHED = "by an error in compiled code"
_CAUSES = {
    "SIGKILL": _KILLED,
    "SIGSEGV": _CRASHED,
    "SIGBUS": _CRASHED,
    "SIGILL": _CRASHED,
    "SIGFPE": _CRASHED,
    "SIGABRT": "by compiled code that gave up",
}
_LONGEST_LINE = 300  # characters


def ending(code: int, memory: int | None) -> str:
    """Returns a sentence that tells how a process ended.

    Args:
        code: Its exit code, or minus the number of the signal that killed it.
        memory: The bytes of resident memory that it held when last looked at, if known.

    Example:

    >>> ending(3, None)
    'The process of the trial ended with exit code 3 before the trial was done.'
    """
    if code >= 0:
        return f"The process of the trial ended with exit code {code} before the trial was done."
    name = _name(-code)
    cause = f", {_CAUSES[name]}" if name in _CAUSES else ""
    held = "" if memory is None else f" It held {size(memory)} of memory when last looked at."
    return f"The process of the trial was killed by signal {-code} ({name}){cause}.{held}"


def with_last_lines(sentence: str, lines: Sequence[str]) -> str:
    """Returns the message of a failed trial.

    Args:
        sentence: What happened.
        lines: The last that the process wrote to its standard error.

    The sentence looks like the last line of a traceback, where those who shorten messages find it;
    the lines do not, whatever they hold.
    """
    message = f"ProcessDied: {sentence}"
    if lines:
        shown = "".join(f"\n  | {line[:_LONGEST_LINE]}" for line in lines)
        message += f"\nThe last lines that it wrote to stderr:{shown}"
    return message


def _name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else "of its own"
