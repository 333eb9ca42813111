"""The server of a chief: KerasTuner's, which ends soon, and knows who calls."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from keras_tuner.src.engine.oracle import LOCKS

from kt_extensions.chief_worker import wire
from kt_extensions.chief_worker.chief import Chief
from kt_extensions.chief_worker.wire import Caller
from kt_extensions.oracles.processes import locked

_THREADS = 256  # a slow oracle has calls wait; heartbeats are not to
_TICK = 0.1  # seconds between two looks at the workers
_IDLE = 0.25  # seconds that a tuner of KerasTuner's is kept from asking again
_GRACE = 1.0  # seconds for the last answers to leave
_CALLS = (
    "GetSpace",
    "UpdateSpace",
    "CreateTrial",
    "UpdateTrial",
    "EndTrial",
    "GetTrial",
    "GetBestTrials",
)
_OPTIONS = (
    *wire.ANY_SIZE,
    ("grpc.so_reuseport", 0),  # else two chiefs share a port, and the workers
    ("grpc.max_metadata_size", wire.LARGEST_HEADERS),
    ("grpc.absolute_max_metadata_size", wire.LARGEST_HEADERS),
)


def serve(chief: Chief) -> None:
    """Answers workers until the search has ended and all workers that live know it.

    Listens at `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT`, and nowhere else.

    Raises:
        OSError: If nobody can listen there.
        Exception: What has ended the search, if it was an error.
    """
    server = _listening(chief)
    server.start()
    try:
        while not _has_finished(chief):
            time.sleep(_TICK)
    finally:
        server.stop(_GRACE).wait()
    if chief.error is not None:
        raise chief.error


def _has_finished(chief: Chief) -> bool:
    with locked(chief.oracle):
        chief.watch()
        return chief.has_finished()


def _listening(chief: Chief) -> grpc.Server:
    address = ":".join(os.environ[f"KERASTUNER_ORACLE_{part}"] for part in ("IP", "PORT"))
    threads = futures.ThreadPoolExecutor(_THREADS, thread_name_prefix=f"chief-{id(chief)}")
    server = grpc.server(threads, options=_OPTIONS)
    protos.get_service_grpc().add_OracleServicer_to_server(_Servicer(chief), server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise OSError(
            "Expected that the chief can listen at KERASTUNER_ORACLE_IP and "
            f"KERASTUNER_ORACLE_PORT. Received: {address!r}, which is taken by another program, "
            "or is no address of this machine. Choose another port, or the address of this machine."
        )
    return server


class _Servicer(OracleServicer):  # type: ignore[misc]
    """Has KerasTuner's own servicer answer each call, with an oracle that knows who calls."""

    def __init__(self, chief: Chief) -> None:
        self._chief = chief
        for name in _CALLS:
            setattr(self, name, functools.partial(self._answer, name))

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        search = self._chief.search
        context.set_trailing_metadata(wire.OURS + (search.metadata() if search else ()))
        caller = Caller.of(context.invocation_metadata())
        if caller is not None:
            self._chief.note(caller)
            if caller.act == wire.BEAT and LOCKS[self._chief.oracle].locked():
                return protos.get_service().GetSpaceResponse()
        try:
            with locked(self._chief.oracle):
                answer = self._answered(name, request, context, caller)
        except tuple(wire.CODES) as refusal:
            context.abort(wire.CODES[type(refusal)], str(refusal))
        if caller is None and name == "CreateTrial" and _is_idle(answer):
            time.sleep(_IDLE)
        return answer

    def _answered(
        self, name: str, request: Any, context: grpc.ServicerContext, caller: Caller | None
    ) -> Any:
        if caller is not None and self._chief.is_elsewhere(caller):
            return _to_another_search(name, caller)
        if caller is not None and caller.act is not None:
            act = self._chief.beat if caller.act == wire.BEAT else self._chief.leave
            act(caller)
            return protos.get_service().GetSpaceResponse()
        return getattr(OracleServicer(_OracleOf(self._chief, caller)), name)(request, context)


class _OracleOf:
    """The oracle as one worker may use it."""

    def __init__(self, chief: Chief, caller: Caller | None) -> None:
        self._oracle = chief.oracle
        self.create_trial = functools.partial(chief.create_trial, caller)
        self.update_trial = functools.partial(chief.update_trial, caller)
        self.end_trial = functools.partial(chief.end_trial, caller)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._oracle, name)
        return method


def _to_another_search(name: str, caller: Caller) -> Any:
    """Returns what a worker is told that is in a search which is over, or comes later.

    Raises:
        TrialTakenOver: If it reports on a trial.
    """
    service = protos.get_service()
    if name == "CreateTrial":
        none = Trial(kt.HyperParameters(), status=TrialStatus.STOPPED)
        return service.CreateTrialResponse(trial=none.to_proto())
    if "Trial" in name and caller.trial is not None:
        raise wire.taken_over(caller.trial)
    return getattr(service, f"{name}Response")()


def _is_idle(answer: Any) -> bool:
    return bool(answer.trial.status == TrialStatus.to_proto(TrialStatus.IDLE))
