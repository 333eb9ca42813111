"""What a scheduler is: it says which trial runs next, and for how many epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kt_extensions.history import History, Run


@dataclass(frozen=True)
class Start:
    """A trial is to run: a new configuration, or, if `run` has a parent, the parent's on."""

    run: Run


@dataclass(frozen=True)
class Wait:
    """Nothing can run until one of the running trials has ended."""


@dataclass(frozen=True)
class Done:
    """Nothing is left to run."""


Action = Start | Wait | Done


class Scheduler(Protocol):
    """Shares out the epochs of a search: a pure function from the trials so far to what is next.

    A scheduler keeps nothing between calls, so a search that is stopped anywhere and resumed goes
    on as it would have without the stop, and any number of workers may ask.
    """

    max_epochs: int
    """The most epochs that a trial is trained."""

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next.

        Args:
            history: The trials so far.
            exhausted: Whether there are no new configurations to start with.
        """

    def halvings(self, bracket: int) -> int:
        """Returns how often trials are promoted in the bracket with this number, at most."""


def check_epochs(min_epochs: int, max_epochs: int, factor: int) -> None:
    """Checks the arguments that schedulers have in common.

    Raises:
        ValueError: If one of them is out of its range.
    """
    for name, value, least in (
        ("min_epochs", min_epochs, 1),
        ("max_epochs", max_epochs, min_epochs),
        ("factor", factor, 2),
    ):
        if int(value) != value or value < least:
            raise ValueError(f"Expected `{name}` to be an integer >= {least}. Received: {value!r}.")
