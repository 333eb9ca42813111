"""TensorBoard's HParams tab of a search: one row for each trial.

See `docs/hparams.md` for what the columns hold and for TensorBoard's own rules that shaped this.
"""

from kt_extensions.hparams._callbacks import part_folders
from kt_extensions.hparams._logger import HParamsLogger
from kt_extensions.hparams._project import write_project
from kt_extensions.hparams._session import CurveLogger

__all__ = ["CurveLogger", "HParamsLogger", "part_folders", "write_project"]
