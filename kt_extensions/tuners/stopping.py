"""The rules that end a search before its last trial."""

from __future__ import annotations

import time
from typing import Any

import keras_tuner as kt

from kt_extensions.checking import is_number
from kt_extensions.oracles import SamplerOracle
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.tuners.best import BestTrials


class StoppingRules(BestTrials):
    """A tuner that ends a search after some time, or when it does not get better any more."""

    max_time: float | None = None
    patience: int | None = None
    _seconds_before = 0.0  # of searching, in earlier runs
    _began: float | None = None

    def _stop_after(self, oracle: kt.Oracle, max_time: float | None, patience: int | None) -> None:
        """Checks and keeps the arguments `max_time` and `patience`.

        Raises:
            ValueError: If a number is not above 0, or an oracle of KerasTuner's is to follow them
                in a chief.
        """
        _check(oracle, max_time, patience)
        self.max_time = max_time
        self.patience = patience

    def pre_create_trial(self) -> None:
        """Applies the stopping rules to an oracle that does not ask for them itself."""
        super().pre_create_trial()
        local = not is_worker() and not isinstance(self.oracle, SamplerOracle)
        if local and self._reason_to_stop() is not None:
            self.oracle.max_trials = -1  # reached, even by no trial at all

    def get_state(self) -> dict[str, Any]:
        """Returns what the tuner itself has to remember: seconds spent."""
        return {**super().get_state(), "seconds": self._seconds()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes up the state of an earlier run."""
        super().set_state(state)
        self._seconds_before = float(state.get("seconds", 0.0))

    def _restore_max_trials(self, max_trials: int | None) -> None:
        """Lets a further search go on where a stopping rule ended this one."""
        if not is_worker():
            self.oracle.max_trials = max_trials

    def _seconds(self) -> float:
        running = 0.0 if self._began is None else time.monotonic() - self._began
        return self._seconds_before + running

    def _reason_to_stop(self) -> str | None:
        if self.max_time is not None and self._seconds() >= self.max_time:
            return f"max_time={self.max_time} s is over"
        if self.patience is not None and self.trials_since_best() >= self.patience:
            return f"no better trial in the last {self.patience}"
        return None


def _check(oracle: kt.Oracle, max_time: float | None, patience: int | None) -> None:
    for name, value in {"max_time": max_time, "patience": patience}.items():
        if value is not None and not (is_number(value) and value > 0):
            raise ValueError(
                f"Expected `{name}` to be a number above 0, or None. Received: {value!r}."
            )
    if is_chief() and (max_time or patience) and not isinstance(oracle, SamplerOracle):
        raise ValueError(
            "Expected an oracle of kt_extensions with `max_time` or `patience` in a search "
            f"with a chief and workers. Received: {type(oracle).__name__}. Leave them out, or "
            "use `max_trials`."
        )
