"""A search in MLflow (extra `mlflow`): a parent run, and a nested run for each trial.

See `docs/mlflow.md` for what is where. MLflow is imported when a logger is made.
"""

from kt_extensions.mlflow._logger import MLflowLogger
from kt_extensions.mlflow._project import write_project

__all__ = ["MLflowLogger", "write_project"]
