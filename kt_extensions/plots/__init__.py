"""Figures of a search, drawn with matplotlib (extra `plots`)."""

from kt_extensions.plots.comparison import plot_comparison
from kt_extensions.plots.contour import plot_contour
from kt_extensions.plots.curves import plot_curves
from kt_extensions.plots.history import plot_history
from kt_extensions.plots.importances import plot_importances
from kt_extensions.plots.parallel import plot_parallel
from kt_extensions.plots.pareto_front import plot_pareto_front
from kt_extensions.plots.rungs import plot_rungs
from kt_extensions.plots.schedules import plot_schedules
from kt_extensions.plots.slices import plot_slices
from kt_extensions.plots.timeline import plot_timeline

__all__ = [
    "plot_comparison",
    "plot_contour",
    "plot_curves",
    "plot_history",
    "plot_importances",
    "plot_parallel",
    "plot_pareto_front",
    "plot_rungs",
    "plot_schedules",
    "plot_slices",
    "plot_timeline",
]
