"""Workers on a Ray cluster."""

from __future__ import annotations

import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np

from kt_extensions.isolation import Outcome
from kt_extensions.isolation.channel import portable, replies
from kt_extensions.isolation.endings import with_last_lines
from kt_extensions.parallel.base import Call, Ended
from kt_extensions.parallel.cluster import Cluster, Death

_CENSUS = 2.0  # seconds between two looks at the size of the cluster
_PATIENCE = 60.0  # seconds without any worker after which the user is told
_STILLBORN = 3  # workers in a row that have died before they were ready, after which none follows


@dataclass
class _Worker:
    """An actor, and what is awaited of it: that it is ready, or the end of its call.

    `met` is its answer to a question right before the call: nobody watches an idle worker.
    """

    actor: Any
    awaited: Any
    met: Any = None
    is_ready: bool = False
    replies: Mapping[str, Callable[..., Any]] | None = None


class RayCrew:
    """Runs calls in actors of a Ray cluster, which come and go with its nodes.

    Args:
        content: What all calls work on: put into the cluster's object store once.
        prepare: A function without arguments that each worker calls first.
        environment: Variables of the workers' environment.
        count: How many workers there are; `None` for as many as the cluster has room for.
        resources: What each needs, such as `{"CPU": 2, "GPU": 1}`; `None` for one CPU.
        address: That of the cluster; see `Cluster`.

    Raises:
        ImportError: If Ray is not installed.
        Exception: What the pickling of the content raises.

    Example:

    ```python
    crew = RayCrew((build, (x, y), {}), print, {}, count=4, resources={"CPU": 2}, address="auto")
    ```
    """

    def __init__(
        self,
        content: Any,
        prepare: Callable[[], None],
        environment: Mapping[str, str],
        count: int | None,
        resources: Mapping[str, float] | None,
        address: str | None,
    ) -> None:
        packed = _packed(content)
        size = len(packed[0]) + sum(array.nbytes for array in packed[1])
        prepared = cloudpickle.dumps(prepare)
        folders = os.getcwd(), [folder for folder in sys.path if folder]
        self._count = count
        self._workers: dict[int, _Worker] = {}
        self._n_hired = self._n_stillborn = self._n_at_loss = 0
        self._next_census = self._alone_since = time.monotonic()
        self._is_told = False
        self._cluster = Cluster(resources or {}, environment, size, address)
        try:
            self._hired = prepared, self._cluster.put(packed), folders
            self._requests = self._cluster.requests()
        except BaseException:
            self._cluster.close()
            raise

    def idle(self) -> list[int]:
        """Returns the workers that can run a call."""
        self._hire()
        return [n for n, w in self._workers.items() if w.is_ready and w.awaited is None]

    def submit(self, worker: int, call: Call) -> None:
        """Has an idle worker run a call."""
        hired = self._workers[worker]
        hired.replies = replies(call.objects)
        hired.met = hired.actor.is_ready.remote()
        hired.awaited = hired.actor.run.remote(cloudpickle.dumps(call.function), call.arguments)

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the calls that have ended, once there is one or the seconds are over.

        Raises:
            RuntimeError: If workers die before they are ready, one after the other.
        """
        until = time.monotonic() + seconds
        ended: list[Ended] = []
        while not ended and (left := until - time.monotonic()) > 0:
            awaited = {w.awaited: n for n, w in self._workers.items() if w.awaited is not None}
            done = self._cluster.wait([*awaited, self._requests], min(left, _CENSUS))
            if self._requests in done:
                self._answer()
            came = [awaited[reference] for reference in done if reference in awaited]
            ended = [call for worker in came if (call := self._look(worker)) is not None]
            self._hire()
            if any(self._workers[n].is_ready for n in came if n in self._workers) and not ended:
                break  # somebody is ready for a first call
        return ended

    def close(self) -> None:
        """Ends all workers, and the cluster if it was started for them."""
        for worker in self._workers.values():
            self._cluster.kill(worker.actor)
        self._workers = {}
        self._cluster.close()

    def _answer(self) -> None:
        """Answers what was asked."""
        answers = []
        for number, worker, request in self._cluster.get(self._requests):
            kind, *content = pickle.loads(request)
            hired = self._workers.get(worker)
            if hired is not None and hired.replies is not None:
                answers.append((number, _answer(hired.replies[kind], *content)))
        self._cluster.answer(answers)
        self._requests = self._cluster.requests()

    def _look(self, number: int) -> Ended | None:
        """Takes what a worker has to tell: that it is ready, what became of a call, its death."""
        worker = self._workers[number]
        told, death = self._cluster.told(worker.awaited)
        if death is not None:
            del self._workers[number]
            self._cluster.kill(worker.actor)  # it may be out of reach only, and run the call still
            if not worker.is_ready:
                self._note_stillborn(number, death)
                return None
            _, before = self._cluster.told(worker.met)
            reason = with_last_lines(death.reason, [])
            return Ended(number, Outcome(death=reason, began=before is None))
        worker.awaited = None
        if not worker.is_ready:
            worker.is_ready, self._n_stillborn = True, 0
            return None
        kind, value, traceback = told
        return Ended(number, Outcome.of(kind, pickle.loads(value), traceback))

    def _hire(self) -> None:
        """Starts workers for which there is room."""
        now = time.monotonic()
        if now >= self._next_census:
            self._next_census = now + _CENSUS
            wanted = self._cluster.room() if self._count is None else self._count
            for _ in range(wanted - len(self._workers)):
                self._hire_one()
        if any(worker.is_ready for worker in self._workers.values()):
            self._alone_since = now
        elif now - self._alone_since > _PATIENCE and not self._is_told:
            self._is_told = True
            warnings.warn(self._cluster.no_room(), stacklevel=2)

    def _hire_one(self) -> None:
        number, self._n_hired = self._n_hired, self._n_hired + 1
        actor = self._cluster.worker(number, *self._hired)
        self._workers[number] = _Worker(actor, actor.is_ready.remote())

    def _note_stillborn(self, number: int, death: Death) -> None:
        """Notes that a worker has died before it was ready.

        Those that are lost together, with their node as a rule, count once, and none does while
        others work.
        """
        if death.is_loss:
            warnings.warn(
                f"A worker was lost before it was ready; another one is started. {death.reason}",
                stacklevel=2,
            )
            if number < self._n_at_loss or any(w.is_ready for w in self._workers.values()):
                return
            self._n_at_loss = self._n_hired
        self._n_stillborn += 1
        if self._n_stillborn >= _STILLBORN:
            raise RuntimeError(
                "Expected workers that can import kt_extensions, Keras and its backend on each "
                f"node of the cluster. Received: {_STILLBORN} in a row that have died before that. "
                f"Install the same packages on all nodes. {death.reason}"
            )


def _packed(content: Any) -> tuple[bytes, list[Any]]:
    """Returns the content pickled, its arrays apart, which Ray does not copy."""
    buffers: list[pickle.PickleBuffer] = []
    data = cloudpickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    return data, [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]


def _answer(reply: Callable[..., Any], *request: Any) -> bytes:
    """Returns, pickled, what a function returns for a request, or the error that it raises."""
    try:
        return bytes(cloudpickle.dumps((None, reply(*request))))
    except Exception as error:  # it is for the worker that asked
        return bytes(cloudpickle.dumps((portable(error), None)))
