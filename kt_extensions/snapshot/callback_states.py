"""The states of callbacks.

A callback with `get_state()`, which returns what JSON can hold and NumPy arrays, and
`set_state(state)` keeps its state by these; Keras' own callbacks by the attributes named here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

Callback: TypeAlias = keras.callbacks.Callback

_ATTRIBUTES: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "cooldown_counter", "best"),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


def flat(callbacks: Any) -> list[Callback]:
    """Returns the callbacks of a list, of a `CallbackList`, and of those in it."""
    found: list[Callback] = []
    for callback in keras.tree.flatten(callbacks):
        if isinstance(callback, keras.callbacks.CallbackList):
            found += flat(callback.callbacks)
        elif callback is not None:
            found.append(callback)
    return found


def states_of(callbacks: Sequence[Callback]) -> list[tuple[str, Any]]:
    """Returns the name and the state of each callback that has one."""
    return [(name, _state(callback)) for name, callback in _named(callbacks)]


def restore(callbacks: Sequence[Callback], states: Sequence[tuple[str, Any]]) -> None:
    """Gives each callback the state of the one of its name."""
    kept = dict(states)
    for name, callback in _named(callbacks):
        if name in kept:
            _set(callback, kept[name])


def _named(callbacks: Sequence[Callback]) -> Iterator[tuple[str, Callback]]:
    """Yields those that have a state, by class; of one class they are numbered."""
    counts: Counter[str] = Counter()
    for callback in callbacks:
        name = type(callback).__qualname__
        if _has_methods(callback) or _attributes(callback):
            yield f"{name} {counts[name]}", callback
            counts[name] += 1


def _has_methods(callback: Callback) -> bool:
    return all(callable(getattr(callback, name, None)) for name in ("get_state", "set_state"))


def _attributes(callback: Callback) -> tuple[str, ...]:
    return next((names for kind, names in _ATTRIBUTES.items() if isinstance(callback, kind)), ())


def _state(callback: Callback) -> Any:
    if _has_methods(callback):
        return callback.get_state()
    return {name: plain(getattr(callback, name)) for name in _attributes(callback)}


def _set(callback: Callback, state: Any) -> None:
    if _has_methods(callback):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)


def plain(value: Any) -> Any:
    """Returns numbers of any backend as Python's."""
    if value is None or isinstance(value, list | int):
        return value
    return np.asarray(value) if getattr(value, "ndim", 0) else float(value)
