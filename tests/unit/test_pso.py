import dataclasses
import math

import numpy as np
import pytest

from kt_extensions.fidelities import at_one_fidelity
from kt_extensions.history import Run, TrialTable
from kt_extensions.samplers import Random, SpaceExhausted, pso
from kt_extensions.samplers.base import startup_point
from kt_extensions.samplers.branches import branch_at
from kt_extensions.samplers.interpolation import by_expected_rank
from kt_extensions.samplers.pso import PSO, _Swarm
from kt_extensions.space import (
    Condition,
    Dimension,
    Interval,
    LinearSteps,
    Options,
    SearchSpace,
)
from kt_extensions.testing import search

SQUARE = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "xy"])
TWO = PSO(n_particles=2, crossover=0.0, explore=0.0)


class Stub:
    """Random numbers that are all the same."""

    def __init__(self, value):
        self.value = value

    def random(self, shape):
        return np.full(shape, self.value)


def table_of(space, rows, known=()):
    """Returns a table of trials (proposal, score, or "pruned" and score), after known ones."""
    table = TrialTable(space, seed=0)
    for x, y in known:
        table.add_known(np.array(x, float), y)
    for number, (proposal, *outcome) in enumerate(rows):
        proposal = np.array(proposal, float)
        x = space.snap(proposal[np.newaxis])[0]
        table.start(str(number), x, proposal)
        if not math.isnan(outcome[-1]):
            table.finish(str(number), x, outcome[-1], pruned=outcome[0] == "pruned")
    return table


def particle_of(table, sampler=TWO):
    return _Swarm(table.history(), sampler.n_particles).particle(None, np.random.default_rng(0))


def proposals(table, n=200, sampler=TWO):
    """Returns the points that each of `n` random states leads to. Shape `(n, d)`."""
    history = table.history()
    return np.array([sampler.suggest(history, np.random.default_rng(i)) for i in range(n)])


@pytest.fixture
def mature(monkeypatch):
    """Has no moves be compared, as after 100 trials."""
    monkeypatch.setattr(pso, "_YOUNG", 0)


class TestMove:
    def test_follows_the_equation(self):
        sampler = PSO(n_particles=2, inertia=0.5, cognitive=1.0, social=2.0, crossover=0.0)
        table = table_of(
            SQUARE,
            [([0.2, 0.5], 2.0), ([0.6, 0.3], 1.0), ([0.3, 0.4], 3.0), ([0.9, 0.9], 5.0)],
        )
        point = sampler.suggest(table.history(), Stub(0.25))
        # x + 0.5 v + 0.25 (p - x) + 0.5 (g - x)
        expected = [
            0.3 + 0.5 * 0.1 + 0.25 * -0.1 + 0.5 * 0.3,
            0.4 + 0.5 * -0.1 + 0.25 * 0.1 + 0.5 * -0.1,
        ]
        np.testing.assert_allclose(point, expected)

    @pytest.mark.usefixtures("mature")
    def test_takes_coordinates_of_its_own_best(self):
        rows = [([0.2, 0.5], 2.0), ([0.6, 0.3], 1.0), ([0.3, 0.4], 3.0), ([0.9, 0.9], 5.0)]
        some = dataclasses.replace(TWO, crossover=0.3)
        taken = proposals(table_of(SQUARE, rows), 500, some) == [0.2, 0.5]
        assert not taken.all(axis=1).any()  # that was tried: the next draw stands in for it
        assert 0.19 < taken.mean() < 0.27  # (0.3 - 0.09) / (1 - 0.09)

    def test_starts_at_rest(self):
        table = table_of(SQUARE, [([0.2, 0.5], 2.0), ([0.6, 0.3], 1.0)])
        np.testing.assert_array_equal(particle_of(table).velocity, [0.0, 0.0])

    def test_a_particle_at_rest_in_the_best_of_all_starts_anew(self):
        points = proposals(table_of(SQUARE, [([0.2, 0.5], 1.0), ([0.6, 0.3], 2.0)]))
        assert (points.min(axis=0) < 0.1).all()
        assert (points.max(axis=0) > 0.9).all()

    @pytest.mark.parametrize(
        ("before", "last", "expected"), [(0.5, 0.9, 0.7), (0.5, 0.1, 0.3), (0.2, 0.5, 0.8)]
    )
    def test_bounces_off_the_walls(self, before, last, expected):
        sampler = PSO(n_particles=1, inertia=1.0, cognitive=0.0, social=0.0)
        table = table_of(SQUARE, [([before, 0.5], 1.0), ([last, 0.5], 2.0)])
        point = sampler.suggest(table.history(), np.random.default_rng(0))
        np.testing.assert_allclose(point, [expected, 0.5])

    def test_starts_with_the_sobol_sequence(self):
        table = TrialTable(SQUARE, seed=3)
        for number in range(PSO().n_particles):
            history = table.history()
            point = PSO().suggest(history, np.random.default_rng(number))
            np.testing.assert_array_equal(point, startup_point(history, np.random.default_rng(9)))
            table.start(str(number), point, point)
            table.finish(str(number), point, 1.0)

    def test_goes_on_with_the_sobol_sequence_until_a_trial_has_a_score(self):
        table = table_of(SQUARE, [([0.2, 0.5], np.inf), ([0.6, 0.3], np.nan), ([0.1, 0.1], np.inf)])
        history = table.history()
        point = TWO.suggest(history, np.random.default_rng(0))
        np.testing.assert_array_equal(point, startup_point(history, np.random.default_rng(1)))


