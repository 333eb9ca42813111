"""The arithmetic of brackets, and what schedulers promote."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

import kt_extensions.schedulers.hyperband
from kt_extensions.history import History, TrialTable
from kt_extensions.schedulers import (
    ASHA,
    AllAlike,
    Done,
    Hyperband,
    Scheduler,
    Start,
    SuccessiveHalving,
    Wait,
)
from kt_extensions.schedulers.brackets import Bracket, hyperband, rung_epochs
from kt_extensions.space import Dimension, Interval, SearchSpace

SPACE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])

Outcome = Callable[[float, int, int], float]


def by_value(x: float, epochs: int, number: int) -> float:
    return x + 1 / epochs


class Search:
    """A search of a scheduler on several workers, over distinct configurations."""

    def __init__(
        self,
        scheduler: Scheduler,
        outcome: Outcome = by_value,
        workers: int = 1,
        pruned: Callable[[int], bool] = lambda number: False,
    ) -> None:
        self.scheduler, self.outcome, self.workers = scheduler, outcome, workers
        self.pruned = pruned
        self.table = TrialTable(SPACE, seed=0)
        self.random = random.Random(workers)
        self.running: list[int] = []

    def run(self, trials: int = 10**6, configurations: int = 10**6) -> History:
        while len(self.table) < trials:
            history = self.table.history().pruned_as_failed()
            exhausted = int((history.parent < 0).sum()) >= configurations
            action = self.scheduler.next(history, exhausted)
            if isinstance(action, Done):
                assert not self.running
                break
            if not isinstance(action, Wait):
                self._start(action.run)
            if isinstance(action, Wait) or len(self.running) == self.workers:
                self._finish()
        while self.running:
            self._finish()
        return self.table.history()

    def _start(self, run) -> None:
        number = len(self.table)
        x = np.array([(number + 1) * 0.618 % 1])
        if run.parent >= 0:
            x = self.table.history().X[run.parent].copy()
        self.table.start(str(number), x, x, run)
        self.running.append(number)

    def _finish(self) -> None:
        assert self.running, "Nothing runs, and the scheduler waits."
        number = self.running.pop(self.random.randrange(len(self.running)))
        history = self.table.history()
        x, epochs = history.X[number].copy(), int(history.budget[number])
        y = self.outcome(float(x[0]), epochs, number)
        self.table.finish(str(number), x, y, epochs, self.pruned(number))


def sizes(history: History) -> dict[tuple[int, int], list[int]]:
    """Returns for each bracket and rung the number of trials and their epochs."""
    places = zip(history.bracket.tolist(), history.rung.tolist(), history.budget, strict=True)
    counts = Counter((bracket, rung, int(epochs)) for bracket, rung, epochs in places)
    return {(b, r): [count, epochs] for (b, r, epochs), count in counts.items()}


def trained(history: History) -> int:
    before = np.where(history.parent >= 0, history.budget[history.parent], 0)
    return int((history.budget - before).sum())


def new_epochs(bracket: Bracket) -> int:
    """Returns the epochs that a bracket trains if promoted trials go on where they were."""
    before = (0, *(rung.epochs for rung in bracket[:-1]))
    return sum(r.size * (r.epochs - b) for r, b in zip(bracket, before, strict=True))


class TestBrackets:
    def test_of_the_paper(self):
        """Table 1 of Li et al. 2018, for R = 81 and eta = 3."""
        assert [[(rung.size, rung.epochs) for rung in b] for b in hyperband(81, 3)] == [
            [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
            [(34, 3), (11, 9), (3, 27), (1, 81)],
            [(15, 9), (5, 27), (1, 81)],
            [(8, 27), (2, 81)],
            [(5, 81)],
        ]
        assert sum(map(new_epochs, hyperband(81, 3))) == 1581

    @pytest.mark.parametrize("power", range(8))
    @pytest.mark.parametrize("factor", [2, 3, 4, 5, 10])
    def test_powers_have_all_their_rungs(self, factor: int, power: int) -> None:
        """Where floating-point logarithms lose one: 243 for 3, 1000 for 10."""
        assert rung_epochs(factor**power, factor) == [factor**i for i in range(power + 1)]
        assert len(hyperband(factor**power, factor)) == power + 1

    def test_least_epochs(self):
        assert rung_epochs(100, 3, min_epochs=5) == [11, 33, 100]
        assert rung_epochs(100, 3, min_epochs=100) == [100]
        assert rung_epochs(1, 3) == [1]

    @pytest.mark.parametrize("max_epochs", range(1, 120))
    @pytest.mark.parametrize("factor", [2, 3, 4])
    def test_each_rung_is_longer_and_smaller(self, factor: int, max_epochs: int) -> None:
        for bracket in hyperband(max_epochs, factor):
            epochs = [rung.epochs for rung in bracket]
            assert epochs == sorted(set(epochs))
            assert epochs[0] >= 1
            assert epochs[-1] == max_epochs
            rungs = [rung.size for rung in bracket]
            assert rungs[-1] >= 1
            assert all(n // factor == m for n, m in itertools.pairwise(rungs))


class TestHyperband:
    @pytest.mark.parametrize("workers", [1, 4, 20])
    def test_runs_the_brackets(self, workers: int) -> None:
        history = Search(Hyperband(27, iterations=2), workers=workers).run()
        one = hyperband(27, 3)
        assert sizes(history) == {
            (number, rung): [one[number % 4][rung].size, one[number % 4][rung].epochs]
            for number in range(8)
            for rung in range(len(one[number % 4]))
        }
        assert trained(history) == 2 * sum(map(new_epochs, one))

    @pytest.mark.parametrize("workers", [1, 7])
    def test_promotes_the_best_of_the_rung_below(self, workers: int) -> None:
        history = Search(Hyperband(27), workers=workers).run()
        going_on = np.flatnonzero(history.parent >= 0)
        above = [rung.size for bracket in hyperband(27, 3) for rung in bracket[1:]]
        assert len(going_on) == sum(above)
        for number in going_on:
            parent = history.parent[number]
            assert history.bracket[parent] == history.bracket[number]
            assert history.rung[parent] == history.rung[number] - 1
        for bracket, rung in sizes(history):
            here = (history.bracket == bracket) & (history.rung == rung)
            promoted = history.parent[(history.bracket == bracket) & (history.rung == rung + 1)]
            if len(promoted):
                y = history.y[here]
                assert sorted(history.y[promoted]) == sorted(y)[: len(promoted)]

    def test_a_worker_without_work_begins_the_next_bracket(self):
        search = Search(Hyperband(9), workers=20)
        for _ in range(10):
            search._start(search.scheduler.next(search.table.history()).run)
        assert search.table.history().bracket.tolist() == [0] * 9 + [1]
        assert search.table.history().budget.tolist() == [1.0] * 9 + [3.0]

    @pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
    @pytest.mark.parametrize("seed", range(5))
    def test_failures_starve_no_bracket(self, share: float, seed: int) -> None:
        """Each bracket with enough good trials has as many at the top as it should."""

        def outcome(x: float, epochs: int, number: int) -> float:
            failed = random.Random(f"{seed} {number}").random() < share
            return np.inf if failed else x

        history = Search(Hyperband(27), outcome).run()
        for number, bracket in enumerate(hyperband(27, 3)):
            here = history.bracket == number
            completed = here & np.isfinite(history.y)
            assert (here & (history.rung == 0)).sum() == bracket[0].size
            for rung in range(1, len(bracket)):
                below = completed & (history.rung == rung - 1)
                tried = here & (history.rung == rung)
                reached = (completed & (history.rung == rung)).sum()
                assert reached == bracket[rung].size or below.sum() == tried.sum()

    def test_a_failed_promotion_is_replaced(self):
        """By the next best of its rung, at the top too."""
        history = Search(Hyperband(9), lambda x, e, n: np.inf if n in (9, 13) else x).run()
        best = np.argsort(history.y[:9])
        assert history.rung[:15].tolist() == [0] * 9 + [1] * 4 + [2] * 2
        assert history.parent[9:13].tolist() == best[:4].tolist()
        assert history.parent[13:15].tolist() == [10, 11]

    @pytest.mark.parametrize("workers", [1, 7])
    def test_a_pruned_promotion_is_not_replaced(self, workers: int) -> None:
        """Pruning saves epochs: no trial is added, and none goes on from one that was pruned."""
        pruned = range(9, 10**6, 4)
        history = Search(Hyperband(27), workers=workers, pruned=pruned.__contains__).run()
        whole = sizes(Search(Hyperband(27), workers=workers).run())
        assert all(count <= whole[place][0] for place, (count, _) in sizes(history).items())
        assert not history.pruned[history.parent[history.parent >= 0]].any()
        assert not Hyperband(27).promotable(history.pruned_as_failed()).any()

    def test_a_pruned_trial_at_the_top_fills_its_place(self):
        history = Search(Hyperband(9), pruned=(9, 12).__contains__).run()
        assert history.rung[:13].tolist() == [0] * 9 + [1] * 3 + [2]
        assert history.parent[12] in (10, 11)
        assert sizes(history) == sizes(Search(Hyperband(9)).run())

    def test_brackets_that_are_full_are_passed_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The time of a call does not grow with their number."""
        scheduler = Hyperband(9, iterations=None)
        history = Search(scheduler).run(trials=300)
        seen = []
        whole = kt_extensions.schedulers.hyperband._next_run
        monkeypatch.setattr(
            "kt_extensions.schedulers.hyperband._next_run",
            lambda history, number, *rest: seen.append(number) or whole(history, number, *rest),
        )
        assert isinstance(scheduler.next(history), Start)
        assert history.bracket.max() > 30
        assert seen == [history.bracket.max()]

    def test_all_failing(self):
        history = Search(Hyperband(9), lambda x, e, n: np.inf).run()
        assert sizes(history) == {(0, 0): [9, 1], (1, 0): [5, 3], (2, 0): [3, 9]}

    @pytest.mark.parametrize("workers", [1, 5])
    def test_without_new_configurations(self, workers: int) -> None:
        """What there is goes on, in proportion; then the search ends."""
        history = Search(Hyperband(27), workers=workers).run(configurations=20)
        assert sizes(history) == {(0, 0): [20, 1], (0, 1): [6, 3], (0, 2): [2, 9], (0, 3): [1, 27]}

    def test_no_limit(self):
        history = Search(Hyperband(3, iterations=None)).run(trials=100)
        assert len(history) == 100
        assert history.bracket.max() == 32  # two brackets have 3 + 1 + 2 trials

    def test_goes_on_from_any_cut(self):
        """It is a function of the trials: the same at each of them, asked twice or again."""
        whole = Search(Hyperband(9)).run()
        search = Search(Hyperband(9))
        for cut in range(1, len(whole)):
            history = search.run(trials=cut)
            assert Hyperband(9).next(history) == Hyperband(9).next(history)
            assert history.parent.tolist() == whole.parent[:cut].tolist()

    def test_wrong_arguments(self):
        for arguments, message in [
            ({"max_epochs": 0}, "`max_epochs` to be an integer >= 1. Received: 0"),
            ({"factor": 1}, "`factor` to be an integer >= 2. Received: 1"),
            ({"min_epochs": 0}, "`min_epochs` to be an integer >= 1. Received: 0"),
            ({"max_epochs": 5, "min_epochs": 6}, "`max_epochs` to be an integer >= 6. Received: 5"),
            ({"iterations": 0}, "`iterations` to be an integer >= 1. Received: 0"),
            ({"iterations": 1.5}, "`iterations` to be an integer >= 1. Received: 1.5"),
            ({"max_epochs": 9.0}, "`max_epochs` to be an integer >= 1. Received: 9.0"),
            ({"max_epochs": "9"}, "`max_epochs` to be an integer >= 1. Received: '9'"),
            ({"n": 0}, "`n` to be an integer >= 1. Received: 0"),
            ({"n": -3}, "`n` to be an integer >= 1. Received: -3"),
            ({"n": 2.5}, "`n` to be an integer >= 1. Received: 2.5"),
        ]:
            with pytest.raises(ValueError, match=message):
                SuccessiveHalving(**arguments)

    def test_integers_of_numpy_become_plain_ones(self) -> None:
        """KerasTuner saves the epochs as JSON."""
        epochs = rung_epochs(np.int64(9), np.int64(3), np.int64(1))
        assert [type(number) for number in epochs] == [int] * 3


