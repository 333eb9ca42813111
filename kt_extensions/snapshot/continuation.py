"""The callback that begins a training in a state, and keeps that in which it ends."""

from __future__ import annotations

import functools
import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras

from kt_extensions.gfiles import Location
from kt_extensions.snapshot import building, callback_states, variables
from kt_extensions.snapshot.files import Snapshot, write
from kt_extensions.snapshot.order import Order
from kt_extensions.snapshot.settings import Snapshots

_FIT = inspect.signature(keras.Model.fit)


class Continuation(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets a training go on where another one ended, and keeps the state in which it ends itself.

    The state is that of the last epoch, not of the best one: all variables of the model and of its
    optimizers, the states of the other callbacks, and the history, which in the end is that of a
    training never stopped. A training that a callback had stopped is not continued.

    It has to be the first of the callbacks, and `attach` has to be called with the model.

    Args:
        start: State to begin in; `None` to begin anew. With one, pass `initial_epoch=start.epoch`
            to `fit`; if it is another one, it is replaced, with a warning.
        end: File to write in the end; `None` for none.
        order: The order of the data; `None` to leave it to Keras.
        readers: Those of the callbacks that come last, to see what all others log: also those that
            a `HyperModel.fit` of one's own has added.
        snapshots: When the file is written in between, too. Defaults to never.
        written: Called after the file was written.
        check: Called with the model and the arguments of its `fit`, before they are changed.
        ask: Called at the end of each epoch, before the other callbacks: an error of it ends the
            training before they keep anything of the epoch.

    Example:

    ```python
    model = build_model()
    start = read(file)
    continuation = Continuation(start, file)
    continuation.attach(model).fit(
        x, y, initial_epoch=start.epoch, epochs=9, callbacks=[continuation]
    )
    ```
    """

    def __init__(
        self,
        start: Snapshot | None = None,
        end: Location | None = None,
        *,
        order: Order | None = None,
        readers: Sequence[keras.callbacks.Callback] = (),
        snapshots: Snapshots | None = None,
        written: Callable[[], None] = lambda: None,
        check: Callable[[keras.Model, dict[str, Any]], None] = lambda model, settings: None,
        ask: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._start, self._end, self._order = start, end, order
        self._readers = readers
        self._snapshots, self._written = snapshots or Snapshots(), written
        self._check, self._ask = check, ask
        self._last_write = time.monotonic()
        self._callbacks: list[keras.callbacks.Callback] = []
        self._entered = self._resumed = start is None
        self._epochs: list[int] = []
        self._history: dict[str, list[float]] = {}

    def attach(self, model: keras.Model) -> keras.Model:
        """Has this callback see the arguments of the model's `fit`.

        They tell it the other callbacks, the data from which a model without declared inputs can
        be built, and those whose order it is to draw.

        Args:
            model: The model, whose `fit` is replaced.

        Returns:
            The same model.
        """
        fit = model.fit
        self._attached = model, vars(model).get("fit")

        @functools.wraps(fit)
        def continued(*args: Any, **kwargs: Any) -> Any:
            try:
                bound = _FIT.bind(model, *args, **kwargs)
            except TypeError:  # `fit` has other arguments, or tells what is wrong with these
                return fit(*args, **kwargs)
            if self in callback_states.flat(bound.arguments.get("callbacks")):
                self._prepare(model, bound.arguments)
            return fit(*bound.args[1:], **bound.kwargs)

        model.fit = continued
        return model

    def detach(self) -> keras.Model:
        """Undoes what `attach` has done last.

        Returns:
            The model.
        """
        model, own_fit = self._attached
        del model.fit
        if own_fit is not None:
            model.fit = own_fit
        return model

    def fits(self, model: keras.Model) -> bool:
        """Whether a model can begin in the state that the training goes on from."""
        return self._difference(model) is None

    @property
    def epochs(self) -> int:
        """The epochs that the model has been trained for."""
        return self._epochs[-1] + 1 if self._epochs else 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the variables, once."""
        if self._start is not None and not self._entered:
            problem = self._difference(self.model)
            if problem is None:
                start = self._start
                variables.restore(self.model, start.variables, start.optimizers, start.apart)
                self._epochs = list(self._start.epochs)
                self._history = {name: list(v) for name, v in self._start.history.items()}
            else:
                self._give_up(problem)
        self._entered = True
        self._last_write = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restores the states of the callbacks, once all have begun, and seeds the epoch."""
        self._resume_callbacks()
        if self._order is not None:
            self._order.begin(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Asks whether the training may go on."""
        self._ask()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Hands on the state of a training that had been stopped, and is not continued."""
        if self._start is not None and not self._resumed:
            self._resume_callbacks()
            self._write(self._start)

    def epoch_ended(self, epoch: int, logs: dict[str, Any]) -> None:
        """Keeps the state of the training, when all callbacks have seen the end of an epoch."""
        self._epochs.append(epoch)
        for name, value in logs.items():
            self._history.setdefault(name, []).append(callback_states.plain(value))
        done = epoch + 1
        last = done >= self.params["epochs"] or self.model.stop_training
        if last or self._is_due(done):
            self._write(self._snapshot(done))

    def _is_due(self, epochs: int) -> bool:
        """Whether a snapshot is to be written in between, after so many epochs."""
        every, seconds = self._snapshots.every_epochs, self._snapshots.every_seconds
        if every is not None and epochs % every == 0:
            return True
        return seconds is not None and time.monotonic() - self._last_write >= seconds

    def _prepare(self, model: keras.Model, settings: dict[str, Any]) -> None:
        """Changes the arguments of `fit`."""
        self._check(model, settings)
        given = settings.get("callbacks")
        self._callbacks = callback_states.flat(given)
        in_order = sorted(keras.tree.flatten(given), key=self._readers.__contains__)
        settings["callbacks"] = [*in_order, _Last(self)]
        if not self._entered:
            problem = building.build(model, settings) or self._difference(model)
            if problem is not None:
                self._give_up(problem)
            self._set_first_epoch(settings)
        building.build_rest(model, settings)
        if self._start is not None and self._start.stopped:
            settings["initial_epoch"] = settings.get("epochs", 1)
        if self._order is not None:
            self._order.arrange(settings)

    def _set_first_epoch(self, settings: dict[str, Any]) -> None:
        """Has the training begin after the epochs of its start, whatever `fit` was given."""
        given = settings.get("initial_epoch", 0)
        first = 0 if self._start is None else self._start.epoch
        if self._start is not None and not self._start.stopped and given != first:
            warnings.warn(
                f"Expected `model.fit` to be given `initial_epoch={first}`, after which a training "
                f"goes on. Received: initial_epoch={given}. It goes on after epoch {first} all the "
                f"same, to epoch {settings.get('epochs', 1)}. Let `HyperModel.fit` hand the "
                "`initial_epoch` and the `epochs` that it gets on to `model.fit`.",
                stacklevel=4,
            )
        settings["initial_epoch"] = first

    def _difference(self, model: keras.Model) -> str | None:
        if self._start is None:
            return None
        if not model.built:
            return "the model is not built"
        variables.build_optimizers(model, self._start.optimizers)
        return variables.difference(model, self._start.variables, self._start.optimizers)

    def _give_up(self, problem: str) -> None:
        warnings.warn(
            "A training was to go on from a snapshot, but this does not fit the model: "
            f"{problem}. It begins anew. Build the same model for the same hyperparameters.",
            stacklevel=2,
        )
        self._start, self._entered, self._resumed = None, True, True

    def _resume_callbacks(self) -> None:
        if self._start is not None and not self._resumed:
            callback_states.restore(self._callbacks, self._start.callbacks)
            for callback in (*self._callbacks, self.model.history):
                if isinstance(callback, keras.callbacks.History):
                    callback.epoch = list(self._epochs)
                    callback.history = {name: list(v) for name, v in self._history.items()}
        self._resumed = True

    def _snapshot(self, epoch: int) -> Snapshot:
        own = variables.variables_of(self.model)
        return Snapshot(
            epoch,
            bool(self.model.stop_training),
            variables.arrays_of(own),
            variables.optimizer_states(self.model),
            callback_states.states_of(self._callbacks),
            self._epochs,
            self._history,
            variables.apart_of(own),
        )

    def _write(self, snapshot: Snapshot) -> None:
        if self._end is None:
            return
        try:
            write(self._end, snapshot)
        except (OSError, TypeError) as error:
            warnings.warn(
                f"The state of the training could not be kept in {self._end}: {error!r}. A trial "
                "that is to go on from there will begin anew.",
                stacklevel=2,
            )
        else:
            self._written()
        self._last_write = time.monotonic()


class _Last(keras.callbacks.Callback):  # type: ignore[misc]
    """The last of the callbacks, which the others have gone before."""

    def __init__(self, continuation: Continuation) -> None:
        super().__init__()
        self._continuation = continuation

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._continuation.epoch_ended(epoch, logs or {})
