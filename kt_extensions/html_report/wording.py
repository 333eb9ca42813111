"""How the report writes values."""

from __future__ import annotations

import math
from typing import Any

from kt_extensions import wording

NONE = "\u2013"  # a dash


def short(value: Any) -> str:
    """Returns a value, a float with four digits.

    Example:
        >>> short(0.0051138519852939116), short(128)
        ('0.005114', '128')
    """
    if value is None:
        return NONE
    return wording.value(value)


def sort_key(value: Any) -> str | None:
    """Returns what a column is sorted by; `None` for nothing, which comes last.

    Example:
        >>> sort_key(0.25), sort_key(True), sort_key(None)
        ('0.25', 'True', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value)


def seconds(duration: float | None) -> str:
    """Returns how long something took, to a glance.

    Example:
        >>> seconds(3.21), seconds(75), seconds(7260)
        ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if duration is None:
        return NONE
    if duration < 59.95:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours:,} h {left} min" if hours else f"{minutes} min {rest} s"
