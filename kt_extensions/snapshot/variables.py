"""The variables of a model and of its optimizers, as arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def variables_of(model: keras.Model) -> list[Any]:
    """Returns the variables of a model, then the states of its RNNs, which Keras leaves out."""
    layers = {id(layer): layer for layer in model._flatten_layers()}.values()
    states = [layer.states for layer in layers if isinstance(layer, keras.layers.RNN)]
    return [*model.variables, *(v for v in keras.tree.flatten(states) if v is not None)]


def arrays_of(variables: Sequence[Any]) -> list[Any]:
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def apart_of(variables: Sequence[Any]) -> list[tuple[int, list[Any]]]:
    """Returns the places of variables that are not the same on all replicas, with their values.

    TensorFlow's replicas have moving averages of their own, of which `arrays_of` knows the first.
    """
    copies = [(i, arrays) for i, v in enumerate(variables) if (arrays := _on_replicas(v))]
    return [(i, a) for i, a in copies if any(not np.array_equal(a[0], b) for b in a[1:])]


def optimizer_states(model: keras.Model) -> list[dict[str, Any]]:
    """Returns the state of each optimizer that the model has as an attribute."""
    places = {id(variable): i for i, variable in enumerate(model.trainable_variables)}
    return [
        {
            "variables": arrays_of(optimizer.variables),
            "trained": [places[id(v)] for v in _trained(optimizer) if id(v) in places],
        }
        for optimizer in _optimizers(model)
    ]


def build_optimizers(model: keras.Model, states: Sequence[dict[str, Any]]) -> None:
    """Makes the slots of the optimizers for the variables that they trained."""
    with scope(model):
        for optimizer, state in zip(_optimizers(model), states, strict=False):
            if state["trained"] and not optimizer.built:
                optimizer.build([model.trainable_variables[i] for i in state["trained"]])


def difference(model: keras.Model, variables: Sequence[Any], states: Sequence[Any]) -> str | None:
    """Says which shapes are not those of a snapshot; `None` if all of them are."""
    own = [variables_of(model), *(optimizer.variables for optimizer in _optimizers(model))]
    kept = [variables, *(state["variables"] for state in states)]
    shapes = [[tuple(v.shape) for v in part] for part in own]
    expected = [[tuple(a.shape) for a in part] for part in kept]
    return None if shapes == expected else f"variables {shapes}, not {expected}"


def restore(
    model: keras.Model,
    variables: Sequence[Any],
    states: Sequence[Any],
    apart: Sequence[tuple[int, list[Any]]] = (),
) -> None:
    """Gives the variables of a model and of its optimizers the values of a snapshot.

    Args:
        model: The model, built, its optimizers too.
        variables: `arrays_of` its `variables_of`.
        states: `optimizer_states` of it.
        apart: `apart_of` these. If there are as many replicas no more, their mean is taken.
    """
    own = variables_of(model)
    _assign(own, variables)
    for place, arrays in apart:
        _assign_apart(own[place], arrays)
    for optimizer, state in zip(_optimizers(model), states, strict=True):
        _assign(optimizer.variables, state["variables"])


def scope(model: keras.Model) -> contextlib.AbstractContextManager[Any]:
    """Returns the scope in which the model's variables are made."""
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None:
        return contextlib.nullcontext()
    made: contextlib.AbstractContextManager[Any] = strategy.scope()
    return made


def _assign(variables: Sequence[Any], arrays: Sequence[Any]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _assign_apart(variable: Any, arrays: Sequence[Any]) -> None:
    own = _copies(variable)
    if len(own) == len(arrays):
        _assign(own, arrays)
    elif keras.backend.is_float_dtype(variable.dtype):
        variable.assign(np.mean(arrays, axis=0))


def _on_replicas(variable: Any) -> list[Any]:
    """Returns the values of a variable that steps do not train, if it has several."""
    return [] if variable.trainable else [copy.numpy() for copy in _copies(variable)]


def _copies(variable: Any) -> Sequence[Any]:
    """Returns the variables of TensorFlow that stand for one on its replicas."""
    if keras.backend.backend() != "tensorflow":
        return ()
    copies: Sequence[Any] = getattr(variable.value, "values", ())
    return copies


def _optimizers(model: keras.Model) -> list[Any]:
    found = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    return list({id(optimizer): optimizer for optimizer in found}.values())


def _trained(optimizer: Any) -> list[Any]:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return getattr(inner, "_trainable_variables", []) or []
