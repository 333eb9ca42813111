"""A simulated clock: when the evaluations of a search on several workers start and finish.

A worker that is free asks at once, while the others are still busy. The durations are random, but
those of an evaluation's number are the same for every method, so the whole schedule is.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator

import numpy as np

from kt_extensions.space.domains import Array

_SPREAD = 0.6  # standard deviation of the logarithm: most last half to twice the usual time


def durations(name: str, seed: int, evaluations: int) -> Array:
    """Returns how long each evaluation of a problem lasts. Shape `(n,)`."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 1])
    return rng.lognormal(0.0, _SPREAD, evaluations)


def schedule(lasting: Array, workers: int) -> Iterator[tuple[str, int]]:
    """Yields ("start", number) and ("finish", number) in the order in which they happen.

    Args:
        lasting: The duration of each evaluation, shape `(n,)`.
        workers: How many run at the same time.
    """
    running: list[tuple[float, int]] = []
    now = 0.0
    for number, duration in enumerate(lasting.tolist()):
        if len(running) == workers:
            now, finished = heapq.heappop(running)
            yield "finish", finished
        yield "start", number
        heapq.heappush(running, (now + duration, number))
    while running:
        yield "finish", heapq.heappop(running)[1]
