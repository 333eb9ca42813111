"""The choice of an optimizer, with the hyperparameters that only some optimizers have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names

OPTIMIZERS: Mapping[str, Callable[..., Any]] = {
    "sgd": keras.optimizers.SGD,
    "momentum": keras.optimizers.SGD,
    "nesterov": lambda **settings: keras.optimizers.SGD(nesterov=True, **settings),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
}
DEFAULT_OPTIMIZERS = ["adam", "adamw", "nesterov", "rmsprop"]

# Which optimizers have a setting.
OWNERS = {"momentum": ("momentum", "nesterov"), "rho": ("rmsprop",), "weight_decay": ("adamw",)}


@dataclass(frozen=True)
class OptimizerSpace:
    """The optimizers to choose from, and the ranges of their settings by name."""

    optimizer: ranges.Discrete
    learning_rate: ranges.Range
    settings: tuple[ranges.Range, ...]

    @classmethod
    def of(
        cls,
        *,
        optimizer: Names,
        learning_rate: FloatRange,
        momentum: FloatRange,
        rho: FloatRange,
        weight_decay: FloatRange,
    ) -> OptimizerSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("optimizer", optimizer, OPTIMIZERS),
            ranges.floats("learning_rate", learning_rate, sampling="log"),
            (
                ranges.floats("momentum", momentum, below=1),
                ranges.floats("rho", rho, below=1),
                ranges.floats("weight_decay", weight_decay, sampling="log"),
            ),
        )

    def declare(self, hp: Any) -> Any:
        """Adds the hyperparameters to `hp` and returns a new Keras optimizer."""
        name = self.optimizer.declare(hp)
        settings = {"learning_rate": self.learning_rate.declare(hp)}
        for setting in self.settings:
            owners = OWNERS[setting.name]
            value = ranges.declare_where(hp, self.optimizer, owners, setting)
            if name in owners:
                settings[setting.name] = value
        return OPTIMIZERS[name](**settings)
