"""What a person reads on a terminal, in a log file and after an interrupt."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import keras_tuner as kt
import pytest
import rich.console

from kt_extensions import progress as progress_module
from kt_extensions.progress import SearchProgress, _error_line

SHOW_CURSOR = "\x1b[?25h"


class Clock:
    """Stands in for the `time` module of the display."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def trial(
    number: int, status: str = "RUNNING", score: float | None = None, message: str = ""
) -> Any:
    return SimpleNamespace(
        trial_id=f"{number:02d}",
        status=status,
        score=score,
        message=message,
        hyperparameters=SimpleNamespace(values={"units": 64, "rate": 0.00123456}),
    )


def oracle(*earlier: Any, direction: str = "max") -> Any:
    objective = kt.Objective("val_accuracy", direction)
    return SimpleNamespace(objective=objective, trials={t.trial_id: t for t in earlier})


def console(terminal: bool = False) -> rich.console.Console:
    return rich.console.Console(
        file=io.StringIO(), force_terminal=terminal, width=120, color_system=None
    )


def printed(target: rich.console.Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def run(progress: SearchProgress, clock: Clock, ended: Any, seconds: float = 10.0) -> None:
    progress.on_trial_begin(trial(int(ended.trial_id)))
    clock.now += seconds
    progress.on_trial_end(ended)


def test_an_error_of_many_lines_is_shown_from_its_beginning():
    message = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in fit\n    raise error\n'
        "ValueError: Exception encountered when calling Sequential.call().\n\n"
        "\x1b[1mInput 0 is incompatible with the layer\x1b[0m\n\nArguments received:\n  - mask=None"
    )
    assert _error_line(message) == (
        "ValueError: Exception encountered when calling Sequential.call(). Input 0 is incompatible "
        "with the layer Arguments received: - mask=None"
    )
    assert _error_line("killed") == "killed"
    assert _error_line("") == ""


def test_plain_lines(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(), 4, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(0, "COMPLETED", 0.9))
    progress.on_epoch_end(trial(1), 0, {"val_accuracy": 0.5})
    run(progress, clock, trial(1, "FAILED", message="Traceback ...\nValueError: too [big]"))
    run(progress, clock, trial(2, "COMPLETED", 0.95), seconds=100.0)
    progress.on_search_end("time is up")
    assert printed(target).splitlines() == [
        "[1/4] trial 00 completed: val_accuracy 0.9, best 0.9 in trial 00, 10.0 s, 0:30 left",
        "[2/4] trial 01 failed: ValueError: too [big], best 0.9 in trial 00, 10.0 s, 0:20 left",
        "[3/4] trial 02 completed: val_accuracy 0.95, best 0.95 in trial 02, 100.0 s, 0:40 left",
        "Search ended (time is up): 2 completed, 1 failed, 2:00; "
        "best val_accuracy 0.95 in trial 02.",
    ]


def test_pruned_trials_save_epochs_and_are_not_the_best(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(), 4, console=target)
    progress.on_search_begin()
    why = "Pruned: worse than the median of 6 trials after 3 epochs."
    for number, score, message in [(0, 0.7, why), (1, 0.5, ""), (2, 0.9, why), (3, 0.6, "")]:
        progress.on_trial_begin(trial(number))
        progress.on_epoch_end(trial(number), 2, {"val_accuracy": score}, 3 if not message else 20)
        progress.on_trial_end(trial(number, "COMPLETED", score, message))
    progress.on_search_end(None)
    lines = printed(target).splitlines()
    bests = [line.partition("best ")[2].partition(",")[0] for line in lines]
    assert bests[:4] == ["0.7 in trial 00", *["0.5 in trial 01"] * 2, "0.6 in trial 03"]
    assert lines[4] == (
        "Search ended: 2 completed, 2 pruned (34 epochs saved), 0 failed, 0:00; "
        "best val_accuracy 0.6 in trial 03."
    )


def test_a_failed_trial_saves_no_epochs(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(), 2, console=target)
    progress.on_search_begin()
    why = "Pruned: worse than the median of 6 trials after 3 epochs."
    for ended in (trial(0, "FAILED", message="killed"), trial(1, "COMPLETED", 0.7, why)):
        progress.on_trial_begin(trial(int(ended.trial_id)))
        progress.on_epoch_end(ended, 0, {"val_accuracy": 0.5}, 10)
        progress.on_trial_end(ended)
    progress.on_search_end(None)
    last = printed(target).splitlines()[-1]
    assert "0 completed, 1 pruned (9 epochs saved), 1 failed" in last


