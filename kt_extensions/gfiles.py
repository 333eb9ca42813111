"""Files on a disk, or in a storage that KerasTuner reaches through TensorFlow, such as `gs://`.

KerasTuner reads and writes its project folder through `tf.io.gfile` where Keras runs on TensorFlow,
and as plain files elsewhere. So do these functions, for paths with a scheme. Their errors are those
of plain files: `FileNotFoundError` and other kinds of `OSError`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

from keras_tuner.src.backend import io as keras_tuner_io

Location = str | os.PathLike[str]


def is_remote(path: Location) -> bool:
    """Whether a path is one that KerasTuner reaches through TensorFlow only.

    Example:

    >>> is_remote("results/trial_00")
    False
    """
    return "://" in os.fspath(path) and keras_tuner_io.tf is not None


def exists(path: Location) -> bool:
    """Whether there is a file."""
    if not is_remote(path):
        return os.path.exists(path)
    with _gfile(path) as gfile:
        return bool(gfile.exists(os.fspath(path)))


def read_bytes(path: Location) -> bytes:
    """Returns what a file holds.

    Raises:
        OSError: If it cannot be read.
    """
    if not is_remote(path):
        with open(path, "rb") as stream:
            return stream.read()
    with _gfile(path) as gfile, gfile.GFile(os.fspath(path), "rb") as stream:
        return bytes(stream.read())


def write_aside(path: Location, data: bytes, durable: bool = True) -> str:
    """Writes a file beside another one, in a folder that is made if there is none.

    Args:
        path: The file that the new one is to replace: see `replace`.
        data: What to write.
        durable: Whether it has to be on the disk when the call returns. A storage that is not a
            disk has it then in any case.

    Returns:
        The path of the file that was written.

    Raises:
        OSError: If it cannot be written.
    """
    folder, name = os.path.split(os.fspath(path))
    aside = os.path.join(folder, f".{name}.part")
    if is_remote(path):
        with _gfile(path) as gfile:
            gfile.makedirs(folder)
            with gfile.GFile(aside, "wb") as stream:
                stream.write(data)
        return aside
    os.makedirs(folder or ".", exist_ok=True)
    with open(aside, "wb") as stream:
        stream.write(data)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    return aside


def write_text(path: Location, text: str) -> None:
    """Writes a file so that at any moment either the old or the new text is there, whole.

    Raises:
        OSError: If it cannot be written.
    """
    replace(write_aside(path, text.encode(), durable=False), path)


def create_text(path: Location, text: str) -> None:
    """Writes a file unless there is one: of several writers the first one's stays, whole.

    Raises:
        OSError: If it cannot be written.
    """
    if is_remote(path):
        if not exists(path):
            write_text(path, text)
        return
    aside = write_aside(f"{os.fspath(path)}.{uuid.uuid4().hex}", text.encode(), durable=False)
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not exists(path):
            replace(aside, path)
            return
    os.unlink(aside)


def replace(path: Location, target: Location) -> None:
    """Gives a file another name, instead of what bears that name.

    Raises:
        OSError: If it cannot be renamed.
    """
    if not is_remote(path):
        os.replace(path, target)
        return
    with _gfile(path) as gfile:
        gfile.rename(os.fspath(path), os.fspath(target), overwrite=True)


def copy(path: Location, target: Location) -> None:
    """Copies a file, instead of what is at the target, into a folder that is made if need be.

    Raises:
        OSError: If it cannot be copied.
    """
    folder = os.path.dirname(os.fspath(target))
    if not is_remote(path):
        os.makedirs(folder or ".", exist_ok=True)
        shutil.copyfile(path, target)
        return
    with _gfile(path) as gfile:
        gfile.makedirs(folder)
        gfile.copy(os.fspath(path), os.fspath(target), overwrite=True)


def remove(path: Location) -> None:
    """Deletes a file; if there is none, nothing happens.

    Raises:
        OSError: If it cannot be deleted.
    """
    with contextlib.suppress(FileNotFoundError):
        if not is_remote(path):
            os.unlink(path)
            return
        with _gfile(path) as gfile:
            gfile.remove(os.fspath(path))


def size(path: Location) -> int:
    """Returns how many bytes are in a file, 0 if there is none."""
    with contextlib.suppress(FileNotFoundError):
        if not is_remote(path):
            return os.path.getsize(path)
        with _gfile(path) as gfile:
            return int(gfile.stat(os.fspath(path)).length)
    return 0


def names(folder: Location) -> list[str]:
    """Returns the names of what is in a folder; none if there is no such folder."""
    with contextlib.suppress(FileNotFoundError):
        if not is_remote(folder):
            return sorted(os.listdir(folder))
        with _gfile(folder) as gfile:
            return sorted(name.rstrip("/") for name in gfile.listdir(os.fspath(folder)))
    return []


@contextlib.contextmanager
def _gfile(path: Location) -> Iterator[Any]:
    """Provides `tf.io.gfile`, and turns its errors into those of plain files."""
    tf = keras_tuner_io.tf
    try:
        yield tf.io.gfile
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(2, "No such file or folder", os.fspath(path)) from error
    except tf.errors.OpError as error:
        raise OSError(f"{os.fspath(path)}: {error}") from error
