"""One browser, and two servers of TensorBoard's: of many searches, and of a small one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner as kt
import pytest

import kt_extensions as kte
from tests.browser.boards import board
from tests.browser.searches import Searches, large_space, small_space

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Shown(NamedTuple):
    """The searches that a server shows, by the name of the project, and its address."""

    tuners: dict[str, Any]
    address: str


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def many(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Searches of all kinds in one folder of logs."""
    searches = Searches(tmp_path_factory.mktemp("many"))
    tuners = {
        "hyperband": searches.promoted(kte.Hyperband, "hyperband"),
        "bohb": searches.promoted(kte.BOHB, "bohb"),
        "parallel": searches.promoted(kte.BOHB, "parallel", workers=2),
        "repeated": searches.repeated("repeated"),
        "resumed": searches.resumed("resumed"),
        "computed": searches.computed("computed", large_space(), trials=8),
        "overwritten": searches.overwritten("overwritten"),
        "attached": searches.attached("attached"),
    }
    yield from _shown(searches.logs, tuners)


@pytest.fixture(scope="session")
def small(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Two hyperparameters that every trial has, four conditional ones, and two objectives."""
    searches = Searches(tmp_path_factory.mktemp("small"))
    other = kt.Objective("loss", "max")
    tuners = {
        "small": searches.computed("small", small_space(), trials=12),
        "other": searches.computed("other", small_space(), trials=4, objective=other),
    }
    yield from _shown(searches.logs, tuners)


def _shown(logs: Path, tuners: dict[str, Any]) -> Iterator[Shown]:
    with board(logs) as server:
        ended = sum(len(tuner.oracle.trials) for tuner in tuners.values())
        yield Shown(tuners, server.address(ended))
