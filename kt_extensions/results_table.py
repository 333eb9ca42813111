"""The best trials of a search as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.box
import rich.table
from keras_tuner.engine.trial import Trial
from rich.markup import escape

from kt_extensions import objectives, wording
from kt_extensions.record import own_values
from kt_extensions.reports import is_pruned


def results_table(trials: Iterable[Trial], objective: Any, title: str) -> rich.table.Table:
    """Returns a table with a line for each trial, whose values wrap at the terminal's width.

    Args:
        trials: Completed trials.
        objective: The objective of the search.
        title: What stands above.

    Example:

    >>> import rich
    >>> rich.print(results_table([], kt.Objective("val_loss", "min"), "digits"))  # doctest: +SKIP
    """
    table = rich.table.Table(title=escape(title), title_justify="left", box=rich.box.SIMPLE_HEAD)
    table.add_column("trial", justify="right", no_wrap=True)
    for name, direction in objectives.directions(objective).items():
        table.add_column(escape(f"{name} ({direction})"), justify="right")
    table.add_column("best epoch", justify="right")
    table.add_column("hyperparameters", overflow="fold", ratio=1)
    for trial in trials:
        values = objectives.values_of(trial, objective) or {objective.name: trial.score}
        scores = (f"{value:.5g}" for value in values.values())
        epoch = "" if trial.best_step is None else str(trial.best_step)
        told = escape(_told(trial.hyperparameters.values))
        name = f"{trial.trial_id} (pruned)" if is_pruned(trial) else trial.trial_id
        table.add_row(name, *scores, epoch, told)
    return table


def _told(values: dict[str, Any]) -> str:
    own = own_values(values).items()
    return "  ".join(f"{name}={wording.value(value)}" for name, value in own)
