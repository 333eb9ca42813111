"""When each worker ran which trial, as it is drawn."""

from __future__ import annotations

from typing import Any

import matplotlib.patches
import pytest
from matplotlib.colors import to_hex

from kt_extensions.plots import plot_timeline
from kt_extensions.plots.timeline import _COLORS
from kt_extensions.reports import Stint
from kt_extensions.searches import SearchView
from tests.views import trial_view


def search(*trials: Any) -> SearchView:
    return SearchView("digits", "", "loss", "min", [("loss", "min")], [], list(trials))


def bars(figure: Any) -> list[tuple[float, float, float, str]]:
    """The middle of each bar, its beginning, its end, and its kind, by its color."""
    kinds = {color.lower(): kind for kind, color in _COLORS.items()}
    drawn = [p for p in figure.axes[0].patches if isinstance(p, matplotlib.patches.Rectangle)]
    found = [
        (p.get_y() + p.get_height() / 2, p.get_x(), p.get_x() + p.get_width(), p.get_facecolor())
        for p in drawn
    ]
    return sorted((y, left, right, kinds[to_hex(color)]) for y, left, right, color in found)


def test_each_run_is_a_bar() -> None:
    figure = plot_timeline(
        search(
            trial_view(0, status="COMPLETED", score=0.5, runs=[Stint("tuner0.0", 100.0, 104.0)]),
            trial_view(1, status="COMPLETED", score=0.2, runs=[Stint("tuner0.1", 100.0, 103.0)]),
            trial_view(2, status="PRUNED", score=0.9, runs=[Stint("tuner0.1", 103.0, 104.0)]),
            trial_view(3, runs=[Stint("tuner0.10", 101.0, 102.0)]),
            trial_view(4, status="RUNNING", runs=[Stint("tuner0.0", 104.0, None)]),
            trial_view(5, status="RUNNING", runs=[Stint("tuner0.1", 104.0, 106.0)]),
        )
    )
    expected = [
        (0.0, 0.0, 4.0, "trial"),
        (0.0, 4.0, 6.0, "not ended"),
        (1.0, 0.0, 3.0, "best"),
        (1.0, 3.0, 4.0, "pruned"),
        (1.0, 4.0, 6.0, "trial"),
        (2.0, 1.0, 2.0, "failed"),
    ]
    for bar, wanted in zip(bars(figure), expected, strict=True):
        assert bar[:3] == pytest.approx(wanted[:3])
        assert bar[3] == wanted[3]
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "tuner0.0", "tuner0.1", "tuner0.10"
    ]  # fmt: skip
    assert axes.get_xlabel() == "seconds of searching (workers busy 72% of the time)"


def test_a_run_that_was_killed_reaches_to_the_next_one_of_its_worker() -> None:
    killed, again = Stint("tuner0", 0.0, None), Stint("tuner0", 3.0, 4.0)
    others = [Stint("tuner1", 1.0, 2.0), Stint("tuner1", 2.0, None)]
    figure = plot_timeline(
        search(
            trial_view(0, status="COMPLETED", score=1.0, runs=[again, killed]),
            trial_view(1, status="COMPLETED", score=2.0, runs=others),
        )
    )
    assert bars(figure) == [
        (0.0, 0.0, 3.0, "not ended"),
        (0.0, 3.0, 4.0, "best"),
        (1.0, 1.0, 2.0, "trial"),
        (1.0, 2.0, 4.0, "not ended"),
    ]


def test_the_time_between_two_runs_of_a_search_is_cut_out() -> None:
    before, after = Stint("tuner0", 0.0, 60.0), Stint("tuner0", 5000.0, 5060.0)
    figure = plot_timeline(
        search(
            trial_view(0, status="COMPLETED", score=1.0, runs=[before]),
            trial_view(1, status="COMPLETED", score=2.0, runs=[after]),
        )
    )
    drawn = [bar[1:3] for bar in bars(figure)]
    assert drawn == [pytest.approx((0.0, 1.0)), pytest.approx((1.0, 2.0))]
    [axes] = figure.axes
    assert axes.get_xlabel() == "minutes of searching (workers busy 100% of the time)"
    [pause] = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert pause.get_xdata() == pytest.approx([1.0, 1.0])


def test_a_search_of_others_has_no_times() -> None:
    [axes] = plot_timeline(search(trial_view(0))).axes
    assert "no times were kept" in axes.texts[0].get_text()
