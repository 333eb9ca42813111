"""What the HParams log of a search costs, and how soon TensorBoard's tab shows it.

Trials of a space with 20 hyperparameters, two of them conditional, are logged one after the other
without models, each with ten epochs of four metrics. The time of a trial is that of all calls but
those at the ends of epochs. Then TensorBoard reads the folder, and Debian's Chromium opens the tab:
the time is from the address to the first row of the table, the median of several openings.

    python -m benchmarks.hparams
    python -m benchmarks.hparams --trials 100
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial
from rich.console import Console
from rich.table import Table

from kt_extensions.hparams import HParamsLogger

EPOCHS = 10
OPENINGS = 5
RESULTS = Path(__file__).parent / "results" / "hparams.json"
GOALS = {"trial_ms": 3.0, "epoch_ms": 1.0, "first_table_s": 4.0}

Row = dict[str, Any]


def space() -> kt.HyperParameters:
    """Returns 20 hyperparameters: numbers, choices, switches, and two that are conditional."""
    hp = kt.HyperParameters()
    for i in range(8):
        hp.Float(f"rate_{i}", 1e-5, 1e-1, sampling="log")
    for i in range(6):
        hp.Int(f"units_{i}", 8, 256)
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("depth", 1, 8)
        hp.Float("dropout", 0.0, 0.5)
    for i in range(3):
        hp.Boolean(f"switch_{i}")
    return hp


def trial_of(number: int) -> Trial:
    """Returns a trial with random values."""
    hp, rng = space(), np.random.default_rng(number)
    for one in hp.space:
        hp.values[one.name] = one.random_sample(int(rng.integers(2**31)))
    hp.ensure_active_values()
    return Trial(hp, trial_id=f"{number:04d}")


def curve(number: int) -> list[dict[str, float]]:
    """Returns what Keras logs at the ends of epochs."""
    rng = np.random.default_rng(number)
    level, fall = rng.uniform(0.1, 1.0), rng.uniform(0.5, 0.9)
    losses = [float(level * (1 + fall**epoch)) for epoch in range(EPOCHS)]
    return [
        {"loss": y, "accuracy": 1 / (1 + y), "val_loss": 1.1 * y, "val_accuracy": 0.9 / (1 + y)}
        for y in losses
    ]


class Clock(NamedTuple):
    """The time that passes and that of the CPU, in milliseconds."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Clock:
        return cls(1e3 * time.perf_counter(), 1e3 * time.process_time())

    def since(self, before: Clock) -> Clock:
        return Clock(self.wall - before.wall, self.cpu - before.cpu)


def log_trials(folder: Path, number: int) -> list[dict[str, Clock]]:
    """Logs so many trials. Returns the times of each, and those of its epochs."""
    project = folder / "search"
    project.mkdir()
    objective = kt.Objective("val_loss", "min")
    oracle = types.SimpleNamespace(objective=objective, trials={}, get_space=space)
    logger = HParamsLogger(folder / "logs")
    logger.on_search_begin(oracle, str(project), "search")
    times = [_log_trial(logger, trial_of(i), curve(i)) for i in range(number)]
    logger.on_search_end()
    return times


def _log_trial(
    logger: HParamsLogger, trial: Trial, epochs: list[dict[str, float]]
) -> dict[str, Clock]:
    """Returns the time of a trial without its epochs, and that of all its epochs."""
    clocks = [Clock.now()]
    logger.on_trial_begin(trial)
    callback = logger.callback(trial, 0)
    callback.on_train_begin()
    clocks.append(Clock.now())
    for number, logs in enumerate(epochs):
        callback.on_epoch_end(number, logs)
    clocks.append(Clock.now())
    callback.on_train_end()
    _complete(trial, epochs)
    logger.on_trial_end(trial)
    clocks.append(Clock.now())
    begin, middle, end = (b.since(a) for a, b in itertools.pairwise(clocks))
    return {"trial": Clock(begin.wall + end.wall, begin.cpu + end.cpu), "epochs": middle}


def summed_up(times: list[dict[str, Clock]]) -> Row:
    """Returns the mean milliseconds of a trial and of an epoch."""
    trials, epochs = ([clocks[part] for clocks in times] for part in ("trial", "epochs"))
    return {
        "trial_ms": statistics.fmean(clock.wall for clock in trials),
        "trial_cpu_ms": statistics.fmean(clock.cpu for clock in trials),
        "last_100_trials_cpu_ms": statistics.fmean(clock.cpu for clock in trials[-100:]),
        "epoch_ms": statistics.fmean(clock.wall for clock in epochs) / EPOCHS,
        "epoch_cpu_ms": statistics.fmean(clock.cpu for clock in epochs) / EPOCHS,
    }


def _complete(trial: Trial, epochs: list[dict[str, float]]) -> None:
    """Does what the oracle does with a trial's end."""
    for name, value in epochs[-1].items():
        trial.metrics.register(name, "max" if "accuracy" in name else "min")
        trial.metrics.update(name, value, step=EPOCHS - 1)
    trial.score, trial.best_step, trial.status = epochs[-1]["val_loss"], EPOCHS - 1, "COMPLETED"


@contextmanager
def board(logs: Path) -> Iterator[str]:
    """Runs TensorBoard. Yields its address once the server answers."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    server = subprocess.Popen(command, **pipes)
    try:
        told = (re.search(r"http://\S+/", line) for line in server.stderr or ())
        yield next(filter(None, told))[0].rstrip("/")
    finally:
        server.kill()
        server.communicate()


def wait_for_rows(url: str, number: int) -> None:
    """Waits until TensorBoard has read so many trials that have ended."""
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    body = {"experimentName": "", "allowedStatuses": statuses, "startIndex": 0}
    request = urllib.request.Request(
        f"{url}/data/plugin/hparams/session_groups",
        json.dumps({**body, "sliceSize": number}).encode(),
        {"Content-Type": "application/json"},
    )
    while True:
        with urllib.request.urlopen(request) as answer:
            if answer.read().count(b"endTimeSecs") >= number:
                return
        time.sleep(0.5)


def seconds_to_first_table(url: str) -> list[float]:
    """Opens the tab several times, in a new browser each. Returns how long each one took."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with sync_playwright() as driver:
        for _ in range(OPENINGS):
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1700, "height": 900})
            cells = page.locator("tf-hparams-table-view vaadin-grid-cell-content:visible")
            began = time.perf_counter()
            page.goto(f"{url}/#hparams")
            cells.filter(has_text=re.compile(r"^\s*search/\d+\s*$")).first.wait_for(timeout=120_000)
            seconds.append(time.perf_counter() - began)
            browser.close()
    return seconds


def measure(trials: int) -> Row:
    """Returns the times of so many trials."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        row: Row = {"trials": trials, **summed_up(log_trials(folder, trials))}
        began = time.perf_counter()
        with board(folder / "logs") as url:
            wait_for_rows(url, trials)
            row["start_and_read_s"] = time.perf_counter() - began
            row["first_table_s"] = statistics.median(seconds_to_first_table(url))
    return row


def main() -> None:
    """Measures, prints, and writes the results as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="how many are logged (1000)")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    arguments = parser.parse_args()
    row = measure(arguments.trials)
    table = Table(title="The HParams log of a search")
    for name in ("what", "measured", "goal"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for name, value in row.items():
        table.add_row(name, f"{value:,.3g}", f"{GOALS[name]:g}" if name in GOALS else "")
    Console().print(table)
    arguments.json.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
