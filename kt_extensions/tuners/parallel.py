"""How the trials of a tuner run in other processes, each in its own or many at once."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import hparams
from kt_extensions.data import are_to_make, made
from kt_extensions.isolation import Outcome, check
from kt_extensions.oracles.by_hand import is_waiting, take_up
from kt_extensions.oracles.interrupted import requeue
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.parallel import Call, Crew
from kt_extensions.parallel.devices import visible_gpus
from kt_extensions.progress import SearchProgress
from kt_extensions.tuners import at_worker
from kt_extensions.tuners.continued_by_hand import ContinuedByHand
from kt_extensions.tuners.dispatch import Dispatch
from kt_extensions.tuners.elsewhere import Settings, TrialLog
from kt_extensions.tuners.workers import Workers

_NOTHING: Mapping[str, Any] = {}
_STAYS = (
    "oracle",
    "hypermodel",
    "_hparams",
    "_progress",
    "_reports",
    "_judge",
    "_live",
    "_long_lived",
    "_own_crew",
    "_data",
)


class ParallelTrials(ContinuedByHand):
    """A tuner that can run its trials in other processes.

    There the tuner is a copy, which asks the oracle, the progress and the log of this one.
    """

    _workers = Workers()
    _own_crew: Crew | None = None  # of a chief's worker
    _data: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # for `fit`, in a search
    _hparams: hparams.HParamsLogger | None = None
    _progress: SearchProgress | None = None

    def _run_trials(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Runs trials until the search ends, by workers if it was asked for.

        Raises:
            ValueError: If something that the trials need cannot be handed to a process.
        """
        for_others = is_chief() or is_worker()
        if not for_others:
            requeue(self.oracle)
        if not self._workers.are_elsewhere or for_others:
            super()._run_trials(args, kwargs)
            return
        self.on_search_begin()
        self._dispatch(self._create, args, kwargs)
        self.on_search_end()

    def _work(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Runs trials for a chief, each in a process of its own if it was asked for."""
        if not self._workers.are_elsewhere:
            super()._work(args, kwargs)
            return
        with self._crew(args, kwargs) as self._own_crew:
            try:
                super()._work(args, kwargs)
            finally:
                self._own_crew = None

    def _try_run_and_update_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        if self._own_crew is not None:
            self._run_in_own_crew(self._own_crew, trial)
            return
        args, kwargs = self._made(args, kwargs)
        super()._try_run_and_update_trial(trial, *args, **kwargs)

    def _made(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns the arguments of `fit` in this process; data are made once for a search."""
        if self._data is None:
            self._data = made(args, kwargs)
        return self._data

    def _run_in_own_crew(self, crew: Crew, trial: Trial) -> None:
        outcome = self._outcome(crew, self.call(trial))
        if outcome.death is not None:
            trial.status, trial.message = TrialStatus.INVALID, outcome.death
        else:
            trial.hyperparameters, trial.status, trial.message = outcome.returned()

    def _run_by_hand(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._workers.are_elsewhere:
            self._dispatch(self._taking_up(name), args, kwargs)
        else:
            super()._run_by_hand(name, args, kwargs)

    def _dispatch(
        self, create: Callable[[int], Trial], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        with self._crew(args, kwargs) as crew:
            Dispatch(self, crew, create, blames=self._workers.isolate).run()

    def _create(self, place: int) -> Trial:
        """Returns the next trial of the search."""
        self.pre_create_trial()
        return self.oracle.create_trial(f"{self.tuner_id}.{place}")

    def _taking_up(self, name: str) -> Callable[[int], Trial]:
        """Returns what creates one trial, and again if it fails and may be retried."""
        waiting = [True]

        def create(place: int) -> Trial:
            if waiting.pop() if waiting else is_waiting(self.oracle, name):
                return take_up(self.oracle, name)
            return Trial(self.oracle.get_space(), status=TrialStatus.STOPPED)

        return create

    def ends_together(self) -> contextlib.AbstractContextManager[None]:
        """Returns a context in which several trials end, for which the disk is waited for once."""
        if isinstance(self.oracle, LoggedOracle):
            return self.oracle.ends_together()
        return contextlib.nullcontext()

    def call(self, trial: Trial) -> Call:
        """Returns the call by which a worker runs a trial."""
        log = None if self._hparams is None else TrialLog(self._hparams, trial)
        objects = {"tuner": self, "oracle": self.oracle, "log": log, "progress": self._progress}
        tells = (self._hparams is not None, self._progress is not None)
        arguments = self._pickled(self._copy(), trial, *tells)
        return Call(at_worker.run, arguments, objects, self._workers.limits)

    def _populate_initial_space(self) -> None:
        """Builds the first models in a process, too: this one is to leave the devices to trials."""
        if not self._leaves_devices() or self.hypermodel is None:
            super()._populate_initial_space()
            return
        copied = self._pickled(self._copy(), kt.Tuner._populate_initial_space)
        outcome = self._run_alone(Call(at_worker.populate, copied, {"oracle": self.oracle}))
        if outcome.death is not None:
            raise RuntimeError(
                "Expected that the hypermodel can be built with the default values of its "
                f"hyperparameters. The process in which it was has ended.\n{outcome.death}"
            )
        outcome.returned()

    def _declaring(self) -> Any:
        """Returns what tells the space that is to be searched: the hypermodel, or what it declares.

        Where models are not to be built in this process, and cannot be in another, it is empty.
        """
        if not self._leaves_devices():
            return self.hypermodel
        outcome = self._run_alone(Call(at_worker.read_declared, cloudpickle.dumps(()), {}))
        if outcome.death is not None or isinstance(outcome.error, ValueError):
            return kt.HyperParameters()  # the trials will tell why
        return outcome.returned()

    def _prepared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> kt.HyperParameters:
        """Lets the hypermodel see the data; returns the space with what it adds.

        Data that functions make are made in a process of their own if trials have others than this.
        """
        hp = self.oracle.get_space()
        if not (self._workers.are_elsewhere and are_to_make(args, kwargs)):
            args, kwargs = self._made(args, kwargs)
            self.hypermodel.prepare_search(hp, *args, **kwargs)
            return hp
        outcome = self._run_alone(
            Call(at_worker.prepare, cloudpickle.dumps((hp,)), {}), args, kwargs
        )
        if outcome.death is not None:
            raise RuntimeError(
                "Expected that the functions in `search` can make its data. The process in which "
                f"they did has ended.\n{outcome.death}"
            )
        return outcome.returned()

    def _leaves_devices(self) -> bool:
        """Whether this process is to build no models, so that the trials have all devices."""
        return self._workers.isolate or (self._workers.are_elsewhere and bool(visible_gpus()))

    def _run_alone(
        self, call: Call, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = _NOTHING
    ) -> Outcome:
        """Runs a call, to which arguments of `fit` are handed, in a process; waits for its end."""
        with self._crew(args, dict(kwargs), Workers()) as crew:
            return self._outcome(crew, call)

    def _outcome(self, crew: Crew, call: Call) -> Outcome:
        """Runs a call in a crew of one, and waits for its end."""
        crew.submit(0, call)
        while not (ended := crew.wait(math.inf)):
            pass
        return ended[0].outcome

    def _crew(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], settings: Workers | None = None
    ) -> contextlib.closing[Crew]:
        """Returns what runs trials with these arguments; all of them are pickled here, once."""
        content = (self.hypermodel, args, kwargs)
        self._pickled(self._copy())
        try:
            return contextlib.closing((settings or self._workers).crew(content, Settings()))
        except Exception:  # whatever the pickling of a user's own objects raises
            numbered = {f"positional argument {i} of `search`": arg for i, arg in enumerate(args)}
            keywords = {f"`{name}` of `search`": value for name, value in kwargs.items()}
            check({"the hypermodel": self.hypermodel, **numbered, **keywords})
            raise

    def _pickled(self, other: ParallelTrials, *arguments: Any) -> bytes:
        """Returns a copy of the tuner, and what goes with it, as another process gets it."""
        try:
            return bytes(cloudpickle.dumps((other, *arguments)))
        except Exception:  # whatever the pickling of a user's own objects raises
            check({f"`tuner.{name}`": value for name, value in vars(other).items()})
            raise

    def _copy(self) -> ParallelTrials:
        """Returns a copy of the tuner without what stays here, or is pickled once."""
        other = copy.copy(self)
        for name in _STAYS:
            other.__dict__.pop(name, None)
        return other
