"""Text for a terminal, which is not to be led astray by what a project folder holds."""

from __future__ import annotations

from collections.abc import Mapping


def printable(text: str) -> str:
    r"""Returns a text whose control characters, which terminals obey, are spelled out.

    Example:
        >>> printable("units\x1b[2J\n")
        'units\\x1b[2J\n'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    r"""Returns a text in one line, as `printable`.

    Example:
        >>> one_line("What is wrong.  \n  What to do.")
        'What is wrong. What to do.'
    """
    return printable(" ".join(text.split()))


def columns(rows: Mapping[str, object]) -> str:
    """Returns names and what they stand for, one below the other.

    Example:
        >>> print(columns({"units": 8, "learning_rate": 1e-05}))
          units          8
          learning_rate  1e-05
    """
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {name:{width}}  {value}" for name, value in rows.items())
