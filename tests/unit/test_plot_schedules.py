"""What the figure of schedules shows, read back from its lines."""

import pytest

from kt_extensions import schedules
from kt_extensions.plots import plot_schedules

pytest.importorskip("matplotlib")

PAIR = {"one": schedules.constant(), "half": schedules.constant(0.5)}


def test_lines_are_the_schedules():
    (axes,) = plot_schedules({"down": schedules.cosine(10), **PAIR}, until=20, rate=0.1).axes
    down, one, half = (line.get_ydata() for line in axes.lines)
    assert (down[0], down[500]) == pytest.approx((0.1, 0.0))
    assert down[250] == pytest.approx(0.05)
    assert (set(one), set(half)) == ({0.1}, {0.05})
    assert axes.lines[0].get_xdata()[-1] == 20
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["down", "one", "half"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "rate")


def test_axes_of_the_caller():
    given = plot_schedules(PAIR, until=5)
    assert plot_schedules(PAIR, until=5, unit="step", title="two", ax=given.axes[0]) is given
    assert given.axes[0].get_xlabel() == "step"
    assert given.axes[0].get_title(loc="left") == "two"


def test_end_has_to_be_positive():
    with pytest.raises(ValueError, match="`until` to be a positive number"):
        plot_schedules(PAIR, until=0)
