"""What trials report, and what is kept of it."""

import copy
import math
import pickle

import numpy as np
import pytest

from kt_extensions.reports import Attempt, Message, Reports, Score, TrialReport, read_report
from kt_extensions.store import LOG_NAME


def test_epochs_of_all_executions_are_kept(tmp_path):
    reports = Reports(tmp_path)
    for execution in range(2):
        for epoch in range(3):
            reports.add_epoch("0", execution, epoch, {"loss": 1 / (1 + epoch + execution)})
    report = read_report(tmp_path / "trial_0")
    assert report == reports["0"] == Reports(tmp_path)["0"]
    assert report.epochs == 6
    assert report.histories() == [
        {"epoch": [0, 1, 2], "loss": [1, 1 / 2, 1 / 3]},
        {"epoch": [0, 1, 2], "loss": [1 / 2, 1 / 3, 1 / 4]},
    ]


def test_an_epoch_trained_again_replaces_what_came_after_it(tmp_path):
    reports = Reports(tmp_path)
    for execution, epoch, loss in [(0, 0, 9), (0, 1, 8), (1, 0, 7), (1, 1, 6), (0, 1, 5)]:
        reports.add_epoch("0", execution, epoch, {"loss": loss})
    assert reports["0"].histories() == [{"epoch": [0, 1], "loss": [9, 5]}]
    assert read_report(tmp_path / "trial_0") == reports["0"]


def test_a_pruned_trial_that_is_trained_again_is_no_longer_pruned(tmp_path):
    reports = Reports(tmp_path)
    reports.add_epoch("0", 0, 0, {"loss": 1.0})
    reports.prune("0", "worse than all")
    assert read_report(tmp_path / "trial_0").pruned == "worse than all"
    reports.add_epoch("0", 0, 0, {"loss": 1.0})
    assert read_report(tmp_path / "trial_0").pruned is None


def test_numbers_that_json_lacks(tmp_path):
    Reports(tmp_path).add_epoch("0", 0, 0, {"loss": math.nan, "acc": -math.inf})
    assert "NaN" not in (tmp_path / "trial_0" / "reports.jsonl").read_text()
    logs = read_report(tmp_path / "trial_0").executions[0][0]
    assert math.isnan(logs["loss"])
    assert logs["acc"] == -math.inf


def test_metrics_of_several_values_are_left_out(tmp_path):
    logs = {"loss": 1.0, "f1": np.ones(3)}
    Reports(tmp_path).add_epoch("0", 0, 0, logs)
    assert read_report(tmp_path / "trial_0").executions == {0: {0: {"loss": 1.0}}}
    assert Message(0, 1, logs).metrics() == {"epoch:0:1:loss": 1.0}


def test_a_metric_that_began_later_is_nan_before():
    report = TrialReport({0: {0: {"loss": 1.0}, 1: {"loss": 0.5, "val_loss": 0.75}}})
    (history,) = report.histories()
    assert history["loss"] == [1.0, 0.5]
    assert math.isnan(history["val_loss"][0])
    assert history["val_loss"][1] == 0.75


def test_attempts_and_their_time(tmp_path, monkeypatch):
    clock = iter([100.0, 103.0, 200.0, 201.5])
    monkeypatch.setattr("kt_extensions.reports.time.monotonic", lambda: next(clock))
    reports = Reports(tmp_path)
    for status, message in [("INVALID", "ValueError: no"), ("COMPLETED", None)]:
        reports.begin("0", "tuner0")
        reports.end("0", status, message)
    report = read_report(tmp_path / "trial_0")
    assert report.attempts == [
        Attempt("INVALID", "ValueError: no", 3.0),
        Attempt("COMPLETED", None, 1.5),
    ]
    assert report.seconds == 4.5
    assert TrialReport().seconds is None


def test_a_line_cut_off_by_a_kill_is_lost_alone(tmp_path):
    reports = Reports(tmp_path)
    for epoch in range(3):
        reports.add_epoch("0", 0, epoch, {"loss": epoch})
    file = tmp_path / "trial_0" / "reports.jsonl"
    file.write_bytes(file.read_bytes()[:-7])
    assert read_report(tmp_path / "trial_0").epochs == 2
    Reports(tmp_path).add_epoch("0", 0, 2, {"loss": 7})
    assert read_report(tmp_path / "trial_0").histories()[0]["loss"] == [0, 1, 7]


def test_a_report_that_cannot_be_written_costs_no_trial(tmp_path):
    (tmp_path / "trial_0").write_text("a file where the folder is to be")
    reports = Reports(tmp_path)
    with pytest.warns(UserWarning, match="A report of trial 0 was not kept"):
        reports.add_epoch("0", 0, 0, {"loss": 0.5})
    assert reports["0"].epochs == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_copies_read_what_was_written(tmp_path, copied):
    reports = Reports(tmp_path)
    reports.add_epoch("0", 0, 0, {"loss": 0.5})
    other = copied(reports)
    reports.add_epoch("0", 0, 1, {"loss": 0.25})
    assert other["0"].epochs == 2


def test_reports_are_beside_the_log_of_the_search(tmp_path):
    Reports(tmp_path).add_epoch("0", 0, 0, {"loss": 0.5})
    assert not (tmp_path / LOG_NAME).exists()


@pytest.mark.parametrize("name", ["loss", "val_loss", "a:b:c", ""])
def test_messages_are_read_as_they_were_sent(name):
    message = Message(2, 30, {name: 0.5, "other": 1.0})
    assert Message.of(message.metrics()) == message


def test_scores_are_read_as_they_were_sent():
    assert Score.of(Score(3, 0.5).metrics()) == Score(3, 0.5)
    assert Message.of(Score(3, 0.5).metrics()) is None
    assert Score.of(Message(0, 1, {"loss": 0.5}).metrics()) is None


@pytest.mark.parametrize(
    "metrics",
    [{}, {"loss": 1.0}, {"epoch": 1.0}, {"a:b": 2.0}, {"execution:0": 1.0, "loss": 1.0}],
)
def test_results_are_no_messages(metrics):
    assert Message.of(metrics) is None
    assert Score.of(metrics) is None


def test_an_execution_that_is_run_again_has_a_score_of_its_own(tmp_path):
    reports = Reports(tmp_path)
    for execution, score in enumerate([0.5, float("nan"), 0.25]):
        reports.add_epoch("0", execution, 0, {"loss": score})
        reports.add_score("0", execution, score)
    assert list(read_report(tmp_path / "trial_0").scores) == [0, 1, 2]
    reports.add_epoch("0", 1, 0, {"loss": 0.125})
    assert reports["0"].scores == read_report(tmp_path / "trial_0").scores == {0: 0.5}
    reports.add_score("0", 1, 0.125)
    assert reports["0"].scores == {0: 0.5, 1: 0.125}
