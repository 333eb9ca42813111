"""The choice of an optimizer, with the hyperparameters that only some optimizers have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names

OPTIMIZERS: Mapping[str, Callable[..., Any]] = {
    "adadelta": keras.optimizers.Adadelta,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "lion": keras.optimizers.Lion,
    "momentum": keras.optimizers.SGD,
    "nesterov": lambda **settings: keras.optimizers.SGD(nesterov=True, **settings),
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}
DEFAULT_OPTIMIZERS = ("adam", "adamw", "nesterov", "rmsprop")

# Which optimizers have a setting.
OWNERS = {
    "momentum": ("momentum", "nesterov"),
    "rho": ("adadelta", "rmsprop"),
    "beta_1": ("adam", "adamw", "lion"),
    "beta_2": ("adam", "adamw", "lion"),
    "epsilon": ("adadelta", "adagrad", "adam", "adamw", "rmsprop"),
    "weight_decay": ("adamw", "lion"),
}


@dataclass(frozen=True)
class OptimizerSpace:
    """The optimizers to choose from, and the ranges of their settings by name."""

    optimizer: ranges.Discrete
    learning_rate: ranges.Range
    clip_norm: ranges.Range
    settings: tuple[ranges.Range, ...]

    @classmethod
    def of(
        cls,
        *,
        optimizer: Names,
        learning_rate: FloatRange,
        clip_norm: FloatRange | None,
        momentum: FloatRange,
        rho: FloatRange,
        beta_1: FloatRange | None,
        beta_2: FloatRange | None,
        epsilon: FloatRange | None,
        weight_decay: FloatRange,
    ) -> OptimizerSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("optimizer", optimizer, OPTIMIZERS),
            ranges.floats("learning_rate", learning_rate, sampling="log"),
            ranges.unless_none("clip_norm", clip_norm, _positive),
            (
                _share("momentum", momentum),
                _share("rho", rho),
                ranges.unless_none("beta_1", beta_1, _share),
                ranges.unless_none("beta_2", beta_2, _share),
                ranges.unless_none("epsilon", epsilon, _positive),
                ranges.floats("weight_decay", weight_decay, sampling="log", zero=True),
            ),
        )

    def declare(self, hp: Any) -> Any:
        """Adds the hyperparameters to `hp` and returns a new Keras optimizer."""
        name = self.optimizer.declare(hp)
        settings = {
            "learning_rate": self.learning_rate.declare(hp),
            "global_clipnorm": self.clip_norm.declare(hp),
        }
        for setting in self.settings:
            owners = OWNERS[setting.name]
            value = ranges.declare_where(hp, self.optimizer, owners, setting)
            if name in owners and value is not None:
                settings[setting.name] = value
        return OPTIMIZERS[name](**settings)


def _share(name: str, argument: Any) -> ranges.Range:
    return ranges.floats(name, argument, below=1)


def _positive(name: str, argument: Any) -> ranges.Range:
    return ranges.floats(name, argument, sampling="log")
