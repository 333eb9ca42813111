"""What pruners must keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kt_extensions.pruners.base import Progress, Pruner
from kt_extensions.space.domains import Array


def _progress(curve: Sequence[float], others: Array, planned: int = 9) -> Progress:
    completed = np.arange(len(others)) % 3 < 2
    return Progress(np.array(curve, float), others, completed, planned)


_CURVES = np.linspace(1.0, 2.0, 12)[:, np.newaxis] / np.arange(1.0, 10.0)

PROGRESSES: dict[str, Progress] = {
    "first epoch": _progress([1.5], _CURVES),
    "middle": _progress([2.5, 2.4, np.nan, 2.2], _CURVES),
    "last epoch": _progress([2.5] * 9, _CURVES),
    "no other trial": _progress([2.5, 2.4], np.empty((0, 0))),
    "others without an epoch": _progress([2.5, 2.4], np.empty((12, 0))),
    "others failed": _progress([2.5, 2.4], np.full((12, 9), np.nan)),
    "others shorter": _progress([2.5] * 7, _CURVES[:, :4]),
    "others longer": _progress([2.5, 2.4], _CURVES, planned=3),
    "others with gaps": _progress([2.5] * 4, np.where(_CURVES % 0.1 < 0.05, np.nan, _CURVES)),
    "ties": _progress([1.0, 1.0], np.ones((12, 9))),
    "huge": _progress([1e308, -1e308], _CURVES * np.array([[1e307], [-5e307]] * 6)),
    "no epoch": _progress([], _CURVES),
}
"""What a pruner may see, awkward cases included."""


class PrunerContract:
    """Tests of a pruner. A subclass says which one.

    Example:

    ```python
    class TestMyPruner(PrunerContract):
        def make_pruner(self):
            return MyPruner()
    ```
    """

    def make_pruner(self) -> Pruner:
        """Returns a new pruner."""
        raise NotImplementedError(
            f"Expected {type(self).__name__} to define make_pruner(self), which returns the "
            "pruner to test."
        )

    @pytest.fixture
    def pruner(self) -> Pruner:
        """The pruner to test."""
        return self.make_pruner()

    @pytest.mark.parametrize("name", PROGRESSES)
    def test_gives_a_reason_or_none(self, pruner: Pruner, name: str) -> None:
        """The same for the same curves, which it leaves as they are."""
        progress = PROGRESSES[name]
        before = [array.copy() for array in (progress.curve, progress.others, progress.completed)]
        verdict = pruner.verdict(progress)
        assert verdict is None or (isinstance(verdict, str) and verdict), (
            f"Expected why the trial is to be stopped, in words, or None. Received: {verdict!r}."
        )
        assert pruner.verdict(progress) == verdict, (
            "Expected the same verdict on the same curves: keep nothing between calls."
        )
        for array, old in zip(vars(progress).values(), before, strict=False):
            np.testing.assert_array_equal(array, old, "Expected verdict() to leave the curves.")

    @pytest.mark.parametrize("epochs", [1, 4, 9])
    def test_lets_a_trial_of_which_nothing_is_known_go_on(
        self, pruner: Pruner, epochs: int
    ) -> None:
        """Whatever the others did."""
        assert pruner.verdict(_progress([np.nan] * epochs, _CURVES)) is None
