"""How long chief and workers wait for each other."""

from __future__ import annotations

import math
import os

VARIABLE = "KT_EXTENSIONS_PATIENCE"
_DEFAULT = 60.0
_LONGEST_PERIOD = 2.0
_AWAY = 10  # times the patience: a chief that was killed has to be started again by someone


def patience() -> float:
    """Returns the seconds of silence after which a worker counts as dead.

    So long, too, a worker that starts waits for its chief. It is what the environment variable
    `KT_EXTENSIONS_PATIENCE` says, or else 60.

    Raises:
        ValueError: If the variable holds no number above 0.
    """
    given = os.environ.get(VARIABLE, str(_DEFAULT))
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"Expected the environment variable {VARIABLE} to hold a number of seconds above 0. "
            f"Received: {given!r}. Without it {_DEFAULT:g} are taken."
        )
    return seconds


def period(patience: float) -> float:
    """Returns the seconds between two heartbeats of a worker."""
    return min(_LONGEST_PERIOD, patience / 5)


def away(patience: float) -> float:
    """Returns the seconds that a worker waits for a chief that has answered it before."""
    return _AWAY * patience
