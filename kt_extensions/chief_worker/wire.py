"""What our workers and chiefs say to each other beside what KerasTuner's say.

They speak by KerasTuner's own calls. What is added goes in the headers of these, which a tuner of
KerasTuner's does not read: so each of them can be of the one or the other kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import grpc
from keras_tuner.errors import FatalError, FatalRuntimeError

LARGEST_HEADERS = 2**20  # bytes
ANY_SIZE = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
"""Options of gRPC, for answers with all trials of a long search."""
OURS = (("kt-extensions-chief", "1"),)
"""Is told with each answer of a chief of ours."""
BEAT, LEAVE = "beat", "leave"
_HEADER, _SEARCH = "kt-extensions-worker-bin", "kt-extensions-search-bin"
_LONGEST_MESSAGE = LARGEST_HEADERS // 8  # characters

Metadata = tuple[tuple[str, str | bytes], ...]


class SearchName(NamedTuple):
    """Which search of its program a chief or a worker is in.

    Args:
        place: Its place among the program's searches with a chief, from 0.
        project: The name of its project.
    """

    place: int
    project: str

    def is_another(self, other: tuple[int, str]) -> bool:
        """Whether the same program has both, and they are not the same search.

        Of two programs, neither the names nor the places tell anything alone.
        """
        return self.place != other[0] and self.project != other[1]

    def metadata(self) -> Metadata:
        """Returns the headers that tell so."""
        return ((_SEARCH, json.dumps(self).encode()),)

    @classmethod
    def of(cls, metadata: Iterable[tuple[str, Any]]) -> SearchName | None:
        """Returns what these headers tell; `None` if nothing."""
        told = dict(metadata).get(_SEARCH)
        return None if told is None else cls(*json.loads(told))


class Caller(NamedTuple):
    """Who calls a chief.

    Args:
        tuner: The worker's `KERASTUNER_TUNER_ID`, the same after the worker was started again.
        instance: Names this run of the worker alone.
        trial: The trial that it is running; `None` if it is running none.
        act: `BEAT` if the call only tells that the worker lives, `LEAVE` that it is about to end.
        message: Why the trial that is reported to end has failed, or the error by which the worker
            is about to end.
        search: Which search of its program it is in, a `SearchName`.

    Example:

    >>> caller = Caller("worker-3", "5f2c", trial="07")
    >>> Caller.of(caller.metadata()) == caller
    True
    """

    tuner: str
    instance: str
    trial: str | None = None
    act: str | None = None
    message: str | None = None
    search: tuple[int, str] | None = None

    def metadata(self) -> Metadata:
        """Returns the headers that tell so."""
        message = None if self.message is None else self.message[-_LONGEST_MESSAGE:]
        return ((_HEADER, json.dumps(self._replace(message=message)).encode()),)

    @classmethod
    def of(cls, metadata: Iterable[tuple[str, Any]]) -> Caller | None:
        """Returns who has sent these headers; `None` if it is a tuner of KerasTuner's."""
        told = dict(metadata).get(_HEADER)
        return None if told is None else cls(*json.loads(told))


class TrialTakenOver(FatalError):  # type: ignore[misc]
    """What a worker reports is left out, since the trial is not, or no more, the worker's."""


def taken_over(trial_id: str) -> TrialTakenOver:
    """Returns what tells a worker that a trial is not its own."""
    return TrialTakenOver(
        f"Trial {trial_id} is not, or no more, that of this worker, which the chief has not heard "
        "for too long: another one runs it, or has. What this one has found in it is left out."
    )


class Dismissed(FatalRuntimeError):  # type: ignore[misc]
    """The chief has no more use for a worker, and tells why."""


class ChiefGone(FatalError, ConnectionError):  # type: ignore[misc]
    """No chief has answered a worker for as long as the worker waits."""


CODES: dict[type[Exception], grpc.StatusCode] = {
    TrialTakenOver: grpc.StatusCode.ABORTED,
    Dismissed: grpc.StatusCode.FAILED_PRECONDITION,
}
"""By which codes of gRPC a chief tells a worker of these errors."""


def error_of(error: grpc.RpcError) -> Exception | None:
    """Returns what an answer of a chief means for a worker; `None` if the chief is only away."""
    for kind, code in CODES.items():
        if error.code() is code:
            return kind(error.details())
    if error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ):
        return None
    return RuntimeError(f"The chief could not do what the worker asked for. {error.details()}")
