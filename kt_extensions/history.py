"""What a sampler sees: the trials of a search as arrays, and their ranking."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kt_extensions import pareto
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """What a trial is in a search in which a scheduler shares out the epochs.

    Args:
        bracket: Number of its bracket, counted from 0 in the order in which they were begun.
        rung: Its place in the bracket, from 0.
        epochs: The epochs after which it ends, those of the trials that it goes on from included.
        parent: Number of the trial that it goes on from, -1 for none.

    Example:
        >>> Run(bracket=0, rung=1, epochs=9, parent=4)
        Run(bracket=0, rung=1, epochs=9, parent=4)
    """

    bracket: int
    rung: int
    epochs: int
    parent: int = -1


@dataclass(frozen=True)
class History:
    """The trials of a search in the order in which they were created. Read-only.

    The arrays are views of the search's table: valid until its next event.

    Args:
        space: The search space, of `d` dimensions.
        X: Array `(n, d)`, the configurations: coordinates in [0, 1), NaN where inactive.
        y: Array `(n,)`, the scores, to be minimised: NaN while pending, +inf if failed. Of several
            objectives, the trial's place among those that did not fail (`pareto.places`), which
            changes as the search goes on.
        objectives: Array `(n, m)`, the objectives, all to be minimised: NaN while pending, +inf if
            failed. A single one is `y`.
        fidelity: Array `(n,)`, the epochs (or steps) trained, 0 where nobody reported them.
        pruned: Array `(n,)`, whether the trial was stopped before its end; `y` is then the best
            score until there.
        proposal: Array `(n, d)`, the points as the sampler proposed them, before they were moved
            to the configurations of `X`.
        budget: Array `(n,)`, the epochs that a scheduler gave the trial, 0 without a scheduler.
        bracket: Array `(n,)`, the number of its bracket, -1 without a scheduler.
        rung: Array `(n,)`, its rung there, -1 without a scheduler.
        parent: Array `(n,)`, the number of the trial that it goes on from, -1 for none.
        tried: Keys (`SearchSpace.key`) of the configurations that were tried in this search.
        number: How many trials this search has made; `n` is larger if it was warm-started.
        seed: The seed of the search, the same for all its trials.

    Example: see `from_observations`.
    """

    space: SearchSpace
    X: Array
    y: Array
    objectives: Array
    fidelity: Array
    pruned: Mask
    proposal: Array
    budget: Array
    bracket: Numbers
    rung: Numbers
    parent: Numbers
    tried: Collection[bytes] = frozenset()
    number: int = 0
    seed: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """A copy holds the keys themselves, not a view of the table's."""
        return {**vars(self), "tried": frozenset(self.tried)}

    def __len__(self) -> int:
        """Number of trials, `n`."""
        return len(self.y)

    @property
    def pending(self) -> Mask:
        """Which trials are still running. Shape `(n,)`."""
        return np.isnan(self.y)

    @property
    def completed(self) -> Mask:
        """Which trials ran to their end without failing. Shape `(n,)`."""
        return np.isfinite(self.y) & ~self.pruned

    def pruned_as_failed(self) -> History:
        """Returns the history as a scheduler is to see it: pruned trials are not promoted."""
        return replace(self, y=np.where(self.pruned, np.inf, self.y)) if self.pruned.any() else self

    def best(self, n: int) -> NDArray[np.int64]:
        """Returns the numbers of at most `n` completed trials, the first of the `ranking`.

        In less time: only those as good as the last of them are sorted.
        """
        rows = np.flatnonzero(self.completed)
        if 0 < n < len(rows):
            y = self.y[rows]
            rows = rows[y <= np.partition(y, n - 1)[n - 1]]
        return rows[np.argsort(self.y[rows], kind="stable")][:n]

    def ranking(self) -> NDArray[np.int64]:
        """Returns the numbers of the finished trials, the best first.

        Completed trials by score; then pruned ones, those that came farther first; then failed
        ones. Ties in order of creation.
        """
        finished = np.flatnonzero(~self.pending)
        y, pruned = self.y[finished], self.pruned[finished]
        if not pruned.any():
            return finished[np.argsort(y, kind="stable")]
        group = np.where(np.isinf(y), 2, pruned)
        progress = np.where(pruned, -self.fidelity[finished], 0.0)
        return finished[np.lexsort((y, progress, group))]


