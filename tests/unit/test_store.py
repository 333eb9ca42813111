"""The trial log, atomic files, and the trials of other projects."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from kt_extensions import store
from kt_extensions.store import EventLog

EVENTS: list[store.Event] = [
    {"event": "search", "seed": 0, "text": 'quotes " and \\ and \n lines, äöü 漢'},
    {"event": "start", "trial": "0", "values": {"x": 0.1, "crc": "not the checksum"}},
    {"event": "end", "trial": "0", "score": -1.5e-300, "message": None},
]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = EventLog(tmp_path / "project")
    log.create(EVENTS[0])
    log.append(EVENTS[1])
    log.append(EVENTS[2])
    return log


def test_events_come_back(log: EventLog) -> None:
    assert log.read() == EVENTS


def test_lines_are_json(log: EventLog) -> None:
    lines = log.path.read_text(encoding="ascii").splitlines()
    for line, event in zip(lines, EVENTS, strict=True):
        parsed = json.loads(line)
        assert re.fullmatch("[0-9a-f]{8}", parsed.pop("crc"))
        assert parsed == event


def test_several_events_at_once(log: EventLog) -> None:
    log.append(*EVENTS, *EVENTS)
    assert log.read() == EVENTS * 3


def test_a_log_that_does_not_exist(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    assert not log.exists()
    with pytest.raises(FileNotFoundError):
        log.append(EVENTS[0])
    log.path.touch()
    assert not log.exists()


def test_a_log_cut_at_any_byte(log: EventLog) -> None:
    data = log.path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for size in range(len(data) + 1):
        log.path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends)
        assert log.read() == EVENTS[:whole]
        assert log.path.read_bytes() == data[:size]  # who only reads leaves it as it is
        log.open()
        log.append(EVENTS[1])
        assert log.read() == [*EVENTS[:whole], EVENTS[1]]


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit(log: EventLog, bit: int) -> None:
    data = log.path.read_bytes()
    first, second, _ = data.splitlines(keepends=True)
    for place in range(len(first), len(first + second) - 1):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        log.path.write_bytes(damaged)
        with pytest.warns(UserWarning, match="damaged lines"):
            assert log.read() == [EVENTS[0], EVENTS[2]]


def test_the_warning_names_the_line(log: EventLog) -> None:
    lines = log.path.read_bytes().splitlines()
    lines[1] = b"rubbish"
    log.path.write_bytes(b"\n".join([*lines, b""]))
    with pytest.warns(UserWarning, match=r"damaged lines \[2\]; the other 2 events"):
        log.read()


@pytest.mark.parametrize("rubbish", [b"\0" * 100, b"hello", b"\xff\xfe\n\n{}\n[]", b"null\n"])
def test_rubbish_is_kept_and_told(log: EventLog, rubbish: bytes) -> None:
    with open(log.path, "ab") as file:
        file.write(rubbish)
    with pytest.warns(UserWarning, match=r"damaged lines \[4"):
        assert log.read() == EVENTS
    log.open()
    assert rubbish in log.path.read_bytes()
    log.append(EVENTS[1])
    with pytest.warns(UserWarning):
        assert log.read() == [*EVENTS, EVENTS[1]]


def test_a_write_that_fails_leaves_nothing(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:7])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        log.append(EVENTS[1])
    monkeypatch.undo()
    assert log.read() == EVENTS


def test_writes_in_pieces(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    log.append(EVENTS[1])
    assert log.read() == [*EVENTS, EVENTS[1]]


def test_an_event_costs_its_own_bytes(log: EventLog) -> None:
    sizes = []
    for _ in range(200):
        log.append(EVENTS[1])
        sizes.append(log.path.stat().st_size)
    assert {b - a for a, b in itertools.pairwise(sizes)} == {sizes[1] - sizes[0]}


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store, "write_atomically", denied)
    with pytest.raises(PermissionError, match=r"can be written to .*Received: '.*project'"):
        EventLog(tmp_path / "project").create(EVENTS[0])


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "file.json"
    store.write_atomically(path, "old")
    monkeypatch.setattr(os, "replace", _killed)
    with pytest.raises(KeyboardInterrupt):
        store.write_atomically(path, "new")
    assert path.read_text() == "old"
    monkeypatch.undo()
    store.write_atomically(path, "new", durable=True)
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]
    assert path.read_text() == "new"


def test_what_is_no_file_is_written_to_and_a_link_stays(tmp_path: Path) -> None:
    pipe, link, file = (tmp_path / name for name in ("pipe", "link", "file"))
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        store.write_atomically(pipe, "text")
        assert os.read(reader, 9) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    link.symlink_to(file)
    store.write_atomically(link, "text")
    assert link.is_symlink() and file.read_text() == "text"


def _killed(*args: Any) -> None:
    raise KeyboardInterrupt


def test_damaged_files_of_tuners_are_begun_anew(tmp_path: Path) -> None:
    texts = {"oracle.json": '{"a": 1}', "tuner0.json": "", "tuner1.json": '{"a"'}
    texts |= {"tuner2.json": "[]", "notes.json": '{"mine": 1}\n{"mine": 2}'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    with pytest.warns(UserWarning, match="not the state of a search") as warned:
        store.mend_state_files(tmp_path)
    assert len(warned) == 3
    mended = dict.fromkeys(["tuner0.json", "tuner1.json", "tuner2.json"], "{}")
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == texts | mended


STATE: dict[str, Any] = {
    "trial_id": "0",
    "status": "COMPLETED",
    "score": 1.0,
    "best_step": 0,
    "message": None,
    "hyperparameters": {"space": [], "values": {"x": 1}},
    "metrics": {"metrics": {}},
}


def test_trials_of_a_project(tmp_path: Path) -> None:
    for name in "abc":
        store.write_atomically(
            tmp_path / f"trial_{name}" / "trial.json", json.dumps({**STATE, "trial_id": name})
        )
    assert [state["trial_id"] for state in store.read_trials(tmp_path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", json.dumps({**STATE, "metrics": None}), '"\ud800"', "3"],
)
def test_a_damaged_trial_is_left_out(tmp_path: Path, text: str) -> None:
    store.write_atomically(tmp_path / "trial_a" / "trial.json", json.dumps(STATE))
    file = tmp_path / "trial_b" / "trial.json"
    file.parent.mkdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.warns(UserWarning, match=r"trial_b.*not a readable trial"):
        assert list(store.read_trials(tmp_path)) == [STATE]


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_trials(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=folder):
        list(store.read_trials(tmp_path / folder))
