"""Extrapolation: what a trial needs to catch up, and how many others improved by that."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kt_extensions.pruners import Extrapolation, Progress
from kt_extensions.pruners.extrapolation import remaining_improvements

NAN = math.nan
IMPROVEMENTS = np.arange(40) / 64
"""By which the trials below improve from their second epoch to their fourth; the best ends at 0."""


def halves(n: int, gap: float, epoch: int = 2) -> Progress:
    """The first `n` trials improve by 0, 1/64, 2/64 ...; the running one is `gap` behind."""
    falls = IMPROVEMENTS[:n]
    others = np.stack([falls + 1, falls, falls, np.zeros(n)], axis=1)
    return Progress(np.array([9.0, gap, gap][:epoch]), others, np.ones(n, bool), planned=4)


class TestVerdict:
    @pytest.mark.parametrize(
        ("confidence", "n", "gap", "stops"),
        [
            (0.95, 7, 7, False),  # too few trials
            (0.95, 8, 8, True),  # none improved by more than 7 / 64
            (0.95, 8, 7, False),  # one did
            (0.95, 38, 37, False),
            (0.95, 39, 38, True),  # one of 39 may
            (0.95, 39, 37, False),
            (0.9, 4, 4, True),
            (0.9, 4, 3, False),
            (0.9, 39, 36, True),  # three of 39 may
            (0.9, 39, 35, False),
            (1.0, 39, 63, False),
            (0.0, 1, 1, True),
        ],
    )
    def test_counts_the_trials_that_would_have_caught_up(self, confidence, n, gap, stops):
        verdict = Extrapolation(confidence).verdict(halves(n, gap / 64))
        assert (verdict is not None) == stops

    def test_says_why(self):
        pruner = Extrapolation(0.9)
        assert pruner.verdict(halves(39, 0.75, epoch=3)) == (
            "0.75 behind the best after 3 epochs; none of 39 trials improved by that in the 1 "
            "epoch left"
        )
        assert pruner.verdict(halves(39, 36 / 64)) == (
            "0.5625 behind the best after 2 epochs; 3 of 39 trials improved by that in the 2 "
            "epochs left"
        )

    def test_warms_up(self):
        assert Extrapolation(warmup_epochs=1).verdict(halves(39, 1.0)) is not None
        assert Extrapolation(warmup_epochs=2).verdict(halves(39, 1.0)) is None

    def test_leaves_the_last_epoch(self):
        seen = halves(39, 1.0)
        last = Progress(np.full(4, 1.0), seen.others, seen.completed, planned=4)
        assert Extrapolation().verdict(last) is None

    def test_needs_completed_trials(self):
        seen = halves(39, 1.0)
        pruned = Progress(seen.curve, seen.others, np.zeros(39, bool), planned=4)
        assert Extrapolation().verdict(pruned) is None

    def test_an_unknown_last_epoch_is_no_reason(self):
        seen = halves(8, 1.0)
        behind = Progress(np.array([1.0, NAN]), seen.others, seen.completed, planned=4)
        assert Extrapolation().verdict(behind) is not None
        ahead = Progress(np.array([0.0, NAN]), seen.others, seen.completed, planned=4)
        assert Extrapolation().verdict(ahead) is None


class TestRemainingImprovements:
    @staticmethod
    def of(row: list[float], epochs: int = 2, planned: int = 4) -> list[float]:
        seen = Progress(np.ones(epochs), np.array([row], float), np.array([True]), planned)
        improvements: list[float] = remaining_improvements(seen).tolist()
        return improvements

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ([4, 3, 2, 1], [2]),
            ([4, 3, 5, 6], [0]),
            ([3, 4, 1, 2], [2]),
            ([NAN, 3, NAN, 1], [2]),
            ([NAN, NAN, 2, 1], []),  # unknown by the second epoch
            ([4, 3, 2, NAN], []),  # ended while it improved
            ([4, 2, 3, NAN], [0]),  # ended after it had ceased to
            ([3, 4, NAN, NAN], [0]),
            ([3, NAN, NAN, NAN], []),
            ([NAN] * 4, []),
            ([4, 3, 2, 1, 0], [2]),  # trained for longer than is planned
        ],
    )
    def test_of_one_trial(self, row, expected):
        assert self.of(row) == expected

    def test_of_a_trial_that_was_meant_to_be_shorter(self):
        assert self.of([4, 3, 2, 1], planned=9) == []

    def test_leaves_out_trials_that_did_not_complete(self):
        seen = halves(4, 1.0)
        some = Progress(seen.curve, seen.others, np.array([False, True, False, True]), 4)
        assert remaining_improvements(some).tolist() == [1 / 64, 3 / 64]


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_searches_of_any_length_keep_to_the_risk(confidence):
    """The best trial is at each place n alike, where it is lost with probability k / (n + 1)."""
    pruner, n = Extrapolation(confidence), np.arange(2000)
    lost = [pruner.tolerated(int(place)) / (place + 1) for place in n]
    assert (np.cumsum(lost) / (n + 1)).max() <= 1 - confidence + 1e-9


def test_the_best_trial_is_kept():
    """In 60 searches of 20 trials that fall like exp(-0.2 t), with noise."""
    kept = [_keeps_best(np.random.default_rng(search), 0.2) for search in range(60)]
    assert np.mean(kept) >= 0.95


def _keeps_best(rng: np.random.Generator, rate: float) -> bool:
    ends, falls = rng.random((20, 1)), rng.exponential(size=(20, 1))
    curves = ends + falls * np.exp(-rate * np.arange(1, 9)) + 0.01 * rng.normal(size=(20, 8))
    completed, pruner = np.zeros(20, bool), Extrapolation()
    for i, curve in enumerate(curves):
        views = (Progress(curve[:e], curves[:i], completed[:i], planned=8) for e in range(1, 8))
        completed[i] = all(pruner.verdict(view) is None for view in views)
    return bool(completed[curves.min(axis=1).argmin()])
