"""Random searches with every oracle; `python -m tests.fuzz.searches` runs many more."""

from __future__ import annotations

import random
from pathlib import Path

import keras_tuner as kt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kt_extensions import oracles, samplers
from tests.fuzz.programs import Program, program
from tests.fuzz.searches import ORACLES, SAMPLERS, TRIALS, run

programs = st.randoms(use_true_random=False).map(program)


def test_none_is_left_out() -> None:
    assert {*ORACLES} == {*oracles.__all__}
    assert {*SAMPLERS} == {*samplers.REGISTRY} - {"auto"}  # which takes one of the others


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
@pytest.mark.parametrize("name", ORACLES)
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(declared=programs, seed=st.integers(0, 2**32))
def test_random_searches(name: str, declared: Program, seed: int) -> None:
    """No error, no configuration twice, no end before the last, no value that is not allowed."""
    assert 1 <= run(name, declared, random.Random(seed)) <= TRIALS


def test_a_promoted_trial_is_resumed_with_what_was_declared_since(tmp_path: Path) -> None:
    def resumed() -> oracles.HyperbandOracle:
        oracle = oracles.HyperbandOracle(kt.Objective("score", "max"), max_epochs=3, seed=0)
        oracle._set_project_dir(str(tmp_path), "project")
        hp = oracle.get_space()
        hp.Float("x", 0.0, 1.0)
        oracle.update_space(hp)
        return oracle

    oracle = resumed()
    trials = [oracle.create_trial(str(i)) for i in range(3)]
    trials[2].hyperparameters.Int("late", 1, 9, default=5)
    for score, trial in zip([3, 2, 1], trials, strict=True):
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    promoted = oracle.create_trial("0")
    assert promoted.hyperparameters.values["tuner/trial_id"] == trials[0].trial_id
    again = resumed().create_trial("0")
    assert again.trial_id == promoted.trial_id
    assert again.hyperparameters.values == promoted.hyperparameters.values
    assert again.hyperparameters.Int("late", 1, 9, default=5) == 5
