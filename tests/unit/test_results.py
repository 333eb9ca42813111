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


def test_a_line_of_the_table_ends_with_a_line_feed(tmp_path):
    file = tmp_path / "new" / "table.csv"
    Results([{**RESULTS[1], "message": "0%\r100%\r\nkilled"}]).to_csv(file)
    assert b"\r" not in file.read_bytes()
    with open(file, newline="") as stream:
        [row] = csv.DictReader(stream)
    assert row["message"] == "0%\n100%\nkilled"


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "table.csv"
    file.write_text("old")

    def fails(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="No space left"):
        RESULTS.to_csv(file)
    assert file.read_text() == "old"


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
