"""Windows of long series."""

import numpy as np
import pytest

from kt_extensions.builders import windows

SERIES = np.arange(40.0).reshape(20, 2)


@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("gap", [0, 4])
@pytest.mark.parametrize("stride", [1, 3])
def test_windows_and_targets_are_where_they_belong(length, horizon, gap, stride):
    x, y = windows(SERIES, length=length, horizon=horizon, gap=gap, stride=stride)
    starts = range(0, 20 - length - gap - horizon + 1, stride)
    assert (len(x), len(y)) == (len(starts), len(starts))
    for i, start in enumerate(starts):
        first = start + length + gap
        np.testing.assert_array_equal(x[i], SERIES[start : start + length])
        np.testing.assert_array_equal(y[i], SERIES[first : first + horizon])


@pytest.mark.parametrize(
    ("targets", "shape", "columns"),
    [
        (None, (16, 2, 2), [0, 1]),
        (0, (16, 2), 0),
        (-1, (16, 2), 1),
        ([1], (16, 2, 1), [1]),
        ((1, 0), (16, 2, 2), [1, 0]),
    ],
)
def test_targets_are_some_of_the_columns(targets, shape, columns):
    x, y = windows(SERIES, length=3, horizon=2, targets=targets)
    assert (x.shape, y.shape) == ((16, 3, 2), shape)
    np.testing.assert_array_equal(y[4], SERIES[7:9, columns])


def test_single_series_has_one_feature():
    x, y = windows(np.arange(10), length=4, horizon=3)
    assert (x.shape, y.shape) == ((4, 4, 1), (4, 3))


def test_shortest_series_gives_one_window():
    x, y = windows(SERIES, length=12, horizon=5, gap=3)
    assert (len(x), len(y)) == (1, 1)


@pytest.mark.parametrize("targets", [None, 1])
def test_series_is_not_copied(targets):
    x, y = windows(SERIES, length=5, horizon=3, targets=targets)
    assert np.shares_memory(x, SERIES)
    assert np.shares_memory(y, SERIES)


@pytest.mark.parametrize(
    ("series", "arguments", "message"),
    [
        (SERIES, {"length": 20}, "at least 21 steps: 20 of the window, 0 of the gap and 1 to"),
        (SERIES, {"length": 5, "horizon": 9, "gap": 7}, "at least 21 .* Received: 20 steps"),
        (np.array([1.0, np.nan, np.nan, 4.0]), {"length": 1}, r"2 that are NaN .* at \(1,\)"),
        (np.array([1.0, np.inf, 4.0]), {"length": 1}, "Fill them"),
        (np.ones((4, 2, 2)), {"length": 1}, r"Received: shape \(4, 2, 2\)"),
        (np.array(["a", "b"]), {"length": 1}, "dtype <U1"),
        (SERIES, {"length": 0}, "`length` to be an integer of at least 1"),
        (SERIES, {"length": 1, "horizon": 1.5}, "`horizon`"),
        (SERIES, {"length": 1, "stride": 0}, "`stride`"),
        (SERIES, {"length": 1, "gap": -1}, "`gap` to be an integer of at least 0"),
        (SERIES, {"length": 1, "targets": 2}, "a column from 0 to 1"),
        (SERIES, {"length": 1, "targets": [0, "pm"]}, "`targets`"),
        (SERIES, {"length": 1, "targets": []}, "`targets`"),
    ],
)
def test_wrong_arguments_raise(series, arguments, message):
    with pytest.raises(ValueError, match=message):
        windows(series, **arguments)
