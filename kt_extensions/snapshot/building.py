"""Building a model, its metrics and its optimizer from the data that it is to be trained with."""

from __future__ import annotations

import contextlib
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


def build_rest(model: keras.Model, settings: dict[str, Any]) -> None:
    """Creates the variables of the metrics and of the optimizer of a model that is built.

    Keras creates them in the first step of a training. TensorFlow traces a function that creates
    variables a second time without, which takes about a quarter of the time of a small trial.
    Whatever cannot be built here is left to Keras.

    Args:
        model: The model, compiled.
        settings: The arguments of `Model.fit`, which are left as they are.
    """
    if _creates_in_its_first_step(model):
        with contextlib.suppress(Exception):  # of any kind: the training tells what is wrong
            model._symbolic_build(data_batch=_batch(settings))


def _creates_in_its_first_step(model: keras.Model) -> bool:
    """Whether Keras, not code of the model's own, creates variables while it traces a step."""
    own = ("train_step", "compute_loss", "compute_metrics")
    return bool(
        keras.backend.backend() == "tensorflow"
        and model.built
        and model.compiled
        and not model.run_eagerly
        and getattr(model, "_distribute_strategy", None) is None
        and all(getattr(type(model), name) is getattr(keras.Model, name) for name in own)
    )


def _batch(settings: dict[str, Any]) -> Any:
    """Returns symbols for the first batch."""
    x: Any = settings.get("x")
    if hasattr(x, "element_spec"):
        return keras.tree.map_structure(_like, x.element_spec)
    arrays = (x, settings["y"])
    return (*keras.tree.map_structure(_for_rows, arrays), None)


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
