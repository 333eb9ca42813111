"""The tables of the report: trials, Pareto front, search space."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from kt_extensions import wording as words
from kt_extensions.html_report.elements import Html, element
from kt_extensions.html_report.wording import seconds, short, sort_key
from kt_extensions.standing import front, ranked
from kt_extensions.wording import reason

if TYPE_CHECKING:
    from kt_extensions.description import SpaceDescription
    from kt_extensions.searches import SearchView, TrialView


class _Column(NamedTuple):
    head: str
    cell: Callable[[TrialView], Html]
    numeric: bool = False


def trials(search: SearchView) -> Html:
    """Returns the table of all trials, the best first, which a script makes sortable."""
    best = ranked(search)
    places = {trial.number: place for place, trial in enumerate(best, start=1)}
    rest = [trial for trial in search.trials if trial.number not in places]
    place = _Column("Rank", lambda trial: _cell(places.get(trial.number), "number"), True)
    marked = best[0].number if best else None
    columns = [place, *_columns(search, search.trials)]
    return _of_trials("All trials", columns, [*best, *rest], marked)


def pareto_front(search: SearchView) -> Html:
    """Returns the table of the trials that no other one dominates."""
    found = front(search)
    return _of_trials("Pareto front", _columns(search, found), found)


def hyperparameters(trial: TrialView) -> Html:
    """Returns the table of a trial's values, with all their digits."""
    rows = [
        element("tr", element("th", name, scope="row"), _cell(str(value)))
        for name, value in trial.values.items()
    ]
    return element("table", element("tbody", *rows), class_="values")


def space(described: SpaceDescription) -> Html:
    """Returns the table of the search space."""
    rows = [
        _row(
            [
                element("th", row.name, scope="row"),
                _cell(row.domain),
                _cell(str(row.default)),
                _cell("any" if math.isinf(row.levels) else words.count(int(row.levels))),
                _cell(row.condition or "everywhere"),
            ]
        )
        for row in described.rows
    ]
    heads = ("Hyperparameter", "Domain", "Default", "Levels", "Active where")
    return _table("Search space", map(_head, heads), rows)


def _columns(search: SearchView, trials: list[TrialView]) -> list[_Column]:
    """Returns the columns that hold something for some trials."""
    columns = [_Column("Trial", lambda trial: _cell(trial.trial_id)), _Column("Status", _status)]
    columns += [
        _Column(f"{name} ({direction})", partial(_score, place), True)
        for place, (name, direction) in enumerate(search.objectives)
    ]
    if any(trial.epochs for trial in trials):
        columns.append(_Column("Epochs", lambda trial: _cell(trial.epochs or None, "number"), True))
    if any(trial.duration is not None for trial in trials):
        columns.append(_Column("Time", _time, True))
    if any(trial.parent is not None for trial in trials):
        columns.append(_Column("Goes on from", lambda trial: _cell(trial.parent)))
    names = {name: None for trial in trials for name in trial.values}
    return columns + [_value_column(name, trials) for name in names]


def _value_column(name: str, trials: list[TrialView]) -> _Column:
    given = [trial.values[name] for trial in trials if name in trial.values]
    numeric = all(map(_is_number, given))
    kind = "number" if numeric else None
    return _Column(name, lambda trial: _cell(trial.values.get(name), kind), numeric)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_trials(
    caption: str, columns: list[_Column], trials: list[TrialView], marked: int | None = None
) -> Html:
    rows = [
        _row(
            [column.cell(trial) for column in columns],
            class_="best" if trial.number == marked else None,
        )
        for trial in trials
    ]
    heads = [_head(column.head, column.numeric) for column in columns]
    return _table(caption, heads, rows, class_="sortable")


def _status(trial: TrialView) -> Html:
    status = trial.status.lower()
    note = reason(trial.message) if trial.message else None
    shown = element("span", status, class_=f"status {_known(status)}", title=note)
    return element("td", shown, data_key=status)


def _known(status: str) -> str:
    return status if status in ("completed", "pruned", "failed", "invalid") else "running"


def _score(place: int, trial: TrialView) -> Html:
    if not trial.scores:
        return _cell(None, "number")
    score = trial.scores[place]
    digits = f"{score:#.4g}"  # with trailing zeros, so that the points of a column align
    return element("td", digits, class_="number", data_key=sort_key(score), title=str(score))


def _time(trial: TrialView) -> Html:
    key = sort_key(trial.duration)
    return element("td", seconds(trial.duration), class_="number", data_key=key)


def _cell(value: Any, kind: str | None = None) -> Html:
    digits = str(value) if isinstance(value, float) else None
    return element("td", short(value), class_=kind, data_key=sort_key(value), title=digits)


def _head(name: str, numeric: bool = False) -> Html:
    return element("th", name, scope="col", class_="number" if numeric else None)


def _row(cells: Iterable[Html], class_: str | None = None) -> Html:
    return element("tr", *cells, class_=class_)


def _table(
    caption: str, heads: Iterable[Html], rows: Iterable[Html], class_: str | None = None
) -> Html:
    """Returns a table that can be scrolled, also by keyboard, where it is wider than the page."""
    head = element("thead", element("tr", *heads))
    table = element("table", head, element("tbody", *rows), class_=class_)
    return element("div", table, class_="scroll", role="region", aria_label=caption, tabindex=0)
