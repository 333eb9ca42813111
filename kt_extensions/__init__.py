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

_TUNERS = frozenset({"ASHA", "BOHB", "GP", "PSO", "TPE", "Hyperband", "Search", "Skopt", "Tuner"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _TUNERS:
        return getattr(importlib.import_module("kt_extensions.tuners"), name)
    if name == "Snapshots":
        return importlib.import_module("kt_extensions.snapshot").Snapshots
    if name == "MLflowLogger":
        return importlib.import_module("kt_extensions.mlflow").MLflowLogger
    if name == "describe":
        return importlib.import_module("kt_extensions.description").describe
    return importlib.import_module(f"kt_extensions.{name}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
