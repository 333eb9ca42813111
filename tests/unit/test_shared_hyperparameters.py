"""Hyperparameters that share their declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner as kt

import kt_extensions as kte
from kt_extensions.oracles.shared import SharedHyperParameters, sharing


def declared() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    hp.Float("rate", 0.1, 1.0, parent_name="kind", parent_values=["b"])
    return hp


def ids(hyperparameters: kt.HyperParameters) -> list[int]:
    return [id(hp) for hp in hyperparameters.space]


def test_a_copy_grows_apart() -> None:
    shared = SharedHyperParameters.of(declared())
    copied = shared.copy()
    copied.Int("units", 1, 4)
    copied.values["kind"] = "b"
    assert ids(copied)[:2] == ids(shared)
    assert [hp.name for hp in shared.space] == ["kind", "rate"]
    assert shared.values == {"kind": "a"}
    assert copied.get_config()["space"][:2] == shared.get_config()["space"]
    assert type(copied) is kt.HyperParameters


def test_hyperparameters_of_the_program_grow_with_those_of_the_search() -> None:
    hp = declared()
    shared = SharedHyperParameters.of(hp)
    shared.Int("units", 1, 4)
    assert ids(hp) == ids(shared)
    assert hp.get("units") == 1


def test_sharing_keeps_what_the_search_does_not_know() -> None:
    ours, received = declared(), declared()
    received.Int("units", 2, 4)
    found = sharing(received, ours.space)
    assert ids(found)[:2] == ids(ours)
    assert ids(found)[2] == ids(received)[2]
    assert found.values == {"kind": "a", "units": 2}


class Scored(kte.Tuner):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        trial.hyperparameters.Int("units", 1, 4)
        return float(trial.hyperparameters.get("units"))


def test_trials_of_a_search_share_declarations(tmp_path: Path) -> None:
    oracle = kte.oracles.TPEOracle(max_trials=3, seed=0, hyperparameters=declared())
    Scored(oracle, directory=tmp_path).search(verbose=0)
    known = set(ids(oracle.hyperparameters))
    assert len(known) == 3
    assert all(set(ids(trial.hyperparameters)) == known for trial in oracle.trials.values())
