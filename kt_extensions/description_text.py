"""The description of a search space as text."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import rich.box
import rich.console
import rich.table

from kt_extensions import wording

if TYPE_CHECKING:
    from kt_extensions.description import Row, SpaceDescription

_WIDTH = 100

_EMPTY = """\
Empty search space: no hyperparameters, so there is one configuration and nothing to search.
What a tuner or a `fit` declares while a trial runs is known after the first trial: describe the
tuner then."""


def text(space: SpaceDescription) -> str:
    """Returns the table of the hyperparameters, and below it what follows from its size."""
    if not space.rows:
        return _EMPTY
    facts = rich.table.Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for fact in _facts(space):
        facts.add_row(*fact)
    return _rendered(_table(space.rows), facts)


def _facts(space: SpaceDescription) -> Iterable[tuple[str, str]]:
    infinite = space.configurations == math.inf
    yield "configurations", "infinitely many" if infinite else wording.count(space.grid)
    if infinite and space.grid > 1:
        grid = f"{wording.count(space.grid)}, with one value for each continuous hyperparameter"
        yield "discrete part", grid
    if space.seconds_per_trial is not None:
        yield "full sweep", _sweep(space, space.seconds_per_trial, infinite)
    if space.max_trials is not None:
        yield "budget", _budget(space, space.max_trials, infinite)
        yield from _chances(space, space.max_trials)


def _sweep(space: SpaceDescription, seconds_per_trial: float, infinite: bool) -> str:
    takes = wording.duration(space.seconds_of(space.grid) or 0)
    pace = f"at {wording.duration(seconds_per_trial)} a trial"
    if not infinite:
        return f"{takes} {pace}"
    return f"endless; {takes} for the discrete part, {pace}" if space.grid > 1 else "endless"


def _budget(space: SpaceDescription, max_trials: int, infinite: bool) -> str:
    seconds = space.seconds_of(max_trials)
    takes = f", {wording.duration(seconds)}" if seconds else ""
    sees = "no share of infinitely many"
    if not infinite:
        sees = f"{wording.share(max_trials, space.grid)} of the configurations"
    return f"{wording.number(max_trials, 'trial')}{takes}: {sees}"


def _chances(space: SpaceDescription, max_trials: int) -> Iterable[tuple[str, str]]:
    """Leaves out shares of less than one configuration, and budgets that try every one."""
    shares = [q for q in (0.05, 0.01) if max(max_trials + 1, 1 / q) <= space.configurations]
    chances = [f"the best {q:.0%}: {wording.percent(space.chance(q))}" for q in shares]
    if chances:
        yield "random search", "chance to find one of " + ", of ".join(chances)


def _table(rows: Iterable[Row]) -> rich.table.Table:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for header in ("hyperparameter", "domain"):
        table.add_column(header, overflow="fold")
    for header in ("default", "levels"):
        table.add_column(header, justify="right", overflow="fold")
    table.add_column("active where", overflow="fold")
    for row in rows:
        levels = "any" if math.isinf(row.levels) else wording.count(int(row.levels))
        table.add_row(row.name, row.domain, str(row.default), levels, row.condition)
    return table


def _rendered(*parts: rich.console.RenderableType) -> str:
    page = io.StringIO()
    console = rich.console.Console(
        file=page,
        width=_WIDTH,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        markup=False,
        emoji=False,
    )
    console.print(*parts, sep="")
    lines = (line.rstrip() for line in page.getvalue().split("\n"))
    return "\n".join(lines).strip("\n")