class TestParticle:
    def test_takes_turns(self):
        rows = [([0.1 * i, 0.5], float(i)) for i in range(1, 6)]
        np.testing.assert_allclose(particle_of(table_of(SQUARE, rows)).position, [0.4, 0.5])
        np.testing.assert_allclose(particle_of(table_of(SQUARE, rows[:4])).position, [0.3, 0.5])

    def test_keeps_its_trials_when_some_are_promoted(self):
        table = TrialTable(SQUARE, seed=0)
        for number, parent in enumerate([-1] * 13 + [*range(11, 0, -1)]):
            x = np.array([0.05 * (number if parent < 0 else parent), 0.5])
            table.start(str(number), x, x, Run(0, int(parent >= 0), 1 if parent < 0 else 3, parent))
            table.finish(str(number), x, 1.0 - x[0])
        swarm = _Swarm(at_one_fidelity(table.history()), 2)
        particle = swarm.particle(None, np.random.default_rng(0))
        np.testing.assert_allclose(particle.position, [0.55, 0.5])
        np.testing.assert_allclose(particle.velocity, [0.1, 0.0])
        np.testing.assert_allclose(particle.personal, [0.55, 0.5])

    def test_velocity_is_the_difference_of_proposals(self):
        steps = SearchSpace([Dimension("n", LinearSteps(1, 4, 1))])
        rows = [([0.30], 2.0), ([0.9], 1.0), ([0.45], 3.0), ([0.95], 4.0)]
        particle = particle_of(table_of(steps, rows))
        np.testing.assert_allclose(particle.velocity, [0.15])
        np.testing.assert_allclose(particle.position, [0.45])
        np.testing.assert_allclose(particle.personal, [0.30])

    def test_failed_and_pending_trials_are_no_bests(self):
        rows = [
            ([0.1, 0.1], 4.0),
            ([0.2, 0.2], np.inf),
            ([0.3, 0.3], np.inf),
            ([0.4, 0.4], np.nan),
            ([0.5, 0.5], np.nan),
            ([0.6, 0.6], 5.0),
        ]
        particle = particle_of(table_of(SQUARE, rows))
        np.testing.assert_allclose(particle.personal, [0.1, 0.1])
        np.testing.assert_allclose(particle.shared, [0.1, 0.1])
        np.testing.assert_allclose(particle.position, [0.5, 0.5])

    def test_without_a_best_is_drawn_to_the_swarms_alone(self):
        rows = [([0.1, 0.1], np.inf), ([0.2, 0.2], 1.0), ([0.3, 0.3], np.nan), ([0.4, 0.4], 2.0)]
        particle = particle_of(table_of(SQUARE, rows))
        np.testing.assert_allclose(particle.personal, particle.position)
        np.testing.assert_allclose(particle.shared, [0.2, 0.2])

    def test_pruned_trials_come_after_completed_ones(self):
        rows = [
            ([0.1, 0.1], "pruned", 1.0),
            ([0.2, 0.2], "pruned", 0.5),
            ([0.3, 0.3], 3.0),
            ([0.4, 0.4], "pruned", 0.1),
        ]
        particle = particle_of(table_of(SQUARE, rows))
        np.testing.assert_allclose(particle.personal, [0.3, 0.3])
        np.testing.assert_allclose(particle.shared, [0.3, 0.3])
        only_pruned = particle_of(table_of(SQUARE, rows[:2]))
        np.testing.assert_allclose(only_pruned.personal, [0.1, 0.1])

    def test_of_equal_scores_the_first_is_the_best(self):
        rows = [([0.1 * i, 0.5], 1.0) for i in range(1, 5)]
        particle = particle_of(table_of(SQUARE, rows))
        np.testing.assert_allclose(particle.shared, [0.1, 0.5])
        np.testing.assert_allclose(particle.personal, [0.1, 0.5])

    def test_earlier_searches_give_the_swarms_best_but_no_positions(self):
        known = [([0.9, 0.9], 0.0), ([0.8, 0.8], np.inf), ([0.7, 0.7], 3.0)]
        rows = [([0.1, 0.1], 2.0), ([0.2, 0.2], 1.0)]
        particle = particle_of(table_of(SQUARE, rows, known))
        np.testing.assert_allclose(particle.position, [0.1, 0.1])
        np.testing.assert_allclose(particle.personal, [0.1, 0.1])
        np.testing.assert_allclose(particle.shared, [0.9, 0.9])


