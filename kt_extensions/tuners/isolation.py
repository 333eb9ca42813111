"""How each trial of a tuner runs in a process of its own."""

from __future__ import annotations

import contextlib
import copy
import functools
from typing import Any, cast

import cloudpickle
import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import declared
from kt_extensions.hparams import HParamsLogger
from kt_extensions.isolation import Channel, Limits, ProcessDied, Processes, Remote, check
from kt_extensions.oracles.processes import is_chief
from kt_extensions.progress import SearchProgress
from kt_extensions.schedulers.base import check_integer
from kt_extensions.tuners.continuation import ContinuedTrials
from kt_extensions.tuners.elsewhere import LogElsewhere, Settings, TrialLog

_KEPT = ("oracle", "hypermodel", "_processes", "_hparams", "_progress", "_reports", "_judge")


class IsolatedTrials(ContinuedTrials):
    """A tuner that can run each trial in a process of its own.

    There the tuner is a copy, which asks the oracle, the progress and the log of this one. The
    process ends with the trial; what becomes of it is the trial's result.
    """

    isolate = False
    trial_seconds: float | None = None
    trial_memory: int | None = None
    _processes: Processes | None = None
    _hparams: HParamsLogger | None = None
    _progress: SearchProgress | None = None

    def _isolate(self, isolate: bool, seconds: float | None, memory: int | None) -> None:
        """Checks and keeps the arguments `isolate`, `trial_seconds` and `trial_memory`."""
        if not isolate and not (seconds is None and memory is None):
            raise ValueError(
                "Expected isolate=True with `trial_seconds` or `trial_memory`, since Keras cannot "
                "be interrupted safely inside of a process. Received: "
                f"isolate={isolate!r}, trial_seconds={seconds!r}, trial_memory={memory!r}. "
                "Pass isolate=True too, or leave out the limits."
            )
        if seconds is not None and not seconds > 0:
            raise ValueError(
                f"Expected `trial_seconds` to be above 0, or None. Received: {seconds!r}."
            )
        if memory is not None:
            check_integer("trial_memory", memory, 1)
        self.isolate = bool(isolate)
        self.trial_seconds, self.trial_memory = seconds, memory

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches as KerasTuner does, with each trial in a process of its own if asked to.

        Raises:
            ValueError: If something that the trials need cannot be handed to a process.
        """
        if not self.isolate or is_chief():
            super().search(*fit_args, **fit_kwargs)
            return
        with self._elsewhere(fit_args, fit_kwargs) as self._processes:
            try:
                super().search(*fit_args, **fit_kwargs)
            finally:
                self._processes = None

    def _populate_initial_space(self) -> None:
        """Builds the first models in a process, too: this one is to leave the devices to trials."""
        if not self.isolate or self.hypermodel is None:
            super()._populate_initial_space()
            return
        with self._elsewhere((), {}) as processes:
            copied = self._pickled(self._copy())
            try:
                processes.run(_populate, copied, {"oracle": self.oracle}, last=True)
            except ProcessDied as death:
                raise RuntimeError(
                    "Expected that the hypermodel can be built with the default values of its "
                    f"hyperparameters. The process in which it was has ended.\n{death}"
                ) from None

    def _declaring(self) -> Any:
        """Returns what tells the space that is to be searched: the hypermodel, or what it declares.

        Where models are not to be built in this process, and cannot be in another, it is empty.
        """
        if not self.isolate:
            return self.hypermodel
        with self._elsewhere((), {}) as processes:
            try:
                return processes.run(_declared, cloudpickle.dumps(()), {}, last=True)
            except (ProcessDied, ValueError):  # the trials will tell why
                return kt.HyperParameters()

    def _try_run_and_update_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> None:
        if self._processes is None:
            super()._try_run_and_update_trial(trial, *fit_args, **fit_kwargs)
            return
        limits = Limits(self.trial_seconds, self.trial_memory)
        tells = (self._hparams is not None, self._progress is not None)
        arguments = self._pickled(self._copy(), trial, *tells)
        try:
            result = self._processes.run(_run, arguments, self._objects(trial), limits)
        except ProcessDied as death:
            result = trial.hyperparameters, TrialStatus.INVALID, str(death)
        trial.hyperparameters, trial.status, trial.message = result

    def _objects(self, trial: Trial) -> dict[str, Any]:
        """Returns what the copy in the process of a trial asks for."""
        log = None if self._hparams is None else TrialLog(self._hparams, trial)
        return {"tuner": self, "oracle": self.oracle, "log": log, "progress": self._progress}

    def _elsewhere(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> contextlib.closing[Processes]:
        """Returns what runs trials with these arguments; all of them are pickled here, once."""
        content = (self.hypermodel, args, kwargs)
        environment = {"KERAS_BACKEND": keras.backend.backend()}
        self._pickled(self._copy())
        try:
            return contextlib.closing(Processes(content, environment, Settings()))
        except Exception:  # whatever the pickling of a user's own objects raises
            numbered = {f"positional argument {i} of `search`": arg for i, arg in enumerate(args)}
            keywords = {f"`{name}` of `search`": value for name, value in kwargs.items()}
            check({"the hypermodel": self.hypermodel, **numbered, **keywords})
            raise

    def _pickled(self, other: IsolatedTrials, *arguments: Any) -> bytes:
        """Returns a copy of the tuner, and what goes with it, as another process gets it."""
        try:
            return bytes(cloudpickle.dumps((other, *arguments)))
        except Exception:  # whatever the pickling of a user's own objects raises
            check({f"`tuner.{name}`": value for name, value in vars(other).items()})
            raise

    def _copy(self) -> IsolatedTrials:
        """Returns a copy of the tuner without what stays here, or is pickled once."""
        other = copy.copy(self)
        other.__dict__.update(dict.fromkeys(_KEPT), isolate=False)
        return other


def _run(
    channel: Channel,
    content: Any,
    tuner: IsolatedTrials,
    trial: Trial,
    logs: bool,
    shows: bool,
) -> tuple[kt.HyperParameters, str, str | None]:
    """Runs a trial in its process, and returns what KerasTuner notes in it."""
    tuner.hypermodel, args, kwargs = content
    tuner.oracle = Remote(channel, "oracle")
    tuner._hparams = cast(HParamsLogger, LogElsewhere(channel)) if logs else None
    tuner._progress = cast(SearchProgress, Remote(channel, "progress")) if shows else None
    tuner.__dict__["report_epoch"] = functools.partial(_report_epoch, channel, tuner)
    tuner.__dict__["report_score"] = functools.partial(_report_score, channel)
    tuner._try_run_and_update_trial(trial, *args, **kwargs)
    return trial.hyperparameters, trial.status, trial.message


def _declared(channel: Channel, content: Any) -> kt.HyperParameters:
    """Returns what the hypermodel declares."""
    hyperparameters = kt.HyperParameters()
    hyperparameters.merge(declared.read(content[0]).hyperparameters)
    return hyperparameters


def _report_epoch(channel: Channel, tuner: IsolatedTrials, *report: Any) -> bool:
    """Reports an epoch to the tuner's process, which keeps the reports and judges the trial."""
    stopped: bool = channel.ask("call", "tuner", "report_epoch", report, {})
    tuner.__dict__["_stopped"] = stopped
    return stopped


def _report_score(channel: Channel, *report: Any) -> None:
    channel.ask("call", "tuner", "report_score", report, {})


def _populate(channel: Channel, content: Any, tuner: IsolatedTrials) -> None:
    """Has a tuner build models until its oracle knows the space."""
    tuner.hypermodel = content[0]
    tuner.oracle = Remote(channel, "oracle")
    super(IsolatedTrials, tuner)._populate_initial_space()
