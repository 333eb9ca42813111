"""Brackets: how many configurations are trained for how many epochs, in whole numbers.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 2018,
Algorithm 1. Rungs are counted by multiplication: floating-point logarithms lose one
(log(243) / log(3) is below 5).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """A stage of a bracket.

    Args:
        size: How many configurations reach it.
        epochs: For how many epochs each has been trained at its end.
    """

    size: int
    epochs: int


Bracket = tuple[Rung, ...]


def rung_epochs(max_epochs: int, factor: int, min_epochs: int = 1) -> list[int]:
    """Returns the epochs at the end of each rung: r_i = R eta^(i - s), the last one R.

    Rounded to the nearest whole number. There are as many rungs as fit above `min_epochs`.

    Args:
        max_epochs: R, those of the last rung.
        factor: eta, how many times more each rung has than the one before.
        min_epochs: The least of the first rung.

    Example:

    >>> rung_epochs(100, 3)
    [1, 4, 11, 33, 100]
    """
    rungs = 0
    while min_epochs * factor ** (rungs + 1) <= max_epochs:
        rungs += 1
    return [_nearest(max_epochs, factor**below) for below in range(rungs, -1, -1)]


def successive_halving(n: int, epochs: list[int], factor: int) -> Bracket:
    """Returns the bracket that begins with `n` configurations: n_i = floor(n eta^-i).

    Args:
        n: How many configurations there are at first.
        epochs: The epochs of its rungs.
        factor: eta, one of so many is promoted.

    Example:

    >>> successive_halving(9, [1, 3, 9], 3)
    (Rung(size=9, epochs=1), Rung(size=3, epochs=3), Rung(size=1, epochs=9))
    """
    sizes = (max(n // factor**rung, 1) for rung in range(len(epochs)))
    return tuple(Rung(size, e) for size, e in zip(sizes, epochs, strict=True))


def hyperband(max_epochs: int, factor: int, min_epochs: int = 1) -> list[Bracket]:
    """Returns the brackets of one iteration, the one that halves most often first.

    Bracket s begins with n = ceil((s_max + 1) eta^s / (s + 1)) configurations.

    Args:
        max_epochs: R, the epochs of each last rung.
        factor: eta.
        min_epochs: The least epochs of any rung.

    Example:

    >>> [[(rung.size, rung.epochs) for rung in bracket] for bracket in hyperband(9, 3)]
    [[(9, 1), (3, 3), (1, 9)], [(5, 3), (1, 9)], [(3, 9)]]
    """
    epochs = rung_epochs(max_epochs, factor, min_epochs)
    rungs = len(epochs)
    sizes = [-(-rungs * factor**s // (s + 1)) for s in range(rungs)]
    return [successive_halving(sizes[s], epochs[-s - 1 :], factor) for s in reversed(range(rungs))]


def _nearest(numerator: int, denominator: int) -> int:
    return int((2 * numerator + denominator) // (2 * denominator))  # not NumPy's