OPTIMIZERS = SearchSpace(
    [
        Dimension("kind", Options(("sgd", "adam", "lion", "rmsprop"))),
        Dimension("rate", Interval(0.0, 1.0), ((Condition("kind", ("adam",)),),)),
    ]
)
SGD, ADAM, LION = 0.125, 0.375, 0.625


class TestComparison:
    """In a young search the better placed of two moves is made."""

    def test_only_while_the_search_is_young(self, monkeypatch):
        rng = np.random.default_rng(0)
        table = table_of(SQUARE, [(x, x.sum()) for x in rng.random((12, 2))])
        young = proposals(table, 50)
        monkeypatch.setattr(pso, "_YOUNG", 12)
        mature = proposals(table, 50)
        changed = (young != mature).any(axis=1)
        assert 10 < changed.sum() < 40
        history = table.history()
        for one, other in zip(young[changed], mature[changed], strict=True):
            x = np.array([other, one])
            assert by_expected_rank(history, x, history.ranking()).tolist() == [1, 0]


class TestMixedSpaces:
    @pytest.mark.usefixtures("mature")
    def test_options_come_from_the_bests_or_from_mutation(self):
        space = SearchSpace([OPTIMIZERS.dimensions[0], *SQUARE.dimensions])
        rows = [([ADAM, 0.5, 0.5], 2.0), ([SGD, 0.1, 0.1], 1.0)]
        rows += [([LION, 0.4, 0.4], 3.0), ([LION, 0.6, 0.6], 4.0)]
        kinds = proposals(table_of(space, rows), 400)[:, 0] // 0.25
        shares = np.bincount(kinds.astype(int), minlength=4) / 400
        assert shares[[0, 1]].sum() > 0.85
        assert (shares[[2, 3]] > 0).all()

    @pytest.mark.usefixtures("mature")
    def test_copies_own_and_shared_options(self):
        space = SearchSpace([OPTIMIZERS.dimensions[0], *SQUARE.dimensions])
        rows = [([ADAM, 0.5, 0.5], 2.0), ([SGD, 0.1, 0.1], 1.0)]
        sampler = dataclasses.replace(TWO, mutation=0.0)
        kinds = proposals(table_of(space, rows), 400, sampler)[:, 0]
        assert set(kinds) == {ADAM, SGD}
        assert 0.65 < (kinds == ADAM).mean() < 0.85

    def test_an_inactive_dimension_is_drawn_to_the_best_that_had_it(self):
        rows = [([ADAM, 0.2], 3.0), ([SGD, 0.9], 1.0), ([ADAM, 0.4], 5.0), ([ADAM, 0.7], 2.0)]
        particle = particle_of(table_of(OPTIMIZERS, rows))
        np.testing.assert_allclose(particle.shared, [SGD, 0.7])
        np.testing.assert_allclose(particle.personal, [ADAM, 0.2])

    def test_rests_where_the_dimension_was_inactive(self):
        rows = [([ADAM, 0.2], 3.0), ([ADAM, 0.9], 1.0), ([SGD, 0.4], 5.0), ([ADAM, 0.7], 2.0)]
        points = proposals(table_of(OPTIMIZERS, rows))
        assert (points[:, 1] == 0.4).all()

    def test_a_new_dimension_starts_anywhere(self):
        table = table_of(SQUARE, [([0.1, 0.1], 2.0), ([0.2, 0.2], 1.0), ([0.3, 0.3], 3.0)])
        table.widen(SearchSpace([*SQUARE.dimensions, Dimension("z", Interval(0.0, 1.0))]))
        new = proposals(table)[:, 2]
        assert new.min() < 0.1 and new.max() > 0.9