class TrialTable:
    """Keeps the arrays of a `History` while a search goes on: an event costs the same always.

    Args:
        space: The search space, of `d` dimensions.
        seed: The seed of the search.
        objectives: How many objectives a trial has.

    Example:
        >>> from kt_extensions.space import Dimension, Options
        >>> space = SearchSpace([Dimension("a", Options(("x", "y")))])
        >>> table = TrialTable(space, seed=0)
        >>> table.start("00", space.encode({"a": "y"}), proposal=np.array([0.9]))
        >>> table.history().pending.tolist()
        [True]
        >>> table.finish("00", space.encode({"a": "y"}), 0.5)
        >>> table.history().y.tolist()
        [0.5]
    """

    def __init__(self, space: SearchSpace, seed: int, objectives: int = 1) -> None:
        """Makes an empty table."""
        self.space = space
        self.seed = seed
        self._arrays = _empty_arrays(0, len(space), objectives)
        self._places: Array | None = None  # `y` of several objectives, once it is known
        self._history: History | None = None  # since the last event
        self._row_of: dict[str, int] = {}
        self._names: list[str] = []
        self._keys: list[bytes | None] = []
        self._tried: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Number of trials, known ones of earlier searches included."""
        return len(self._keys)

    def history(self) -> History:
        """Returns the trials so far, without copying them."""
        if self._history is None:
            self._history = self._viewed()
        return self._history

    def _viewed(self) -> History:
        views = {name: array[: len(self)] for name, array in self._arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return History(
            space=self.space,
            y=self._scores(views["objectives"]),
            tried=self._tried.keys(),
            number=len(self._row_of),
            seed=self.seed,
            **views,
        )

    def _scores(self, objectives: Array) -> Array:
        if objectives.shape[1] == 1:
            return objectives[:, 0]
        if self._places is None:
            self._places = np.array(objectives[:, 0])
            scored = np.isfinite(self._places)
            self._places[scored] = pareto.places(objectives[scored])
            self._places.flags.writeable = False
        return self._places

    def add_known(
        self, x: Array, y: float | Sequence[float], epochs: float = 0.0, pruned: bool = False
    ) -> None:
        """Adds a finished trial of an earlier search, which is none of this one's trials.

        Args:
            x: Its configuration, shape `(d,)`.
            y: Its score, or its objectives, to be minimised; it failed if they are not finite.
            epochs: The epochs that a scheduler gave it, 0 without one.
            pruned: Whether it was stopped early.
        """
        self._append(x, x, None, "")
        self._arrays["budget"][len(self) - 1] = epochs
        self._arrays["pruned"][len(self) - 1] = pruned
        self._arrays["objectives"][len(self) - 1] = _outcome(y)

    def row(self, trial_id: str) -> int:
        """Returns the number of a trial of this search in the history, -1 if there is none."""
        return self._row_of.get(trial_id, -1)

    def trial_id(self, row: int) -> str:
        """Returns the name of a trial of this search."""
        return self._names[row]

    def start(self, trial_id: str, x: Array, proposal: Array, run: Run | None = None) -> None:
        """Adds a pending trial.

        Args:
            trial_id: Its name.
            x: Its configuration, shape `(d,)`.
            proposal: The point that the sampler proposed for it, shape `(d,)`.
            run: What it is in the schedule, if there is one.
        """
        row = self._row_of[trial_id] = len(self)
        self._append(x, proposal, self.space.key(x), trial_id)
        if run is not None:
            place = {"bracket": run.bracket, "rung": run.rung, "parent": run.parent}
            for name, value in {**place, "budget": run.epochs}.items():
                self._arrays[name][row] = value

    def regrow(self, trial_id: str, x: Array) -> None:
        """Records the configuration of a pending trial, which may have grown since it started.

        Args:
            trial_id: Its name.
            x: Its configuration, shape `(d,)`.
        """
        row = self._row_of[trial_id]
        self._changed()
        self._rename(row, self.space.key(x))
        self._arrays["X"][row] = x

    def finish(
        self,
        trial_id: str,
        x: Array,
        y: float | Sequence[float],
        fidelity: float = 0.0,
        pruned: bool = False,
    ) -> None:
        """Records the outcome of a trial.

        Args:
            trial_id: Its name.
            x: Its configuration, which may have grown since it started.
            y: Its score, or its objectives, to be minimised; it failed if they are not finite.
            fidelity: Epochs (or steps) trained.
            pruned: Whether it was stopped before its end.
        """
        row = self._row_of[trial_id]
        self._changed()
        self._rename(row, self.space.key(x))
        outcome = {"objectives": _outcome(y), "fidelity": fidelity, "pruned": pruned, "X": x}
        for name, value in outcome.items():
            self._arrays[name][row] = value

    def widen(self, space: SearchSpace) -> None:
        """Changes to a space with further dimensions, in which older trials have no value.

        Raises:
            ValueError: If a dimension is no longer there, or its domain has changed.
        """
        domains = {dimension.name: dimension.domain for dimension in space.dimensions}
        for old in self.space.dimensions:
            if domains.get(old.name) != old.domain:
                raise ValueError(
                    f"Expected a space in which {old.name!r} is still {old.domain!r}. "
                    f"Received: {domains.get(old.name)!r}."
                )
        kept = [space.index[dimension.name] for dimension in self.space.dimensions]
        wide = _empty_arrays(len(self._arrays["objectives"]), len(space))
        for name, array in self._arrays.items():
            if name in ("X", "proposal"):
                wide[name][:, kept] = array
            else:
                wide[name] = array
        self.space, self._arrays = space, wide
        self._changed()
        for row, key in enumerate(self._keys):
            if key is not None:
                self._rename(row, space.key(self._arrays["X"][row]))

    def _changed(self) -> None:
        self._places = self._history = None

    def _append(self, x: Array, proposal: Array, key: bytes | None, name: str) -> None:
        row = len(self)
        self._changed()
        if row == len(self._arrays["objectives"]):
            self._double()
        self._arrays["X"][row], self._arrays["proposal"][row] = x, proposal
        self._keys.append(None)
        self._names.append(name)
        if key is not None:
            self._rename(row, key)

    def _double(self) -> None:
        n = len(self)
        m = self._arrays["objectives"].shape[1]
        larger = _empty_arrays(max(2 * n, 64), len(self.space), m)
        for name, array in self._arrays.items():
            larger[name][:n] = array
        self._arrays = larger

    def _rename(self, row: int, key: bytes) -> None:
        old = self._keys[row]
        if old == key:
            return
        if old is not None:
            self._tried[old] -= 1
            if not self._tried[old]:
                del self._tried[old]
        self._tried[key] = self._tried.get(key, 0) + 1
        self._keys[row] = key


def _outcome(y: float | Sequence[float]) -> float | Sequence[float]:
    return y if np.isfinite(y).all() else np.inf


def _empty_arrays(n: int, d: int, m: int = 1) -> dict[str, NDArray[Any]]:
    return {
        "objectives": np.full((n, m), np.nan),
        "fidelity": np.zeros(n),
        "pruned": np.zeros(n, bool),
        "X": np.full((n, d), np.nan),
        "proposal": np.full((n, d), np.nan),
        "budget": np.zeros(n),
        **{name: np.full(n, -1) for name in ("bracket", "rung", "parent")},
    }


def from_observations(
    space: SearchSpace,
    values: Iterable[Mapping[str, Any]],
    y: Iterable[float | Sequence[float]],
    seed: int = 0,
) -> History:
    """Returns the history of trials given by their values and scores.

    Args:
        space: The search space.
        values: For each trial, its values by name.
        y: For each trial, its score, to be minimised: NaN while pending, +inf if failed. Or a list
            of such numbers, its objectives.
        seed: The seed of the search.

    Example:
        >>> from kt_extensions.space import Dimension, Options
        >>> space = SearchSpace([Dimension("a", Options(("x", "y")))])
        >>> history = from_observations(space, [{"a": "x"}, {"a": "y"}], [2.0, 1.0])
        >>> history.ranking().tolist()
        [1, 0]
    """
    scores = list(y)
    table = TrialTable(space, seed, max(map(np.size, scores), default=1))
    for number, (trial, score) in enumerate(zip(values, scores, strict=True)):
        x = space.encode(trial)
        table.start(str(number), x, x)
        if not np.isnan(score).any():
            table.finish(str(number), x, score)
    return table.history()
