"""What a person sees of a search while it runs."""

from __future__ import annotations

import atexit
import contextlib
import functools
import math
import textwrap
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import rich.console
import rich.live
import rich.progress_bar
import rich.table
import rich.text

from kt_extensions import objectives, wording
from kt_extensions.notebook import NotebookView
from kt_extensions.reports import FINISHED, is_pruned
from kt_extensions.terminal import Terminal

_STYLES = {"COMPLETED": "green", "PRUNED": "cyan", "FAILED": "red", "INVALID": "yellow"}
_RUNNING = ("running", "", "", "", "", "", "", "")  # one for each trial that is shown
_LONGEST_MESSAGE = 160  # Characters of an error.
_WORDS = {
    "COMPLETED": "completed",
    "PRUNED": "pruned",
    "FAILED": "failed",
    "INVALID": "to be retried",
}

_Method = TypeVar("_Method", bound=Callable[..., None])


def _harmless(method: _Method) -> _Method:
    """A display that fails says so once and stops; the search goes on."""

    @functools.wraps(method)
    def guarded(self: SearchProgress, *args: Any, **kwargs: Any) -> None:
        if self._broken:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self._broken = True
            with contextlib.suppress(Exception):
                self._stop()
            warnings.warn(
                f"The progress display failed and is off from here on: {error!r}. "
                "The search goes on.",
                RuntimeWarning,
                stacklevel=2,
            )

    return guarded  # type: ignore[return-value]


@dataclass
class _Running:
    """A trial that is running: what is told of it, and the epochs that it has before it."""

    told: str = ""
    left: int = 0
    began: float = field(default_factory=lambda: time.monotonic())


