"""The user's own `keras.callbacks.TensorBoard` beside the log of a search."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import keras


def part_folders(
    callbacks: Iterable[Any], trial_id: str, execution: int, configure: Callable[[], None]
) -> None:
    """Has each `TensorBoard` callback write to a folder of the training's own, as KerasTuner does.

    KerasTuner leaves out subclasses, and all callbacks where the backend is not TensorFlow.

    Args:
        callbacks: The callbacks of one training.
        trial_id: The name of the trial.
        execution: Which training of the trial it is.
        configure: KerasTuner's own way for some, or nothing where it would write rows, too.

    Example:
        >>> board = keras.callbacks.TensorBoard("boards")
        >>> part_folders([board], "07", 0, lambda: None)
        >>> board.log_dir
        'boards/07/execution0'
    """
    own = [call for call in callbacks if isinstance(call, keras.callbacks.TensorBoard)]
    before = [callback.log_dir for callback in own]
    configure()
    for callback, log_dir in zip(own, before, strict=True):
        if callback.log_dir == log_dir:
            callback.log_dir = os.path.join(log_dir, str(trial_id), f"execution{execution}")