def test_resumed_search_counts_earlier_trials_but_not_their_pace(clock: Clock) -> None:
    target = console()
    earlier = [trial(0, "COMPLETED", 0.9), trial(1, "FAILED"), trial(2, "RUNNING")]
    progress = SearchProgress(oracle(*earlier), 10, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(2, "COMPLETED", 0.8))
    run(progress, clock, trial(3, "COMPLETED", 0.7))
    assert printed(target).splitlines() == [
        "[3/10] trial 02 completed: val_accuracy 0.8, best 0.9 in trial 00, 10.0 s, 1:10 left",
        "[4/10] trial 03 completed: val_accuracy 0.7, best 0.9 in trial 00, 10.0 s, 1:00 left",
    ]


def test_minimised_objective_without_a_limit(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(direction="min"), None, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(0, "COMPLETED", 0.2))
    run(progress, clock, trial(1, "COMPLETED", 0.1))
    assert printed(target).splitlines() == [
        "[1] trial 00 completed: val_accuracy 0.2, best 0.2 in trial 00, 10.0 s",
        "[2] trial 01 completed: val_accuracy 0.1, best 0.1 in trial 01, 10.0 s",
    ]


def test_retried_trial_keeps_its_number_and_is_counted_once(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(), 2, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(0, "INVALID", message="OSError: lost"))
    run(progress, clock, trial(0, "COMPLETED", 0.5))
    assert printed(target).splitlines() == [
        "[1/2] trial 00 to be retried: OSError: lost, 10.0 s",
        "[1/2] trial 00 completed: val_accuracy 0.5, best 0.5 in trial 00, 10.0 s, 0:20 left",
    ]


def test_infinite_score_is_never_the_best(clock: Clock) -> None:
    target = console()
    progress = SearchProgress(oracle(), 3, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(0, "COMPLETED", float("inf")))
    progress.on_search_end(None)
    assert printed(target).splitlines()[-1] == (
        "Search ended: 1 completed, 0 failed, 0:10; no finite score."
    )


def test_live_view_shows_the_running_and_the_best_trial(clock: Clock) -> None:
    target = console(terminal=True)
    progress = SearchProgress(oracle(), 12, console=target)
    stdout = sys.stdout
    progress.on_search_begin()
    run(progress, clock, trial(0, "COMPLETED", 0.9), seconds=3600.0)
    run(progress, clock, trial(1, "FAILED"))
    progress.on_trial_begin(trial(2))
    progress.on_epoch_end(trial(2), 4, {"loss": 1.0, "val_accuracy": 0.875})
    frame = console()
    frame.print(progress._view())
    progress.on_search_end(None)
    search, running, best = printed(frame).splitlines()
    assert search.startswith("search ")
    for fact in ("2 of 12 trials", "1:00:10 elapsed", "5:00:50 left", "1 failed"):
        assert fact in search
    assert running.split() == [
        "running", "trial", "02", "epoch", "5,", "val_accuracy", "0.875", "units=64",
        "rate=0.001235",
    ]  # fmt: skip
    assert best.startswith("best     trial 00  val_accuracy 0.9 (max)  units=64  rate=0.001235")
    assert printed(target).rindex(SHOW_CURSOR) < printed(target).rindex("Search ended")
    assert sys.stdout is stdout


def test_values_met_during_the_trial_are_shown(clock: Clock) -> None:
    progress = SearchProgress(oracle(), 12, console=console(terminal=True))
    progress.on_search_begin()
    running = trial(0)
    progress.on_trial_begin(running)
    running.hyperparameters.values["late"] = True
    progress.on_epoch_end(running, 0, None)
    target = console()
    target.print(progress._view())
    progress.on_search_end(None)
    assert "late=True" in printed(target)


def test_view_is_one_line_each_on_a_narrow_terminal(clock: Clock) -> None:
    progress = SearchProgress(oracle(), 1000, console=console())
    progress.on_search_begin()
    run(progress, clock, trial(0, "COMPLETED", 0.9))
    progress.on_trial_begin(trial(1))
    target = rich.console.Console(file=io.StringIO(), width=60, color_system=None)
    target.print(progress._view())
    assert len(printed(target).splitlines()) == 3


