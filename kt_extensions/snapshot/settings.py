"""When snapshots are written, and which of them stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kt_extensions.checking import check_integer, is_number

_KEPT = ("promotable", "best", "all")


@dataclass(frozen=True)
class Snapshots:
    """Says when the state of a training is written to the project folder, and how long it stays.

    A trial that a scheduler began (Hyperband, BOHB, ASHA) writes a snapshot when it ends in any
    case, from which it goes on if it is promoted. Any other trial does so if `every_epochs`,
    `every_seconds`, or a `keep` other than the default asks for it.

    Args:
        every_epochs: A snapshot is written after each so many epochs, from which a trial goes on
            if the search is stopped in it and run again. Defaults to `None`: such a trial is
            trained from its beginning.
        every_seconds: A snapshot is also written at the end of the first epoch that ends so many
            seconds after the last one was written, or after the training began. Defaults to
            `None`: never for that reason.
        keep: What stays on the disk of a trial that has ended.

            - `"promotable"` (the default): the snapshot, as long as the trial may still be
              promoted. The weights of the best epoch always stay, as in KerasTuner.
            - `"best"`: the same of these, and the snapshot of the best trial so far (of several
              objectives: of the Pareto front), so that `continue_trial` can train it further, and
              what comes of that. Of all other trials nothing stays, not even the weights:
              `get_best_models()` has a model, and `get_best_models(2)` tells why there is no
              second one. What a search needs on the disk does not grow with the number of its
              trials.
            - `"all"`: snapshot and weights of each trial that has completed.
        max_bytes: The most bytes that the snapshots of the project may take, or `None` (the
            default) for no limit. The least useful are deleted first: those of trials that are
            neither promotable nor the best, then the worst. Those that a running trial needs are
            never deleted; if they take more, there is a warning. The weights are not counted.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> Snapshots(every_epochs=5, keep="best", max_bytes=10**9)
    Snapshots(every_epochs=5, every_seconds=None, keep='best', max_bytes=1000000000)
    """

    every_epochs: int | None = None
    every_seconds: float | None = None
    keep: str = "promotable"
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if self.every_epochs is not None:
            check_integer("every_epochs", self.every_epochs, 1)
        if self.max_bytes is not None:
            check_integer("max_bytes", self.max_bytes, 1)
        _check_seconds(self.every_seconds)
        if self.keep not in _KEPT:
            raise ValueError(
                f"Expected `keep` to be one of {', '.join(map(repr, _KEPT))}. "
                f"Received: {self.keep!r}."
            )

    @property
    def for_all(self) -> bool:
        """Whether trials that no scheduler began write snapshots, too."""
        between = self.every_epochs is not None or self.every_seconds is not None
        return between or self.keep != "promotable"


def checked(snapshots: Snapshots | None) -> Snapshots:
    """Returns what a tuner was given as `snapshots`, the default for `None`.

    Raises:
        ValueError: If it is something else.
    """
    if snapshots is None:
        return Snapshots()
    if not isinstance(snapshots, Snapshots):
        raise ValueError(
            "Expected `snapshots` to be a `kt_extensions.Snapshots`, such as "
            f"`Snapshots(every_epochs=1)`, or None. Received: {snapshots!r}."
        )
    return snapshots


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not (is_number(seconds) and 0 < seconds < math.inf):
        raise ValueError(
            "Expected `every_seconds` to be a number of seconds above 0, or None. "
            f"Received: {seconds!r}."
        )
