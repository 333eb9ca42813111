"""The kinds of ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

Scalar: TypeAlias = int | float | str | bool
IntRange: TypeAlias = int | tuple[int, int] | list[int]
FloatRange: TypeAlias = float | tuple[float, float] | list[float]
Names: TypeAlias = str | list[str] | tuple[str, ...]
Switch: TypeAlias = bool | list[bool] | tuple[bool, bool]


class Range(Protocol):
    """The possible values of a hyperparameter."""

    @property
    def name(self) -> str:
        """Name of the argument, and of the hyperparameter unless told otherwise."""

    def declare(self, hp: Any, name: str | None = None) -> Any:
        """Adds the hyperparameter to `hp` and returns its value, None where it is inactive."""


class Discrete(Range, Protocol):
    """A range that other hyperparameters may depend on."""

    @property
    def levels(self) -> tuple[Scalar, ...]:
        """All the values."""


@dataclass(frozen=True)
class Fixed:
    """One value, which is not searched."""

    name: str
    value: Scalar | None

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return () if self.value is None else (self.value,)

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return self.value


@dataclass(frozen=True)
class Options:
    """One of several values."""

    name: str
    levels: tuple[Scalar, ...]

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Choice(name or self.name, list(self.levels))


@dataclass(frozen=True)
class YesOrNo:
    """Something that is on or off."""

    name: str

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return (False, True)

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Boolean(name or self.name)


@dataclass(frozen=True)
class Doublings:
    """The integers `low`, twice `low`, four times `low` and so on, up to `high`."""

    name: str
    low: int
    high: int

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Int(name or self.name, self.low, self.high, step=2, sampling="log")


@dataclass(frozen=True)
class Integers:
    """The integers from `low` to `high`."""

    name: str
    low: int
    high: int
    sampling: str

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return tuple(range(self.low, self.high + 1))

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Int(name or self.name, self.low, self.high, sampling=self.sampling)


@dataclass(frozen=True)
class OddIntegers:
    """The odd integers from `low` to `high`, both odd."""

    name: str
    low: int
    high: int

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Int(name or self.name, self.low, self.high, step=2)


@dataclass(frozen=True)
class Floats:
    """The numbers from `low` to `high`."""

    name: str
    low: float
    high: float
    sampling: str

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Float(name or self.name, self.low, self.high, sampling=self.sampling)
