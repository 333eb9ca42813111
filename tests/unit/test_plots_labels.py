"""Names in figures: as they are, apart from each other, within the figure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions import plots
from kt_extensions.plots.labels import broken
from kt_extensions.reports import Stint
from kt_extensions.searches import SearchView
from tests.views import saved_space, trial_view

pytest.importorskip("matplotlib")

LONG = "a rather long name of a project, e.g. mnist_2024_10_02_baseline_convolutional_network"
RATE, SIZES = "optimizer/adam/learning_rate", [2**power for power in range(4, 16)]
KINDS = ["relu", "leaky_relu_0.2_slope", "exponential_linear_unit", "tanh", "gelu_approximate"]


def search(
    spaces: dict[str, Any], name: str = "digits", objective: str = "val_accuracy"
) -> SearchView:
    """A search of 12 trials; a list is a choice, a pair of floats a range."""
    hp, trials = kt.HyperParameters(), []
    for hyperparameter, space in spaces.items():
        if isinstance(space, list):
            hp.Choice(hyperparameter, space)
        else:
            hp.Float(hyperparameter, *space)
    for number in range(12):
        values = {
            hyperparameter: space[number % len(space)] for hyperparameter, space in spaces.items()
        }
        facts: dict[str, Any] = {"status": "PRUNED" if number == 3 else "COMPLETED"}
        facts |= {"score": number / 9, "scores": [number / 9], "values": values}
        facts |= {"history": [{"epoch": [0.0, 1.0], objective: [0.0, number / 9]}]}
        facts |= {
            "rung": {"epochs": 2, "round": 0},
            "runs": [Stint("$tuner$0", number, number + 1.0)],
        }
        trials.append(trial_view(number, **facts))
    objectives = [(objective, "max")]
    return SearchView(name, "", *objectives[0], objectives, saved_space(hp), trials)


MANY = search(
    {
        RATE: (0.0, 1.0),
        "convolutional_block_1/number_of_filters": (0.0, 9.0),
        "activation_function_of_hidden_layers": KINDS,
        "regularization/dropout_rate": (0.0, 0.5),
        "use_batch_normalization": (0.0, 1.0),
        "number_of_units_in_recurrent_layer": (0.0, 1.0),
        "batch_size": SIZES,
    }
)

FIGURES: dict[str, Callable[[Any], Any]] = {
    "history": plots.plot_history,
    "curves": plots.plot_curves,
    "slices": plots.plot_slices,
    "parallel": plots.plot_parallel,
    "rungs": plots.plot_rungs,
    "timeline": plots.plot_timeline,
    "importances": plots.plot_importances,
    "contour": lambda source: plots.plot_contour(source, *_two(source)),
}


def _two(source: SearchView) -> list[str]:
    return [hyperparameter.name for hyperparameter in source.space[:2]]


def check_apart(figure: Any, texts: Iterable[Any]) -> None:
    """Checks that texts and legends do not touch each other nor the edge of the figure."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    for box, other in itertools.combinations(boxes, 2):
        assert not box.overlaps(other)
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("learning_rate", ["learning_rate"]),
        (RATE, ["optimizer/adam/", "learning_rate"]),
        ("x" * 40, ["x" * 16, "x" * 16, "x" * 8]),
        ("a_b/" * 40, ["a_b/" * 4, "a_b/" * 4, "a_b/" * 3 + "a_…"]),
        ("of\n$x$", [r"of \$x\$"]),
        ("", [""]),
    ],
)
def test_names_are_broken_into_lines(name: str, lines: list[str]) -> None:
    assert broken(name, 16).split("\n") == lines


