"""The tracking server, which may be slow or away: neither is to cost the search much."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Operation = Callable[[Any], Any]
"""What is to be done with a `mlflow.MlflowClient`. It may be tried again as a whole."""
GONE = object()
"""The answer about what the server does not have."""


class Unsent(RuntimeWarning):
    """Says to a program that searches that a part of its log waits for the server."""


_EVERY = 1.0  # seconds between two sendings of curves
_PAUSE = 5.0  # seconds at least before a server that was away is tried again
_SHARE = 10  # and so many times as long as the try has taken
_TEMPORARY = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
_LACKING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # an id of another store's
_SETTINGS = {  # MLflow itself would try a request for four minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_TIMEOUT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def import_mlflow() -> Any:
    """Returns the package `mlflow`. If it is first imported here, it does not phone home.

    Raises:
        ImportError: If it is not installed.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        return importlib.import_module("mlflow")
    except ImportError as error:
        raise ImportError(
            "A log in MLflow needs mlflow, which is not installed. "
            'Install it with: pip install "kt-extensions[mlflow]"'
        ) from error


class Server:
    """Does operations in their order, and keeps them while the server is away.

    Args:
        tracking_uri: Where the server or the store is.

    Attributes:
        problem: Why the server was away when it was last tried.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self._client: Any = None
        self._waiting: deque[Operation] = deque()
        self._next_try = self._next_sending = 0.0
        self._told: set[str] = set()
        self.problem = ""

    def add(self, operation: Operation) -> None:
        """Keeps an operation until `send` is called."""
        self._waiting.append(operation)

    @property
    def waiting(self) -> int:
        """How many operations have not been done."""
        return len(self._waiting)

    def send_now_and_then(self) -> None:
        """Does what waits, if that was not just done."""
        if time.monotonic() >= self._next_sending:
            self.send()

    def send(self, at_last: bool = False) -> None:
        """Does what waits, unless the server was away a moment ago.

        Args:
            at_last: Whether the server is to be tried in any case.
        """
        if time.monotonic() < self._next_try and not at_last:
            return
        with _impatience(_TIMEOUT):
            while self._waiting and self._try(self._waiting[0]):
                self._waiting.popleft()
        self._next_sending = time.monotonic() + _EVERY

    def ask(self, question: Operation) -> Any:
        """Returns an answer: `None` if there is none for now, `GONE` if there will never be."""
        try:
            with _impatience(_TIMEOUT):
                return question(self._connected())
        except Exception as error:  # SQLAlchemy's, and whatever plugins raise
            if getattr(error, "error_code", None) in _LACKING:
                return GONE
            if not is_temporary(error):
                self._warn("has not answered", error, "What is noted is taken to be there.")
            return None

    def check(self) -> None:
        """Raises `ValueError` if there is no kind of store at such a place. It may be away."""
        try:
            self._connected()
        except Exception as error:  # SQLAlchemy's, and whatever plugins raise
            if not is_temporary(error):
                raise ValueError(
                    "Expected tracking_uri to be the address of an MLflow server or store, such as "
                    "'http://127.0.0.1:5000' or 'sqlite:///mlflow.db'. Received: "
                    f"tracking_uri={self.tracking_uri!r} ({error})."
                ) from error

    def do(self, operation: Operation) -> None:
        """Does at once what takes its time, and only if nothing waits before it."""
        if not self._waiting:
            with _impatience({}):
                self._try(operation)

    def _try(self, operation: Operation) -> bool:
        """Returns whether the operation is done, or can never be."""
        began = time.monotonic()
        try:
            operation(self._connected())
        except Exception as error:  # stores of artifacts raise what they like
            if is_temporary(error):
                self._next_try = time.monotonic() + max(_PAUSE, _SHARE * (time.monotonic() - began))
                self.problem = str(error)
                follows = "The search goes on. What waits is sent when it is back."
                self._warn("cannot be reached", error, follows, Unsent)
                return False
            self._warn("has refused a part of the log", error, "That part is left out.")
        return True

    def _connected(self) -> Any:
        if self._client is None:
            self._client = import_mlflow().MlflowClient(tracking_uri=self.tracking_uri)
        return self._client

    def _warn(
        self, what: str, error: Exception, follows: str, category: type[Warning] = RuntimeWarning
    ) -> None:
        kind = f"{what} {getattr(error, 'error_code', type(error).__name__)}"
        if kind not in self._told:
            self._told.add(kind)
            warnings.warn(
                f"The MLflow server {self.tracking_uri!r} {what}: {error} {follows}",
                category,
                stacklevel=2,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_client": None}


def is_temporary(error: Exception) -> bool:
    """Whether the same may be done later."""
    code = getattr(error, "error_code", None)
    return isinstance(error, OSError) if code is None else code in _TEMPORARY


@contextlib.contextmanager
def _impatience(more: Mapping[str, str]) -> Iterator[None]:
    """Has MLflow give up a request early, where the user has not said how long to wait."""
    settings = {**_SETTINGS, **more}
    ours = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
