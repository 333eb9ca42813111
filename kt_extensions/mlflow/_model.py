"""The best model of a search as a model of MLflow's."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

_NAME = "best_model"
_BACKENDS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "jax": ("jax",),
    "torch": ("torch",),
}


def log_model(
    client: Any, run_id: str, experiment: str, model: keras.Model, tags: Mapping[str, str]
) -> str:
    """Writes a model, and links it to a run.

    Args:
        client: MLflow's client.
        run_id: The run that has produced it.
        experiment: The id of the run's experiment.
        model: The model.
        tags: Its tags.

    Returns:
        The id of the model. `mlflow.keras.load_model(f"models:/{id}")` loads it.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    logged = client.create_logged_model(experiment, _NAME, run_id, dict(tags))
    kind = {"model_uuid": logged.model_id, "model_id": logged.model_id, "run_id": run_id}
    described = Model(artifact_path=logged.artifact_location, **kind)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, _NAME)
        _save(model, path, described)
        client.log_model_artifacts(logged.model_id, path)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


def _save(model: keras.Model, path: str, described: Any) -> None:
    settings = {"signature": _signature(model), "pip_requirements": _requirements()}
    with warnings.catch_warnings():  # of a type hint in MLflow's own code
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType")
        from mlflow.keras import save_model

        save_model(model, path, mlflow_model=described, **settings)


def _signature(model: keras.Model) -> Any:
    """Returns what the model takes and gives, or `None` if it does not tell."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema

    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return None
    return ModelSignature(Schema(_specs(inputs)), Schema(_specs(outputs)))


def _specs(tensors: list[Any]) -> list[Any]:
    from mlflow.types.schema import TensorSpec

    names = [tensor.name if len(tensors) > 1 else None for tensor in tensors]
    return [
        TensorSpec(_kind(tensor), tuple(-1 if n is None else n for n in tensor.shape), name)
        for name, tensor in zip(names, tensors, strict=True)
    ]


def _kind(tensor: Any) -> np.dtype[Any]:
    kind = str(keras.backend.standardize_dtype(tensor.dtype))
    kind = {"string": "str", "bfloat16": "float32"}.get(kind, kind)
    found: np.dtype[Any] = np.dtype(kind)
    return found


def _requirements() -> list[str]:
    """Returns the packages that the model needs. To find out MLflow would load it in a process."""
    installed = {}
    for name in ("keras", "numpy", *_BACKENDS.get(keras.backend.backend(), ())):
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # the backend has another packaging
    return [f"{name}=={version}" for name, version in installed.items()]
