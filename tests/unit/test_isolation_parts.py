"""The parts by which a call runs in a process of its own, in this process."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kt_extensions.isolation import Channel, Limits, Parcel, Remote, check
from kt_extensions.isolation.channel import portable, replies
from kt_extensions.isolation.endings import ending, with_last_lines
from kt_extensions.isolation.interrupts import deferred
from kt_extensions.isolation.limits import resident_memory
from kt_extensions.isolation.output import Output
from kt_extensions.isolation.parcel import load
from kt_extensions.progress import _error_line
from kt_extensions.wording import reason


def test_a_parcel_holds_arrays_that_can_be_written_and_are_not_shared() -> None:
    x = np.arange(10, dtype="float32")
    rows = np.asfortranarray(np.arange(6).reshape(2, 3))[:, ::2]
    content = {"x": x, "same": x, "rows": rows, "text": ["a", None], "empty": np.zeros((0, 3))}
    parcel = Parcel(content)
    first, second = (load(parcel.fileno(), parcel.places) for _ in range(2))
    for name in ("x", "rows", "empty"):
        np.testing.assert_array_equal(first[name], content[name])
        assert first[name].dtype == content[name].dtype  # type: ignore[attr-defined]
    assert first["same"] is first["x"]
    assert first["text"] == ["a", None]
    first["x"][:] = -1
    np.testing.assert_array_equal(second["x"], x)
    parcel.close()


def test_a_parcel_keeps_what_may_not_be_written() -> None:
    x = np.arange(10)
    x.setflags(write=False)
    parcel = Parcel(x)
    loaded = load(parcel.fileno(), parcel.places)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0] = 1
    parcel.close()


def test_each_thing_that_cannot_be_pickled_is_named() -> None:
    things = {"`x`": np.ones(3), "`lock`": threading.Lock(), "`file`": sys.__stdout__}
    with pytest.raises(ValueError, match=r"cannot: `lock`: lock \(.*; `file`: TextIOWrapper"):
        check(things)
    x = things["`x`"]
    check({"a function": lambda: x})


class Oracle:
    """Something of the other process."""

    seed = 3

    def add(self, a: int, *, b: int) -> int:
        return self.seed + a + b

    def fail(self) -> None:
        raise KeyError("there is none")

    def fail_oddly(self) -> None:
        raise Odd(1, 2)


class Odd(Exception):
    """Can be pickled, but not be read."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"odd {a} {b}")


@pytest.fixture
def remote() -> Iterator[Remote]:
    ends = multiprocessing.Pipe()
    here, there = map(Channel, ends)
    known = replies({"oracle": Oracle()})

    def answer() -> None:
        try:
            while True:
                kind, *request = there.receive()
                there.answer(known[kind], *request)
        except EOFError:
            there.close()

    thread = threading.Thread(target=answer)
    thread.start()
    yield Remote(here, "oracle")
    here.close()
    thread.join()


def test_what_stands_for_an_object(remote: Any) -> None:
    assert remote.seed == 3
    assert [remote.add(1, b=2), remote.add(2, b=2)] == [6, 7]
    assert getattr(remote, "given_seed", None) is None
    assert not hasattr(remote, "_private")


def test_errors_of_the_object_are_raised(remote: Any) -> None:
    with pytest.raises(KeyError, match="there is none"):
        remote.fail()
    with pytest.raises(AttributeError, match="other"):
        _ = remote.other
    with pytest.raises(RuntimeError, match="Odd: odd 1 2"):
        remote.fail_oddly()


def test_errors_that_can_be_read_stay_as_they_are() -> None:
    error = ValueError("wrong")
    assert portable(error) is error


@pytest.mark.parametrize(
    ("limits", "seconds", "memory", "told"),
    [
        (Limits(), 1e9, 10**12, None),
        (Limits(seconds=2), 1.9, None, None),
        (Limits(seconds=2), 2.1, None, "The trial took longer than trial_seconds=2 s."),
        (Limits(memory=10**9), 1e9, None, None),
        (Limits(memory=10**9), 0.0, 10**9, None),
        (Limits(memory=10**9), 0.0, 2 * 10**9, "The process of the trial held 2.00 GB of memory"),
    ],
)
def test_limits(limits: Limits, seconds: float, memory: int | None, told: str | None) -> None:
    reason = limits.exceeded(seconds, memory)
    assert reason == told or (told is not None and (reason or "").startswith(told))


