"""What a pruner is told of the trials of a search."""

from types import SimpleNamespace

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalTypeError
from keras_tuner.src.engine.objective import create_objective

from kt_extensions.judging import Judge
from kt_extensions.reports import Reports

LOSS = kt.Objective("val_loss", "min")


class Listener:
    """A pruner that keeps what it is told."""

    def verdict(self, progress):
        self.progress = progress
        return None


def trial(name, status="COMPLETED", parent=None):
    hp = kt.HyperParameters()
    promoted = {} if parent is None else {"tuner/trial_id": parent, "tuner/round": 1}
    hp.values = {"x": 1, **promoted}
    return Trial(hp, trial_id=name, status=status)


def report(reports, name, losses, execution=0, begin=0):
    for epoch, loss in enumerate(losses, start=begin):
        reports.add_epoch(name, execution, epoch, {"val_loss": loss, "loss": 0.0})


def told(trials, reports, name, objective=LOSS, execution=0, planned=9):
    listener = Listener()
    trials = {t.trial_id: t for t in trials}
    Judge(listener, objective).verdict(name, execution, planned, reports, trials)
    return listener.progress


@pytest.fixture
def reports(tmp_path):
    return Reports(tmp_path)


def rows(progress):
    return [row[~np.isnan(row)].tolist() for row in progress.others]


def test_curves_of_completed_running_failed_and_pruned_trials(reports):
    for name, losses in {"0": [3, 2, 1], "1": [4, 5], "2": [6], "3": [7, 8]}.items():
        report(reports, name, losses)
    report(reports, "4", [9, 10])
    reports.prune("3", "slow")
    trials = [
        trial("0"), trial("1", "RUNNING"), trial("2", "FAILED"), trial("3"), trial("4", "RUNNING"),
    ]  # fmt: skip
    progress = told(trials, reports, "4")
    assert progress.curve.tolist() == [9, 10]
    assert rows(progress) == [[3, 2, 1], [4, 5], [6], [7, 8]]
    assert progress.completed.tolist() == [True, False, False, False]
    assert progress.planned == 9


def test_maximized_objectives_have_the_other_sign(reports):
    report(reports, "0", [0.5, 0.75])
    report(reports, "1", [0.25])
    objective = kt.Objective("val_loss", "max")
    progress = told([trial("0"), trial("1", "RUNNING")], reports, "1", objective)
    assert progress.curve.tolist() == [-0.25]
    assert rows(progress) == [[-0.5, -0.75]]
    assert progress.sign == -1.0


def test_a_promoted_trial_has_the_curve_of_its_whole_line(reports):
    report(reports, "0", [5, 4])
    report(reports, "1", [6, 7])
    report(reports, "2", [3], begin=2)
    report(reports, "3", [9], begin=2)
    trials = [trial("0"), trial("1"), trial("2", "RUNNING", "0"), trial("3", "RUNNING", "1")]
    progress = told(trials, reports, "3")
    assert progress.curve.tolist() == [6, 7, 9]
    assert rows(progress) == [[5, 4, 3]]


def test_a_trial_that_a_person_has_go_on_is_not_judged(reports):
    report(reports, "0", [5, 4])
    report(reports, "1", [6], begin=2)
    asked = trial("1", "RUNNING", "0")
    del asked.hyperparameters.values["tuner/round"]
    trials = {"0": trial("0"), "1": asked}
    listener = Listener()
    assert Judge(listener, LOSS).verdict("1", 0, 9, reports, trials) is None
    assert not hasattr(listener, "progress")


def test_the_executions_that_have_begun_are_compared(reports):
    for execution, losses in enumerate([[2, 2], [6, 4], [90, 90]]):
        report(reports, "0", losses, execution)
    report(reports, "1", [7])  # pruned in its first
    report(reports, "2", [1, 1])
    report(reports, "2", [3], execution=1)
    trials = [trial("0"), trial("1"), trial("2", "RUNNING")]
    progress = told(trials, reports, "2", execution=1)
    assert rows(progress) == [[4, 3], []]
    assert progress.curve.tolist() == [2]


def test_executions_that_end_at_different_epochs(reports):
    """The best of one that has ended stays; what is trained of the others goes on to count."""
    losses = {"0": ([8, 2, 6], [9, 5, 4, 3]), "1": ([6, 4, 3, 2], [4, 1]), "2": ([3, 9], [7, 6, 5])}
    for name, executions in losses.items():
        for execution, values in enumerate(executions):
            report(reports, name, values, execution)
    progress = told(
        [trial("0"), trial("1", "RUNNING"), trial("2", "RUNNING")], reports, "2", execution=1
    )
    assert progress.curve.tolist() == [5, 4.5, 4]
    assert rows(progress) == [[8.5, 3.5, 3, 2.5], [5, 2.5]]


def test_an_execution_that_has_had_all_its_epochs_is_not_judged(reports):
    listener, trials = Listener(), {"0": trial("0", "RUNNING")}
    report(reports, "0", [3, 2, 1])
    assert Judge(listener, LOSS).verdict("0", 0, 3, reports, trials) is None
    assert not hasattr(listener, "progress")
    Judge(listener, LOSS).verdict("0", 0, 0, reports, trials)  # a loop that does not tell its end
    assert listener.progress.planned == 3


@pytest.mark.parametrize("answer", [False, True, 0])
def test_an_answer_that_is_no_reason_ends_the_search(reports, answer):
    pruner = SimpleNamespace(verdict=lambda progress: answer)
    report(reports, "0", [3, 2, 1])
    with pytest.raises(FatalTypeError, match=f"SimpleNamespace.verdict .* Received: {answer}"):
        Judge(pruner, LOSS).verdict("0", 0, 9, reports, {"0": trial("0", "RUNNING")})


def test_an_epoch_that_is_trained_again_replaces_what_came_after_it(reports):
    judge, listener = Judge(Listener(), LOSS), Listener()
    judge._pruner = listener
    trials = {"0": trial("0"), "1": trial("1", "RUNNING")}
    report(reports, "0", [9])
    report(reports, "1", [3, 2, 1])
    judge.verdict("1", 0, 9, reports, trials)
    report(reports, "1", [5])
    trials["2"] = trial("2", "RUNNING")
    report(reports, "2", [4])
    judge.verdict("1", 0, 9, reports, trials)
    judge.verdict("2", 0, 9, reports, trials)
    assert rows(listener.progress) == [[9], [5]]


def test_values_that_are_missing_or_not_finite_are_nan(reports):
    reports.add_epoch("0", 0, 0, {"loss": 1.0})
    report(reports, "0", [np.inf, 2], begin=1)
    progress = told([trial("0", "RUNNING")], reports, "0")
    assert np.isnan(progress.curve[:2]).all()
    assert progress.curve[2] == 2
    assert progress.others.shape[0] == 0


def test_many_trials_and_long_curves(reports):
    judge, listener, trials = None, Listener(), {}
    judge = Judge(listener, LOSS)
    for number in range(100):
        name = str(number)
        trials[name] = trial(name, "RUNNING")
        report(reports, name, range(number, number + 40))
        judge.verdict(name, 0, 41, reports, trials)
        trials[name].status = "COMPLETED"
    others = listener.progress.others[:, :40]
    np.testing.assert_array_equal(others, np.arange(99)[:, None] + np.arange(40))
    assert listener.progress.completed.all()


def test_several_objectives_are_refused():
    objective = create_objective([LOSS, kt.Objective("val_acc", "max")])
    with pytest.raises(ValueError, match="single objective where there is a `pruner`"):
        Judge(Listener(), objective)
