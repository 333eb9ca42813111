"""What the two processes say to each other, over a pipe that no other process has."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import cloudpickle

from kt_extensions.isolation.workplace import Asking

Message: TypeAlias = tuple[Any, ...]


class Channel:
    """One end of the pipe between a process and the one that started it.

    Args:
        connection: An end of a pipe that these two processes alone hold.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()  # a user's callbacks may ask from threads of their own

    def fileno(self) -> int:
        return self._connection.fileno()

    def close(self) -> None:
        self._connection.close()

    def send(self, *message: Any) -> None:
        """Sends a message: its kind, and what belongs to it.

        Raises:
            OSError: If the other process has ended.
        """
        data = cloudpickle.dumps(message)
        with self._lock:
            self._connection.send_bytes(data)

    def has_message(self) -> bool:
        """Whether there is something to receive, if only that the other process has ended."""
        return self._connection.poll()

    def receive(self) -> Message:
        """Returns the next message.

        Raises:
            EOFError: If the other process has ended.
            OSError: If it ended in the middle of the message.
        """
        message: Message = pickle.loads(self._connection.recv_bytes())
        return message

    def ask(self, *request: Any) -> Any:
        """Sends a request and returns the answer, or raises the error that is the answer."""
        with self._lock:
            self.send(*request)
            error, answer = self.receive()
        if error is not None:
            raise error
        return answer

    def answer(self, reply: Callable[..., Any], *request: Any) -> None:
        """Sends what a function returns for a request, or the error that it raises."""
        try:
            answer = reply(*request)
        except Exception as error:  # it is for the process that asked
            self.send(portable(error), None)
        else:
            self.send(None, answer)


class Remote:
    """Stands for an object of the process that started this one: its public methods, attributes.

    Attributes are looked up anew each time. What is assigned to one stays in this process.

    Args:
        channel: The end of the pipe in this process.
        name: What the other process calls the object.
    """

    def __init__(self, channel: Asking, name: str) -> None:
        self._channel = channel
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(
                f"Expected a public attribute of {type(self).__name__}. Received: {name!r}."
            )
        is_method, value = self._channel.ask("get", self._name, name)
        if not is_method:
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._channel.ask("call", self._name, name, args, kwargs)

        self.__dict__[name] = method
        return method

    def __deepcopy__(self, memo: dict[int, Any]) -> Remote:
        return self


def replies(objects: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Returns what answers the requests of a `Remote`, by their kinds.

    Args:
        objects: The objects that a `Remote` may stand for, by name.
    """

    def get(target: str, name: str) -> tuple[bool, Any]:
        value = getattr(objects[target], name)
        return (True, None) if callable(value) else (False, value)

    def call(target: str, name: str, args: Any, kwargs: Any) -> Any:
        return getattr(objects[target], name)(*args, **kwargs)

    return {"get": get, "call": call}


def portable(error: BaseException) -> BaseException:
    """Returns an error as it is, if another process can read it, or else what it says."""
    try:
        pickle.loads(cloudpickle.dumps(error))
    except Exception:  # whatever the pickling of a user's own error raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