class TestExploration:
    SPACE = SearchSpace([OPTIMIZERS.dimensions[0], *SQUARE.dimensions])
    ROWS = (([ADAM, 0.5, 0.5], 1.0), ([SGD, 0.1, 0.1], 2.0), ([SGD, 0.9, 0.3], 3.0))

    def test_moves_to_another_category_than_the_bests(self):
        table = table_of(self.SPACE, [*self.ROWS, ([LION, 0.2, 0.2], 4.0)])
        always = dataclasses.replace(TWO, explore=1.0)
        kinds = proposals(table, 300, always)[:, 0]
        assert set(kinds) == {SGD, LION, 0.875}
        assert min(np.mean(kinds == kind) for kind in set(kinds)) > 0.25

    def test_as_often_as_told(self):
        table = table_of(self.SPACE, [([ADAM, 0.5 + 0.1 * i, 0.5], 1.0 + i) for i in range(4)])
        some = dataclasses.replace(TWO, explore=0.3, mutation=0.0)
        share = np.mean(proposals(table, 500, some)[:, 0] != ADAM)
        assert 0.24 < share < 0.36

    def test_is_drawn_to_the_best_of_the_category(self):
        history = table_of(self.SPACE, self.ROWS).history()
        swarm, rng = _Swarm(history, 2), np.random.default_rng(0)
        particle = swarm.particle(branch_at(history, 0, 0, history.X[0]), rng)
        np.testing.assert_allclose(particle.shared, [SGD, 0.1, 0.1])
        np.testing.assert_allclose(particle.position, [SGD, 0.1, 0.1])
        untried = swarm.particle(branch_at(history, 0, 3, history.X[0]), rng)
        np.testing.assert_allclose(untried.shared, untried.position)

    def test_moves_in_the_dimensions_of_the_category(self):
        rows = [([ADAM, 0.2], 2.0), ([LION, 0.9], 1.0), ([SGD, 0.6], 3.0), ([LION, 0.9], 4.0)]
        history = table_of(OPTIMIZERS, rows).history()
        rng = np.random.default_rng(0)
        particle = _Swarm(history, 2).particle(branch_at(history, 0, 1, history.X[0]), rng)
        assert particle.moving.all()
        np.testing.assert_allclose(particle.position, [SGD, 0.6])
        np.testing.assert_allclose(particle.shared, [ADAM, 0.2])

    def test_leaves_the_wrong_category(self):
        """Category "easy" is fair nearly everywhere; "good" is best, but only in a narrow place."""
        kind = Dimension("kind", Options(("easy", "good", "bad", "worse")))
        space = SearchSpace([kind, *SQUARE.dimensions])

        def loss(values):
            bowl = (values["x"] - 0.3) ** 2 + (values["y"] - 0.8) ** 2
            if values["kind"] == "easy":
                return 0.1 + 0.1 * bowl
            floor = {"good": 0.0, "bad": 0.4, "worse": 0.5}[values["kind"]]
            return floor + min(1.0, 10 * bowl)

        def found(sampler, seed):
            history = search(sampler, space, loss, 120, seed)
            return space.decode(history.X[int(history.y.argmin())])["kind"] == "good"

        assert sum(found(PSO(), seed) for seed in range(8)) == 8
        assert sum(found(PSO(explore=0.0), seed) for seed in range(8)) <= 6

    def test_changes_nothing_without_categories(self):
        table = table_of(SQUARE, [([0.1 * i, 0.5], float(i)) for i in range(1, 9)])
        never, always = PSO(explore=0.0), PSO(explore=1.0)
        points = proposals(table, 20, never)
        np.testing.assert_array_equal(proposals(table, 20, always), points)


