"""Batches that cannot be shared among replicas.

TensorFlow's strategies average the first batch of each pass over the replicas, to learn its shape,
and fail if their shares differ. Of the last batch a replica may get no row at all: the moving
averages of batch normalization are NaN from there on. JAX cuts each batch in equal parts, or fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from kt_extensions.distribute import replicas, strategy_of


class _Pass(NamedTuple):
    """A pass through arrays."""

    purpose: str
    rows: int
    size: int  # of a batch
    ends: bool  # with the last row, not after so many steps

    @property
    def first(self) -> int:
        return min(self.rows, self.size)

    @property
    def last(self) -> int:
        return self.rows % self.size or self.size


def problem_of_data(model: keras.Model, settings: dict[str, Any]) -> str | None:
    """Says which batches of arrays cannot be shared among the replicas of a model.

    Args:
        model: The model.
        settings: The arguments of its `fit`.

    Returns:
        A text; `None` if there are no such batches, or the data do not tell how long they are.
    """
    number = replicas(strategy_of(model))
    for part in _passes(settings) if number > 1 else ():
        batch = _not_shared(part, number)
        if batch is not None:
            return _told(part, batch, number)
    return None


def _not_shared(part: _Pass, number: int) -> int | None:
    """Returns the rows of a batch that cannot be shared; `None` if there is none."""
    if part.first % number:
        return part.first
    if keras.backend.backend() == "jax":
        fails = part.last % number != 0
    else:
        fails = part.purpose == "train" and part.last < number
    return part.last if fails and part.ends else None


def _told(part: _Pass, batch: int, number: int) -> str:
    remedy = f"Leave out {part.rows % number} of the rows"
    if batch == part.size:
        remedy = f"Choose a `batch_size` that is a multiple of {number}"
    return (
        f"Expected batches that {number} replicas can share. Received: {part.rows} rows to "
        f"{part.purpose} with in batches of {part.size}, of which one has {batch} "
        f"row{'s' * (batch != 1)}. {remedy}; if it is `validation_split` that cuts them, pass "
        "`validation_data` instead."
    )


def _passes(settings: dict[str, Any]) -> Iterator[_Pass]:
    size = settings.get("batch_size") or 32
    trained, validated = _rows(settings)
    if trained:
        yield _Pass("train", trained, size, not settings.get("steps_per_epoch"))
    if validated:
        batch = settings.get("validation_batch_size") or size
        yield _Pass("validate", validated, batch, not settings.get("validation_steps"))


def _rows(settings: dict[str, Any]) -> tuple[int, int]:
    """Returns how many rows are trained and validated with; 0 where arrays do not tell."""
    rows, validation = _length(settings.get("x")), settings.get("validation_data")
    if validation is not None:
        return rows, _length(validation)
    trained = math.floor(rows * (1 - (settings.get("validation_split") or 0.0)))
    return trained, rows - trained


def _length(data: Any) -> int:
    shapes = [getattr(leaf, "shape", None) for leaf in keras.tree.flatten(data)]
    return int(shapes[0][0]) if shapes and shapes[0] else 0
