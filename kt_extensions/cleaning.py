"""Text without what neither a page nor a line can show."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LINE_END = re.compile(r"\r\n?")
_NOT_A_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def uncolored(text: str) -> str:
    r"""Returns a text without the sequences by which a terminal shows colors and the like.

    Example:
        >>> uncolored("\x1b[31mred\x1b[0m")
        'red'
    """
    return _ESCAPE_SEQUENCE.sub("", text)


def plain(text: str) -> str:
    r"""Returns a text without colors for a terminal, its other control characters replaced.

    Example:
        >>> ascii(plain("\x1b[31mred\x1b[0m\x00"))
        "'red\\ufffd'"
    """
    lines = _LINE_END.sub("\n", uncolored(text))
    return _NOT_A_CHARACTER.sub("\ufffd", lines)
