import dataclasses
import math

import numpy as np
import pytest

from kt_extensions.history import TrialTable, from_observations
from kt_extensions.samplers import TPE, Random, SpaceExhausted
from kt_extensions.samplers.densities import rank_weights
from kt_extensions.space import (
    Condition,
    Dimension,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)

SQUARE = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "xy"])
LINE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])


def bowl(values):
    return (values["x"] - 0.3) ** 2 + (values["y"] - 0.8) ** 2


def search(sampler, space, loss, trials, seed=0):
    """Returns the values and scores of a search, one trial after the other."""
    table, tried = TrialTable(space, seed), []
    for number in range(trials):
        rng = np.random.default_rng([seed, number])
        proposal = sampler.suggest(table.history(), rng)
        assert proposal.shape == (len(space),)
        assert ((proposal >= 0) & (proposal < 1)).all()
        values = space.decode(proposal)
        x = space.snap(proposal[np.newaxis])[0]
        table.start(str(number), x, proposal)
        table.finish(str(number), x, loss(values))
        tried.append(values)
    return tried, table.history().y.copy()


def history_of(space, points, y, pruned=()):
    """Returns the history of trials at configurations `(n, d)`; `pruned` gives the epochs."""
    table = TrialTable(space, seed=0)
    for number, (x, score) in enumerate(zip(np.asarray(points, float), y, strict=True)):
        table.start(str(number), x, x)
        if not math.isnan(score):
            epochs = dict(pruned).get(number, 0)
            table.finish(str(number), x, score, epochs, pruned=number in dict(pruned))
    return table.history()


def proposals(history, n=40, sampler=None):
    """Returns the points that each of `n` random states leads to. Shape `(n, d)`."""
    sampler = sampler or TPE()
    return np.array([sampler.suggest(history, np.random.default_rng(i)) for i in range(n)])


class TestSearch:
    def test_finds_the_bottom_of_a_bowl(self):
        for seed in range(5):
            assert search(TPE(), SQUARE, bowl, 80, seed)[1].min() < 2e-3

    def test_is_better_than_random(self):
        space = SearchSpace([Dimension(f"x{i}", Interval(1e-4, 1.0, "log")) for i in range(5)])

        def loss(values):
            return sum((math.log10(v) + 1.5) ** 2 for v in values.values())

        ours = [search(TPE(), space, loss, 80, seed)[1].min() for seed in range(5)]
        chance = [search(Random(), space, loss, 80, seed)[1].min() for seed in range(5)]
        assert np.median(ours) < 0.25 * np.median(chance)

    def test_finds_integers_steps_and_categories(self):
        space = SearchSpace(
            [
                Dimension("layers", LinearSteps(1, 8, 1)),
                Dimension("units", LogIntegers(4, 1024)),
                Dimension("rate", LinearSteps(0.0, 0.9, 0.1)),
                Dimension("act", Options(("relu", "tanh", "elu", "gelu"))),
            ]
        )

        def loss(values):
            width = math.log2(values["units"] / 96)
            act = 0.0 if values["act"] == "elu" else 0.5
            return abs(values["layers"] - 6) + width**2 + 3 * abs(values["rate"] - 0.7) + act

        best = [search(TPE(), space, loss, 120, seed)[1].min() for seed in range(5)]
        assert np.median(best) < 0.1
        assert max(best) < 0.8

    def test_leaves_a_wrong_category(self):
        """Category "easy" is fair nearly everywhere; "good" is best, but only in a narrow place."""
        kind = Dimension("kind", Options(("easy", "good", "bad", "worse")))
        space = SearchSpace([kind, *SQUARE.dimensions])

        def loss(values):
            if values["kind"] == "easy":
                return 0.1 + 0.1 * bowl(values)
            floor = {"good": 0.0, "bad": 0.4, "worse": 0.5}[values["kind"]]
            return floor + min(1.0, 40 * bowl(values))

        def found(sampler, seed):
            tried, y = search(sampler, space, loss, 120, seed)
            return tried[int(y.argmin())]["kind"] == "good"

        assert sum(found(TPE(), seed) for seed in range(8)) >= 7
        assert sum(found(TPE(explore=0.0), seed) for seed in range(8)) <= 5

    def test_learns_the_children_of_each_category(self):
        space = SearchSpace(
            [
                Dimension("kind", Options(("a", "b"))),
                Dimension("ua", Interval(0.0, 1.0), ((Condition("kind", ("a",)),),)),
                Dimension("ub", Interval(0.0, 1.0), ((Condition("kind", ("b",)),),)),
            ]
        )

        rng = np.random.default_rng(0)
        points = [space.snap(rng.random((1, 3)))[0] for _ in range(60)]
        tried = [space.decode(x) for x in points]
        y = [abs(v["ua"] - 0.9) if "ua" in v else abs(v["ub"] - 0.2) for v in tried]
        proposed = [space.decode(x) for x in proposals(history_of(space, points, y))]
        for name, target in (("ua", 0.9), ("ub", 0.2)):
            values = [v[name] for v in proposed if name in v]
            assert len(values) >= 5
            assert abs(np.median(values) - target) < 0.1


