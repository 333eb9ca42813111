"""The events of a search, and the state that follows from them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.oracles.events import hyperparameters_from
from kt_extensions.record import SearchRecord, name_of


def space_event() -> dict[str, Any]:
    hp = kt.HyperParameters()
    hp.Choice("kind", ["sgd", "adam"])
    hp.Float("x", 0.0, 1.0, parent_name="kind", parent_values=["sgd"])
    return {"event": "space", "hyperparameters": hp.get_config()["space"]}


def start(name: str, x: float = 0.5, **more: Any) -> dict[str, Any]:
    values = {"kind": "sgd", "x": x}
    return {"event": "start", "trial": name, "values": values, "proposal": [0.1, x], **more}


def end(name: str, score: float | None, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "event": "end",
        "trial": name,
        "status": status,
        "score": score,
        "values": {"kind": "sgd", "x": 0.5},
        "fidelity": 3,
        "pruned": False,
        **more,
    }


@pytest.fixture
def record(tmp_path: Path) -> SearchRecord:
    return begun(tmp_path, "min")


def begun(folder: Path, direction: str) -> SearchRecord:
    record = SearchRecord(folder)
    header = {"event": "search", "direction": direction, "seed": 7}
    record.log.create(header, space_event())
    for event in record.log.read():
        record.apply(event)
    return record


def test_a_trial(record: SearchRecord) -> None:
    record.write(start("0"))
    assert record.unfinished == {"0": {"kind": "sgd", "x": 0.5}}
    assert np.isnan(record.table.history().y).tolist() == [True]
    record.write(end("0", 2.0))
    history = record.table.history()
    assert not record.unfinished
    assert (history.y.tolist(), history.fidelity.tolist(), history.seed) == ([2.0], [3.0], 7)
    assert history.proposal.tolist() == [[0.1, 0.5]]
    assert record.ranking == [(False, 2.0, 0, "0")]


def test_the_log_leads_to_the_same_state(tmp_path: Path) -> None:
    record = begun(tmp_path, "max")
    record.write({"event": "known", "values": {"kind": "adam"}, "y": None})
    record.write(start("0", 0.25), start("1", 0.75, enqueued={"x": 0.75}))
    record.write(end("1", 5.0), end("0", None, "INVALID"))
    again = SearchRecord(tmp_path)
    for event in record.log.read():
        again.apply(event)
    for name, array in vars(record.table.history()).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(getattr(again.table.history(), name), array)
    for name in ("ranking", "unfinished", "enqueued", "space_config"):
        assert getattr(again, name) == getattr(record, name)
    assert again.table.history().tried == record.table.history().tried


def test_the_ranking(tmp_path: Path) -> None:
    record = begun(tmp_path, "max")
    scores = [3.0, 1.0, None, 3.0, 5.0]
    for number, score in enumerate(scores):
        record.write(start(str(number)))
        record.write(end(str(number), score, "FAILED" if score is None else "COMPLETED"))
    assert [name for *_, name in record.ranking] == ["4", "0", "3", "1"]
    assert record.table.history().y.tolist() == [-3.0, -1.0, math.inf, -3.0, -5.0]


def test_a_trial_that_runs_again(record: SearchRecord) -> None:
    record.write(start("0"), end("0", None, "INVALID"))
    assert list(record.unfinished) == ["0"]
    record.write(end("0", 1.0))
    assert not record.unfinished


def test_what_was_asked_for_is_counted(record: SearchRecord) -> None:
    record.write(start("0", enqueued={"x": 0.5, "kind": "sgd"}))
    record.write(start("1", enqueued={"kind": "sgd", "x": 0.5}))
    assert record.enqueued == {name_of({"x": 0.5, "kind": "sgd"}): 2}


def test_a_value_that_the_domain_lacks_counts_as_not_given(record: SearchRecord) -> None:
    event = start("0", 1.5)
    record.write({**event, "proposal": None})
    np.testing.assert_array_equal(record.table.history().X, [[0.25, np.nan]])
    np.testing.assert_array_equal(record.table.history().proposal, [[0.25, 0.5]])
    record.write(end("0", 1.0, values={"kind": "lion", "x": 0.5, "other": None}))
    np.testing.assert_array_equal(record.table.history().X, [[np.nan, np.nan]])


def test_the_space_grows(record: SearchRecord) -> None:
    record.write(start("0"))
    hp = kt.HyperParameters()
    hp.Int("late", 1, 4)
    record.write({"event": "space", "hyperparameters": hp.get_config()["space"]})
    assert list(record.space.index) == ["kind", "x", "late"]
    np.testing.assert_array_equal(record.table.history().X, [[0.25, 0.5, np.nan]])
    record.write(end("0", 1.0, values={"kind": "sgd", "x": 0.5, "late": 2}))
    np.testing.assert_array_equal(record.table.history().X, [[0.25, 0.5, 0.375]])


def test_hyperparameters_keep_their_configuration() -> None:
    config = space_event()["hyperparameters"]
    for _ in range(2):
        hyperparameters = hyperparameters_from(config)
        assert hyperparameters.get_config()["space"] == config
        assert hyperparameters.values == {"kind": "sgd", "x": 0.0}
    assert config == space_event()["hyperparameters"]