def test_resident_memory_of_this_process() -> None:
    before = resident_memory(os.getpid())
    held = np.ones(50_000_000)
    after = resident_memory(os.getpid())
    assert before is not None and after is not None
    assert after - before > 0.9 * held.nbytes


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "exit code 0 before the trial was done."),
        (3, "exit code 3 before the trial was done."),
        (-signal.SIGKILL, r"signal 9 (SIGKILL), probably since the machine"),
        (-signal.SIGABRT, r"signal 6 (SIGABRT), by compiled code that gave up. It held 1.50 GB"),
        (-signal.SIGTERM, r"signal 15 (SIGTERM). It held 1.50 GB"),
        (-60, "signal 60 (of its own)"),
    ],
)
def test_endings(code: int, told: str) -> None:
    assert told in ending(code, 1_500_000_000)


def test_the_progress_shows_the_reason_not_what_was_printed() -> None:
    lines = ["ValueError: printed", '  File "a.py", line 3 in f', "last"]
    message = with_last_lines("The process of the trial was killed by signal 9.", lines)
    for shown in (_error_line(message), reason(message)):
        assert shown.startswith("ProcessDied: The process of the trial was killed by signal 9.")
    assert all(line in message for line in lines)


def test_output_is_printed_where_this_process_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    end, begin = os.pipe()
    printed = SimpleNamespace(text=io.StringIO())
    monkeypatch.setattr(sys, "stdout", printed.text)
    output = Output(os.fdopen(end, "rb"), "stdout")
    os.write(begin, b"of the imports\n")
    output.show()
    letter = "ä".encode()
    os.write(begin, b"a first line\nth" + letter[:1])
    assert output.pass_on()
    assert not output.pass_on()
    os.write(begin, letter[1:] + b"n\n" + b"\n".join(b"line %d" % i for i in range(30)))
    assert output.pass_on()
    os.close(begin)
    assert not output.pass_on()
    output.close()
    text = printed.text.getvalue()
    assert text.startswith("a first line\nthän\nline 0\n")
    assert text.endswith("line 29")
    assert output.last_lines() == [f"line {i}" for i in range(10, 30)]


@contextlib.contextmanager
def printing(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> Iterator[tuple[Output, int, io.BytesIO]]:
    """Yields an output, where to write what it is to print, and where it does."""
    end, begin = os.pipe()
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding))
    output = Output(os.fdopen(end, "rb"), "stdout")
    output.show()
    yield output, begin, shown
    os.close(begin)
    output.close()


def test_letters_that_this_process_cannot_print(monkeypatch: pytest.MonkeyPatch) -> None:
    with printing(monkeypatch, "latin-1") as (output, begin, shown):
        os.write(begin, "ä ┃\n".encode())
        assert output.pass_on()
    assert shown.getvalue() == "ä \\u2503\n".encode("latin-1")
    assert output.last_lines() == ["ä ┃"]


@pytest.mark.parametrize("bar", ["\r%d of 999", "%d of 999\r"])
def test_of_a_progress_bar_the_last_state_is_kept(
    monkeypatch: pytest.MonkeyPatch, bar: str
) -> None:
    with printing(monkeypatch, "utf-8") as (output, begin, shown):
        for i in range(1000):
            os.write(begin, (bar % i).encode())
            assert output.pass_on()
        assert [line.strip() for line in output.last_lines()] == ["999 of 999"]
        assert b"500 of 999" in shown.getvalue()
        os.write(begin, b"\nthe end\r\n" + b"x" * 50_000)
        while output.pass_on():
            pass
    bar, end, long = output.last_lines()
    assert (bar.strip(), end.strip(), {*long}) == ("999 of 999", "the end", {"x"})
    assert len(long) < 10_000


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred():
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        done.append("all")
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is handler
