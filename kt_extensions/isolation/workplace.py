"""What a worker has at hand for its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class Asking(Protocol):
    """A way to the process that calls are for."""

    def ask(self, *request: Any) -> Any:
        """Sends a request, and returns the answer or raises the error that is the answer."""


@dataclass
class Workplace:
    """What the first argument of each call is.

    Args:
        channel: The way to the process that the calls are for.
        content: What all calls work on.
        kept: What calls keep for those that come after them at the same worker.
    """

    channel: Asking
    content: Any
    kept: dict[str, Any] = field(default_factory=dict)
