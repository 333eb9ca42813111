"""How a tuner remembers what its search was asked for."""

from __future__ import annotations

from typing import Any

from kt_extensions.oracles.processes import is_worker
from kt_extensions.tuners import arguments
from kt_extensions.tuners.parallel import ParallelTrials


class RememberedCalls(ParallelTrials):
    """A tuner that tells if a resumed search is asked for otherwise than before."""

    cross_validation: Any = None
    _asked: arguments.Arguments = {}  # noqa: RUF012 - it is replaced, never changed

    def _compare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Tells what is asked otherwise than before the search was stopped."""
        if self._by_hand is not None:
            return  # it is no part of the search
        own = {name: getattr(self, name) for name in ("executions_per_trial", "cross_validation")}
        now = arguments.of_call(args, {**kwargs, **own})
        if self._asked and not is_worker() and self.oracle.end_order:
            arguments.warn_of_call(self._asked, now)
        self._asked = now

    def get_state(self) -> dict[str, Any]:
        """Returns what the tuner itself has to remember: seconds spent, arguments of `search`."""
        return {**super().get_state(), "asked": self._asked}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes up the state of an earlier run."""
        super().set_state(state)
        self._asked = state.get("asked", {})
