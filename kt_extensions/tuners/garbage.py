"""Garbage collections that leave out what lives through a whole search."""

from __future__ import annotations

import gc

import keras


class LongLived:
    """Has garbage collections during a search walk what one trial makes, and nothing older.

    KerasTuner and Keras collect garbage twice for each trial, and each time walk all that the
    imports of TensorFlow, the user's program and the trials before have made. The user's own
    settings of `gc` stay as they are; if the program has frozen objects itself, nothing is done.

    What is left out is not freed before the end of the search if it has become garbage that refers
    to itself, as every model does: after the first trial nothing is left out while a model lives.

    Example:

    >>> import gc
    >>> long_lived = LongLived()
    >>> long_lived.leave_out()
    >>> gc.get_freeze_count() > 0
    True
    >>> long_lived.take_in()
    >>> gc.get_freeze_count()
    0
    """

    def __init__(self) -> None:
        self._left_out = False
        self._decided = False  # whether to is asked once: to count what is frozen takes 40 ms

    def __reduce__(self) -> tuple[type[LongLived], tuple[()]]:
        """A copy has left nothing out."""
        return LongLived, ()

    def leave_out(self) -> None:
        """Leaves what is alive now out of all collections from now on."""
        is_first = not self._decided
        if is_first:
            self._decided = True
            self._left_out = gc.get_freeze_count() == 0
        if self._left_out:
            gc.collect()
            if is_first or not _is_model_alive():
                gc.freeze()

    def take_in(self) -> None:
        """Takes it in again."""
        if self._left_out:
            gc.unfreeze()
        self._left_out = self._decided = False


def _is_model_alive() -> bool:
    """Whether there is a model among what collections walk: a trial's, whoever has built it."""
    return any(issubclass(type(thing), keras.Model) for thing in gc.get_objects())
