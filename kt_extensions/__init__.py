"""Search algorithms, fault tolerance and reporting for KerasTuner.

```python
import kt_extensions as kte

tuner = kte.TPE(build_model, objective="val_accuracy", max_trials=50, tensorboard_dir="logs")
tuner.search(x, y, epochs=10, validation_split=0.2)
```

Names are imported when they are first used: `kt_extensions.samplers` alone needs no Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kt_extensions import (
        builders,
        callbacks,
        hparams,
        mlflow,
        optimizers,
        oracles,
        plots,
        pruners,
        samplers,
        schedulers,
        schedules,
    )
    from kt_extensions.description import describe
    from kt_extensions.mlflow import MLflowLogger
    from kt_extensions.snapshot import Snapshots
    from kt_extensions.tuners import ASHA, BOHB, GP, PSO, TPE, Hyperband, Search, Skopt, Tuner

__version__ = "0.1.0"

__all__ = [
    "ASHA",
    "BOHB",
    "GP",
    "PSO",
    "TPE",
    "Hyperband",
    "MLflowLogger",
    "Search",
    "Skopt",
    "Snapshots",
    "Tuner",
    "builders",
    "callbacks",
    "describe",
    "hparams",
    "mlflow",
    "optimizers",
    "oracles",
    "plots",
    "pruners",
    "samplers",
    "schedulers",
    "schedules",
]

_BACKENDS = ("tensorflow", "jax", "torch")
_TUNERS = frozenset({"ASHA", "BOHB", "GP", "PSO", "TPE", "Hyperband", "Search", "Skopt", "Tuner"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _TUNERS:
        return getattr(_module("tuners"), name)
    if name == "Snapshots":
        return _module("snapshot").Snapshots
    if name == "MLflowLogger":
        return _module("mlflow").MLflowLogger
    if name == "describe":
        return _module("description").describe
    return _module(name)


def _module(name: str) -> Any:
    """Imports a module of the package; says so if Keras lacks its backend."""
    try:
        return importlib.import_module(f"kt_extensions.{name}")
    except ModuleNotFoundError as error:
        backend = (error.name or "").partition(".")[0]
        if backend not in _BACKENDS:
            raise
        raise ModuleNotFoundError(
            f"Expected one of {_BACKENDS}, which Keras computes with. Received: an environment "
            f"without {backend!r}, which Keras asks for. Install it (TensorFlow by: pip install "
            '"kt-extensions[cpu]"), or set the environment variable KERAS_BACKEND to one that is '
            "installed.",
            name=error.name,
        ) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