@pytest.mark.parametrize("name", FIGURES)
def test_dollars_are_no_formula(name: str) -> None:
    from matplotlib.cbook import is_math_text
    from matplotlib.text import Text

    spaces = {"a $rate$": (0.0, 1.0), "$cost$": ["5$ to 6$", "$\\frac$", "c"]}
    figure = FIGURES[name](search(spaces, "from $1 to $2", "val $x$"))
    figure.draw_without_rendering()
    texts = [text.get_text() for text in figure.findobj(Text)]
    with_dollars = [text for text in texts if "$" in text and "mathdefault" not in text]
    assert any("from" in text for text in with_dollars)
    for text in with_dollars:
        assert not is_math_text(text)
        assert text.count("$") == text.count(r"\$")
        assert r"\\" not in text


def test_names_below_parallel_axes_are_apart() -> None:
    figure = plots.plot_parallel(MANY)
    check_apart(figure, figure.axes[0].get_xticklabels())


def test_names_and_options_below_slices_are_apart() -> None:
    figure = plots.plot_slices(MANY)
    check_apart(figure, [axes.xaxis.label for axes in figure.axes])
    sizes = figure.axes[-1]
    check_apart(figure, [*sizes.get_xticklabels(), sizes.xaxis.label])
    assert [label.get_text() for label in sizes.get_xticklabels()] == [str(s) for s in SIZES]


def test_tilted_options_end_at_their_ticks() -> None:
    figure = plots.plot_slices(MANY)
    kinds = figure.axes[2]
    figure.draw_without_rendering()
    ends = [label.get_window_extent().x1 for label in kinds.get_xticklabels()]
    ticks = kinds.transData.transform([(place, 0.0) for place in range(len(KINDS))])[:, 0]
    assert ends == pytest.approx(ticks, abs=figure.dpi / 12)
    size = kinds.get_xticklabels()[0].get_fontsize() * figure.dpi / 72
    assert min(np.diff(ticks)) / 2 > size


def test_options_below_a_contour_are_apart() -> None:
    figure = plots.plot_contour(MANY, "batch_size", RATE)
    labels = figure.axes[0].get_xticklabels()
    figure.draw_without_rendering()
    ends = [label.get_window_extent().x1 for label in labels]
    assert min(np.diff(ends)) / 2 > labels[0].get_fontsize() * figure.dpi / 72
    assert {label.get_rotation() for label in labels} == {30.0}


@pytest.mark.parametrize("which", ["x", "y"])
def test_of_very_many_options_only_some_are_named(which: str) -> None:
    made = search({"size": [str(number) for number in range(100)], "rate": (0.0, 1.0)})
    figure = plots.plot_contour(made, *(["size", "rate"] if which == "x" else ["rate", "size"]))
    labels = getattr(figure.axes[0], f"get_{which}ticklabels")()
    check_apart(figure, labels)
    assert 10 < len(labels) < 100
    places = getattr(figure.axes[0], f"get_{which}ticks")()
    assert [label.get_text() for label in labels] == [str(place) for place in places]


def test_short_options_are_level() -> None:
    (axes,) = plots.plot_slices(search({"optimizer": ["sgd", "rmsprop", "adam"]})).axes
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {0.0}


@pytest.mark.parametrize("name", [*FIGURES, "few slices"])
def test_a_long_title_is_beside_the_legend(name: str) -> None:
    made = search({RATE: (0.0, 1.0)}) if name == "few slices" else MANY
    figure = FIGURES[name.split()[-1]](replace(made, name=LONG))
    titles = [axes.title if axes.get_title() else axes._left_title for axes in figure.axes]
    titles = [figure._suptitle] if figure._suptitle else titles[:1]
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    check_apart(figure, [*titles, *legends, *figure.legends])
    assert titles[0].get_text().replace("\n", " ").startswith("a rather long name")


@pytest.mark.parametrize("name", FIGURES)
def test_a_short_title_is_one_line(name: str) -> None:
    figure = FIGURES[name](replace(MANY, name="mnist_baseline"))
    axes = figure.axes[0]
    assert "mnist_baseline" in (axes.get_title(loc="left"), figure.get_suptitle())
