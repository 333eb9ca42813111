"""What the figures of hyperparameters, curves and rungs show, read back from their artists."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions import plots
from kt_extensions.plots.kinds import fitting
from kt_extensions.plots.scales import Scale, scales_of
from kt_extensions.reports import Message
from kt_extensions.searches import SearchView, TrialView
from tests.views import saved_space, trial_view

pytest.importorskip("matplotlib")


def space() -> list[Any]:
    hp = kt.HyperParameters()
    hp.Choice("optimizer", ["sgd", "adam"])
    hp.Float("momentum", 0, 0.8, parent_name="optimizer", parent_values=["sgd"])
    hp.Float("rate", 1e-4, 1.0, sampling="log")
    hp.Int("layers", 1, 5)
    hp.Boolean("norm")
    hp.Fixed("seed", 3)
    return saved_space(hp)


def trial(number: int, score: float | None, /, **facts: Any) -> TrialView:
    """A trial that has completed with a score, or has failed."""
    if score is not None:
        facts = {"status": "COMPLETED", "score": score, "scores": [score], **facts}
    return trial_view(number, **facts)


def search(*trials: TrialView, direction: str = "max", **facts: Any) -> SearchView:
    objective: dict[str, Any] = {"objective": "gain", "direction": direction}
    facts = {"objectives": [("gain", direction)], **objective, **facts}
    return SearchView(name="digits", folder="", space=space(), trials=list(trials), **facts)


def logged(metric: str, *numbers: float, first: int = 0) -> list[dict[str, list[float]]]:
    epochs = [float(epoch) for epoch in range(first, first + len(numbers))]
    return [{"epoch": epochs, metric: list(numbers)}]


def offsets(collection: Any) -> list[tuple[float, ...]]:
    return [tuple(point) for point in collection.get_offsets().tolist()]


def labelled(axes: Any, label: str) -> list[tuple[float, ...]]:
    (scatter,) = (c for c in axes.collections if c.get_label() == label)
    return offsets(scatter)


def data(line: Any) -> list[tuple[float, ...]]:
    return [tuple(point) for point in np.transpose(line.get_data()).tolist()]


MIXED = search(
    trial(0, 0.5, values={"optimizer": "sgd", "momentum": 0.4, "rate": 0.01, "norm": False}),
    trial(1, 0.9, values={"optimizer": "adam", "rate": 0.1, "norm": True}, status="PRUNED"),
    trial(2, None, values={"optimizer": "adam", "rate": 1.0, "norm": True}),
    trial(3, 0.7, values={"optimizer": "sgd", "momentum": 0.8, "rate": 1e-4, "norm": True}),
)


# Axes of hyperparameters.


def test_scales_of_each_kind() -> None:
    scales = scales_of(MIXED)
    assert list(scales) == ["optimizer", "momentum", "rate", "layers", "norm"]
    assert scales["optimizer"].options == ("sgd", "adam")
    assert scales["norm"].options == (False, True)
    assert [scales[name].log for name in ("momentum", "rate")] == [False, True]
    assert scales["layers"].whole


@pytest.mark.parametrize(
    ("scale", "value", "position", "share", "label"),
    [
        (Scale("a", 0.0, 10.0), 2.5, 2.5, 0.25, "2.5"),
        (Scale("a", 1e-4, 1.0, log=True), 0.01, 0.01, 0.5, "0.01"),
        (Scale("a", 1.0, 5.0, whole=True), 3, 3.0, 0.5, "3"),
        (Scale("a", -0.5, 1.5, options=("x", "a long name of it")), "x", 0.0, 0.25, "x"),
    ],
)
def test_places_on_a_scale(
    scale: Scale, value: Any, position: float, share: float, label: str
) -> None:
    assert scale.position(value) == position
    assert scale.share(position) == pytest.approx(share)
    assert scale.at(share) == pytest.approx(position)
    assert scale.label(position) == label
    assert scale.position(None) is None
    assert scale.position(99) is None


def test_a_bound_that_went_through_a_32_bit_float() -> None:
    assert Scale("a", 0.7, 1.0).position(float(np.float32(0.7))) == 0.7


def test_a_name_that_was_declared_twice_has_both_domains() -> None:
    hp = kt.HyperParameters()
    low, high = hp.Int("units", 4, 16), kt.HyperParameters()
    high.Int("units", 8, 64)
    high.Choice("kind", ["a"])
    assert low == 4
    both = SearchView(
        "x", "", "gain", "max", [("gain", "max")], saved_space(hp) + saved_space(high), []
    )
    scales = scales_of(both)
    assert list(scales) == ["units"]
    assert (scales["units"].low, scales["units"].high) == (4, 64)


# Learning curves.


def test_curves_begin_after_one_epoch_and_the_best_stands_out() -> None:
    made = search(
        trial(0, 0.5, history=logged("gain", 0.25, 0.5)),
        trial(1, 0.75, history=logged("gain", 0.5, float("nan"), 0.75)),
        trial(2, 0.3, history=logged("gain", 0.3), status="PRUNED"),
    )
    (axes,) = plots.plot_curves(made).axes
    dim, pruned, best = axes.lines
    assert data(dim) == [(1, 0.25), (2, 0.5)]
    assert data(pruned) == [(1, 0.3)]
    assert data(best) == [(1, 0.5), (3, 0.75)]
    assert best.get_label() == "best, trial 01"
    assert best.get_linewidth() > dim.get_linewidth()
    assert labelled(axes, "pruned") == [(1, 0.3)]
    assert axes.get_ylabel() == "gain"
    assert axes.get_yscale() == "linear"


def test_a_promoted_trial_goes_on_from_the_end_of_its_parent() -> None:
    made = search(
        trial(0, 0.5, history=logged("gain", 0.5)),
        trial(1, 0.6, history=logged("gain", 0.6)),
        trial(2, 0.9, history=logged("gain", 0.8, 0.9, first=1), parent="01"),
    )
    (axes,) = plots.plot_curves(made).axes
    other, best, before = axes.lines
    assert data(other) == [(1, 0.5)]
    assert data(best) == [(1, 0.6), (2, 0.8), (3, 0.9)]
    assert data(before) == [(1, 0.6)]
    assert labelled(axes, "promoted") == [(1, 0.6)]


def test_curves_of_another_metric_on_a_logarithmic_axis() -> None:
    made = search(trial(0, 0.5, history=logged("loss", 100.0, 0.5)))
    (axes,) = plots.plot_curves(made, metric="loss").axes
    assert axes.get_yscale() == "log"
    with pytest.raises(ValueError, match=r"\['loss'\]\. Received: 'gain'"):
        plots.plot_curves(made)


def test_curves_of_the_first_of_several_objectives() -> None:
    facts: dict[str, Any] = {"objective": "multi_objective", "objectives": TWO}
    made = search(trial(0, 0.5, history=logged("gain", 0.25, 0.5)), **facts)
    (axes,) = plots.plot_curves(made).axes
    assert axes.get_ylabel() == "gain"
    assert [data(line) for line in axes.lines] == [[(1, 0.25), (2, 0.5)]]


def test_curves_of_several_executions() -> None:
    history = [*logged("gain", 0.25), *logged("gain", 0.5, 0.75)]
    (axes,) = plots.plot_curves(search(trial(0, 0.5, history=history))).axes
    assert [data(line) for line in axes.lines] == [[(1, 0.25)], [(1, 0.5), (2, 0.75)]]


def test_no_curves_were_kept() -> None:
    (axes,) = plots.plot_curves(MIXED).axes
    assert axes.texts[0].get_text() == "no learning curve was kept"


# Slices.


def test_slices() -> None:
    figure = plots.plot_slices(MIXED, hyperparameters=["rate", "momentum", "optimizer"])
    rate, momentum, optimizer = figure.axes
    ended, pruned, best = map(offsets, rate.collections)
    assert ended == [(0.01, 0.5), (1e-4, 0.7)]
    assert (pruned, best) == ([(0.1, 0.9)], [(1e-4, 0.7)])
    assert rate.get_xscale() == "log"
    assert offsets(momentum.collections[0]) == [(0.4, 0.5), (0.8, 0.7)]
    assert [offsets(c) for c in optimizer.collections][:2] == [
        [(-0.1875, 0.5), (0.1875, 0.7)],
        [(0.9375, 0.9)],
    ]
    assert [t.get_text() for t in optimizer.get_xticklabels()] == ["sgd", "adam"]
    assert rate.get_ylabel() == "gain (higher is better)"
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["first trials", "last trials", "pruned", "best"]


def test_slices_fill_rows_of_four() -> None:
    assert len(plots.plot_slices(MIXED).axes) == 5


# Parallel coordinates.


def crossings(axes: Any) -> list[list[float]]:
    (collection,) = axes.collections
    return [segment[:, 1].tolist() for segment in collection.get_segments()]


def test_lines_cross_the_axes_at_their_values_the_worst_first() -> None:
    (axes,) = plots.plot_parallel(MIXED, hyperparameters=["rate", "momentum"]).axes
    worst, middle, best = crossings(axes)
    assert worst == pytest.approx([0.5, 0.5, 0.0])
    assert middle == pytest.approx([0.0, 1.0, 0.5])
    assert best[::2] == pytest.approx([0.75, 1.0])
    assert best[1] < -0.1  # inactive
    thin, thick, pruned = axes.collections[0].get_linewidths()
    assert thick > thin == pruned
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.0001", "0.01", "1", "0", "0.4", "0.8", "0.5", "0.7", "0.9", "inactive"]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["rate", "momentum", "gain\n(higher is better)"]


def test_lines_through_an_option_are_spread_around_it() -> None:
    (axes,) = plots.plot_parallel(MIXED, hyperparameters=["optimizer"]).axes
    worst, middle, best = (line[0] for line in crossings(axes))
    assert worst < 0.25 < middle
    assert [worst, middle, best] == pytest.approx([0.25, 0.25, 0.75], abs=0.1)
    assert [text.get_text() for text in axes.texts][:2] == ["sgd", "adam"]


def test_minimized_scores_put_the_least_on_top() -> None:
    made = search(trial(0, 1.0), trial(1, 3.0), trial(2, 2.0), direction="min")
    (axes,) = plots.plot_parallel(made, hyperparameters=["layers"]).axes
    assert [line[-1] for line in crossings(axes)] == [1.0, 0.5, 0.0]


# Contours.


def test_the_ground_is_the_mean_of_the_trials_nearby() -> None:
    rows = [(0.01, "sgd", 0.5), (0.01, "sgd", 0.7), (0.01, "adam", 0.9), (1.0, "adam", 0.1)]
    trials = [
        trial(i, score, values={"rate": rate, "optimizer": optimizer})
        for i, (rate, optimizer, score) in enumerate(rows)
    ]
    axes, bar = plots.plot_contour(search(*trials), "rate", "optimizer").axes
    mesh, scatter = axes.collections
    ground = np.ma.filled(mesh.get_array(), np.nan).reshape(2, -1)
    middle = ground.shape[1] // 2
    assert ground[:, middle] == pytest.approx([0.6, 0.9], abs=0.01)
    assert ground[1, -1] == pytest.approx(0.1, abs=0.01)
    assert np.isnan(ground[0, -1]) and np.isnan(ground[:, 0]).all()
    assert offsets(scatter) == [(0.01, 0), (0.01, 0), (0.01, 1), (1.0, 1)]
    assert scatter.get_array().tolist() == [0.5, 0.7, 0.9, 0.1]
    assert axes.get_xscale() == "log"
    assert bar.get_ylabel() == "gain (higher is better)"


def test_scores_over_magnitudes_are_averaged_as_logarithms() -> None:
    trials = [trial(i, s, values={"layers": 3, "rate": 0.01}) for i, s in enumerate([0.01, 10.0])]
    axes = plots.plot_contour(search(*trials, direction="min"), "layers", "rate").axes[0]
    mesh = axes.collections[0]
    assert np.nanmean(np.ma.filled(mesh.get_array(), np.nan)) == pytest.approx(10**-0.5)


def test_trials_without_one_of_the_two_are_left_out() -> None:
    axes = plots.plot_contour(MIXED, "momentum", "rate").axes[0]
    assert offsets(axes.collections[1]) == [(0.4, 0.01), (0.8, 1e-4)]
    (empty,) = plots.plot_contour(MIXED, "momentum", "layers").axes
    assert empty.texts[0].get_text() == "no completed trial has both"


def test_a_contour_needs_two_hyperparameters() -> None:
    with pytest.raises(ValueError, match="'rate' twice"):
        plots.plot_contour(MIXED, "rate", "rate")
    with pytest.raises(ValueError, match=r"among \['optimizer', .*Received: 'seed'"):
        plots.plot_contour(MIXED, "rate", "seed")


# Importances.


def test_bars_of_the_importances() -> None:
    rng = np.random.default_rng(0)
    trials = []
    for i, (rate, layers) in enumerate(rng.random((60, 2))):
        values = {"rate": 1e-4 ** (1 - rate), "layers": 1 + int(5 * layers)}
        trials.append(trial(i, float(rate), values=values))
    (axes,) = plots.plot_importances(search(*trials)).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "rate"
    widths = [bar.get_width() for bar in axes.patches]
    assert sum(widths) == pytest.approx(1)
    assert widths == sorted(widths, reverse=True)
    assert axes.texts[0].get_text() == f"{widths[0]:.2f}"


# Rungs.


def rung(epochs: int, number: int, bracket: int) -> dict[str, int]:
    return {"epochs": epochs, "round": number, "bracket": bracket}


RUNGS = search(
    trial(0, 0.25, rung=rung(1, 0, 1)),
    trial(1, 0.5, rung=rung(1, 0, 1)),
    trial(2, None, rung=rung(1, 0, 1)),
    trial(3, 0.75, rung=rung(3, 1, 1), parent="01"),
    trial(4, 0.625, rung=rung(3, 0, 0)),
)


def test_rungs_by_bracket() -> None:
    figure = plots.plot_rungs(RUNGS)
    halving, last = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["bracket 1: 3 → 1", "bracket 0: 1"]
    assert [data(line) for line in halving.lines] == [[(1, 0.5), (3, 0.75)]]
    others, promoted, best, failed = halving.collections
    assert np.allclose(others.get_facecolors(), 1)
    assert not np.allclose(promoted.get_facecolors(), 1)
    assert [offsets(c) for c in (others, promoted, best)] == [[(1, 0.25)], [(1, 0.5)], [(3, 0.75)]]
    assert offsets(failed) == [(1, 0.0)]
    assert failed.get_offset_transform() == halving.get_xaxis_transform()
    assert [offsets(c) for c in last.collections] == [[(3, 0.625)]]
    assert halving.get_xscale() == "log"
    assert [tick.get_text() for tick in last.get_xticklabels()] == ["1", "3"]


def test_a_trial_is_promoted_though_it_fails_then() -> None:
    failed = trial(1, None, rung=rung(3, 1, 1), parent="00")
    better = search(trial(0, 0.5, rung=rung(1, 0, 1)), failed, trial(2, 0.9, rung=rung(1, 0, 1)))
    (axes,) = plots.plot_rungs(better).axes
    promoted, best, cross = axes.collections
    assert not np.allclose(promoted.get_facecolors()[0][:3], 1)
    assert offsets(best) == [(1, 0.9)]
    assert offsets(cross) == [(3, 0.0)]
    assert not axes.lines


def test_a_search_without_rungs() -> None:
    with pytest.raises(ValueError, match="which has none"):
        plots.plot_rungs(MIXED)


# Several searches.


def test_the_mean_and_the_spread_of_groups() -> None:
    first = search(trial(0, 0.5), trial(1, 0.25), trial(2, 1.0))
    second = search(trial(0, None), trial(1, 0.75), trial(2, 0.75), trial(3, 0.8))
    (axes,) = plots.plot_comparison({"both": [first, second], "one": second}).axes
    both, one = axes.lines
    assert np.isnan(both.get_ydata()[0])
    assert data(both)[1:] == [(2, 0.625), (3, 0.875)]
    assert data(one)[1:] == [(2, 0.75), (3, 0.75), (4, 0.8)]
    (band,) = axes.collections
    (path,) = band.get_paths()
    low, high = path.get_extents().get_points()[:, 1]
    assert (low, high) == pytest.approx((0.5, 1.0))
    assert [line.get_label() for line in axes.lines] == ["both (2 searches)", "one"]
    assert axes.get_ylabel() == "best gain (higher is better)"


def test_searches_that_cannot_be_compared() -> None:
    other = search(trial(0, 0.5), direction="min")
    with pytest.raises(ValueError, match=r"\['gain \(max\)', 'gain \(min\)'\]"):
        plots.plot_comparison({"a": search(trial(0, 0.5)), "b": other})
    with pytest.raises(ValueError, match="at least one search"):
        plots.plot_comparison({})


# All of them.

FIGURES: dict[str, Callable[[Any], Any]] = {
    "curves": plots.plot_curves,
    "slices": plots.plot_slices,
    "parallel": plots.plot_parallel,
    "contour": lambda source: plots.plot_contour(source, "rate", "optimizer"),
    "rungs": plots.plot_rungs,
    "comparison": lambda source: plots.plot_comparison({"a": source}),
}


def scores_of(figure: Any) -> set[float]:
    """The heights of all dots, lines and crosses."""
    dots = [y for axes in figure.axes for c in axes.collections for _, y in c.get_offsets()]
    lines = [y for axes in figure.axes for line in axes.lines for y in line.get_ydata()]
    return {float(y) for y in (*dots, *lines) if np.isfinite(y)}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("curves", "no learning curve was kept"),
        ("slices", "no completed trial"),
        ("parallel", "no completed trial"),
        ("contour", "no completed trial has both"),
        ("rungs", None),  # the failed trial is seen on the edge
        ("comparison", "no completed trial"),
    ],
)
def test_a_search_in_which_nothing_is_completed(
    name: str, told: str | None, tmp_path: Path
) -> None:
    running = trial(1, None, status="RUNNING", rung=rung(1, 0, 0))
    figure = FIGURES[name](search(trial(0, None, rung=rung(1, 0, 0)), running))
    figure.savefig(tmp_path / "figure.png")
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert texts == ({told} if told else set())
    assert scores_of(figure) == (set() if told else {0.0})


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"curves"}))
def test_several_objectives_are_refused(name: str) -> None:
    made = search(trial(0, 0.5), objectives=[("gain", "max"), ("cost", "min")])
    with pytest.raises(ValueError, match="one objective"):
        FIGURES[name](made)


@pytest.mark.parametrize("name", FIGURES)
def test_one_trial_is_enough(name: str, tmp_path: Path) -> None:
    values = {"rate": 0.1, "optimizer": "adam"}
    only = trial(0, 0.5, values=values, history=logged("gain", 0.5), rung=rung(1, 0, 0))
    figure = FIGURES[name](search(only))
    figure.savefig(tmp_path / "figure.png")
    if name == "parallel":  # one line through all axes
        (lines,) = figure.axes[0].collections
        assert len(lines.get_segments()) == 1
    else:  # the contour's dot is at the place of its option
        assert (1.0 if name == "contour" else 0.5) in scores_of(figure)


@pytest.mark.parametrize(
    "figure", [plots.plot_curves, plots.plot_parallel, plots.plot_contour, plots.plot_importances]
)
def test_axes_of_the_caller(figure: Callable[..., Any]) -> None:
    from matplotlib.figure import Figure

    rates = [10 ** (-i / 5) for i in range(12)]
    trials = [trial(i, r, values={"rate": r, "layers": 1 + i % 5}) for i, r in enumerate(rates)]
    own = Figure()
    names = {"x": "rate", "y": "layers"} if "x" in inspect.signature(figure).parameters else {}
    assert figure(search(*trials), ax=own.subplots(), **names) is own


def test_the_page_tells_of_every_figure() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "figures.md").read_text()
    for name in {*plots.__all__} - {"plot_schedules"}:
        assert f"`{name}`" in page
    images = re.findall(r"\]\((images/.*?)\)", page)
    assert len(images) >= 8
    assert all((docs / image).exists() for image in images)


class Halving(kte.Hyperband):
    """Trials of a size, which is all that counts."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        size = trial.hyperparameters.Float("size", 0.0, 1.0)
        values = trial.hyperparameters.values
        for epoch in range(values["tuner/initial_epoch"], values["tuner/epochs"]):
            self.report_epoch(trial, epoch, Message(0, 9, {"gain": size + epoch}))
        return {"gain": size + values["tuner/epochs"]}


