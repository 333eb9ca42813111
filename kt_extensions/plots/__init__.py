"""Figures of a search, drawn with matplotlib (extra `plots`)."""

from kt_extensions.plots.history import plot_history
from kt_extensions.plots.pareto_front import plot_pareto_front
from kt_extensions.plots.schedules import plot_schedules

__all__ = ["plot_history", "plot_pareto_front", "plot_schedules"]
