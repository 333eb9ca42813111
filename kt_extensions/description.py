"""How large a search space is, and how long it takes to try it."""

from __future__ import annotations

import html
import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from kt_extensions import description_text, wording
from kt_extensions.space import Dimension, Options, SearchSpace


@dataclass(frozen=True)
class Row:
    """One hyperparameter.

    Attributes:
        name: Its name.
        domain: Its possible values, in words.
        default: The value that KerasTuner takes where none is suggested.
        levels: Number of its values; infinite for a continuous one.
        condition: Where it is active, in words; empty if everywhere.
    """

    name: str
    domain: str
    default: Any
    levels: int | float
    condition: str


@dataclass(frozen=True)
class SpaceDescription:
    """The size of a search space; `str()` of it is a table of at most 100 columns.

    Attributes:
        rows: The hyperparameters, parents before children.
        configurations: Number of distinct configurations; infinite if an active hyperparameter
            can be continuous.
        grid: Number of configurations with one value for each continuous hyperparameter. The same
            as `configurations` if there is none.
        seconds_per_trial: Seconds that a trial takes; `None` if not known.
        max_trials: Number of trials; `None` if not known.
    """

    rows: tuple[Row, ...]
    configurations: int | float
    grid: int
    seconds_per_trial: float | None = None
    max_trials: int | None = None

    @property
    def sweep_seconds(self) -> int | float | None:
        """Seconds that it takes to try each configuration once, one after the other.

        Infinite if there are infinitely many, an integer where a float is too small for it, `None`
        if `seconds_per_trial` is.
        """
        return self.seconds_of(self.configurations)

    @property
    def share(self) -> float | None:
        """Share of the configurations that `max_trials` trials see if they never try one twice.

        0 if there are infinitely many, `None` if `max_trials` is.
        """
        if self.max_trials is None:
            return None
        return min(1.0, self.max_trials / self.configurations)

    def chance(self, best: float) -> float:
        """Returns how probable it is that random search finds one of the best configurations.

        That is 1 - (1 - best) ** max_trials, however large the space is and however many
        hyperparameters it has. A search that tries no configuration twice has a better chance.

        Args:
            best: Share of the configurations that is good enough, in (0, 1): 0.05 for the best 5%.

        Raises:
            ValueError: If `best` is not in (0, 1), or `max_trials` is not known.

        Example:
            >>> round(SpaceDescription((), 10**40, 10**40, max_trials=60).chance(0.05), 3)
            0.954

        Source:
            Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
        """
        if not 0 < best < 1:
            raise ValueError(f"Expected `best` to be a share in (0, 1). Received: best={best!r}.")
        if self.max_trials is None:
            raise ValueError(
                "Expected the number of trials to be known. Received: max_trials=None. "
                "Call `describe(..., max_trials=...)`."
            )
        return -math.expm1(self.max_trials * math.log1p(-best))

    def seconds_of(self, trials: int | float) -> int | float | None:
        """Returns the seconds that some trials take, one after the other.

        Args:
            trials: How many.

        Returns:
            See `sweep_seconds`.
        """
        if self.seconds_per_trial is None:
            return None
        if trials == math.inf:
            return math.inf
        exact = trials * Fraction(self.seconds_per_trial)
        try:
            return float(exact)
        except OverflowError:
            return int(exact)

    def __str__(self) -> str:
        return description_text.text(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def describe(
    space: Any, *, seconds_per_trial: float | None = None, max_trials: int | None = None
) -> SpaceDescription:
    """Describes a search space: its hyperparameters, its size, how long a search takes.

    Configurations are counted exactly, conditional ones too: a hyperparameter multiplies only
    those in which it is active.

    Args:
        space: A `keras_tuner.HyperParameters`, a function from one to a model, a
            `keras_tuner.HyperModel`, or a tuner or oracle. A function is called as KerasTuner does
            before a search, once with the defaults and then until each `conditional_scope` was
            open. What is only declared behind a Python `if`, or in `fit`, is not seen.
        seconds_per_trial: Seconds that one trial takes. Defaults to the mean of the finished trials
            of a `kt_extensions` tuner, the pauses between them included; other tuners, and oracles,
            do not measure it.
        max_trials: Number of trials that a search may have. Defaults to the tuner's or oracle's,
            promotions included.

    Returns:
        A `SpaceDescription`: print it, or read its attributes.

    Raises:
        TypeError: If `space` is none of these.
        ValueError: If a model function raises (the error is the cause of this one), a name is
            declared with two domains, or a number is not positive.

    Example:
        >>> import keras_tuner as kt
        >>> hp = kt.HyperParameters()
        >>> _ = hp.Int("units", 16, 256)
        >>> _ = hp.Choice("optimizer", ["sgd", "adam"])
        >>> _ = hp.Float("momentum", 0, 0.9, 0.3, parent_name="optimizer", parent_values=["sgd"])
        >>> print(describe(hp, seconds_per_trial=60, max_trials=50))
          hyperparameter   domain                 default   levels   active where
         ─────────────────────────────────────────────────────────────────────────────
          units            integer, 16 to 256          16      241
          optimizer        one of sgd, adam           sgd        2
          momentum         0.0 to 0.9, step 0.3       0.0        4   optimizer is sgd
        <BLANKLINE>
          configurations   1,205
          full sweep       20 hours at 1 minute a trial
          budget           50 trials, 50 minutes: 4.15% of the configurations
          random search    chance to find one of the best 5%: 92.3%, of the best 1%: 39.5%

    Source:
        Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
    """
    _check("seconds_per_trial", seconds_per_trial, numbers.Real, "a positive number")
    _check("max_trials", max_trials, numbers.Integral, "a positive integer")
    from kt_extensions import declared  # imports KerasTuner

    found = declared.read(space)
    return description_of(
        found.hyperparameters,
        float(seconds_per_trial) if seconds_per_trial else found.seconds_per_trial,
        int(max_trials) if max_trials else found.max_trials,
    )


def description_of(
    hyperparameters: Sequence[Any], seconds_per_trial: float | None, max_trials: int | None
) -> SpaceDescription:
    """Returns the description of hyperparameters; see `describe`.

    Args:
        hyperparameters: Those of KerasTuner, or as a project has them (`space.saved`).
        seconds_per_trial: Seconds that a trial takes; `None` if not known.
        max_trials: Number of trials; `None` if not known.
    """
    dimensions = SearchSpace.from_hyperparameters(hyperparameters)
    defaults = {hp.name: hp.default for hp in reversed(hyperparameters)}
    return SpaceDescription(
        rows=tuple(_row(dimension, defaults) for dimension in dimensions.dimensions),
        configurations=dimensions.n_configurations,
        grid=SearchSpace(map(_at_one_value, dimensions.dimensions)).configurations_limit,
        seconds_per_trial=seconds_per_trial,
        max_trials=max_trials,
    )


def _row(dimension: Dimension, defaults: dict[str, Any]) -> Row:
    return Row(
        name=dimension.name,
        domain=wording.domain(dimension.domain),
        default=defaults[dimension.name],
        levels=dimension.domain.size or math.inf,
        condition=wording.condition(dimension),
    )


def _at_one_value(dimension: Dimension) -> Dimension:
    """Gives a continuous dimension one value, which no condition can name."""
    one_value = Options((math.nan,))
    return dimension if dimension.domain.size else replace(dimension, domain=one_value)


def _check(name: str, value: Any, kind: type, expected: str) -> None:
    number = isinstance(value, kind) and not isinstance(value, bool)
    if value is not None and not (number and 0 < value < math.inf):
        raise ValueError(f"Expected `{name}` to be {expected}. Received: {name}={value!r}.")