def test_a_broken_display_warns_once_and_lets_the_search_go_on(clock: Clock) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("No space left on device")

    progress = SearchProgress(oracle(), 2, console=rich.console.Console(file=Full()))
    progress.on_search_begin()
    with pytest.warns(RuntimeWarning, match="progress display failed.*No space left"):
        run(progress, clock, trial(0, "COMPLETED", 0.9))
    run(progress, clock, trial(1, "COMPLETED", 0.9))
    progress.on_search_end(None)


def test_a_reader_that_is_gone_does_not_end_the_search(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    progress = SearchProgress(oracle(), 2)
    progress.on_search_begin()
    with pytest.warns(RuntimeWarning, match="progress display failed.*BrokenPipeError"):
        run(progress, clock, trial(0, "COMPLETED", 0.9))
    run(progress, clock, trial(1, "COMPLETED", 0.9))
    progress.on_search_end(None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("encoding", "arrow"), [("cp1252", "?"), ("utf-8", "\u2192")])
def test_what_the_output_cannot_show_is_replaced(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, encoding: str, arrow: str
) -> None:
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding=encoding, newline="")
    monkeypatch.setattr("sys.stdout", stdout)
    progress = SearchProgress(oracle(), 2)
    progress.on_search_begin()
    message = "ValueError: shapes (3,4) \u2192 (4,3) \u00fc \ud800"
    run(progress, clock, trial(0, "FAILED", message=message))
    run(progress, clock, trial(1, "COMPLETED", 0.9))
    progress.on_search_end(None)
    first, *others = written.getvalue().decode(encoding).splitlines()
    assert f"ValueError: shapes (3,4) {arrow} (4,3) \u00fc ?" in first
    assert len(others) == 2
    assert (sys.stdout, stdout.errors) == (stdout, "strict")


def test_worker_without_a_table_of_trials(clock: Clock) -> None:
    client = SimpleNamespace(objective=kt.Objective("val_accuracy", "max"))
    target = console()
    progress = SearchProgress(client, 5, console=target)
    progress.on_search_begin()
    run(progress, clock, trial(3, "COMPLETED", 0.9))
    assert printed(target).startswith("[1/5] trial 03 completed")


@pytest.mark.parametrize("closing", ["progress.on_search_end('interrupted')", "pass"])
def test_interrupt_gives_the_cursor_back(closing: str) -> None:
    program = f"""
        from types import SimpleNamespace
        import rich.console
        from kt_extensions.progress import SearchProgress, _error_line
        console = rich.console.Console(force_terminal=True, width=80)
        progress = SearchProgress(SimpleNamespace(objective=None), 5, console=console)
        progress.on_search_begin()
        try:
            print("from Keras")
            raise KeyboardInterrupt
        finally:
            {closing}
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert "from Keras" in ended.stdout
    assert ended.stdout.count("\x1b[?25l") == ended.stdout.count(SHOW_CURSOR) == 1
    assert ("(interrupted)" in ended.stdout) == (closing != "pass")
    assert "KeyboardInterrupt" in ended.stdout + ended.stderr


class Display:
    """Stands in for `IPython.display`: what a cell shows, and how often it has changed."""

    def __init__(self) -> None:
        self.html, self.changes = "", 0

    def HTML(self, text: str) -> str:
        return text

    def display(self, html: str, *, display_id: bool) -> Display:
        assert display_id
        self.html = html
        return self

    def update(self, html: str) -> None:
        self.html, self.changes = html, self.changes + 1


def test_a_notebook_has_a_view_that_changes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Display()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=shown))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.setattr("kt_extensions.notebook.time", clock)
    target = console()
    target.is_jupyter = True
    monkeypatch.setattr(target, "print", lambda *args, **kwargs: None)
    progress = SearchProgress(oracle(), 4, console=target)
    progress.on_search_begin()
    progress.on_trial_begin(trial(0))
    clock.now += 1.0
    progress.on_epoch_end(trial(0), 2, {"val_accuracy": 0.5}, planned=9)
    changes = shown.changes
    progress.on_epoch_end(trial(0), 3, {"val_accuracy": 0.6}, planned=9)
    assert shown.changes == changes  # not more often than can be seen
    clock.now += 1.0
    progress.on_trial_end(trial(0, "COMPLETED", 0.9))
    progress.on_search_end(None)
    text = re.sub("<[^>]*>", "", shown.html)
    assert "1 of 4 trials" in text
    assert "trial 00  val_accuracy 0.9 (max)  units=64" in text
