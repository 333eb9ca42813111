"""What of a machine each of its workers gets: its GPUs, and its share of the threads."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Sequence

_MASK = "CUDA_VISIBLE_DEVICES"
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # what XLA, and with it JAX, goes by
)
GROWTH = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
"""Has TensorFlow and JAX take memory of a GPU as they need it, not all at once."""


def visible_gpus() -> list[str]:
    """Returns the names of the GPUs that this process may use, without using any.

    Those that `CUDA_VISIBLE_DEVICES` tells of if it is set, or else all that the driver does.
    """
    mask = os.environ.get(_MASK)
    if mask is not None:
        return [name.strip() for name in mask.split(",") if name.strip() not in ("", "-1")]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):  # there is no driver
        return []
    return told.stdout.split() if told.returncode == 0 else []


def environments(workers: int, gpus_per_trial: float | None) -> list[dict[str, str]]:
    """Returns for each worker the variables of its environment.

    A worker sees its own GPUs only, takes memory of them as it needs it, and has its share of the
    threads. What the user has set stays.

    Args:
        workers: How many there are.
        gpus_per_trial: See `shares`.

    Raises:
        ValueError: If there are fewer GPUs than asked for.

    Example:

    >>> [variables.get("OMP_NUM_THREADS") for variables in environments(1, None)]
    [None]
    """
    gpus = visible_gpus() if workers > 1 or gpus_per_trial is not None else []
    masks = shares(gpus, workers, gpus_per_trial)
    own = {name: value for name, value in GROWTH.items() if name not in os.environ and gpus}
    if workers > 1:
        share = str(max(1, available_cores() // workers))
        own.update({name: share for name in _THREADS if name not in os.environ})
    return [own if mask is None else {**own, _MASK: mask} for mask in masks]


def shares(gpus: Sequence[str], workers: int, per_trial: float | None) -> list[str | None]:
    """Returns for each worker the GPUs that it sees, as `CUDA_VISIBLE_DEVICES` has them.

    Args:
        gpus: The names of all.
        workers: How many workers there are.
        per_trial: How many GPUs a trial gets: a whole number, or a fraction such as 0.5 for two
            trials on each. `None` has all shared out evenly: each worker gets as many, so that all
            trials are trained alike, and what is left over stays idle.

    Returns:
        A mask for each worker, `None` for one that is to see what this process sees.

    Raises:
        ValueError: If there are too few.

    Example:

    >>> shares(["0", "1", "2", "3", "4"], 2, None)
    ['0,1', '2,3']
    >>> shares(["0"], 3, None)
    ['0', '0', '0']
    >>> shares(["0", "1"], 4, 0.5)
    ['0', '1', '0', '1']
    """
    if per_trial == 0:
        return ["-1"] * workers
    if per_trial is None:
        return _evenly(gpus, workers)
    size = max(1, int(per_trial))
    sharing = 1 if per_trial >= 1 else math.floor(round(1 / per_trial, 6))
    needed = math.ceil(workers / sharing) * size
    if needed > len(gpus):
        raise ValueError(
            f"Expected at least {needed} GPUs for workers={workers} and "
            f"gpus_per_trial={per_trial}. Received: {len(gpus)} {list(gpus)}. Ask for fewer "
            "workers, or let trials share GPUs: gpus_per_trial=0.5 puts two on each."
        )
    first = [n * size % (len(gpus) // size * size) for n in range(workers)]
    return [",".join(gpus[n : n + size]) for n in first]


def _evenly(gpus: Sequence[str], workers: int) -> list[str | None]:
    if not gpus or workers == 1:
        return [None] * workers
    size = max(1, len(gpus) // workers)
    first = [n * size if size > 1 else n * len(gpus) // workers for n in range(workers)]
    return [",".join(gpus[n : n + size]) for n in first]


def available_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
