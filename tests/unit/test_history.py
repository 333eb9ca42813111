"""What samplers see of a search."""

import numpy as np
import pytest

from kt_extensions.history import History, TrialTable, from_observations
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace

A = Dimension("a", LinearSteps(0, 9, 1))
B = Dimension("b", Options(("x", "y")))
SPACE = SearchSpace([A, B])


def table_of(*scores, space=SPACE):
    table = TrialTable(space, seed=3)
    for number, y in enumerate(scores):
        x = space.configuration(number)
        table.start(str(number), x, x / 2)
        if not np.isnan(y):
            table.finish(str(number), x, y, fidelity=number + 1)
    return table


def test_trials_are_pending_until_they_are_finished():
    history = table_of(3.0, np.nan, np.inf, 1.0).history()
    assert len(history) == history.number == 4
    assert history.seed == 3
    assert history.pending.tolist() == [False, True, False, False]
    assert history.completed.tolist() == [True, False, False, True]
    assert history.fidelity.tolist() == [1, 0, 3, 4]
    np.testing.assert_array_equal(history.X[1], SPACE.configuration(1))
    np.testing.assert_array_equal(history.proposal, history.X / 2)


def test_an_empty_table_is_a_history_without_trials():
    history = TrialTable(SPACE, 0).history()
    assert len(history) == history.number == 0
    assert history.X.shape == history.proposal.shape == (0, 2)
    assert history.ranking().tolist() == []
    assert len(history.tried) == 0


def test_a_history_cannot_be_written_to():
    table = table_of(3.0, 2.0)
    history = table.history()
    for array in (history.X, history.y, history.fidelity, history.pruned, history.proposal):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    table.finish("0", SPACE.configuration(0), 5.0)
    assert table.history().y.tolist() == [5.0, 2.0]


def test_the_ranking_is_by_score_with_ties_in_order_of_creation():
    history = table_of(2.0, np.inf, 1.0, np.nan, 2.0, np.inf).history()
    assert history.ranking().tolist() == [2, 0, 4, 1, 5]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 9])
def test_the_best_are_the_first_completed_ones_of_the_ranking(n):
    table = table_of(2.0, 1.0, np.nan, 1.0, np.inf, 3.0, 1.0)
    x = SPACE.configuration(9)
    table.start("pruned", x, x)
    table.finish("pruned", x, 0.5, fidelity=1, pruned=True)
    assert table.history().best(n).tolist() == [1, 3, 6, 0, 5][:n]


def test_a_history_is_made_anew_after_each_event():
    table = table_of(2.0, np.nan)
    before = table.history()
    assert table.history() is before
    table.finish("1", SPACE.configuration(1), 1.0)
    assert table.history().best(1).tolist() == [1]
    table.regrow("1", SPACE.configuration(5))
    assert table.history() is not before


def test_pruned_trials_rank_behind_completed_ones_by_how_far_they_came():
    table = table_of(5.0, np.nan, np.nan, np.nan, np.inf, 4.0)
    for name, y, fidelity in (("1", 0.1, 2), ("2", 9.0, 8), ("3", 0.2, 8)):
        table.finish(name, SPACE.configuration(int(name)), y, fidelity, pruned=True)
    history = table.history()
    assert history.ranking().tolist() == [5, 0, 3, 2, 1, 4]
    assert history.completed.tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_a_failure(score):
    table = table_of(1.0, np.nan)
    table.finish("1", SPACE.configuration(1), score)
    table.add_known(SPACE.configuration(2), score)
    history = table.history()
    assert history.y.tolist() == [1.0, np.inf, np.inf]
    assert history.ranking().tolist() == [0, 1, 2]


def test_a_pending_trial_may_have_another_configuration_than_it_was_started_with():
    table = table_of(np.nan)
    table.regrow("0", SPACE.configuration(3))
    history = table.history()
    assert history.pending.tolist() == [True]
    assert history.X.tolist() == [SPACE.configuration(3).tolist()]
    assert [*history.tried] == [SPACE.key(SPACE.configuration(3))]


def test_known_trials_are_learnt_from_but_may_be_tried_again():
    table = TrialTable(SPACE, 0)
    table.add_known(SPACE.configuration(0), 1.0)
    history = table.history()
    assert (len(history), history.number) == (1, 0)
    assert history.completed.tolist() == [True]
    assert SPACE.key(SPACE.configuration(0)) not in history.tried


def test_tried_follows_a_configuration_that_grows():
    space = SearchSpace([A, Dimension("b", B.domain, ((Condition("a", (0,)),),))])
    table = TrialTable(space, 0)
    partial = np.array([0.05, np.nan])
    table.start("0", partial, partial)
    table.start("1", partial, partial)
    grown = space.encode({"a": 0, "b": "y"})
    table.finish("0", grown, 1.0)
    assert set(table.history().tried) == {space.key(partial), space.key(grown)}
    table.finish("1", grown, 1.0)
    assert set(table.history().tried) == {space.key(grown)}


def test_hundreds_of_trials_keep_their_rows():
    space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    table = TrialTable(space, 0)
    for number in range(300):
        table.start(str(number), np.array([number / 300]), np.array([number / 300]))
    for number in reversed(range(300)):
        table.finish(str(number), np.array([number / 300]), float(number))
    history = table.history()
    assert history.y.tolist() == list(range(300))
    assert history.X[:, 0].tolist() == [number / 300 for number in range(300)]
    assert len(history.tried) == 300


def test_a_wider_space_leaves_older_trials_without_a_value():
    table = table_of(1.0, 2.0)
    tried = set(table.history().tried)
    wide = SearchSpace([A, B, Dimension("c", Interval(0.0, 1.0))])
    table.widen(wide)
    history = table.history()
    assert history.space is wide
    assert history.X.shape == (2, 3)
    assert np.isnan(history.X[:, 2]).all()
    assert history.y.tolist() == [1.0, 2.0]
    assert set(history.tried) == tried


def test_a_dimension_may_come_to_stand_before_older_ones():
    table = table_of(1.0)
    before = table.history().X[0].tolist()
    table.widen(SearchSpace([Dimension("new", Options((1, 2))), B, A]))
    history = table.history()
    np.testing.assert_array_equal(history.X[0], [np.nan, before[1], before[0]])
    np.testing.assert_array_equal(history.proposal[0] * 2, history.X[0])
    assert set(history.tried) == {history.space.key(history.X[0])}


def test_a_space_whose_dimensions_change_is_no_wider_space():
    table = table_of(1.0)
    with pytest.raises(ValueError, match=r"'b' is still .* Received: None"):
        table.widen(SearchSpace([A]))
    with pytest.raises(ValueError, match="'a' is still LinearSteps"):
        table.widen(SearchSpace([Dimension("a", LinearSteps(0, 8, 1)), B]))


def test_a_history_from_observations():
    values = [{"a": 3, "b": "y"}, {"a": 4, "b": "x"}, {"a": 5, "b": "x"}]
    history = from_observations(SPACE, values, [2.0, np.nan, np.inf], seed=7)
    assert isinstance(history, History)
    assert history.seed == 7
    assert [SPACE.decode(x) for x in history.X] == values
    assert history.pending.tolist() == [False, True, False]
    assert history.ranking().tolist() == [0, 2]
    with pytest.raises(ValueError, match="shorter"):
        from_observations(SPACE, values, [1.0])