class TestHistoryUse:
    def test_starts_with_an_even_design(self):
        tried, _ = search(TPE(n_startup=16), LINE, lambda v: v["x"], 16)
        cells = sorted(int(16 * v["x"]) for v in tried)
        assert cells == list(range(16))

    def test_same_history_and_random_state_same_point(self):
        history = history_of(SQUARE, np.random.default_rng(0).random((30, 2)), np.arange(30.0))
        np.testing.assert_array_equal(proposals(history, 3), proposals(history, 3))

    def test_parallel_proposals_keep_apart(self):
        table = TrialTable(LINE, seed=0)
        for number in range(40):
            x = np.array([(number + 0.5) / 40])
            table.start(str(number), x, x)
            table.finish(str(number), x, float((x[0] - 0.5) ** 2))

        def ask(pending):
            points = []
            for number in range(20):
                x = TPE().suggest(table.history(), np.random.default_rng(number))
                points.append(x[0])
                if pending:
                    table.start(f"pending{number}", x, x)
            return np.array(points)

        alone = ask(pending=False)
        assert ask(pending=True).std() > 2 * alone.std()

    def test_many_pending_trials_before_any_result(self):
        points = np.random.default_rng(0).random((50, 2))
        history = history_of(SQUARE, points, np.full(50, math.nan))
        assert TPE().suggest(history, np.random.default_rng(0)).shape == (2,)

    def test_avoids_a_region_that_fails(self):
        """The right half fails; the scores of the left one rise towards it."""
        x = (np.arange(60) + 0.5) / 60
        y = np.where(x > 0.5, np.inf, 0.5 - x)
        inside = proposals(history_of(LINE, x[:, np.newaxis], y))[:, 0]
        assert (inside < 0.55).mean() > 0.8
        assert np.median(inside) > 0.4

    def test_failed_trials_are_never_good(self):
        """Ten completed trials among ninety failed ones: the good ones are completed ones."""
        x = np.linspace(0.0, 0.999, 100)
        y = np.where(x < 0.1, x, np.inf)
        history = history_of(LINE, x[:, np.newaxis], y)
        good, others = TPE()._split(history)
        assert np.isfinite(history.y[good]).all()
        assert len(good) == 2
        assert len(others) == 98

    def test_pruned_trials_count_against_their_region(self):
        x = (np.arange(60) + 0.5) / 60
        completed = [n for n in range(60) if n % 3 == 0]
        pruned = {n: 1 for n in range(60) if n % 3 and x[n] > 0.4}
        y = [0.0 if n in completed else 0.5 if n in pruned else math.nan for n in range(60)]
        kept = [n for n in range(60) if not math.isnan(y[n])]
        epochs = {i: 1 for i, n in enumerate(kept) if n in pruned}
        history = history_of(LINE, x[kept, np.newaxis], [y[n] for n in kept], epochs)
        assert (proposals(history)[:, 0] < 0.4).mean() > 0.6

    def test_pruned_trials_are_good_after_the_completed_ones_only(self):
        x = (np.arange(40) + 0.5) / 40
        epochs = {n: 2 for n in range(12, 40)}
        history = history_of(LINE, x[:, np.newaxis], np.arange(40.0)[::-1], epochs)
        good, _ = TPE()._split(history)
        assert set(good) <= set(range(12))

    def test_only_the_latest_of_very_many_others_are_used(self):
        points = np.random.default_rng(0).random((1000, 2))
        history = history_of(SQUARE, points, [bowl({"x": p[0], "y": p[1]}) for p in points])
        good, others = TPE()._split(history)
        assert len(good) == 25
        assert len(others) == 250
        assert others.min() > 700


