"""The trials of earlier searches, mapped into the space of a new one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

from kt_extensions import store
from kt_extensions.space import SearchSpace
from kt_extensions.warm_start import known_trials

LOSS = kt.Objective("loss", "min")


def space() -> SearchSpace:
    hp = kt.HyperParameters()
    kind = hp.Choice("kind", ["sgd", "adam"])
    hp.Float("momentum", 0.0, 1.0, step=0.5, parent_name="kind", parent_values=["sgd"])
    hp.Int("units", 10, 20)
    assert kind == "sgd"
    return SearchSpace.from_hyperparameters(hp.space)


def observed(curve: list[list[Any]]) -> list[dict[str, Any]]:
    return [{"value": [*map(str, values)], "step": step} for step, values in enumerate(curve)]


def outcomes(folder: Path, objective: kt.Objective = LOSS) -> list[tuple[dict[str, Any], Any]]:
    return [(trial.values, trial.y) for trial in known_trials(folder, space(), objective)]


def project(folder: Path, *trials: dict[str, Any]) -> Path:
    for number, trial in enumerate(trials):
        score = trial.get("score")
        names = trial.get("metrics", {"loss": "min"})
        curves = trial.get("curves", {})
        state = {
            "trial_id": str(number),
            "status": trial.get("status", "COMPLETED"),
            "score": score,
            "best_step": 0,
            "message": trial.get("message"),
            "hyperparameters": {"space": [], "values": trial["values"]},
            "metrics": {
                "metrics": {
                    n: {"direction": d, "observations": observed(curves.get(n, [[score]]))}
                    for n, d in names.items()
                }
            },
        }
        store.write_atomically(folder / f"trial_{number}" / "trial.json", json.dumps(state))
    return folder


GOOD = {"kind": "adam", "units": 11}


def test_values_and_scores(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        {"values": GOOD, "score": 2.0},
        {"values": {"kind": "sgd", "momentum": 0.5, "units": 20}, "score": -1.0},
    )
    assert outcomes(folder) == [
        (GOOD, 2.0),
        ({"kind": "sgd", "momentum": 0.5, "units": 20}, -1.0),
    ]


def test_a_maximized_objective(tmp_path: Path) -> None:
    folder = project(tmp_path, {"values": GOOD, "score": 2.0, "metrics": {"acc": "max"}})
    assert outcomes(folder, kt.Objective("acc", "max")) == [(GOOD, -2.0)]


def test_a_search_for_something_else_tells_what_it_reported(tmp_path: Path) -> None:
    """Its score is of another metric, or of a sum."""
    metrics = {"acc": "max", "loss": "min"}
    curves = {"acc": [[0.9]], "loss": [[math.nan], [0.5, 0.7], [0.8, 0.8]]}
    folder = project(tmp_path, {"values": GOOD, "score": 0.9, "metrics": metrics, "curves": curves})
    assert outcomes(folder) == [(GOOD, 0.6)]
    assert outcomes(folder, kt.Objective("acc", "max")) == [(GOOD, -0.9)]


def test_nothing_but_nan_reported_is_a_failure(tmp_path: Path) -> None:
    metrics = {"acc": "max", "loss": "min"}
    curves = {"acc": [[0.9]], "loss": [[math.nan]]}
    folder = project(tmp_path, {"values": GOOD, "score": 0.9, "metrics": metrics, "curves": curves})
    assert outcomes(folder) == [(GOOD, math.inf)]


def test_pruned_trials_are_known_as_such(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        {"values": GOOD, "score": 1.0, "message": "Pruned: worse than the median."},
        {"values": GOOD, "score": 2.0},
    )
    assert [t.pruned for t in known_trials(folder, space(), LOSS)] == [True, False]


def test_failed_trials_have_the_worst_score(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        {"values": GOOD, "status": "FAILED"},
        {"values": GOOD, "score": -math.inf},
        {"values": GOOD, "score": math.nan},
    )
    assert [y for _, y in outcomes(folder)] == [math.inf] * 3


def test_values_move_to_the_nearest(tmp_path: Path) -> None:
    values = {"kind": "sgd", "momentum": 0.8, "units": 12.2, "other": 1}
    folder = project(tmp_path, {"values": values, "score": 1.0})
    expected = {"kind": "sgd", "momentum": 1.0, "units": 12}
    assert outcomes(folder) == [(expected, 1.0)]


def test_hyperparameters_that_are_missing(tmp_path: Path) -> None:
    folder = project(tmp_path, {"values": {"units": 12}, "score": 1.0})
    assert outcomes(folder) == [({"units": 12}, 1.0)]


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        {"values": GOOD, "score": 1.0},
        *({"values": {**GOOD, "units": units}, "score": 1.0} for units in (1, 2, 3, 300)),
        *({"values": {**GOOD, "kind": "lion"}, "score": 1.0},) * 2,
        {"values": {"other": 1}, "score": 1.0},
        {"values": GOOD, "status": "RUNNING"},
        {"values": GOOD, "score": 1.0, "metrics": {"acc": "max"}},
        {"values": GOOD, "score": 1.0, "metrics": {"loss": "max"}},
    )
    with pytest.warns(UserWarning) as warned:
        assert outcomes(folder) == [(GOOD, 1.0)]
    (message,) = [str(warning.message) for warning in warned]
    assert message.startswith(f"warm_start: left out 10 of 11 trials of '{folder}'")
    for reason in (
        "4 x Hyperparameter 'units': Expected a number from 10 to 20",
        "2 x Hyperparameter 'kind'",
        "2 x no objective",
        "1 x no hyperparameter of this search",
        "1 x status RUNNING",
    ):
        assert reason in message


def test_several_objectives(tmp_path: Path) -> None:
    multi = kt.Oracle(objective=["loss", kt.Objective("acc", "max")]).objective
    both = {"loss": "min", "acc": "max", "multi_objective": "min"}
    other = {"loss": "min", "mae": "min", "multi_objective": "min"}
    folder = project(
        tmp_path,
        {"values": GOOD, "score": 3.0, "metrics": both},
        {"values": GOOD, "score": 2.0, "metrics": {"loss": "min", "acc": "max"}},
        {"values": GOOD, "score": 1.0, "metrics": other},
        {"values": GOOD, "score": math.inf, "metrics": both},
        {"values": GOOD, "status": "FAILED", "metrics": both},
    )
    with pytest.warns(UserWarning, match=r"left out 2 of 5 .* not all of .*'loss', 'acc'"):
        known = outcomes(folder, multi)
    assert known == [(GOOD, [3.0, -3.0]), (GOOD, [2.0, -2.0]), (GOOD, math.inf)]


def test_trials_of_hyperband(tmp_path: Path) -> None:
    """How far each was trained is kept; of a configuration that was promoted, the last trial is."""
    short, long = {**GOOD, "tuner/epochs": 1}, {**GOOD, "tuner/epochs": 3}
    folder = project(
        tmp_path,
        {"values": short, "score": 3.0},
        {"values": short, "score": 2.0},
        {"values": short, "score": 1.0},
        {"values": {**long, "tuner/trial_id": "2"}, "score": 0.5},
        {"values": {**long, "tuner/trial_id": "1"}, "status": "FAILED"},
    )
    expected = [(short, 3.0), (short, 2.0), (long, 0.5), (long, math.inf)]
    assert outcomes(folder) == expected


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="project folder"):
        known_trials(tmp_path / "nowhere", space(), LOSS)
