"""TensorBoard on loopback, and what its HParams page shows, as text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")

# Playwright looks into shadow roots, but the cells of a row belong together by their slots only.
_TABLE = """
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
_STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
LINES = "tf-hparams-parallel-coords-plot g.foreground path"


class Board:
    """A server of TensorBoard's."""

    def __init__(self, logs: Path) -> None:
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", "0"]
        self._server = subprocess.Popen(
            [*command, "--load_fast=false", "--reload_interval=1"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def address(self, rows: int) -> str:
        """Waits until so many rows have ended and been read: the page asks for columns once."""
        assert self._server.stderr is not None
        told = (re.search(r"http://\S+/", line) for line in self._server.stderr)
        url = next(filter(None, told))[0].rstrip("/")
        for _ in range(240):
            if _count_ended(url) >= rows:
                return url
            time.sleep(0.5)
        raise TimeoutError("TensorBoard has not read the logs within two minutes")

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


def _count_ended(url: str) -> int:
    body = {"experimentName": "", "allowedStatuses": _STATUSES, "startIndex": 0, "sliceSize": 9999}
    request = urllib.request.Request(
        f"{url}/data/plugin/hparams/session_groups",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            groups = json.load(answer).get("sessionGroups", [])
    except OSError:
        return 0
    ended = [all(s.get("endTimeSecs") for s in group["sessions"]) for group in groups]
    return sum(ended)


@contextmanager
def board(logs: Path) -> Iterator[Board]:
    opened = Board(logs)
    try:
        yield opened
    finally:
        opened.close()


def open_hparams(page: Any, url: str) -> None:
    """Opens the tab and waits for its table."""
    page.goto(f"{url}/#hparams")
    cells = page.locator("tf-hparams-table-view vaadin-grid-cell-content:visible")
    cells.filter(has_text="Trial ID").first.wait_for(timeout=120_000)
    cells.filter(has_text=re.compile(r"^\s*[\w-]+/\d+\s*$")).first.wait_for(timeout=120_000)


def show_all_columns(page: Any) -> None:
    for kind in ("hparam", "metric"):
        hidden = page.locator(f"paper-checkbox.{kind}-checkbox:not([checked])")
        hidden.evaluate_all("boxes => boxes.forEach((box) => box.click())")
        playwright.expect(hidden).to_have_count(0)


def table(page: Any) -> dict[str, dict[str, str]]:
    """Returns the rows of the table from top to bottom, by name: their cells by column."""
    head, lines = page.evaluate(_TABLE)
    found = (dict(zip(head, line, strict=False)) for line in lines)  # a line has one for details
    return {row["Trial ID"]: row for row in found if row["Trial ID"]}


def sort_by(page: Any, column: str, direction: str) -> None:
    for menu, choice in (("Sort by", column), ("Direction", direction)):
        page.locator(f'paper-dropdown-menu[label="{menu}"]:visible').click()
        item = page.locator("paper-item:visible").get_by_text(choice, exact=True)
        with page.expect_response("**/hparams/session_groups"):
            item.first.click()
    page.wait_for_timeout(500)


def parallel_lines(page: Any) -> int:
    """Opens the view of parallel coordinates and counts its lines."""
    page.locator('paper-tab[view-id="parallel-coords-view"]').click()
    lines = page.locator(LINES)
    lines.first.wait_for(state="attached", timeout=60_000)
    return int(lines.count())


def opened_curve(page: Any, place: int, tag: str) -> list[tuple[int, float]]:
    """Opens the charts of a row, by its place, and returns what one of them was sent."""

    def is_sent(response: Any) -> bool:
        asked = response.request.post_data or ""
        return response.url.endswith("/metric_evals") and f'"tag":"{tag}"' in asked

    boxes = page.locator("tf-hparams-table-view vaadin-grid paper-checkbox:visible")
    with page.expect_response(is_sent) as sent:
        boxes.nth(place).click()
    return [(step, value) for _, step, value in sent.value.json()]
