"""How trials end that have been given to workers, without workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cloudpickle
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.isolation import Outcome
from kt_extensions.parallel import Call, Ended
from kt_extensions.tuners.dispatch import Dispatch


class Crew:
    """Workers whose calls all end at the same moment, in the order in which they began."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.calls: list[int] = []

    def idle(self) -> list[int]:
        return [worker for worker in range(self.count) if worker not in self.calls]

    def submit(self, worker: int, call: Call) -> None:
        self.calls.append(worker)

    def wait(self, seconds: float) -> list[Ended]:
        completed = Outcome(value=(kt.HyperParameters(), TrialStatus.COMPLETED, None))
        ended, self.calls = [Ended(worker, completed) for worker in self.calls], []
        return ended

    def close(self) -> None: ...


class Tuner:
    """Notes what it is told; the end of some trials is an error."""

    def __init__(self, trials: int, failing: dict[str, BaseException] | None = None) -> None:
        self.left = [str(number) for number in reversed(range(trials))]
        self.failing = failing or {}
        self.told: list[str] = []

    def create(self, place: int) -> Trial:
        status = TrialStatus.RUNNING if self.left else TrialStatus.STOPPED
        return Trial(kt.HyperParameters(), self.left.pop() if self.left else None, status)

    @contextmanager
    def ends_together(self) -> Iterator[None]:
        self.told.append("(")
        yield
        self.told.append(")")

    def on_trial_begin(self, trial: Trial) -> None: ...

    def on_trial_end(self, trial: Trial) -> None:
        self.told.append(trial.trial_id)
        if trial.trial_id in self.failing:
            raise self.failing[trial.trial_id]

    def call(self, trial: Trial) -> Call:
        return Call(print, cloudpickle.dumps(()), {})


def test_results_that_come_together_end_together() -> None:
    tuner = Tuner(5)
    Dispatch(tuner, Crew(3), tuner.create, blames=False).run()
    assert "".join(tuner.told) == "(012)(34)"


def test_an_error_keeps_no_other_trial_from_ending() -> None:
    tuner = Tuner(5, failing={"1": RuntimeError("first")})
    with pytest.raises(RuntimeError, match="first"):
        Dispatch(tuner, Crew(4), tuner.create, blames=False).run()
    assert tuner.told[:5] == ["(", "0", "1", "2", "3"]
    assert tuner.left == ["4"]


@pytest.mark.parametrize(
    ("failing", "raised", "told"),
    [
        ({"0": RuntimeError("a"), "2": ValueError("b")}, RuntimeError, "ValueError"),
        ({"0": RuntimeError("a"), "2": KeyboardInterrupt()}, KeyboardInterrupt, "RuntimeError"),
    ],
)
def test_of_several_errors_an_interrupt_and_the_first_come_before_others(
    failing: dict[str, BaseException], raised: type[BaseException], told: str
) -> None:
    tuner = Tuner(3, failing)
    with pytest.raises(raised), pytest.warns(UserWarning, match=f"Another trial .* {told}"):
        Dispatch(tuner, Crew(3), tuner.create, blames=False).run()
    assert tuner.told == ["(", "0", "1", "2", ")"]