class TestScores:
    @pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e300])
    @pytest.mark.parametrize("offset", [0.0, -1.0, 1.0])
    def test_only_their_order_counts(self, scale, offset):
        points = np.random.default_rng(0).random((50, 2))
        y = np.random.default_rng(1).permutation(50) / 50.0
        expected = proposals(history_of(SQUARE, points, y), 5)
        np.testing.assert_array_equal(
            proposals(history_of(SQUARE, points, (y + offset) * scale), 5), expected
        )

    @pytest.mark.parametrize("value", [0.0, 1e308, -1e308])
    def test_constant_objective_keeps_exploring(self, value):
        tried, _ = search(TPE(), SQUARE, lambda _: value, 60)
        late = np.array([[v["x"], v["y"]] for v in tried[20:]])
        assert (np.ptp(late, axis=0) > 0.5).all()

    def test_extremes_side_by_side(self):
        x = np.linspace(0.0, 0.99, 30)
        y = np.where(x < 0.5, 1e308, -1e308)
        y[::7] = np.inf
        assert (proposals(history_of(LINE, x[:, np.newaxis], y))[:, 0] >= 0.5).mean() > 0.7

    def test_rank_weights(self):
        weights = rank_weights(np.array([1.0, 2.0, 3.0]))
        np.testing.assert_allclose(weights, np.log(3.5) - np.log([1, 2, 3]))
        assert (weights > 0).all()

    def test_ties_weigh_the_same(self):
        weights = rank_weights(np.array([1.0, 2.0, 2.0, 5.0]))
        assert weights[1] == weights[2]
        assert weights.sum() == pytest.approx(sum(math.log(4.5 / i) for i in range(1, 5)))


class TestFiniteSpaces:
    def space(self):
        return SearchSpace(
            [
                Dimension("kind", Options(("a", "b", "c"))),
                Dimension("n", LinearSteps(1, 4, 1), ((Condition("kind", ("a", "b")),),)),
                Dimension("units", LogIntegers(1, 5)),
            ]
        )

    def test_no_duplicates_and_an_end(self):
        space = self.space()
        size = (4 + 4 + 1) * 5

        def loss(values):
            return values.get("n", 9) + values["units"]

        tried, _ = search(TPE(), space, loss, size)
        assert len({tuple(sorted(v.items())) for v in tried}) == size
        history = from_observations(space, tried, [loss(v) for v in tried])
        with pytest.raises(SpaceExhausted):
            TPE().suggest(history, np.random.default_rng(0))

    def test_a_single_configuration(self):
        space = SearchSpace([Dimension("a", Options((1,)))])
        tried, _ = search(TPE(n_startup=1), space, lambda _: 0.0, 1)
        assert tried == [{"a": 1}]

    def test_an_empty_space_has_one_configuration(self):
        tried, _ = search(TPE(), SearchSpace([]), lambda _: 0.0, 1)
        assert tried == [{}]

    def test_no_duplicates_where_a_continuous_value_meets_a_finite_one(self):
        space = SearchSpace([Dimension("a", Options(("u", "v"))), *LINE.dimensions])
        tried, _ = search(TPE(), space, lambda v: v["x"], 60)
        assert len({tuple(v.items()) for v in tried}) == 60


def test_settings_are_comparable():
    assert TPE() == TPE()
    assert dataclasses.replace(TPE(), quantile=0.1) != TPE()


@pytest.mark.parametrize("n_startup", [1, 2])
def test_models_from_very_few_trials(n_startup):
    tried, _ = search(TPE(n_startup=n_startup), SQUARE, bowl, 15)
    assert len(tried) == 15
