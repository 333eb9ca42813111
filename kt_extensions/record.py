"""What a search has done so far: events, each logged and then applied to the trial table.

A search that is resumed applies the events of the log, and so comes to the very state in which it
was stopped.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from kt_extensions import pareto
from kt_extensions.history import Run, TrialTable
from kt_extensions.space import SearchSpace, saved
from kt_extensions.space.domains import Array
from kt_extensions.store import Event, EventLog

EPOCHS, INITIAL_EPOCH, PARENT = "tuner/epochs", "tuner/initial_epoch", "tuner/trial_id"
"""Values by which KerasTuner's Hyperband tells a tuner how far to train, and where to go on."""
BRACKET, ROUND = "tuner/bracket", "tuner/round"
"""Values by which it tells how often the trial's bracket halves, and how often the trial has."""
SCHEDULED = frozenset({EPOCHS, INITIAL_EPOCH, PARENT, BRACKET, ROUND})
"""All of these, which are no hyperparameters."""
FORMAT = 1
"""Of the log; raised when older programs could not read what newer ones write."""


class SearchRecord:
    """The events of a search and what follows from them.

    The events are dictionaries with these keys besides `"event"`:

    - `search`: `format`, `objective`, its `direction`, `seed`; the `scheduler`, if there is one; of
      several objectives their directions by name, `objectives`; the folders that it learns from,
      `warm_start`, which older logs do not tell. The first event.
    - `space`: `hyperparameters`, the configurations of hyperparameters that were added.
    - `known`: `values` (with `tuner/epochs`, if a scheduler began it) and `y` of a trial of an
      earlier search, to be minimized: a number, or a list of several objectives; `None` if the
      trial failed; `pruned`, which older logs do not tell.
    - `start`: `trial`, `values`, the `proposal` of the sampler (`None` if it is not known), what
      was `enqueued` for it, and, if a scheduler began it, its `bracket` and `rung`; how far it
      trains, and from which trial on, is told by KerasTuner's `tuner/epochs` and `tuner/trial_id`
      among the values.
    - `end`: `trial`, `status`, `score`, `best_step`, `metrics`, `message`, `pruned`, `fidelity`,
      and the `values`, which may have grown; of several objectives their values by name,
      `objectives`. The status `"INVALID"` means that it runs again.

    Args:
        folder: The project folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.log = EventLog(folder)
        self.lost: list[Event] = []
        """Events that were applied and that the log lacks, until the search goes on."""
        self.last: Event = {}
        """The event that was applied last."""
        self.space_config: list[dict[str, Any]] = []
        self.ranking: list[tuple[bool, float, int, str]] = []
        """Completed trials, the best first: whether pruned, score to be minimized, place, name."""
        self.outcomes: dict[str, list[float]] = {}
        """Of several objectives: those of the completed trials, to be minimized, by name."""
        self.unfinished: dict[str, dict[str, Any]] = {}
        """The values of the trials that have started and not ended, by the trial's name."""
        self.enqueued: Counter[str] = Counter()
        """How often each configuration (`name_of`) that a person asked for was started."""

    @property
    def space(self) -> SearchSpace:
        """The search space as far as it is known."""
        return self.table.space

    def best(self, number: int) -> list[str]:
        """Returns completed trials, the best first; of several objectives, the best compromises."""
        if not self.signs:
            return [name for *_, name in self.ranking[:number]]
        names = [name for *_, name in self.ranking if name in self.outcomes]
        return [names[i] for i in pareto.compromises(self._objectives(names))[:number]]

    def front(self) -> list[str]:
        """Returns the completed trials that no other one dominates."""
        if not self.signs:
            best = itertools.takewhile(lambda item: item[:2] == self.ranking[0][:2], self.ranking)
            return [name for *_, name in best]
        names = list(self.outcomes)
        return [names[i] for i in np.flatnonzero(pareto.fronts(self._objectives(names)) == 0)]

    def _objectives(self, names: list[str]) -> Array:
        return np.array([self.outcomes[name] for name in names]).reshape(-1, len(self.signs))

    def write(self, *events: Event, durable: bool = True) -> None:
        """Logs events, then applies them.

        Args:
            *events: The events.
            durable: As for `EventLog.append`. Those that are not are on the disk with the next that
                are: a trial's start, which without its end tells nothing that cannot be made again.
        """
        if events:
            self.log.append(*events, durable=durable)
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Brings the table, the ranking and the rest up to an event."""
        self.last = event
        match event["event"]:
            case "search":
                self.sign = _sign(event["direction"])
                self.signs = {n: _sign(d) for n, d in event.get("objectives", {}).items()}
                self.table = TrialTable(SearchSpace([]), event["seed"], len(self.signs) or 1)
            case "space":
                self._grow(event["hyperparameters"])
            case "known":
                self._know(event)
            case "start":
                self._start(event)
            case "end":
                self._end(event)

    def _grow(self, added: list[dict[str, Any]]) -> None:
        self.space_config += added
        everything = map(saved.from_config, self.space_config)
        self.table.widen(SearchSpace.from_hyperparameters(everything))

    def _know(self, event: Event) -> None:
        y = math.inf if event["y"] is None else event["y"]
        if not self.signs or np.size(y) == len(self.signs) or y == math.inf:
            epochs = event["values"].get(EPOCHS, 0)
            x, pruned = self._encode(event["values"]), event.get("pruned", False)
            self.table.add_known(x, y, epochs, pruned)

    def _start(self, event: Event) -> None:
        x = self._encode(event["values"])
        proposal = event["proposal"] or np.nan_to_num(x, nan=0.5)
        self.unfinished[event["trial"]] = dict(event["values"])
        if by_hand(event["values"]):
            return  # neither samplers nor schedulers are to see it
        self.table.start(event["trial"], x, proposal, self._run(event))
        if "enqueued" in event:
            self.enqueued[name_of(event["enqueued"])] += 1

    def regrow(self, trial: str, values: dict[str, Any]) -> None:
        """Keeps the values with which a trial begins, where it has more than its start tells.

        So it is if the space has grown since. It is not logged: a trial that is resumed begins, and
        grows, once more.
        """
        if self.unfinished[trial] != values:
            self.unfinished[trial] = dict(values)
            if not by_hand(values):
                self.table.regrow(trial, self._encode(values))

    def _run(self, event: Event) -> Run | None:
        """Returns what the trial is in a schedule. Nothing is known of KerasTuner's brackets."""
        if EPOCHS not in event["values"]:
            return None
        parent = event["values"].get(PARENT)
        return Run(
            bracket=event.get("bracket", -1),
            rung=event.get("rung", -1),
            epochs=event["values"][EPOCHS],
            parent=-1 if parent is None else self.table.row(parent),
        )

    def _end(self, event: Event) -> None:
        if event["status"] == "INVALID":
            return
        completed = event["status"] == "COMPLETED"
        y = self.sign * event["score"] if completed else math.inf
        if completed:
            place = (event["pruned"], y, len(self.ranking), event["trial"])
            bisect.insort(self.ranking, place)
        outcome = self._several(event) if self.signs else y
        self.unfinished.pop(event["trial"], None)
        if by_hand(event["values"]):
            return
        x = self._encode(event["values"])
        self.table.finish(event["trial"], x, outcome, event["fidelity"], event["pruned"])

    def _several(self, event: Event) -> float | list[float]:
        """Keeps the objectives of a trial that has ended, and returns them, to be minimized."""
        values = event["objectives"]
        if values is None:
            return math.inf
        outcome = [sign * values[name] for name, sign in self.signs.items()]
        self.outcomes[event["trial"]] = outcome
        return outcome

    def _encode(self, values: Mapping[str, Any]) -> Array:
        """Returns the configuration. A value that its domain lacks counts as not given.

        Other oracles propose such values, and hypermodels may set them.
        """
        try:
            return self.space.encode(values)
        except ValueError:
            return self.space.encode({n: v for n, v in values.items() if self._fits(n, v)})

    def _fits(self, name: str, value: Any) -> bool:
        try:
            self.space.dimensions[self.space.index[name]].domain.coordinate(value)
        except (KeyError, ValueError):
            return False
        return True


def _sign(direction: str) -> float:
    return 1.0 if direction == "min" else -1.0


def by_hand(values: Mapping[str, Any]) -> bool:
    """Whether a person had a trial with these values go on from another one, not a scheduler."""
    return values.get(PARENT) is not None and ROUND not in values


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of hyperparameters, without what a scheduler says of the trial."""
    return {name: value for name, value in values.items() if name not in SCHEDULED}


def name_of(values: Mapping[str, Any]) -> str:
    """Returns a name for a configuration, the same for the same values."""
    return json.dumps(values, sort_keys=True)
