"""TensorBoard's HParams tab of a search: one row for each trial.

See `docs/hparams.md` for what the columns hold and for TensorBoard's own rules that shaped this.
Names are imported when they are first used, for TensorBoard takes its time.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kt_extensions.hparams._callbacks import part_folders
    from kt_extensions.hparams._logger import HParamsLogger
    from kt_extensions.hparams._project import write_project
    from kt_extensions.hparams._session import CurveLogger

__all__ = ["CurveLogger", "HParamsLogger", "part_folders", "write_project"]

_PLACES = {
    "CurveLogger": "_session",
    "HParamsLogger": "_logger",
    "part_folders": "_callbacks",
    "write_project": "_project",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
