"""Hyperparameters as KerasTuner saves them in a project folder, read without KerasTuner.

They have the names and the public attributes of KerasTuner's own, so that what reads the one kind
reads the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Parent:
    """A condition: the hyperparameter `name` has one of `values`."""

    name: str
    values: Sequence[Any]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds given the values of a trial."""
        return self.name in values and values[self.name] in self.values


@dataclass(frozen=True)
class _Hyperparameter:
    name: str
    conditions: Sequence[Parent]
    default: Any = None

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether all its conditions hold given the values of a trial."""
        return all(condition.holds(values) for condition in self.conditions)


@dataclass(frozen=True)
class _Number(_Hyperparameter):
    min_value: Any = None
    max_value: Any = None
    step: Any = None
    sampling: str | None = None

    def __post_init__(self) -> None:
        if self.default is None:
            object.__setattr__(self, "default", self.min_value)
        object.__setattr__(self, "sampling", self.sampling or "linear")


class Int(_Number):
    """An integer from `min_value` to `max_value`."""


class Float(_Number):
    """A number from `min_value` to `max_value`."""


class Boolean(_Hyperparameter):
    """True or false."""


@dataclass(frozen=True)
class Choice(_Hyperparameter):
    """One of `values`."""

    values: Sequence[Any] = ()
    ordered: bool = False


@dataclass(frozen=True)
class Fixed(_Hyperparameter):
    """A value that is not searched for."""

    value: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "default", self.value)


Hyperparameter: TypeAlias = Int | Float | Boolean | Choice | Fixed
_KINDS: dict[str, type[Hyperparameter]] = {
    kind.__name__: kind for kind in (Int, Float, Boolean, Choice, Fixed)
}


def from_config(config: Mapping[str, Any]) -> Hyperparameter:
    """Returns a hyperparameter from its configuration in a `trial.json` of KerasTuner.

    Raises:
        ValueError: If it is no such configuration.

    Example:
        >>> config = {"name": "bias", "default": False, "conditions": []}
        >>> from_config({"class_name": "Boolean", "config": config})
        Boolean(name='bias', conditions=[], default=False)
    """
    try:
        attributes = dict(config["config"])
        conditions = [Parent(**parent["config"]) for parent in attributes.pop("conditions")]
        return _KINDS[config["class_name"]](conditions=conditions, **attributes)
    except (KeyError, TypeError) as error:
        raise ValueError(
            "Expected the configuration of a hyperparameter as KerasTuner saves it. "
            f"Received: {config!r} ({error!r})."
        ) from error
