"""The tables of the report: trials, Pareto front, search space."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kt_extensions import wording as words
from kt_extensions.html_report.elements import Html, element
from kt_extensions.html_report.standing import front, ranked
from kt_extensions.html_report.wording import reason, seconds, short, sort_key

if TYPE_CHECKING:
    from kt_extensions.description import SpaceDescription
    from kt_extensions.searches import SearchView, TrialView


def trials(search: SearchView) -> Html:
    """Returns the table of all trials, the best first, which a script makes sortable."""
    best = ranked(search)
    placed = {trial.number for trial in best}
    rest = [trial for trial in search.trials if trial.number not in placed]
    names = {name: None for trial in search.trials for name in trial.values}
    places: list[int | None] = [*range(1, len(best) + 1), *[None] * len(rest)]
    rows = [
        _trial(search, trial, place, names)
        for trial, place in zip([*best, *rest], places, strict=True)
    ]
    heads = ["Rank", "Trial", "Status", *_objectives(search), "Epochs", "Time", *names]
    return _table("All trials", heads, rows, class_="sortable")


def pareto_front(search: SearchView) -> Html:
    """Returns the table of the trials that no other one dominates."""
    found = front(search)
    names = {name: None for trial in found for name in trial.values}
    rows = [_row(_outcome(search, trial) + _values(trial, names)) for trial in found]
    heads = ["Trial", "Status", *_objectives(search), "Epochs", "Time", *names]
    return _table("Pareto front", heads, rows, class_="sortable")


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
    return _table("Search space", heads, rows)


def _trial(search: SearchView, trial: TrialView, place: int | None, names: Iterable[str]) -> Html:
    cells = [_cell(place, "number"), *_outcome(search, trial), *_values(trial, names)]
    return _row(cells, class_="best" if place == 1 else None)


def _outcome(search: SearchView, trial: TrialView) -> list[Html]:
    scores = [_score(score) for score in trial.scores] or [_cell(None)] * len(search.objectives)
    status = trial.status.lower()
    note = reason(trial.message) if trial.message else None
    return [
        _cell(trial.trial_id),
        element(
            "td",
            element("span", status, class_=f"status {_known(status)}", title=note),
            data_key=status,
        ),
        *scores,
        _cell(trial.epochs or None, "number"),
        element("td", seconds(trial.duration), class_="number", data_key=sort_key(trial.duration)),
    ]


def _known(status: str) -> str:
    return status if status in ("completed", "pruned", "failed", "invalid") else "running"


def _values(trial: TrialView, names: Iterable[str]) -> list[Html]:
    return [_cell(trial.values.get(name)) for name in names]


def _objectives(search: SearchView) -> list[str]:
    return [f"{name} ({direction})" for name, direction in search.objectives]


def _score(score: float) -> Html:
    digits = f"{score:#.4g}"  # with trailing zeros, so that the points of a column align
    return element("td", digits, class_="number", data_key=sort_key(score), title=str(score))


def _cell(value: Any, kind: str | None = None) -> Html:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        kind = "number"
    digits = str(value) if isinstance(value, float) else None
    return element("td", short(value), class_=kind, data_key=sort_key(value), title=digits)


def _row(cells: Iterable[Html], class_: str | None = None) -> Html:
    return element("tr", *cells, class_=class_)


def _table(
    caption: str, heads: Iterable[str], rows: Iterable[Html], class_: str | None = None
) -> Html:
    """Returns a table that can be scrolled, also by keyboard, where it is wider than the page."""
    head = element("tr", *(element("th", name, scope="col") for name in heads))
    table = element("table", element("thead", head), element("tbody", *rows), class_=class_)
    return element("div", table, class_="scroll", role="region", aria_label=caption, tabindex=0)
