"""The rules that compare a trial with others at its epoch, or judge it by its own curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_extensions.pruners import (
    REGISTRY,
    Extrapolation,
    Median,
    Patience,
    Percentile,
    Progress,
    Pruner,
    SuccessiveHalving,
    Threshold,
)

NAN = math.nan


def progress(
    curve: Sequence[float],
    others: Sequence[Sequence[float]] = (),
    completed: Sequence[bool] | None = None,
    planned: int = 10,
    sign: float = 1.0,
) -> Progress:
    length = max(map(len, others), default=0)
    rows = [[*row, *[NAN] * (length - len(row))] for row in others]
    mask = np.ones(len(rows), bool) if completed is None else np.array(completed, bool)
    table = np.array(rows, float).reshape(len(rows), length)
    return Progress(np.array(curve, float), table, mask, planned, sign)


FIVE = [[0.5, 0.1], [0.6, 0.2], [0.7, 0.3], [0.8, 0.4], [0.9, 0.5]]


class TestPercentile:
    @pytest.mark.parametrize(
        ("pruner", "value", "stops"),
        [
            (Median(), 0.71, True),
            (Median(), 0.70, False),
            (Percentile(25.0), 0.61, True),
            (Percentile(25.0), 0.60, False),
            (Percentile(0.0), 0.51, True),
            (Percentile(0.0), 0.50, False),
            (Percentile(100.0), 0.90, False),
            (Percentile(100.0), 0.91, True),
        ],
    )
    def test_compares_with_the_others_at_the_epoch(self, pruner, value, stops):
        assert (pruner.verdict(progress([value], FIVE)) is not None) == stops

    def test_compares_the_best_values_so_far(self):
        others = [[0.5, 0.9, 0.1]] * 5
        assert Median().verdict(progress([0.4, 0.8], others)) is None
        assert Median().verdict(progress([0.6, 0.8], others)) is not None

    def test_waits_for_other_trials(self):
        assert Median(startup_trials=6).verdict(progress([0.9], FIVE)) is None
        assert Median().verdict(progress([0.9], FIVE, [True] * 4 + [False])) is None

    def test_leaves_out_trials_that_did_not_come_so_far(self):
        others = [*FIVE[:4], [0.9]]
        assert Median().verdict(progress([0.9, 0.9], others)) is None
        assert Median(startup_trials=4).verdict(progress([0.9, 0.9], others)) is not None
        unknown = [*FIVE[:4], [NAN, 0.5]]
        assert Median().verdict(progress([0.9], unknown)) is None

    def test_warms_up_and_then_judges_at_intervals(self):
        pruner = Median(startup_trials=1, warmup_epochs=2, interval=3)
        others = [[0.1] * 10]
        stopped = [e for e in range(1, 11) if pruner.verdict(progress([0.9] * e, others))]
        assert stopped == [3, 6, 9]

    def test_says_why(self):
        verdict = Percentile(10.0, startup_trials=5).verdict(progress([0.9, NAN], FIVE))
        assert verdict == "worse than the best 10% of 5 trials after 2 epochs"


class TestPatience:
    OTHERS = ((0.0,),)

    @pytest.mark.parametrize(
        ("curve", "stops"),
        [
            ([0.5, 0.6], False),
            ([0.5, 0.6, 0.5], True),
            ([0.5, 0.6, 0.4], False),
            ([0.5, 0.4, 0.6, 0.4], True),
            ([NAN, 0.5, NAN, 0.6], False),
            ([0.5, NAN, 0.6, NAN, 0.6], True),
        ],
    )
    def test_counts_the_known_epochs_without_an_improvement(self, curve, stops):
        verdict = Patience(2).verdict(progress(curve, self.OTHERS))
        assert verdict == ("no better for 2 epochs" if stops else None)

    def test_takes_small_improvements_for_none(self):
        curve = [0.5, 0.45, 0.42]
        assert Patience(2, min_delta=0.08).verdict(progress(curve, self.OTHERS)) is not None
        assert Patience(2, min_delta=0.07).verdict(progress(curve, self.OTHERS)) is None

    def test_spares_the_best_trial(self):
        flat = [0.5] * 9
        assert Patience(2).verdict(progress(flat, [[0.6]])) is None
        assert Patience(2).verdict(progress(flat)) is None
        assert Patience(2).verdict(progress(flat, [[0.4]], [False])) is None


class TestThreshold:
    def test_of_an_objective_that_is_minimised(self):
        assert Threshold(0.5).verdict(progress([0.6])) == "0.6 is worse than 0.5 after 1 epoch"
        assert Threshold(0.5).verdict(progress([0.5])) is None
        assert Threshold(0.5).verdict(progress([0.4, 0.6])) is None

    def test_of_an_objective_that_is_maximised(self):
        verdict = Threshold(0.5).verdict(progress([-0.4, -0.3], sign=-1.0))
        assert verdict == "0.4 is worse than 0.5 after 2 epochs"
        assert Threshold(0.5).verdict(progress([-0.4, -0.6], sign=-1.0)) is None

    def test_warms_up(self):
        assert Threshold(0.5, warmup_epochs=2).verdict(progress([0.6, 0.6])) is None
        assert Threshold(0.5, warmup_epochs=2).verdict(progress([0.6, 0.6, 0.6])) is not None


class TestSuccessiveHalving:
    def test_judges_at_the_ends_of_rungs(self):
        others = [[0.1] * 30]
        pruner = SuccessiveHalving(min_epochs=2, factor=3)
        stopped = [
            e for e in range(1, 30) if pruner.verdict(progress([0.9] * e, others, planned=30))
        ]
        assert stopped == [2, 6, 18]

    @pytest.mark.parametrize(("n", "going"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 3), (29, 10)])
    def test_lets_the_best_share_go_on(self, n, going):
        others = [[value, 0.0] for value in range(n)]
        places = [
            place
            for place in range(n + 1)
            if SuccessiveHalving().verdict(progress([place - 0.5], others)) is None
        ]
        assert places == list(range(going))

    def test_compares_with_pruned_and_running_trials_that_came_so_far(self):
        others = [[0.5, 0.5, 0.1], [0.9], [0.9], [0.9], [0.6, 0.6, 0.6], [0.2, NAN, NAN]]
        completed = [True, False, False, False, False, False]
        pruner = SuccessiveHalving(min_epochs=3)
        verdict = pruner.verdict(progress([0.9, 0.9, 0.7], others, completed))
        assert verdict == "number 3 of 3 trials after 3 epochs, of which 1 goes on"

    def test_lets_ties_go_on(self):
        assert SuccessiveHalving().verdict(progress([0.5], [[0.5, 0.1]] * 10)) is None

    def test_spares_a_trial_better_than_all_that_are_complete(self):
        others = [[0.5, 0.45], [0.1], [0.1], [0.1]]
        completed = [True, False, False, False]
        assert SuccessiveHalving().verdict(progress([0.4], others, completed)) is None
        assert SuccessiveHalving().verdict(progress([0.5], others, completed)) is not None

    def test_leaves_the_last_epoch(self):
        others = [[0.1] * 3] * 5
        assert SuccessiveHalving().verdict(progress([0.9] * 3, others, planned=3)) is None


@pytest.mark.parametrize(
    ("pruner", "arguments", "message"),
    [
        (Percentile, {"percentile": 101}, "Expected percentile to be a number from 0 to 100. Rec"),
        (Median, {"startup_trials": 0}, "Expected startup_trials to be an integer >= 1. Received"),
        (Median, {"warmup_epochs": -1}, "Expected warmup_epochs to be an integer >= 0. Received"),
        (Median, {"interval": 1.5}, "Expected interval to be an integer >= 1. Received: 1.5"),
        (Patience, {"epochs": 0}, "Expected epochs to be an integer >= 1. Received: 0."),
        (Patience, {"epochs": 3, "min_delta": -1}, "Expected min_delta to be a number >= 0. Rec"),
        (Threshold, {"worse_than": NAN}, "Expected worse_than to be a finite number. Received: n"),
        (SuccessiveHalving, {"factor": 1}, "Expected factor to be an integer >= 2. Received: 1."),
        (SuccessiveHalving, {"min_epochs": 0}, "Expected min_epochs to be an integer >= 1. Rece"),
        (Extrapolation, {"confidence": 95}, "Expected confidence to be a number from 0 to 1. Re"),
        (Extrapolation, {"warmup_epochs": True}, "Expected warmup_epochs to be an integer >= 0."),
    ],
)
def test_settings_that_make_no_sense_are_refused(pruner, arguments, message):
    with pytest.raises(ValueError) as error:
        pruner(**arguments)
    assert str(error.value).startswith(message)


COMPARING: list[Pruner] = [
    Extrapolation(warmup_epochs=0),
    Median(startup_trials=1),
    Percentile(0.0, startup_trials=1),
    Patience(1),
    SuccessiveHalving(factor=2),
]

values = st.lists(st.integers(0, 20), min_size=6, max_size=6).map(lambda row: [v / 4 for v in row])
few = settings(max_examples=40)
tables = st.lists(values, min_size=1, max_size=12)


@pytest.mark.parametrize("pruner", COMPARING, ids=lambda pruner: type(pruner).__name__)
class TestAnyComparison:
    @few
    @given(others=tables, curve=values, epochs=st.integers(1, 6))
    def test_spares_a_trial_better_than_all_others(self, pruner, others, curve, epochs):
        best = min(map(min, others)) - 0.25
        assert pruner.verdict(progress([*curve[: epochs - 1], best], others, planned=6)) is None

    @few
    @given(others=tables, curve=values, epochs=st.integers(1, 6), scale=st.sampled_from([0.5, 8.0]))
    def test_shifting_and_scaling_the_objective_changes_nothing(
        self, pruner, others, curve, epochs, scale
    ):
        seen = progress(curve[:epochs], others, planned=6)
        moved = Progress(seen.curve * scale - 64, seen.others * scale - 64, seen.completed, 6)
        assert (pruner.verdict(seen) is None) == (pruner.verdict(moved) is None)

    @few
    @given(others=tables, curve=values, epochs=st.integers(1, 6))
    def test_a_better_trial_goes_on_where_a_worse_one_does(self, pruner, others, curve, epochs):
        seen = progress(curve[:epochs], others, planned=6)
        worse = Progress(seen.curve + 1.0, seen.others, seen.completed, 6)
        assert pruner.verdict(seen) is None or pruner.verdict(worse) is not None


def test_every_pruner_is_registered():
    assert set(REGISTRY.values()) == {*map(type, COMPARING), Threshold}
