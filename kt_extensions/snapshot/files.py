"""The files of snapshots.

A file is one line, the CRC-32 of what follows, and then a NumPy archive (`.npz`) of plain arrays,
the first of which is a JSON text. Nothing in it is unpickled or evaluated.
"""

from __future__ import annotations

import io
import json
import os
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_FORMAT = 1
_ARRAY = "__array__"


@dataclass(frozen=True)
class Snapshot:
    """The state of a training at the end of an epoch.

    Args:
        epoch: How many epochs the model has been trained.
        stopped: Whether a callback had the training end there.
        variables: The model's variables: weights, moving averages, seed generators.
        optimizers: Of each optimizer its `variables`, and the places (`trained`) of the variables
            that it trains among those of the model.
        callbacks: Names of callbacks, each with its state.
        epochs: The numbers of the epochs in `history`.
        history: The logs of all epochs, by name.
    """

    epoch: int
    stopped: bool = False
    variables: list[Any] = field(default_factory=list)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[tuple[str, Any]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)


def snapshot_file(trial_dir: str | os.PathLike[str], execution: int) -> Path:
    """Returns the file for the state of an execution of a trial.

    Args:
        trial_dir: The folder of the trial.
        execution: Number of the execution, from 0.
    """
    return Path(trial_dir, f"last_{execution}.snapshot")


def earlier(file: Path) -> Path:
    """Returns where the snapshot that was in a file before is kept."""
    return file.with_suffix(".earlier")


def write(file: Path, snapshot: Snapshot) -> None:
    """Writes a snapshot, and keeps the one that was in the file before.

    At any moment the newest whole one is in the file or in `earlier(file)`.

    Args:
        file: The file. Its folder is made if there is none.
        snapshot: What to write.

    Raises:
        OSError: If it could not be written. The file is as it was.
        TypeError: If the state of a callback holds what is neither JSON nor an array.

    Example:

    >>> import tempfile
    >>> file = snapshot_file(tempfile.mkdtemp(), 0)
    >>> write(file, Snapshot(epoch=2, variables=[np.ones(3)]))
    >>> read(file)
    Snapshot(epoch=2, stopped=False, variables=[array([1., 1., 1.])], optimizers=[], \
callbacks=[], epochs=[], history={})
    """
    body = _packed(snapshot)
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.part")
    with open(aside, "wb") as stream:
        stream.write(b"%08x\n" % zlib.crc32(body))
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
    if file.exists():
        os.replace(file, earlier(file))
    os.replace(aside, file)


def read(file: Path) -> Snapshot:
    """Reads a snapshot.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is damaged.
    """
    checksum, _, body = file.read_bytes().partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(body):
        raise ValueError(f"Expected a whole snapshot in {file}. Received: a damaged file.")
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        state = json.loads(archive["state"].tobytes())
        if state.pop("format") != _FORMAT:
            raise ValueError(f"Expected a snapshot of format {_FORMAT} in {file}.")
        return Snapshot(**_with_arrays(state, archive))


def first_readable(files: Iterable[Path]) -> Snapshot | None:
    """Returns the first snapshot that can be read; a damaged one is left out with a warning.

    Args:
        files: The files in which snapshots may be, those to prefer first. What was in each before
            (`earlier`) comes next to it.
    """
    for file in files:
        for candidate in (file, earlier(file)):
            try:
                return read(candidate)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                warnings.warn(f"Left out the snapshot {candidate}: {error}", stacklevel=2)
    return None


def delete(folder: Path) -> None:
    """Deletes the snapshots in the folder of a trial."""
    for pattern in ("last_*.snapshot", "last_*.earlier", ".last_*.part"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


def _packed(snapshot: Snapshot) -> bytes:
    arrays: list[Any] = []
    state = _without_arrays({"format": _FORMAT, **vars(snapshot)}, arrays)
    text = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
    body = io.BytesIO()
    np.savez(body, state=text, **{str(i): array for i, array in enumerate(arrays)})
    return body.getvalue()


def _without_arrays(value: Any, arrays: list[Any]) -> Any:
    """Returns the value with places in the list instead of arrays."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {_ARRAY: str(len(arrays) - 1), "dtype": value.dtype.name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {name: _without_arrays(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays) for part in value]
    return value


def _with_arrays(value: Any, archive: Any) -> Any:
    if isinstance(value, list):
        return [_with_arrays(part, archive) for part in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY not in value:
        return {name: _with_arrays(part, archive) for name, part in value.items()}
    array = archive[value[_ARRAY]]
    return array.view(value["dtype"]) if array.dtype.kind == "V" else array  # such as bfloat16
