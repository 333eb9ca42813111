"""A search as one HTML page that needs nothing else: no network, no files beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kt_extensions.cleaning import plain
from kt_extensions.html_report.page import page
from kt_extensions.html_report.texts import changed
from kt_extensions.searches import view_of
from kt_extensions.store import write_atomically

if TYPE_CHECKING:
    import keras_tuner

    from kt_extensions.searches import SearchView

__all__ = ["write_report"]


def write_report(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
    file: str | os.PathLike[str],
) -> None:
    """Writes a page with the best configuration, figures, all trials and failures of a search.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any search, running or
            finished.
        file: The file, which is replaced if there is one.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        ImportError: If matplotlib is missing.
        OSError: If the file cannot be written.

    Example:
        >>> write_report("results/digits", "report.html")  # doctest: +SKIP
    """
    write_atomically(file, page(changed(view_of(source), plain)))
