"""Files on a disk and in a storage that TensorFlow reaches."""

from __future__ import annotations

import uuid
from pathlib import Path

import keras
import pytest

from kt_extensions import storage

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
    assert not storage.exists(file)
    assert storage.names(f"{folder}/b") == []
    aside = storage.write_aside(file, b"old")
    assert not storage.exists(file)
    storage.replace(aside, file)
    assert storage.names(f"{folder}/b") == ["file"]
    storage.write_text(file, "new one")
    assert storage.read_bytes(file) == b"new one"
    assert storage.size(file) == 7
    storage.copy(file, f"{folder}/c/copy")
    storage.remove(file)
    assert storage.read_bytes(f"{folder}/c/copy") == b"new one"
    assert not storage.exists(file)


def test_a_file_that_is_missing(folder: str) -> None:
    file = f"{folder}/file"
    storage.remove(file)
    assert storage.size(file) == 0
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(file)
    with pytest.raises(FileNotFoundError):
        storage.replace(file, f"{folder}/other")


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="there are none")
def test_other_errors_are_those_of_files() -> None:
    with pytest.raises(OSError, match=r"unknown://file.*not implemented"):
        storage.read_bytes("unknown://file")
