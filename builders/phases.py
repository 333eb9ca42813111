"""The training of a model with a backbone: first the head alone, then the last layers, too."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass
from typing import Any

import keras

from .transfer import backbone_of, thaw


class OneTraining(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Lets callbacks see several calls of `Model.fit` as one training.

    It is itself passed to `fit` as a callback. The training begins with the first call, and ends
    with that for which `last` is set, or with that which a callback stops.

    Args:
        callbacks: The callbacks of the whole training, to which a `History` is added.
        epochs: Number of the epoch after which the training ends.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback], epochs: int) -> None:
        self._epochs = epochs
        self._begun = False
        self.last = False
        self.history = keras.callbacks.History()
        super().__init__([*callbacks, self.history])

    def set_params(self, params: dict[str, Any]) -> None:
        """Tells the callbacks the epochs of the whole training."""
        super().set_params({**params, "epochs": self._epochs} if params else params)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._begun:
            self._begun = True
            super().on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.last or self.history.model.stop_training:
            super().on_train_end(logs)


@dataclass(frozen=True)
class TwoPhases:
    """How a model with a backbone is trained.

    Args:
        head_epochs: Epochs of the first phase, in which the backbone is as it was.
        share: Share of the backbone's layers that the second phase trains; without any there is no
            second phase.
        head_rate: Learning rate of the first phase.
        tuning_rate: Learning rate of the second one.
    """

    head_epochs: int
    share: float
    head_rate: float
    tuning_rate: float

    def fit(self, model: keras.Model, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains a model, with arguments as of `Model.fit`, and returns one history.

        A training that goes on from where the first phase ended calls `fit` for no epoch of it, so
        that a callback can restore the state in which it ended.
        """
        settings = inspect.signature(model.fit).bind(*args, **kwargs).arguments
        first, end = settings.pop("initial_epoch", 0), settings.pop("epochs", 1)
        boundary = min(self.head_epochs, end) if self.share > 0 else end
        training = OneTraining(settings.pop("callbacks", None) or [], end)
        settings["callbacks"] = [training]
        if first <= boundary and boundary > 0:
            training.last = boundary == end
            _begin_phase(model, 0.0, self.head_rate)
            model.fit(**settings, initial_epoch=first, epochs=boundary)
        if boundary < end and not model.stop_training:
            training.last = True
            _begin_phase(model, self.share, self.tuning_rate)
            model.fit(**settings, initial_epoch=max(first, boundary), epochs=end)
        model.history = training.history
        return training.history


def _begin_phase(model: keras.Model, share: float, rate: float) -> None:
    """Compiles a model anew: its optimizer has slots for other weights."""
    thaw(backbone_of(model), share)
    strategy = getattr(model, "distribute_strategy", None)
    with strategy.scope() if strategy is not None else contextlib.nullcontext():
        model.compile_from_config(model.get_compile_config())
    model.optimizer.learning_rate = rate
