"""TensorBoard's own page in Chromium: what a person sees of a search."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kt_extensions.record import PARENT
from tests.browser.boards import (
    open_hparams,
    opened_curve,
    parallel_lines,
    show_all_columns,
    sort_by,
    table,
)
from tests.browser.conftest import Shown

KINDS = [
    *["hyperband", "bohb", "parallel", "repeated"],
    *["resumed", "computed", "overwritten", "attached"],
]
WINDOW = {"width": 2600, "height": 1800}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport=WINDOW)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shown(browser: Any, many: Shown) -> dict[str, dict[str, str]]:
    """All rows with all columns."""
    page = browser.new_page(viewport=WINDOW)
    open_hparams(page, many.address)
    show_all_columns(page)
    rows = table(page)
    page.close()
    return rows


def by_row(tuner: Any) -> dict[str, Any]:
    """Returns the tuner's trials by the names of their rows."""
    assert tuner.oracle.trials
    return {f"{tuner.project_name}/{name}": trial for name, trial in tuner.oracle.trials.items()}


def is_whole(trial: Any) -> bool:
    """Whether a trial ran to its end: it has not failed, and was not pruned."""
    return trial.status == "COMPLETED" and trial.message is None


def is_shown(value: Any, cell: str) -> bool:
    """Whether a cell is a value's: with five digits, and a blank for none."""
    if value is None or cell == "":
        return value is None and cell == ""
    if isinstance(value, (bool, str)):
        return cell == (str(value).lower() if isinstance(value, bool) else value)
    return math.isclose(float(cell), value, rel_tol=1e-4, abs_tol=1e-12)


def active_values(trial: Any) -> dict[str, Any]:
    hp = trial.hyperparameters
    declared = {one.name for one in hp.space}
    return {n: v for n, v in hp.values.items() if n not in declared or hp.is_active(n)}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_tuners_trials(
    many: Shown, shown: dict[str, dict[str, str]], kind: str
) -> None:
    """Each trial is one row, whose values are those of its record and no others."""
    trials = by_row(many.tuners[kind])
    assert [row for row in shown if row.startswith(f"{kind}/")] == list(trials)
    everywhere = [trial for tuner in many.tuners.values() for trial in by_row(tuner).values()]
    columns = {name for trial in everywhere for name in active_values(trial)}
    for name, trial in trials.items():
        values = active_values(trial)
        assert {
            c: shown[name][c] for c in columns if not is_shown(values.get(c), shown[name][c])
        } == {}


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_the_tuners_scores(
    many: Shown, shown: dict[str, dict[str, str]], kind: str
) -> None:
    for name, trial in by_row(many.tuners[kind]).items():
        row = shown[name]
        assert is_shown(trial.score if is_whole(trial) else None, row["val_loss (min)"]), name
        if trial.status == "COMPLETED":
            assert is_shown(trial.best_step, row["best epoch"])
            losses = trial.metrics.get_history("loss")
            at_best = next(o.mean() for o in losses if o.step == trial.best_step)
            assert is_shown(float(at_best), row["loss at best"])


@pytest.mark.parametrize("kind", ["hyperband", "bohb", "repeated", "resumed", "computed"])
def test_costs_are_those_of_the_project_folder(
    many: Shown, shown: dict[str, dict[str, str]], kind: str
) -> None:
    for result in many.tuners[kind].results():
        row = shown[f"{kind}/{result['trial_id']}"]
        assert float(row["epochs trained"]) == result["epochs"]
        assert float(row["duration (s)"]) > 0
        assert bool(float(row["pruned after (epochs)"] or 0)) == (result["status"] == "PRUNED")


def test_a_promoted_trial_names_the_one_that_it_goes_on_from(
    many: Shown, shown: dict[str, dict[str, str]]
) -> None:
    for kind in ("hyperband", "bohb"):
        parents = {
            f"{kind}/{result['trial_id']}": result["parent"] or "none"
            for result in many.tuners[kind].results()
        }
        assert set(parents.values()) != {"none"}
        assert {name: shown[name]["parent"] for name in parents} == parents


def test_an_interrupted_trial_goes_on_in_one_row(
    many: Shown, shown: dict[str, dict[str, str]]
) -> None:
    assert shown["resumed/1"]["epochs trained"] == "2.0000"
    (folder,) = Path(many.tuners["resumed"].project_dir).parent.glob("logs/resumed/*/1")
    assert [run.name for run in folder.iterdir()] == ["execution0-run2"]


def test_an_overwritten_search_leaves_no_columns(shown: dict[str, dict[str, str]]) -> None:
    columns = set(shown["overwritten/0"])
    assert "dropout" in columns
    assert not {"amount", "breadth", "base"} & columns


def test_sorted_by_the_objective(page: Any, many: Shown) -> None:
    open_hparams(page, many.address)
    sort_by(page, "val_loss (min)", "Ascending")
    trials = {n: t for tuner in many.tuners.values() for n, t in by_row(tuner).items()}
    scores = [trials[name].score if is_whole(trials[name]) else None for name in table(page)]
    whole = [score for score in scores if score is not None]
    assert whole == pytest.approx(sorted(whole), rel=1e-6)
    assert scores[len(whole) :] == [None] * (len(trials) - len(whole))


@pytest.mark.parametrize("which", ["many", "small"])
def test_a_line_for_every_completed_trial(
    page: Any, request: pytest.FixtureRequest, which: str
) -> None:
    """Also where most hyperparameters are conditional, and beside searches of other spaces."""
    seen: Shown = request.getfixturevalue(which)
    open_hparams(page, seen.address)
    trials = [trial for tuner in seen.tuners.values() for trial in by_row(tuner).values()]
    assert parallel_lines(page) == sum(map(is_whole, trials))


def test_a_row_opens_its_curves(page: Any, many: Shown) -> None:
    """Of a promoted trial the whole line, from the first epoch of the trial it began with."""
    tuner = many.tuners["hyperband"]
    name, trial = next(
        (n, t) for n, t in by_row(tuner).items() if PARENT in t.hyperparameters.values
    )
    open_hparams(page, many.address)
    place = list(table(page)).index(name)
    curve = opened_curve(page, place, "objective/val_loss")
    parent = tuner.oracle.trials[trial.hyperparameters.values[PARENT]]
    steps, values = zip(*curve, strict=True)
    assert steps == (0, 1, 2)
    assert values[0] == pytest.approx(parent.score, rel=1e-6)
    assert values[-1] == pytest.approx(trial.score, rel=1e-6)
    page.locator("tf-scalar-card:visible .main").first.wait_for()
