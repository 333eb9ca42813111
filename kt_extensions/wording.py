"""Numbers, times and domains as a person says them."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from kt_extensions.cleaning import uncolored
from kt_extensions.space import (
    Condition,
    Dimension,
    GeometricSteps,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
)
from kt_extensions.space.domains import Domain

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 31_557_600
_UNITS = (("second", 1), ("minute", _MINUTE), ("hour", _HOUR), ("day", _DAY), ("year", _YEAR))
_POWERS = ((10**6, "million"), (10**9, "billion"), (10**12, "trillion"))
_ERROR = re.compile(r"^[A-Za-z_][\w.]*: ", re.MULTILINE)  # where one begins below its traceback
_LONGEST_REASON = 400  # characters


def count(number: int) -> str:
    """Says an integer: all digits up to a trillion, the first two from there on.

    Example:
        >>> count(1205), count(12 * 10**39), count(10**400)
        ('1,205', '1.2e40', '1.0e400')
    """
    return f"{number:,}" if number < 10**12 else f"{Decimal(number):.1e}".replace("e+", "e")


def number(of: int, unit: str) -> str:
    """Says how many there are of something.

    Example:
        >>> number(1, "trial"), number(1200, "trial")
        ('1 trial', '1,200 trials')
    """
    return f"{count(of)} {unit}" + "s" * (of != 1)


def duration(seconds: int | float) -> str:
    """Says a finite number of seconds in the largest unit that it fills.

    Example:
        >>> duration(90), duration(86400), duration(3.8e13), duration(10**400)
        ('1.5 minutes', '1 day', '1.2 million years', '3.2e392 years')
    """
    if seconds >= 10**15 * _YEAR:
        return f"{count(int(seconds) // _YEAR)} years"
    if seconds >= 10**6 * _YEAR:
        power, word = max(p for p in _POWERS if seconds >= p[0] * _YEAR)
        return f"{_rounded(seconds / _YEAR / power)} {word} years"
    unit, size = max(((u, s) for u, s in _UNITS if seconds >= s), key=_size, default=_UNITS[0])
    amount = _rounded(seconds / size)
    return f"{amount} {unit}" + "s" * (amount != "1")


def hint(name: str, among: Iterable[str]) -> str:
    """Returns what a misspelt name may have meant; nothing if none is near.

    Example:
        >>> hint("max_trial", ["max_trials", "seed"]), hint("a", ["b"])
        (" Did you mean 'max_trials'?", '')
    """
    near = difflib.get_close_matches(name, list(among), n=1, cutoff=0.75)
    return f" Did you mean {near[0]!r}?" if near else ""


def value(of: Any) -> str:
    """Returns a value of a hyperparameter, a float with four digits.

    >>> value(0.0051138519852939116), value(128)
    ('0.005114', '128')
    """
    return f"{of:.4g}" if isinstance(of, float) else str(of)


def reason(message: str | None) -> str:
    r"""Returns, on one line, the error that a message ends with, from its beginning.

    That is what follows the last line of code in a traceback; a message without one has its last
    line. Of a long error only the beginning is returned.

    Example:
        >>> reason("Traceback (most recent call last):\n  ...\nValueError: too large:\n  512\n")
        'ValueError: too large: 512'
    """
    below_traceback = uncolored(message or "").rsplit("\n  File ", maxsplit=1)[-1].strip()
    begin = _ERROR.search(below_traceback)
    error = below_traceback[begin.start() :] if begin else below_traceback.rpartition("\n")[2]
    return textwrap.shorten(error, _LONGEST_REASON, placeholder=" ...") or "No reason was noted."


def share(part: int, of: int) -> str:
    """Says which share of some things a part of them is.

    Example:
        >>> share(50, 1205), share(7, 3), share(100, 10**40)
        ('4.15%', 'all', '1 in 1.0e38')
    """
    if part >= of:
        return "all"
    return percent(part / of) if part * 10**4 >= of else f"1 in {count(of // part)}"


def percent(probability: float) -> str:
    """Says a probability below 1, which is never rounded to 100%.

    Example:
        >>> percent(0.6339677), percent(0.99999)
        ('63.4%', 'more than 99.9%')
    """
    return f"{100 * probability:.3g}%" if probability <= 0.999 else "more than 99.9%"


def domain(values: Domain) -> str:
    """Says which values a hyperparameter can have.

    Example:
        >>> domain(LogIntegers(16, 256)), domain(Options(("relu", "tanh")))
        ('integer, 16 to 256, log', 'one of relu, tanh')
    """
    if isinstance(values, Options):
        listed = ", ".join(map(str, values.values))
        return f"one of {listed}" if values.size > 1 else f"fixed: {listed}"
    if isinstance(values, LinearSteps):
        step = f", step {values.step}" if values.step != 1 else ""
        return f"{_ends(values)}{step}"
    if isinstance(values, GeometricSteps):
        return f"{_ends(values)}, factor {values.step:g}, {_scale(values.reverse)}"
    if isinstance(values, LogIntegers):
        return f"{_ends(values)}, {_scale(values.reverse)}"
    assert isinstance(values, Interval)
    scale = "" if values.scale == "linear" else f", {values.scale.replace('_', ' ')}"
    return f"{_ends(values)}{scale}"


def condition(dimension: Dimension) -> str:
    """Says where a hyperparameter is active; nothing if everywhere.

    Example:
        >>> condition(Dimension("unit", LinearSteps(1, 9, 1), ((Condition("depth", (2, 3, 4)),),)))
        'depth is 2 to 4'
    """
    if not dimension.conditional:
        return ""
    scopes = (" and ".join(map(_holds, scope)) for scope in dimension.scopes)
    return ", or ".join(scopes) or "nowhere"


def _ends(values: LinearSteps | GeometricSteps | LogIntegers | Interval) -> str:
    integer = "integer, " if isinstance(values.low, int) else ""
    return f"{integer}{values.low} to {values.high}"


def _scale(reverse: bool) -> str:
    return "reverse log" if reverse else "log"


def _holds(tested: Condition) -> str:
    values = tested.values
    whole = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(values) > 2 and whole == list(range(whole[0], whole[0] + len(values))):
        return f"{tested.parent} is {whole[0]} to {whole[-1]}"
    return f"{tested.parent} is {' or '.join(map(str, values))}"


def _rounded(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 9.95 else f"{amount:.2g}"


def _size(unit: tuple[str, int]) -> int:
    return unit[1]
