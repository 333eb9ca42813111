"""What runs calls in many places at once, wherever these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from kt_extensions.isolation import Limits, Outcome

_NONE = Limits()


@dataclass(frozen=True)
class Call:
    """A call that a worker is to run.

    Args:
        function: Is called with the worker's `kt_extensions.isolation.Workplace` and the arguments.
        arguments: What this call alone works on: a tuple, pickled by `cloudpickle`.
        objects: Objects of this process that a `Remote` there may stand for, by name.
        limits: Of the call, where the workers can keep to them.
    """

    function: Callable[..., Any]
    arguments: bytes
    objects: Mapping[str, Any]
    limits: Limits = _NONE


class Ended(NamedTuple):
    """A call that has ended.

    Args:
        worker: The worker that has run it.
        outcome: What has become of it.
    """

    worker: int
    outcome: Outcome


class Crew(Protocol):
    """Some workers, each of which runs one call at a time, and keeps things for the next.

    What all calls work on was handed over when the crew was made. Requests of the calls are
    answered within `wait`, so that the objects they are for need no lock.
    """

    def idle(self) -> list[int]:
        """Returns the workers that can run a call, by number."""

    def submit(self, worker: int, call: Call) -> None:
        """Has an idle worker run a call."""

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the calls that have ended, once there is one or the seconds are over.

        The worker of one whose outcome is a `death` was replaced.
        """

    def close(self) -> None:
        """Ends all workers, and with them their calls."""
