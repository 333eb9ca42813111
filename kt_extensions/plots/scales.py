"""The axes of hyperparameters: numbers, on a logarithmic axis where the domain is, or options."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kt_extensions.plots.labels import label_options, without_formulas
from kt_extensions.searches import SearchView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARGIN = 0.07  # of an axis, beyond the ends of the domain
_SHORT = 300  # the ratio of the ends of an axis
_ROUNDING = 1e-6  # relative: a bound may have gone through a 32-bit float
_LONGEST = 14  # characters of an option


@dataclass(frozen=True)
class Scale:
    """The axis of a hyperparameter.

    Args:
        name: That of the hyperparameter.
        low: The least number of its domain; the number of the first option, less a half.
        high: The largest number of its domain; the number of the last option, and a half.
        log: Whether equal ratios are equally long.
        options: What can be chosen; empty for numbers.
        whole: Whether all its numbers are integers.
    """

    name: str
    low: float
    high: float
    log: bool = False
    options: tuple[Any, ...] = ()
    whole: bool = False

    def position(self, value: Any) -> float | None:
        """Returns where a value lies on the axis; `None` if the domain lacks it."""
        if self.options:
            return float(self.options.index(value)) if value in self.options else None
        if not isinstance(value, (int, float)):
            return None
        nearest = min(max(float(value), self.low), self.high)
        return nearest if math.isclose(nearest, value, rel_tol=_ROUNDING) else None

    def share(self, position: float) -> float:
        """Returns how far along the axis a position is, from 0 to 1."""
        low, high, at = self.low, self.high, position
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)

    def at(self, share: float) -> float:
        """Returns the position so far along the axis, from 0 to 1 (and a bit beyond)."""
        if self.log:
            return self.low * math.pow(self.high / self.low, share)
        return self.low + share * (self.high - self.low)

    def label(self, position: float) -> str:
        """Returns what to write at a position."""
        if self.options:
            return without_formulas(_short(self.options[round(position)]))
        return f"{round(position)}" if self.whole else f"{position:.4g}"

    def apply(self, axes: Axes, which: Literal["x", "y"]) -> None:
        """Makes one of the two axes of a figure that of the hyperparameter."""
        from matplotlib.ticker import MaxNLocator

        axis = getattr(axes, f"{which}axis")
        margin = 0.0 if self.options else _MARGIN
        if self.options:
            label_options(axes, which, [_short(option) for option in self.options])
        elif self.log:
            getattr(axes, f"set_{which}scale")("log")
            self._label_ones_twos_and_fives(axis)
        else:
            axis.set_major_locator(MaxNLocator(nbins=5, integer=self.whole))
        getattr(axes, f"set_{which}lim")(self.at(-margin), self.at(1 + margin))

    def _label_ones_twos_and_fives(self, axis: Any) -> None:
        """Labels a short logarithmic axis, on which there are too few powers of ten."""
        from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

        if self.high < _SHORT * self.low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FormatStrFormatter("%g"))
            axis.set_minor_formatter(NullFormatter())


def scales_of(search: SearchView, names: Iterable[str] | None = None) -> dict[str, Scale]:
    """Returns the axes of a search's hyperparameters by name, those that have several values.

    Args:
        search: The search.
        names: Which ones are wanted, in this order; by default all, as they were declared.

    Raises:
        ValueError: If the search lacks one.
    """
    declared: dict[str, list[Any]] = {}
    for hyperparameter in search.space:
        declared.setdefault(hyperparameter.name, []).append(hyperparameter)
    found = {name: _scale(name, several) for name, several in declared.items()}
    scales = {name: scale for name, scale in found.items() if scale is not None}
    wanted = list(scales if names is None else names)
    for name in wanted:
        if name not in scales:
            raise ValueError(
                f"Expected hyperparameters among {[*scales]}, which have several values. "
                f"Received: {name!r}."
            )
    return {name: scales[name] for name in wanted}


def _scale(name: str, declared: list[Any]) -> Scale | None:
    """Returns the axis that holds all domains a name was declared with, `None` if it is a point."""
    if any(not hasattr(hp, "min_value") for hp in declared):
        options = tuple(dict.fromkeys(value for hp in declared for value in _options(hp)))
        return Scale(name, -0.5, len(options) - 0.5, options=options) if options[1:] else None
    low, high = min(hp.min_value for hp in declared), max(hp.max_value for hp in declared)
    log = all(hp.sampling == "log" for hp in declared)
    whole = all(isinstance(bound, int) for hp in declared for bound in (hp.min_value, hp.max_value))
    return Scale(name, float(low), float(high), log, whole=whole) if low < high else None


def _options(hyperparameter: Any) -> list[Any]:
    match type(hyperparameter).__name__:
        case "Boolean":
            return [False, True]
        case "Choice":
            return list(hyperparameter.values)
        case _:
            return [hyperparameter.default]


def _short(option: Any) -> str:
    text = str(option)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