class TestSuccessiveHalving:
    def test_runs_one_bracket(self):
        assert sizes(Search(SuccessiveHalving(9)).run()) == {
            (0, 0): [9, 1],
            (0, 1): [3, 3],
            (0, 2): [1, 9],
        }

    def test_with_more_configurations(self):
        assert sizes(Search(SuccessiveHalving(9, n=20)).run()) == {
            (0, 0): [20, 1],
            (0, 1): [6, 3],
            (0, 2): [2, 9],
        }


class TestASHA:
    def test_promotes_whenever_one_is_among_the_best(self):
        """Algorithm 2 of Li et al. 2020, trial by trial."""
        history = Search(ASHA(9), lambda x, e, n: [5, 4, 3, 9, 2, 8, 7, 6, 1][n % 9]).run(trials=9)
        assert history.rung.tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 0]
        assert history.parent.tolist() == [-1, -1, -1, 2, -1, 4, -1, -1, -1]

    @pytest.mark.parametrize("workers", [1, 8, 50])
    def test_no_worker_waits(self, workers: int) -> None:
        search = Search(ASHA(27), workers=workers)
        history = search.run(trials=400)
        assert len(history) == 400
        rungs = np.bincount(history.rung)
        assert len(rungs) == 4
        assert all(b // 3 <= above + workers for b, above in itertools.pairwise(rungs))

    def test_promotes_each_trial_once(self):
        history = Search(ASHA(27), workers=9).run(trials=300)
        promoted = history.parent[history.parent >= 0]
        assert len(set(promoted.tolist())) == len(promoted)

    def test_failed_trials_rank_last(self):
        history = Search(ASHA(9), lambda x, e, n: np.inf if n % 2 else x).run(trials=100)
        assert np.isfinite(history.y[history.parent[history.parent >= 0]]).all()
        assert history.rung.max() == 2

    def test_without_new_configurations(self):
        history = Search(ASHA(9)).run(configurations=9)
        assert sizes(history) == {(0, 0): [9, 1], (0, 1): [4, 3], (0, 2): [2, 9]}

    @pytest.mark.parametrize("workers", [1, 8])
    @pytest.mark.parametrize("configurations", [1, 2, 8, 40])
    def test_a_small_space_ends_with_a_full_training(
        self, configurations: int, workers: int
    ) -> None:
        history = Search(ASHA(100), workers=workers).run(configurations=configurations)
        assert history.budget.max() == 100
        assert sizes(history)[0, 0] == [configurations, 1]

    @pytest.mark.parametrize(
        ("failing", "rungs", "parents"),
        [
            ((), [2, 3, 4], [5, 11, 12]),
            ((11,), [2, 2, 3, 4], [5, 10, 12, 13]),
            ((12,), [2, 3, 2, 3, 4], [5, 11, 10, 13, 14]),
        ],
    )
    def test_in_the_end_the_best_go_on_one_by_one(
        self, failing: tuple[int, ...], rungs: list[int], parents: list[int]
    ) -> None:
        """One that fails is replaced by the next best: trials 5 and 10 have ended in rung 1."""
        search = Search(ASHA(100), lambda x, e, n: np.inf if n in failing else x)
        history = search.run(configurations=8)
        assert history.rung[:11].tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1]
        assert history.rung[11:].tolist() == rungs
        assert history.parent[11:].tolist() == parents

    @pytest.mark.parametrize("workers", [1, 8])
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("trials", [5, 20, 100])
    def test_the_last_trials_train_one_to_the_end(
        self, trials: int, seed: int, workers: int
    ) -> None:
        scheduler = ASHA(100, max_trials=trials)
        search = Search(scheduler, lambda x, e, n: random.Random(seed + n).random(), workers)
        history = search.run(trials=trials)
        assert len(history) == trials
        assert history.budget.max() == 100

    @pytest.mark.parametrize("workers", [1, 8])
    @pytest.mark.parametrize("trials", [40, 100])
    @pytest.mark.parametrize("nth", [4, 5, 10])
    def test_failures_are_reckoned_with(self, nth: int, trials: int, workers: int) -> None:
        """The last trial that could train one to the end is among those that fail."""
        scheduler = ASHA(100, max_trials=trials)
        search = Search(scheduler, lambda x, e, n: np.inf if n % nth == nth - 1 else x, workers)
        history = search.run(trials=trials)
        assert history.budget[np.isfinite(history.y)].max() == 100

    def test_one_that_was_trained_to_the_end_is_enough(self):
        """The trials that are left are shared out as ever."""
        told = Search(ASHA(9, max_trials=100), workers=4).run(trials=100)
        history = Search(ASHA(9), workers=4).run(trials=100)
        assert told.parent.tolist() == history.parent.tolist()

    def test_wrong_number_of_trials(self) -> None:
        with pytest.raises(ValueError, match=r"`max_trials` to be an integer >= 1. Received: 0"):
            ASHA(max_trials=0)


