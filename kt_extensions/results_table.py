"""The best trials of a search as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import rich.box
import rich.console
import rich.padding
import rich.table
import rich.text
from keras_tuner.engine.trial import Trial
from rich.markup import escape

from kt_extensions import objectives, wording
from kt_extensions.record import own_values
from kt_extensions.reports import is_pruned

_BETWEEN = 2  # characters from a column to the next
_NARROW = 20  # characters; with less, hyperparameters are hard to read in a column


def results_table(
    trials: Iterable[Trial], objective: Any, title: str
) -> rich.console.RenderableType:
    """Returns a table with a line for each trial, whose values wrap at the terminal's width.

    On a narrow terminal all that there is of a trial stands below its name.

    Args:
        trials: Completed trials.
        objective: The objective of the search.
        title: What stands above.

    Example:

    >>> import rich
    >>> rich.print(results_table([], kt.Objective("val_loss", "min"), "digits"))  # doctest: +SKIP
    """
    directions = objectives.directions(objective).items()
    scores = [f"{name} ({direction})" for name, direction in directions]
    heads = ["trial", *scores, "best epoch", "hyperparameters"]
    return _Results(title, heads, [_row(trial, objective) for trial in trials])


def _row(trial: Trial, objective: Any) -> list[str]:
    values = objectives.values_of(trial, objective) or {objective.name: trial.score}
    scores = (f"{value:.5g}" for value in values.values())
    epoch = "" if trial.best_step is None else str(trial.best_step)
    name = f"{trial.trial_id} (pruned)" if is_pruned(trial) else trial.trial_id
    own = own_values(trial.hyperparameters.values).items()
    told = "\n".join(f"{name}={wording.value(value)}" for name, value in own)
    return [name, *scores, epoch, told]


@dataclass(frozen=True)
class _Results:
    """Rows of cells, of which the last one has a line for each hyperparameter."""

    title: str
    heads: list[str]
    rows: list[list[str]]

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> Iterator[rich.console.RenderableType]:
        widths = [
            max(map(len, [*head.split(), *cells]))
            for head, *cells in zip(self.heads[:-1], *self.rows, strict=False)
        ]
        left = options.max_width - sum(width + _BETWEEN for width in widths)
        if left < _NARROW:
            yield from self._paragraphs()
        else:
            yield self._table(widths)

    def _table(self, widths: list[int]) -> rich.table.Table:
        table = rich.table.Table(
            title=escape(self.title), title_justify="left", box=rich.box.SIMPLE_HEAD
        )
        for head, width in zip(self.heads, widths, strict=False):
            table.add_column(escape(head), justify="right", min_width=width)
        table.add_column(self.heads[-1], overflow="fold", ratio=1)
        for *cells, told in self.rows:
            table.add_row(*map(escape, [*cells, told.replace("\n", "  ")]))
        return table

    def _paragraphs(self) -> Iterator[rich.console.RenderableType]:
        yield rich.text.Text(self.title, "italic")
        for name, *facts, told in self.rows:
            yield rich.text.Text(f"\n{self.heads[0]} {name}", "bold")
            named = zip(self.heads[1:], facts, strict=False)
            lines = [*(f"{head} {fact}" for head, fact in named if fact), told]
            text = rich.text.Text("\n".join(lines), overflow="fold")
            yield rich.padding.Padding(text, (0, 0, 0, _BETWEEN))
