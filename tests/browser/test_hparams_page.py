"""TensorBoard's own page in Chromium: what a person sees of a search."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

import kt_extensions as kte

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Playwright looks into shadow roots, but the cells of a row belong together by their slots only.
TABLE = """
() => {
  const find = (root, what) => {
    const found = root.querySelector(what);
    if (found) return found;
    for (const node of root.querySelectorAll("*")) {
      const below = node.shadowRoot && find(node.shadowRoot, what);
      if (below) return below;
    }
    return null;
  };
  const grid = find(find(document, "tf-hparams-table-view").shadowRoot, "vaadin-grid");
  const texts = (row) => [...row.querySelectorAll("th, td")].map((cell) => {
    const content = grid.querySelector(`[slot="${cell.querySelector("slot").name}"]`);
    return content.innerText.trim();
  });
  const rows = [...grid.shadowRoot.querySelectorAll("tbody#items tr")];
  rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex);
  const head = grid.shadowRoot.querySelector("thead tr:last-child");
  return [texts(head), rows.filter((row) => !row.hidden).map(texts)];
}
"""


class Search(kte.Tuner):
    """Trials without models: the third fails, and the fourth is pruned."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        number = int(trial.trial_id)
        if number == 2:
            raise kt.errors.FailedTrialError("on purpose")
        if number == 3 and self._reports is not None:
            self._reports.prune(trial.trial_id, "on purpose")
        return {"val_loss": values["rate"] + len(values["kind"]), "loss": 0.5}


def space() -> kt.HyperParameters:
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("kind", ["a", "bb"])
    hp.Boolean("bias")
    hp.Int("layers", 1, 3)
    hp.Float("dropout", 0.0, 0.5)
    with hp.conditional_scope("kind", ["bb"]):
        hp.Int("units", 1, 9)
    return hp


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> kte.Tuner:
    folder = tmp_path_factory.mktemp("search")
    oracle = kt.oracles.RandomSearchOracle(
        kt.Objective("val_loss", "min"), max_trials=8, seed=4, hyperparameters=space()
    )
    tuner = Search(oracle, directory=folder, project_name="digits", tensorboard_dir=folder / "logs")
    tuner.search(verbose=0)
    return tuner


@pytest.fixture(scope="module")
def address(tuner: kte.Tuner) -> Iterator[str]:
    """TensorBoard's, on loopback."""
    logs = Path(tuner.project_dir).parent / "logs"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--load_fast=false"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        found = next(filter(None, (re.search(r"http://\S+/", line) for line in server.stderr)))
        url = found[0].rstrip("/")
        _wait_for_rows(url)
        yield url
    finally:
        server.kill()
        server.communicate()


def _wait_for_rows(url: str) -> None:
    """Waits until the logs are read: the page asks for its columns once."""
    statuses = b'["STATUS_UNKNOWN","STATUS_SUCCESS","STATUS_FAILURE","STATUS_RUNNING"]'
    body = b'{"experimentName":"","allowedStatuses":%s,"startIndex":0,"sliceSize":99}' % statuses
    place = f"{url}/data/plugin/hparams/session_groups"
    request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                if answer.read().count(b"STATUS_SUCCESS") >= 7:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    pytest.fail("TensorBoard has not read the logs within two minutes")


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    with playwright.sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        opened = browser.new_page(viewport={"width": 2600, "height": 1000})
        opened.goto(f"{address}/#hparams")
        cells = opened.locator("tf-hparams-table-view vaadin-grid-cell-content:visible")
        cells.filter(has_text="Trial ID").first.wait_for(timeout=120_000)
        cells.filter(has_text="digits/7").first.wait_for(timeout=120_000)
        yield opened
        browser.close()


def rows(page: Any) -> dict[str, dict[str, str]]:
    head, lines = page.evaluate(TABLE)
    found = (dict(zip(head, line, strict=False)) for line in lines)  # a line has one for details
    return {row["Trial ID"]: row for row in found if row["Trial ID"]}


def test_the_table_has_what_the_tuner_has(page: Any, tuner: kte.Tuner) -> None:
    table = rows(page)
    results = tuner.results()
    assert sorted(table) == [f"digits/{result['trial_id']}" for result in results]
    for result in results:
        row = table[f"digits/{result['trial_id']}"]
        assert row["kind"] == result["values"]["kind"]
        assert float(row["rate"]) == pytest.approx(result["values"]["rate"], rel=1e-4)
        assert float(row["layers"]) == result["values"]["layers"]
        score = result["score"] if result["status"] == "COMPLETED" else None
        shown = row["val_loss (min)"]
        assert shown == "" if score is None else float(shown) == pytest.approx(score, rel=1e-4)
    assert [r["status"] for r in results].count("PRUNED") == 1


def test_sorted_by_the_objective(page: Any, tuner: kte.Tuner) -> None:
    for menu, choice in (("Sort by", "val_loss (min)"), ("Direction", "Ascending")):
        page.locator(f'paper-dropdown-menu[label="{menu}"]:visible').click()
        with page.expect_response("**/hparams/session_groups"):
            page.locator("paper-item:visible").filter(has_text=choice).first.click()
    page.wait_for_timeout(500)
    completed = [t for t in tuner.get_best_trials(8) if t.message is None]
    expected = [f"digits/{trial.trial_id}" for trial in completed]
    assert list(rows(page))[: len(expected)] == expected


def test_a_line_for_every_completed_trial(page: Any, tuner: kte.Tuner) -> None:
    page.locator('paper-tab[view-id="parallel-coords-view"]').click()
    lines = page.locator("tf-hparams-parallel-coords-plot g.foreground path")
    lines.first.wait_for(state="attached", timeout=60_000)
    completed = [r for r in tuner.results() if r["status"] == "COMPLETED"]
    assert lines.count() == len(completed)
