"""The state in which a training ended, for the trial that goes on from there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras

from kt_extensions.store import write_atomically


def snapshot_file(trial_dir: str | os.PathLike[str], execution: int) -> Path:
    """Returns the file for the state in which an execution of a trial ended.

    Args:
        trial_dir: The folder of the trial.
        execution: Number of the execution, from 0.
    """
    return Path(trial_dir, f"last_{execution}.weights.h5")


class Continuation(keras.callbacks.Callback):  # type: ignore[misc]
    """Begins a training in the state in which another one ended, and keeps that in which it ends.

    The state is that of the last epoch, not of the best one: the weights, the slots of the
    optimizer and its number of iterations.

    Args:
        start: File to begin from; `None` to begin anew.
        end: File to write at the end.
    """

    def __init__(self, start: Path | None, end: Path) -> None:
        super().__init__()
        self._start = start
        self._end = end
        self._train: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the weights and the optimizer, once; before the first step at the latest."""
        if self._start is None:
            return
        shapes = json.loads(_shapes_file(self._start).read_text())
        if shapes and not self.model.built:
            self.model.build_from_config(shapes)
        if self.model.built:
            self._restore()
        else:  # a subclass of `Model`, which TensorFlow builds in its first step
            self._train = self.model.train_function
            self.model.train_function = self._build_and_train

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the file: at any moment there is none, or a whole one."""
        write_atomically(_shapes_file(self._end), json.dumps(self.model.get_build_config()))
        aside = self._end.with_name(f".part_{self._end.name}")
        self.model.save_weights(aside, overwrite=True)
        os.replace(aside, self._end)

    def _build_and_train(self, batches: Any) -> Any:
        """Takes the place of the first training step, which is the first to know the data."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(batches.element_spec)
        self.model(keras.tree.map_structure(_symbolic, inputs))
        self._restore()
        self.model.train_function = self._train
        return self._train(batches)

    def _restore(self) -> None:
        if self.model.optimizer is not None:
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self._start)
        self._start = None


def _symbolic(spec: Any) -> keras.KerasTensor:
    return keras.KerasTensor(spec.shape, spec.dtype.name)


def _shapes_file(file: Path) -> Path:
    """Returns the file for the shapes from which Keras builds a model without declared inputs."""
    return file.with_suffix(".json")