class TestRestart:
    PIT = tuple(([0.3 + 1e-8 * i, 0.7], 1.0 - 1e-8 * i) for i in range(2))

    def rows(self, *more):
        return [([0.1, 0.1], 3.0), ([0.9, 0.9], 0.5), *self.PIT, *more]

    def test_a_collapsed_swarm_starts_anew(self):
        history = table_of(SQUARE, self.rows()).history()
        point = TWO.suggest(history, np.random.default_rng(0))
        np.testing.assert_array_equal(point, startup_point(history, np.random.default_rng(1)))

    def test_each_of_its_particles_does(self):
        history = table_of(SQUARE, self.rows(([0.6, 0.2], 4.0))).history()
        point = TWO.suggest(history, np.random.default_rng(0))
        np.testing.assert_array_equal(point, startup_point(history, np.random.default_rng(1)))

    def test_it_forgets_what_was_before(self):
        more = [([0.6, 0.2], 4.0), ([0.2, 0.4], 5.0)]
        particle = particle_of(table_of(SQUARE, self.rows(*more), [([0.5, 0.5], 0.0)]))
        np.testing.assert_allclose(particle.position, [0.6, 0.2])
        np.testing.assert_allclose(particle.velocity, [0.0, 0.0])
        np.testing.assert_allclose(particle.personal, [0.6, 0.2])
        np.testing.assert_allclose(particle.shared, [0.6, 0.2])

    def test_a_small_swarm_that_still_moves_does_not(self):
        rows = [([0.3 + 2e-3 * i, 0.7], 1.0) for i in range(4)]
        point = TWO.suggest(table_of(SQUARE, rows).history(), np.random.default_rng(0))
        np.testing.assert_allclose(point, [0.3, 0.7], atol=0.03)

    def test_nor_does_one_with_a_particle_elsewhere(self):
        rows = [self.PIT[0], ([0.9, 0.9], 2.0), self.PIT[1], ([0.9, 0.9], 3.0)]
        history = table_of(SQUARE, rows).history()
        assert not np.array_equal(
            TWO.suggest(history, np.random.default_rng(0)),
            startup_point(history, np.random.default_rng(0)),
        )

    @pytest.mark.parametrize("seed", range(3))
    def test_a_long_search_starts_anew_from_the_bottom(self, seed):
        line = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
        history = search(PSO(3), line, lambda values: abs(values["x"] - 0.3), 200, seed)
        x = history.X[:, 0]
        same = np.abs(np.diff(x)) < 1e-3
        end = np.flatnonzero(same[1:] & same[:-1])[0] + 2  # the third trial in one place
        assert abs(x[end] - 0.3) < 0.05
        assert np.ptp(x[end + 1 : end + 4]) > 0.1


class TestSearch:
    @pytest.mark.parametrize("seed", range(5))
    def test_finds_the_bottom_of_a_bowl(self, seed):
        def bowl(values):
            return (values["x"] - 0.3) ** 2 + (values["y"] - 0.8) ** 2

        assert search(PSO(), SQUARE, bowl, 100, seed).y.min() < 2e-3

    def test_is_better_than_random(self):
        space = SearchSpace([Dimension(f"x{i}", Interval(1e-4, 1.0, "log")) for i in range(5)])

        def loss(values):
            return sum((math.log10(v) + 1.5) ** 2 for v in values.values())

        ours = [search(PSO(), space, loss, 100, seed).y.min() for seed in range(5)]
        chance = [search(Random(), space, loss, 100, seed).y.min() for seed in range(5)]
        assert np.median(ours) < 0.25 * np.median(chance)

    @pytest.mark.parametrize("seed", range(5))
    def test_does_not_stagnate_on_an_integer_grid(self, seed):
        space = SearchSpace([Dimension(f"n{i}", LinearSteps(1, 10, 1)) for i in range(4)])

        def loss(values):
            return sum((v - 3 - i) ** 2 for i, v in enumerate(values.values()))

        history = search(PSO(), space, loss, 200, seed)
        assert len(history.tried) == 200
        assert history.y.min() <= 1

    def test_eight_pending_trials_differ(self):
        table = table_of(SQUARE, [([0.1 * i, 0.5], float(i)) for i in range(10)])
        for number in range(10, 18):
            point = PSO().suggest(table.history(), np.random.default_rng(number))
            table.start(str(number), point, point)
        history = table.history()
        assert len(history.tried) == 18
        assert history.pending.sum() == 8

    def test_leaves_a_cell_in_which_it_is_at_rest(self):
        space = SearchSpace([Dimension(f"n{i}", LinearSteps(1, 4, 1)) for i in range(2)])
        rows = [([0.9, 0.9], 2.0), *[([0.1 + 0.01 * i, 0.1], 1.0) for i in range(2)]]
        cells = space.snap(proposals(table_of(space, [*rows, rows[0]]), sampler=PSO(3)))
        assert len(np.unique(cells, axis=0)) == 14

    def test_says_when_all_was_tried(self):
        space = SearchSpace([Dimension("n", LinearSteps(1, 3, 1))])
        table = table_of(space, [([0.1], 1.0), ([0.5], 2.0), ([0.9], 3.0)])
        with pytest.raises(SpaceExhausted):
            TWO.suggest(table.history(), np.random.default_rng(0))

    def test_is_a_pure_function(self):
        table = table_of(SQUARE, [([0.1 * i, 0.5], float(i)) for i in range(10)])
        first = proposals(table, 3, PSO())
        search(PSO(), SQUARE, lambda values: values["x"], 20)
        np.testing.assert_array_equal(proposals(table, 3, PSO()), first)
