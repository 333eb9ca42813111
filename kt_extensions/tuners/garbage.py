"""Garbage collections that leave out what lives through a whole search."""

from __future__ import annotations

import gc


class LongLived:
    """Has garbage collections during a search walk what the search makes, and nothing older.

    KerasTuner and Keras collect garbage twice for each trial, and each time walk all that the
    imports of TensorFlow and the user's program have made. The user's own settings of `gc` stay as
    they are; if the program has frozen objects itself, nothing is done.

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

    def leave_out(self) -> None:
        """Leaves what is alive now out of all collections from now on; once."""
        if self._decided:
            return
        self._decided = True
        if gc.get_freeze_count() == 0:
            gc.collect()
            gc.freeze()
            self._left_out = True

    def take_in(self) -> None:
        """Takes it in again."""
        if self._left_out:
            gc.unfreeze()
        self._left_out = self._decided = False
