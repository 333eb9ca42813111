"""The HTML report in Chromium, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kt_extensions.html_report import write_report
from kt_extensions.searches import SearchView, view_of
from kt_extensions.standing import ranked
from tests.browser.conftest import Shown

pytest.importorskip("matplotlib")
KINDS = ["hyperband", "computed", "attached"]
BLANK = "\u2013"
CELLS = """
(table) => [...table.rows].map((row) => [...row.cells].map(
  (cell) => [cell.innerText.trim(), cell.title || cell.innerText.trim()]))
"""


class Report(NamedTuple):
    """A report that is open, the search that it tells of, and what went wrong."""

    page: Any
    search: SearchView
    problems: list[str]


@pytest.fixture(scope="module", params=KINDS)
def written(
    request: pytest.FixtureRequest, many: Shown, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, SearchView]:
    project = many.tuners[request.param].project_dir
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(project, file)
    return file, view_of(project)


@pytest.fixture
def report(browser: Any, written: tuple[Path, SearchView]) -> Iterator[Report]:
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 900})
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith("file:") or problems.append(sent.url))
    page.goto(written[0].as_uri())
    yield Report(page, written[1], problems)
    context.close()


def cells(page: Any, name: str) -> list[dict[str, str]]:
    """Returns the lines of a table by the heads of its columns: each number with all digits."""
    table = page.get_by_role("region", name=name, exact=True).locator("table")
    (head, *lines) = table.evaluate(CELLS)
    return [{h: full for (h, _), (_, full) in zip(head, line, strict=True)} for line in lines]


def test_the_table_has_the_records_numbers(report: Report) -> None:
    table = {line["Trial"]: line for line in cells(report.page, "All trials")}
    search = report.search
    assert sorted(table) == sorted(trial.trial_id for trial in search.trials)
    for trial in search.trials:
        line = table[trial.trial_id]
        assert line["val_loss (min)"] == (BLANK if trial.score is None else str(trial.score))
        assert {n: line[n] for n in trial.values} == {n: str(v) for n, v in trial.values.items()}
        if any(other.parent for other in search.trials):
            assert line["Goes on from"] == (trial.parent or BLANK)
    order = [trial.trial_id for trial in ranked(search)]
    assert list(table)[: len(order)] == order


def test_it_needs_no_network_and_makes_no_errors(report: Report) -> None:
    report.page.wait_for_load_state("networkidle")
    assert report.problems == []


def test_every_figure_is_seen(report: Report) -> None:
    figures = report.page.locator("figure svg")
    assert figures.count() >= 3
    for number in range(figures.count()):
        figure = figures.nth(number)
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        assert box["width"] > 300 and box["height"] > 150
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1300


def test_a_click_sorts_the_table(report: Report) -> None:
    region = report.page.get_by_role("region", name="All trials", exact=True)
    region.locator("th").get_by_text("Trial", exact=True).click()
    trials = [line["Trial"] for line in cells(report.page, "All trials")]
    assert trials == sorted(trials)
