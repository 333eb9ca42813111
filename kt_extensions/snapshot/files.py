"""The files of snapshots.

A file is one line, the CRC-32 of what follows, and then a NumPy archive (`.npz`) of plain arrays,
the first of which is a JSON text. Nothing in it is unpickled or evaluated.
"""

from __future__ import annotations

import io
import json
import os
import re
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kt_extensions import gfiles
from kt_extensions.gfiles import Location

BEST = ".best"
"""Ends the name of a file with the weights of the best epoch."""
_FORMAT = 1
_ARRAY = "__array__"
_NAME = re.compile(r"last_\d+\.(snapshot|earlier|best)|\.last_\d+\.(snapshot|best)\.part")


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
        apart: The places of variables that replicas have each their own of, with all values.
    """

    epoch: int
    stopped: bool = False
    variables: list[Any] = field(default_factory=list)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[tuple[str, Any]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)
    apart: list[tuple[int, list[Any]]] = field(default_factory=list)


def snapshot_file(trial_dir: Location, execution: int) -> str:
    """Returns the file for the state of an execution of a trial.

    Args:
        trial_dir: The folder of the trial, a local one or any that KerasTuner takes (`gs://...`).
        execution: Number of the execution, from 0.
    """
    return os.path.join(trial_dir, f"last_{execution}.snapshot")


def keep_best(checkpoint: Location, trial_dir: Location, execution: int) -> None:
    """Keeps the weights of the best epoch beside a snapshot: epochs that come after may be lost.

    Raises:
        OSError: If they could not be kept.
    """
    aside = os.path.join(trial_dir, f".last_{execution}{BEST}.part")
    if gfiles.exists(checkpoint):
        gfiles.copy(checkpoint, aside)
        gfiles.replace(aside, best_file(trial_dir, execution))


def best_file(trial_dir: Location, execution: int) -> str:
    """Returns the file for the weights of the best epoch that a snapshot knows of."""
    return os.path.join(trial_dir, f"last_{execution}{BEST}")


def earlier(file: Location) -> str:
    """Returns where the snapshot that was in a file before is kept."""
    return os.path.splitext(file)[0] + ".earlier"


def write(file: Location, snapshot: Snapshot) -> None:
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
callbacks=[], epochs=[], history={}, apart=[])
    """
    body = _packed(snapshot)
    aside = gfiles.write_aside(file, b"%08x\n" % zlib.crc32(body) + body)
    if gfiles.exists(file):
        gfiles.replace(file, earlier(file))
    gfiles.replace(aside, file)


def read(file: Location) -> Snapshot:
    """Reads a snapshot.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is damaged.
    """
    checksum, _, body = gfiles.read_bytes(file).partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(body):
        raise ValueError(f"Expected a whole snapshot in {file}. Received: a damaged file.")
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        state = json.loads(archive["state"].tobytes())
        if state.pop("format") != _FORMAT:
            raise ValueError(f"Expected a snapshot of format {_FORMAT} in {file}.")
        return Snapshot(**_with_arrays(state, archive))


def newest_readable(file: Location) -> Snapshot | None:
    """Returns the snapshot in a file, or else what was in it before; `None` if there is neither.

    A damaged one is left out with a warning.
    """
    for candidate in (file, earlier(file)):
        try:
            return read(candidate)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            warnings.warn(f"Left out the snapshot {candidate}: {error}", stacklevel=2)
    return None


def size(folder: Location) -> int:
    """Returns how many bytes the snapshots in the folder of a trial take."""
    return sum(map(gfiles.size, present(folder)))


def present(folder: Location) -> list[str]:
    """Returns the files of snapshots in the folder of a trial."""
    found = filter(_NAME.fullmatch, gfiles.names(folder))
    return [os.path.join(folder, name) for name in found]


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
