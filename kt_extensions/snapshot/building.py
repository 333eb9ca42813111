"""Building a model that declares no inputs from the data that it is to be trained with."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kt_extensions.snapshot.variables import scope


def build(model: keras.Model, settings: dict[str, Any]) -> str | None:
    """Builds a model if it is not, and says why if that is not possible.

    Args:
        model: The model.
        settings: The arguments of `Model.fit`. A generator is replaced, for its first batch is
            taken from it.
    """
    if model.built:
        return None
    try:
        inputs = _inputs(settings)
        with scope(model):
            model(inputs)
    except Exception as error:  # whatever a model raises where it cannot be built
        return f"the model could not be built from its data ({error!r})"
    return None


def _inputs(settings: dict[str, Any]) -> Any:
    """Returns symbols for the inputs."""
    x: Any = settings.get("x")
    if hasattr(x, "element_spec"):
        return keras.tree.map_structure(_like, _first(x.element_spec))
    if isinstance(x, types.GeneratorType):
        batch = next(x)
        settings["x"] = _again(batch, x)
        return keras.tree.map_structure(_for_rows, _first(batch))
    if isinstance(x, keras.utils.PyDataset):
        return keras.tree.map_structure(_for_rows, _first(x[0]))
    return keras.tree.map_structure(_for_rows, x)


def _first(batch: Any) -> Any:
    return keras.utils.unpack_x_y_sample_weight(batch)[0]


def _again(batch: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield batch
    yield from rest


def _like(spec: Any) -> keras.KerasTensor:
    return keras.KerasTensor(spec.shape, spec.dtype.name)


def _for_rows(array: Any) -> keras.KerasTensor:
    dtype = keras.backend.standardize_dtype(array.dtype)
    if np.issubdtype(np.asarray(array[:0]).dtype, np.floating):
        dtype = keras.config.floatx()
    return keras.KerasTensor((None, *array.shape[1:]), dtype)
