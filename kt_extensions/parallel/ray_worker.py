"""What runs on a Ray cluster: the workers, and the desk at which they ask."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import pickle
import sys
import traceback
from typing import Any

import cloudpickle

from kt_extensions.isolation import Workplace
from kt_extensions.isolation.child import not_loaded, outcome_of

_NEEDED_BY_ALL = "kt_extensions.tuners"

Request = tuple[int, int, bytes]
"""A request: its own number, that of the worker, and what it asks, pickled."""


class Desk:
    """An actor at which workers ask, and the driver answers when it comes by."""

    def __init__(self) -> None:
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count()

    async def ask(self, worker: int, request: bytes) -> bytes:
        """Returns the driver's answer to a request of a worker."""
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._requests.put((number, worker, request))
        return await answer

    async def requests(self) -> list[Request]:
        """Returns what was asked, once something was."""
        asked = [await self._requests.get()]
        while not self._requests.empty():
            asked.append(self._requests.get_nowait())
        return asked

    async def answer(self, answers: list[tuple[int, bytes]]) -> None:
        """Passes answers on, by the numbers of the requests."""
        for number, answer in answers:
            self._answers.pop(number).set_result(answer)


class DeskChannel:
    """A worker's way to the driver.

    Args:
        desk: The desk.
        worker: The worker's number.
    """

    def __init__(self, desk: Any, worker: int) -> None:
        self._desk, self._worker = desk, worker

    def ask(self, *request: Any) -> Any:
        """Sends a request, and returns the answer or raises the error that is the answer."""
        import ray

        asked = self._desk.ask.remote(self._worker, cloudpickle.dumps(request))
        error, answer = pickle.loads(ray.get(asked))
        if error is not None:
            raise error
        return answer


class Worker:
    """An actor that runs calls.

    Args:
        number: The worker's number.
        desk: Where it asks.
        prepare: A pickled function without arguments that is called first.
        content: What all calls work on, pickled but for its arrays.
        folders: The driver's working directory, and its `sys.path`.
    """

    def __init__(
        self,
        number: int,
        desk: Any,
        prepare: bytes,
        content: tuple[bytes, list[Any]],
        folders: tuple[str, list[str]],
    ) -> None:
        here, path = folders
        if os.path.isdir(here):
            os.chdir(here)
        sys.path.extend(folder for folder in path if folder not in sys.path)
        importlib.import_module(_NEEDED_BY_ALL)
        self._channel = DeskChannel(desk, number)
        self._prepare, self._content = prepare, content
        self._workplace: Workplace | None = None

    def is_ready(self) -> bool:
        """Tells, once it can, that all is imported."""
        return True

    def run(self, function: bytes, arguments: bytes) -> tuple[Any, ...]:
        """Runs a call; returns what came of it."""
        try:
            workplace = self._workplace or self._furnished()
            call, given = pickle.loads(function), pickle.loads(arguments)
        except Exception as error:  # whatever the imports of a user's own modules raise
            return "raised", cloudpickle.dumps(not_loaded(error)), traceback.format_exc()
        kind, value, where = outcome_of(call, workplace, given)
        return kind, cloudpickle.dumps(value), where

    def _furnished(self) -> Workplace:
        pickle.loads(self._prepare)()
        data, buffers = self._content
        self._workplace = Workplace(self._channel, pickle.loads(data, buffers=buffers))
        return self._workplace
