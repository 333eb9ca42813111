"""The domains of KerasTuner's hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kt_extensions.space.domains import Domain
from kt_extensions.space.finite import GeometricSteps, LinearSteps, LogIntegers, Options
from kt_extensions.space.interval import Interval


def from_hyperparameter(hyperparameter: Any) -> Domain:
    """Reads the domain of a KerasTuner hyperparameter from its public attributes.

    Args:
        hyperparameter: An `Int`, `Float`, `Choice`, `Boolean` or `Fixed` of KerasTuner.

    Raises:
        TypeError: If it is of another type.
        ValueError: If a bound is not finite, the bounds are too far apart for floats, its step is
            not positive, or it has more than `MOST_LEVELS` levels.

    Example:
        >>> import keras_tuner as kt
        >>> hp = kt.HyperParameters()
        >>> _ = hp.Float("rate", 0, 0.5, step=0.1)
        >>> domain = from_hyperparameter(hp.space[0])
        >>> [domain.at(level) for level in range(domain.size)]
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    kind = type(hyperparameter).__name__
    if kind not in _READERS:
        raise TypeError(
            f"Expected a hyperparameter of type {sorted(_READERS)}. "
            f"Received: {hyperparameter!r} of type {kind}. Declare it through `hp.Int`, "
            "`hp.Float`, `hp.Choice`, `hp.Boolean` or `hp.Fixed`."
        )
    try:
        _check(hyperparameter)
        return _READERS[kind](hyperparameter)
    except ValueError as error:
        raise ValueError(f"Hyperparameter {hyperparameter.name!r}: {error}") from None


def _check(hp: Any) -> None:
    """Checks what KerasTuner lets pass, and no trial could be made of."""
    bounds = {name: getattr(hp, name, 0) for name in ("min_value", "max_value")}
    if not all(map(math.isfinite, bounds.values())):
        raise ValueError(f"Expected finite bounds. Received: {bounds}.")
    step = getattr(hp, "step", None)
    if step is not None and step <= 0:
        raise ValueError(f"Expected a positive step. Received: step={step}.")
    if type(hp).__name__ == "Float" and not step:
        low, high = map(float, bounds.values())
        if math.isinf(high - low if hp.sampling == "linear" else high / low):
            apart = "difference" if hp.sampling == "linear" else "ratio"
            raise ValueError(f"Expected bounds whose {apart} is a float. Received: {bounds}.")


def _int(hp: Any) -> Domain:
    low, high, step = int(hp.min_value), int(hp.max_value), int(hp.step or 0)
    if low == high:
        return Options((low,))
    if hp.sampling == "linear":
        return LinearSteps(low, high, step or 1)
    reverse = hp.sampling == "reverse_log"
    return GeometricSteps(low, high, step, reverse) if step else LogIntegers(low, high, reverse)


def _float(hp: Any) -> Domain:
    low, high, step = float(hp.min_value), float(hp.max_value), float(hp.step or 0)
    if low == high:
        return Options((low,))
    if not step:
        return Interval(low, high, hp.sampling)
    if hp.sampling == "linear":
        return LinearSteps(low, high, step)
    return GeometricSteps(low, high, step, hp.sampling == "reverse_log")


def _choice(hp: Any) -> Domain:
    values: list[Any] = list(dict.fromkeys(hp.values))
    return Options(tuple(sorted(values) if hp.ordered else values), ordered=bool(hp.ordered))


_READERS: dict[str, Callable[[Any], Domain]] = {
    "Int": _int,
    "Float": _float,
    "Choice": _choice,
    "Boolean": lambda _: Options((False, True)),
    "Fixed": lambda hp: Options((hp.value,)),
}
