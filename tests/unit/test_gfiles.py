"""Files on a disk and in a storage that TensorFlow reaches."""

from __future__ import annotations

import uuid
from pathlib import Path

import keras
import pytest

from kt_extensions import gfiles

remote = pytest.param(
    "ram",
    marks=pytest.mark.skipif(
        keras.config.backend() != "tensorflow", reason="KerasTuner reaches it through TensorFlow"
    ),
)


@pytest.fixture(params=["disk", remote])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "a") if request.param == "disk" else f"ram://{uuid.uuid4().hex}/a"


def test_a_file(folder: str) -> None:
    file = f"{folder}/b/file"
    assert not gfiles.exists(file)
    assert gfiles.names(f"{folder}/b") == []
    aside = gfiles.write_aside(file, b"old")
    assert not gfiles.exists(file)
    gfiles.replace(aside, file)
    assert gfiles.names(f"{folder}/b") == ["file"]
    gfiles.write_text(file, "new one")
    assert gfiles.read_bytes(file) == b"new one"
    assert gfiles.size(file) == 7
    gfiles.copy(file, f"{folder}/c/copy")
    gfiles.remove(file)
    assert gfiles.read_bytes(f"{folder}/c/copy") == b"new one"
    assert not gfiles.exists(file)


@pytest.mark.parametrize("links", [True, False])
def test_of_several_writers_the_first_ones_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(*args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr("os.link", refused)
    for text in ("first", "second"):
        gfiles.create_text(tmp_path / "file", text)
    assert gfiles.names(tmp_path) == ["file"]
    assert gfiles.read_bytes(tmp_path / "file") == b"first"


def test_a_file_that_is_missing(folder: str) -> None:
    file = f"{folder}/file"
    gfiles.remove(file)
    assert gfiles.size(file) == 0
    with pytest.raises(FileNotFoundError):
        gfiles.read_bytes(file)
    with pytest.raises(FileNotFoundError):
        gfiles.replace(file, f"{folder}/other")


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="there are none")
def test_other_errors_are_those_of_files() -> None:
    with pytest.raises(OSError, match=r"unknown://file.*not implemented"):
        gfiles.read_bytes("unknown://file")