class SearchProgress:
    """Shows a search: a live view on a terminal or in a notebook, and a line for each trial.

    The live view has the trials that are running with their values and epochs, the best one so
    far, the time left and the number of failures. Finished trials stay above it as lines. Each call
    costs the same whatever the number of trials.

    Args:
        oracle: The search's `keras_tuner.Oracle`, or a worker's client of it.
        max_trials: How many trials the search may have, or None if it has no such limit; then
            there is no time left either.
        console: Where to print. By default standard output.

    Example:
        >>> progress = SearchProgress(tuner.oracle, max_trials=20)  # doctest: +SKIP
        >>> progress.on_search_begin()  # doctest: +SKIP

    Source:
        rich, https://rich.readthedocs.io/en/stable/live.html.
    """

    def __init__(
        self,
        oracle: Any,
        max_trials: int | None,
        *,
        console: rich.console.Console | None = None,
    ) -> None:
        self._oracle = oracle
        self._max_trials = max_trials
        self._console = console or Terminal()
        self._live: rich.live.Live | None = None
        self._notebook: NotebookView | None = None
        self._broken = False
        self._objective = oracle.objective
        self._reset()

    def __deepcopy__(self, memo: dict[int, Any]) -> SearchProgress:
        """Returns itself: a callback that knows its tuner is copied for each trial."""
        return self

    @_harmless
    def on_search_begin(self) -> None:
        """Counts what an earlier run of the search has finished and opens the live view."""
        self._reset()
        for trial in list(getattr(self._oracle, "trials", {}).values()):
            self._number(trial)
            if trial.status in FINISHED:
                self._count(trial)
        self._finished_before = self._finished
        self._explain()
        if self._console.is_jupyter:
            self._notebook = NotebookView(self._view)
            self._notebook.start()
        elif self._console.is_terminal:
            self._live = rich.live.Live(
                get_renderable=self._view, console=self._console, transient=True
            )
            self._live.start()
            # Gives the cursor back if the program ends without `on_search_end`.
            atexit.register(self._live.stop)

    @_harmless
    def on_trial_begin(self, trial: Any) -> None:
        """Shows a trial as running.

        Args:
            trial: The trial that is about to run, for the first time or again.
        """
        self._explain()
        self._number(trial)
        self._running[trial.trial_id] = _Running(f"trial {trial.trial_id}  {_values(trial)}")
        self._refresh()

    @_harmless
    def on_epoch_end(
        self,
        trial: Any,
        epoch: int,
        logs: Mapping[str, float] | None,
        planned: int | None = None,
    ) -> None:
        """Shows how far the running trial is.

        Args:
            trial: The running trial.
            epoch: The epoch that ended, counted from 0.
            logs: Keras' metrics of the epoch.
            planned: The epochs after which the training ends; `None` if that is not known.
        """
        state = f"epoch {epoch + 1}" if planned is None else f"epoch {epoch + 1} of {planned}"
        if logs and self._objective.has_value(logs):
            state += f", {_told({name: logs[name] for name in self._names()})}"
        running = self._running.setdefault(trial.trial_id, _Running())
        running.left = 0 if planned is None else planned - epoch - 1
        running.told = f"trial {trial.trial_id}  {state}  {_values(trial)}"
        self._refresh()

    @_harmless
    def on_trial_end(self, trial: Any) -> None:
        """Prints the finished trial's line.

        Args:
            trial: The oracle's own record of the trial, after the oracle has ended it.
        """
        now = time.monotonic()
        ran = self._running.pop(trial.trial_id, _Running())
        if trial.status in FINISHED:
            self._count(trial)
            self._estimate(now)
            self._saved += ran.left if is_pruned(trial) else 0
        self._console.print(self._line(trial, now, now - ran.began), soft_wrap=True)
        self._refresh()

    @_harmless
    def on_search_end(self, reason: str | None) -> None:
        """Closes the live view and prints the summary. Call it also when the search is interrupted.

        Args:
            reason: Why the search ended, in a few words such as "time is up", or None.
        """
        self._stop()
        self._console.print(self._summary(reason), soft_wrap=True)

    def _reset(self) -> None:
        self._began = time.monotonic()
        self._ends_at: float | None = None
        self._numbers: dict[str, int] = {}
        self._finished = self._finished_before = self._failed = self._pruned = 0
        self._saved = 0  # epochs that pruned trials had before them
        self._best: Any = None
        self._front: list[Any] = []  # the trials of the Pareto front
        self._running: dict[str, _Running] = {}

    def _explain(self) -> None:
        """Prints which algorithm an oracle has chosen that chooses one, if that is news."""
        news = getattr(self._oracle, "new_explanation", lambda: None)()
        if news:
            self._console.print(news, soft_wrap=True, highlight=False)

    def _number(self, trial: Any) -> int:
        return self._numbers.setdefault(trial.trial_id, len(self._numbers) + 1)

    def _count(self, trial: Any) -> None:
        self._finished += 1
        self._pruned += is_pruned(trial)
        if trial.status == "FAILED":
            self._failed += 1
        elif objectives.several(self._objective):
            front = objectives.pareto_front([*self._front, trial], self._objective)
            self._front = [point.trial for point in front]
            self._best = next(iter(objectives.best_first(self._front, self._objective)), None)
        elif trial.score is not None and math.isfinite(trial.score) and self._is_best(trial):
            self._best = trial

    def _is_best(self, trial: Any) -> bool:
        """A trial that was pruned is better than others that were, and than no other."""
        best = self._best
        if best is None or is_pruned(trial) != is_pruned(best):
            return best is None or is_pruned(best)
        return bool(self._objective.better_than(trial.score, best.score))

    def _names(self) -> list[str]:
        return list(objectives.directions(self._objective))

    def _estimate(self, now: float) -> None:
        """Trials of earlier runs count as done, but not in the pace of this one."""
        if self._max_trials is not None:
            pace = (now - self._began) / (self._finished - self._finished_before)
            self._ends_at = now + pace * max(0, self._max_trials - self._finished)

    def _line(self, trial: Any, now: float, seconds: float) -> rich.text.Text:
        of = "" if self._max_trials is None else f"/{self._max_trials}"
        line = rich.text.Text(f"[{self._number(trial)}{of}] trial {trial.trial_id} ")
        status = "PRUNED" if is_pruned(trial) else trial.status
        line.append(_WORDS.get(status, status), _STYLES.get(status, ""))
        facts = [
            self._result(trial),
            self._why(trial),
            self._best_so_far(),
            f"{seconds:.1f} s",
        ]
        if self._ends_at is not None:
            facts.append(f"{_duration(self._ends_at - now)} left")
        return line.append(": " + ", ".join(fact for fact in facts if fact))

    def _result(self, trial: Any) -> str:
        if trial.status == "COMPLETED":
            return "" if trial.score is None else self._score(trial)
        return _error_line(trial.message or "")

    def _why(self, trial: Any) -> str:
        """Says why a trial was pruned."""
        return trial.message.partition(": ")[2].rstrip(".") if is_pruned(trial) else ""

    def _best_so_far(self) -> str:
        if self._best is None:
            return ""
        if self._front:
            return f"{len(self._front)} on the Pareto front"
        return f"best {self._best.score:.5g} in trial {self._best.trial_id}"

    def _score(self, trial: Any) -> str:
        values = objectives.values_of(trial, self._objective)
        return _told(values or {self._objective.name: trial.score})

    def _summary(self, reason: str | None) -> rich.text.Text:
        why = f" ({reason})" if reason else ""
        completed = self._finished - self._failed - self._pruned
        saved = f" ({self._saved} epochs saved)" if self._saved else ""
        pruned = f"{self._pruned} pruned{saved}, " if self._pruned else ""
        counts = f"{completed} completed, {pruned}{self._failed} failed"
        took = _duration(time.monotonic() - self._began)
        best = "no finite score"
        if self._best is not None:
            best = f"best {self._score(self._best)} in trial {self._best.trial_id}"
        if self._front:
            count = f"{len(self._front)} on the Pareto front, see `tuner.pareto_front()`"
            best = f"{count}; the best trials are compromises: {best}"
        return rich.text.Text(f"Search ended{why}: {counts}, {took}; {best}.")

    def _view(self) -> rich.table.Table:
        """Runs in rich's thread, so it only puts together what the search's thread has made."""
        grid = rich.table.Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, style="bold", min_width=len("running"))
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_row("search", self._overview())
        running = list(self._running.values())
        for name, trial in zip(_RUNNING, running, strict=False):
            grid.add_row(name, rich.text.Text(trial.told))
        if len(running) > len(_RUNNING):
            grid.add_row("", rich.text.Text(f"and {len(running) - len(_RUNNING)} more"))
        if self._best is not None:
            best = f"trial {self._best.trial_id}  {self._score(self._best)}"
            best += f" ({self._direction()})  {_values(self._best)}"
            grid.add_row("best", rich.text.Text(best, "green"))
        return grid

    def _direction(self) -> str:
        if self._front:
            return f"a compromise, {len(self._front)} on the Pareto front"
        return str(self._objective.direction)

    def _overview(self) -> rich.table.Table:
        now = time.monotonic()
        total = "" if self._max_trials is None else f" of {self._max_trials}"
        facts = [f"{self._finished}{total} trials", f"{_duration(now - self._began)} elapsed"]
        if self._ends_at is not None:
            facts.append(f"{_duration(self._ends_at - now)} left")
        text = rich.text.Text("  ".join(facts))
        if self._saved:
            text.append(f"  {self._saved} epochs saved")
        if self._failed:
            text.append(f"  {self._failed} failed", "red")
        grid = rich.table.Table.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_row(rich.progress_bar.ProgressBar(self._max_trials, self._finished), text)
        return grid

    def _refresh(self) -> None:
        """Changes what a notebook shows; on a terminal rich does so by itself."""
        if self._notebook is not None:
            self._notebook.refresh()

    def _stop(self) -> None:
        if self._notebook is not None:
            self._notebook.stop()
            self._notebook = None
        if self._live is not None:
            atexit.unregister(self._live.stop)
            self._live.stop()
            self._live = None


def _error_line(message: str) -> str:
    """Returns the beginning of the error that a message ends with; nothing if there is none."""
    error = wording.reason(message) if message else ""
    return textwrap.shorten(error, _LONGEST_MESSAGE, placeholder=" ...")


def _values(trial: Any) -> str:
    values = trial.hyperparameters.values.items()
    return "  ".join(f"{name}={wording.value(value)}" for name, value in list(values))


def _told(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {float(value):.5g}" for name, value in values.items())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
