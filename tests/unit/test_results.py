"""Saving the trials of a search."""

import csv
import json
import math
import sys

import pytest

from kt_extensions.results import Results

RESULTS = Results(
    [
        {
            "trial_id": "0",
            "status": "COMPLETED",
            "score": 0.5,
            "values": {"units": 8, "optimizer": "adam"},
            "epochs": 2,
            "history": [{"epoch": [0, 1], "loss": [math.nan, 0.5]}],
            "parent": None,
            "duration": 1.25,
            "message": None,
        },
        {
            "trial_id": "1",
            "status": "FAILED",
            "score": None,
            "values": {"units": 9, "momentum": 0.9},
            "epochs": 0,
            "history": [],
            "parent": None,
            "duration": 0.5,
            "message": "ValueError: one,\ntwo",
        },
    ]
)


def test_table(tmp_path):
    RESULTS.to_csv(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["values/units"] for row in rows] == ["8", "9"]
    assert [row["values/momentum"] for row in rows] == ["", "0.9"]
    assert rows[0]["score"] == "0.5"
    assert rows[1]["message"] == "ValueError: one,\ntwo"
    assert "history" not in rows[0]


def test_table_of_no_trials(tmp_path):
    Results().to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().startswith("trial_id,status,score")


def test_json_has_the_histories(tmp_path):
    RESULTS.to_json(tmp_path / "results.json")
    read = json.loads((tmp_path / "results.json").read_text())
    assert read[0]["history"] == [{"epoch": [0, 1], "loss": [None, 0.5]}]
    assert read[1] == dict(RESULTS[1])


def test_pandas_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        RESULTS.to_pandas()