@pytest.mark.parametrize(
    ("scheduler", "trials"),
    [(Hyperband(9), 22), (Hyperband(9, iterations=3), 66), (SuccessiveHalving(9), 13)],
)
def test_the_number_of_trials(scheduler: Hyperband, trials: int) -> None:
    assert scheduler.n_trials == len(Search(scheduler).run()) == trials
    assert Hyperband(9, iterations=None).n_trials is None
    assert ASHA(9).n_trials is None


class Watched(Search):
    """A search that checks, before each start, what was told of the trials that may go on."""

    limit: int | None = None

    def run(self, trials: int = 10**6, configurations: int = 10**6) -> History:
        self.limit = trials if trials < 10**6 else None
        self.over: set[int] = set()
        self.told: list[int] = []
        return super().run(trials, configurations)

    def left(self) -> int | None:
        return None if self.limit is None else self.limit - len(self.table)

    def _start(self, run) -> None:
        promotable = self.scheduler.promotable(self.table.history(), self.left())
        self.told.append(int(promotable.sum()))
        assert not self.over & set(np.flatnonzero(promotable).tolist())
        self.over |= set(np.flatnonzero(~promotable).tolist())
        assert run.parent not in self.over
        super()._start(run)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("failing", [10**9, 3])
@pytest.mark.parametrize(
    ("scheduler", "limits"),
    [
        (Hyperband(27), {}),
        (Hyperband(9, iterations=3), {"trials": 40}),
        (Hyperband(9), {"configurations": 7}),
        (SuccessiveHalving(27, n=30), {}),
        (ASHA(27), {"trials": 150}),
        (ASHA(27, max_trials=25), {"trials": 25}),
        (ASHA(100, max_trials=12), {"trials": 12, "configurations": 9}),
    ],
)
def test_only_trials_that_may_be_promoted_are(
    scheduler: Scheduler, limits: dict[str, int], failing: int, workers: int
) -> None:
    """Of a trial that was told to be over none goes on later, and in the end all are over."""
    search = Watched(scheduler, lambda x, e, n: np.inf if n % failing == 1 else x, workers)
    history = search.run(**limits)
    assert not scheduler.promotable(history, search.left()).any()
    assert not AllAlike().promotable(history).any()
    assert max(search.told) > 2


def test_what_may_be_promoted_in_a_bracket() -> None:
    """While a promoted trial runs, the others of its rung may have to replace it."""
    search = Search(Hyperband(9))
    history = search.run(trials=12)
    assert np.flatnonzero(Hyperband(9).promotable(history)).tolist() == [9, 10, 11]
    search._start(Hyperband(9).next(history).run)
    running = Hyperband(9).promotable(search.table.history())
    assert running.sum() == 2
    search._finish()
    assert not Hyperband(9).promotable(search.table.history()).any()


def test_what_may_be_promoted_by_asha() -> None:
    """Of 9 trials with one more to come three are among the best of 9, which were promoted."""
    history = Search(ASHA(3), lambda x, e, n: float(n)).run(trials=10)
    assert history.parent.tolist().count(-1) == 8
    assert np.flatnonzero(ASHA(3).promotable(history, left=0)).tolist() == []
    assert np.flatnonzero(ASHA(3).promotable(history, left=1)).tolist() == []
    assert np.flatnonzero(ASHA(3).promotable(history, left=2)).tolist() == [2]
    assert len(np.flatnonzero(ASHA(3).promotable(history))) == 6
