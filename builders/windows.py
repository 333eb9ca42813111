"""Windows of long series: the samples of a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kt_extensions import ranges


def windows(
    series: Any,
    *,
    length: int,
    horizon: int = 1,
    gap: int = 0,
    stride: int = 1,
    targets: int | Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a long series into windows and what comes after each.

    Cut the parts to train, to validate and to test with out of the series first: windows overlap,
    so that those of one part would show another part's targets. For a window whose length is tuned,
    `length` is the longest: `GRU(input_shape=(length, features), window=(6, length), ...)`.

    Args:
        series: Values in equal distances of time, oldest first. Shape `(n,)` or `(n, features)`.
        length: Steps of a window.
        horizon: Steps to forecast.
        gap: Steps between the window and the first one to forecast.
        stride: Steps from one window to the next.
        targets: The column to forecast, or a list of columns; None for all.

    Returns:
        The windows, shape `(m, length, features)`, and the targets, shape `(m, horizon)` for one
        column (`outputs=horizon`), else `(m, horizon, columns)` (`outputs=(horizon, columns)`),
        where m is `(n - length - gap - horizon) // stride + 1`. Both are read-only views of the
        series; targets of a list of columns are those of a copy of these columns.

    Raises:
        ValueError: If the series is too short, has another shape, no numbers or missing values, or
            if an argument is not of the form above.

    Example:

    >>> x, y = windows(np.arange(6.0), length=3, horizon=2)
    >>> x.shape, y.shape
    ((2, 3, 1), (2, 2))
    >>> x[1].ravel().tolist(), y[1].tolist()
    ([1.0, 2.0, 3.0], [4.0, 5.0])
    """
    values = _values(series)
    length, horizon, stride = (
        ranges.count(name, value)
        for name, value in (("length", length), ("horizon", horizon), ("stride", stride))
    )
    first = length + (gap := ranges.count("gap", gap, minimum=0))
    if len(values) < first + horizon:
        raise ValueError(
            f"Expected a series of at least {first + horizon} steps: {length} of the window, {gap} "
            f"of the gap and {horizon} to forecast. Received: {len(values)} steps. Shorten `length`"
            " or `horizon`, or bring a longer series."
        )
    wanted = values[first:, _columns(targets, values.shape[1])]
    x = _cut(values[: len(values) - gap - horizon], length)[::stride]
    y = _cut(wanted, horizon)[::stride]
    return x, y[..., 0] if y.shape[2] == 1 and not isinstance(targets, Sequence) else y


def _values(series: Any) -> np.ndarray:
    """Returns the series with an axis of features."""
    values = np.asarray(series)
    if values.ndim not in (1, 2) or values.dtype.kind not in "iuf":
        raise ValueError(
            "Expected `series` to be numbers of the shape (n,) or (n, features). Received: shape "
            f"{values.shape}, dtype {values.dtype}."
        )
    strange = np.argwhere(~np.isfinite(values))
    if len(strange):
        raise ValueError(
            f"Expected `series` without missing values. Received: {len(strange)} that are NaN or "
            f"infinite, the first at {tuple(strange[0].tolist())}. Fill them, or cut the series "
            "there and call `windows` for each part."
        )
    return values[:, None] if values.ndim == 1 else values


def _columns(targets: Any, features: int) -> Any:
    """Returns the columns as an index that keeps the axis of features."""
    if targets is None:
        return slice(None)
    several = isinstance(targets, Sequence) and not isinstance(targets, str)
    columns = list(targets) if several else [targets]
    whole = all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in columns)
    if not columns or not whole or not all(-features <= c < features for c in columns):
        expected = f"a column from 0 to {features - 1}, a list of such columns or None"
        ranges.fail("targets", targets, expected)
    return columns if several else slice(columns[0] % features, columns[0] % features + 1)


def _cut(values: np.ndarray, length: int) -> np.ndarray:
    """Returns all windows as a view. Shape `(m, length, features)`."""
    view: np.ndarray = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    return np.swapaxes(view, 1, 2)
