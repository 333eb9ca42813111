"""The report as one page."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import kt_extensions
from kt_extensions import wording as words
from kt_extensions.html_report import tables
from kt_extensions.html_report.elements import Html, element
from kt_extensions.html_report.figures import figures
from kt_extensions.html_report.script import JAVASCRIPT
from kt_extensions.html_report.style import CSS
from kt_extensions.html_report.wording import seconds, short
from kt_extensions.standing import counted, described, failures, ranked
from kt_extensions.wording import reason

if TYPE_CHECKING:
    from kt_extensions.description import SpaceDescription
    from kt_extensions.searches import SearchView, TrialView

_NAMED = 20  # trials of a failure


def page(search: SearchView) -> str:
    """Returns the report of a search as an HTML document.

    Raises:
        ImportError: If matplotlib is missing.
    """
    body = element("body", _head_line(search), _main(search), _footer(), _script())
    document = element("html", _head(search), body, lang="en")
    return f"<!DOCTYPE html>\n{document}\n"


def _head(search: SearchView) -> Html:
    # The browser is to load nothing, and to run no script but ours.
    digest = base64.b64encode(hashlib.sha256(JAVASCRIPT.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{search.name} - search report"),
        element("style", Html(CSS)),
    )


def _script() -> Html:
    return element("script", Html(JAVASCRIPT))


def _head_line(search: SearchView) -> Html:
    better = {"max": "higher", "min": "lower"}
    goals = ", ".join(
        f"{name} ({better[direction]} is better)" for name, direction in search.objectives
    )
    return element(
        "header",
        element("h1", search.name),
        element("p", f"Search for the best {goals}", class_="quiet"),
        element("dl", *_tiles(search), class_="tiles"),
    )


def _tiles(search: SearchView) -> list[Html]:
    epochs = sum(trial.epochs for trial in search.trials)
    durations = [trial.duration for trial in search.trials if trial.duration is not None]
    time = _tile("Time in trials", seconds(sum(durations) if durations else None))
    return [
        *_best_scores(search),
        _tile("Trials", f"{len(search.trials):,}", counted(search)),
        *([_tile("Epochs trained", f"{epochs:,}")] if epochs else []),
        *([time] if durations else []),
    ]


def _best_scores(search: SearchView) -> list[Html]:
    best = ranked(search)[:1]
    if not best:
        return [_tile("Best score", "none", "no trial is completed")]
    kind = "best compromise" if len(search.objectives) > 1 else "best"
    return [
        _tile(f"{name}, {kind}", f"{score:.5g}", f"trial {best[0].trial_id}")
        for (name, _), score in zip(search.objectives, best[0].scores, strict=True)
    ]


def _tile(name: str, value: str, note: str = "") -> Html:
    notes = [element("dd", note)] if note else []
    return element("div", element("dt", name), element("dd", value, class_="large"), *notes)


def _main(search: SearchView) -> Html:
    best = ranked(search)
    several = len(search.objectives) > 1
    first, *others = figures(search)
    return element(
        "main",
        element("div", *([_best(best[0])] if best else []), first, class_="first"),
        *([_section("Pareto front", tables.pareto_front(search))] if several and best else []),
        *([_section("Figures", element("div", *others, class_="figures"))] if others else []),
        _section("All trials", tables.trials(search)),
        *_failures(search),
        _space(search),
    )


def _space(search: SearchView) -> Html:
    try:
        space = described(search)
    except ValueError as error:  # KerasTuner's oracles search more spaces than ours
        return _section("Search space", element("p", str(error)))
    return _section("Search space", tables.space(space), _size(space))


def _section(title: str, *parts: Html) -> Html:
    return element("section", element("h2", title), *parts)


def _best(trial: TrialView) -> Html:
    facts = [f"Trial {trial.trial_id}"]
    if trial.epochs:
        facts.append(words.number(trial.epochs, "epoch"))
    if trial.duration is not None:
        facts.append(seconds(trial.duration))
    if trial.parent is not None:
        facts.append(f"goes on from trial {trial.parent}")
    about = element("p", ", ".join(facts) + ".", class_="quiet")
    return _section("Best configuration", tables.hyperparameters(trial), about)


def _failures(search: SearchView) -> list[Html]:
    """Returns the section of what failed, one part for each reason."""
    reasons: dict[str, list[tuple[TrialView, str]]] = {}
    for trial, message in failures(search):
        reasons.setdefault(reason(message), []).append((trial, message))
    parts = [_failure(text, found) for text, found in reasons.items()]
    return [_section("Failures", *parts)] if parts else []


def _failure(text: str, found: list[tuple[TrialView, str]]) -> Html:
    names = list(dict.fromkeys(trial.trial_id for trial, _ in found))
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    listed = f"trial{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
    summary = element(
        "summary",
        element("strong", text),
        Html("<br>"),
        element("span", listed, class_="quiet"),
    )
    trial, message = found[0]
    values = ", ".join(f"{name}: {short(value)}" for name, value in trial.values.items())
    first = element("p", f"Trial {trial.trial_id} with {values or 'no values'}")
    return element("details", summary, first, element("pre", message or text))


def _size(space: SpaceDescription) -> Html:
    infinite = space.configurations != space.grid
    size = "infinitely many" if infinite else words.count(space.grid)
    return element("p", f"Configurations: {size}.", class_="quiet")


def _footer() -> Html:
    now = datetime.now(timezone.utc)
    text = f"Written by kt-extensions {kt_extensions.__version__} on {now:%Y-%m-%d %H:%M} UTC."
    return element("footer", text)
