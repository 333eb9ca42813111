"""Logging the search of a tuner that knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kt_extensions.hparams._callbacks import part_folders

if TYPE_CHECKING:
    from kt_extensions.hparams._logger import HParamsLogger


class Attached:
    """Calls a logger at the moments of a tuner's search.

    The tuner's own methods are wrapped on the instance, so that whatever a subclass does in them
    stays as it is.

    Args:
        logger: The logger.
        tuner: A tuner of KerasTuner's, or of a subclass.
    """

    def __init__(self, logger: HParamsLogger, tuner: Any) -> None:
        self._logger, self._tuner = logger, tuner
        self._execution = 0
        self._wrap("on_search_begin", after=self._begin)
        self._wrap("on_trial_begin", before=self._begin_trial)
        self._wrap("on_trial_end", after=self._end_trial)
        self._wrap("on_search_end", after=logger.on_search_end)
        if hasattr(tuner, "_build_and_fit_model"):
            self._wrap("_build_and_fit_model", before=self._add_callback)
            tuner._configure_tensorboard_dir = self._part_folders

    def _wrap(
        self,
        name: str,
        before: Callable[..., None] | None = None,
        after: Callable[..., None] | None = None,
    ) -> None:
        own = getattr(self._tuner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                before(*args, **kwargs)
            result = own(*args, **kwargs)
            if after is not None:
                after(*args, **kwargs)
            return result

        setattr(self._tuner, name, wrapped)

    def _begin(self) -> None:
        tuner = self._tuner
        self._logger.on_search_begin(tuner.oracle, tuner.project_dir, tuner.project_name)

    def _begin_trial(self, trial: Any) -> None:
        self._execution = 0
        self._logger.on_trial_begin(trial)

    def _add_callback(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """Adds the one that logs the curves to the list that goes on to `fit`."""
        if isinstance(kwargs.get("callbacks"), list):
            kwargs["callbacks"].append(self._logger.callback(trial, self._execution))
            self._execution += 1

    def _part_folders(self, callbacks: list[Any], trial: Any, execution: int = 0) -> None:
        """In place of KerasTuner's own, which would write rows of its own beside the logger's."""
        part_folders(callbacks, trial.trial_id, execution, lambda: None)

    def _end_trial(self, trial: Any) -> None:
        self._logger.on_trial_end(self._tuner.oracle.get_trial(trial.trial_id))