def test_a_real_hyperband(tmp_path: Path) -> None:
    objective = kt.Objective("gain", "max")
    tuner = Halving(objective=objective, max_epochs=9, seed=2, directory=tmp_path)
    tuner.search(verbose=0)
    for source in (tuner, tuner.project_dir):
        brackets = plots.plot_rungs(source).axes
        titles = [axes.get_title() for axes in brackets]
        assert titles == ["bracket 2: 9 → 3 → 1", "bracket 1: 5 → 1", "bracket 0: 3"]
        assert [len(axes.lines) for axes in brackets] == [4, 1, 0]
        for axes in brackets:
            for line in axes.lines:
                (before, low), (after, high) = data(line)
                assert high - low == pytest.approx(after - before)  # one and the same size
        (axes,) = plots.plot_curves(source).axes
        assert len(labelled(axes, "promoted")) == 5
        steps = [np.diff(line.get_data()) for line in axes.lines]
        assert len(steps) == 22
        assert all(np.allclose(step, 1) for step in steps)


# Which figures tell something of a search.

TWO = [("gain", "max"), ("size", "min")]


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (search(), ["history"]),
        (search(trial(0, 0.5, history=logged("gain", 0.5))), ["history", "curves"]),
        (MIXED, ["history", "parallel", "slices"]),
        (
            search(
                trial(0, 0.5, rung={"round": 0, "bracket": 1, "epochs": 1}),
                trial(1, 0.6, rung={"round": 1, "bracket": 1, "epochs": 3}, parent="00"),
            ),
            ["history", "rungs", "parallel", "slices"],
        ),
        (search(trial(0, 0.5, scores=[0.5, 2.0]), objectives=TWO), ["front"]),
    ],
)
def test_figures_that_fit_a_search(made: SearchView, names: list[str]) -> None:
    kinds = fitting(made)
    assert [kind.name for kind in kinds] == names
    for kind in kinds:
        assert kind.draw(made).axes
