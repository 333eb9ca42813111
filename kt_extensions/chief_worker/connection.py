"""A worker's connection to its chief, which may be away for a while."""

from __future__ import annotations

import time
from typing import Any

import grpc
from keras_tuner.src import protos

from kt_extensions.chief_worker import leases, wire
from kt_extensions.chief_worker.patience import VARIABLE, away

_LATE = 5.0  # seconds that a chief is looked for where the folder says that the search has ended
_AFTER_THE_END = 2.0
_STEP = 0.25  # seconds between two looks
_TELLING = 2.0  # seconds after which a person is told what is waited for
_OPTIONS = (
    *wire.ANY_SIZE,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_metadata_size", wire.LARGEST_HEADERS),
    ("grpc.absolute_max_metadata_size", wire.LARGEST_HEADERS),
)


class Connection:
    """A connection to a chief.

    Args:
        address: The chief's, `ip:port`.
        project_dir: The project folder.
        patience: Seconds to wait for a chief that has not been there yet.
    """

    def __init__(self, address: str, project_dir: str, patience: float) -> None:
        self._address = address
        self._project_dir = project_dir
        self._patience = patience
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._stub = protos.get_service_grpc().OracleStub(self._channel)
        self._has_met = False
        self.ours = False
        """Whether the chief is one of `kt_extensions`."""
        self.search: wire.SearchName | None = None
        """Which search the chief is running, if it tells."""
        self.has_ended = False
        """Whether the chief has said that the search has ended."""

    def ask(self, name: str, request: Any, metadata: wire.Metadata) -> Any:
        """Returns the chief's answer to a call, which is repeated while the chief is away.

        Raises:
            ChiefGone: If it is away for too long.
            Exception: What the chief answers instead.
        """
        began = time.monotonic()
        while True:
            self._wait_until_there(began)
            try:
                return self._call(name, request, metadata, away(self._patience))
            except grpc.RpcError as error:
                meaning = wire.error_of(error)
                if meaning is not None:
                    raise meaning from None
            self._check_wait(began)
            time.sleep(_STEP)

    def tell(self, name: str, request: Any, metadata: wire.Metadata, seconds: float) -> None:
        """Makes a call once. A chief that is away does not hear it.

        Raises:
            Dismissed: If that is the answer.
            TrialTakenOver: If that is the answer.
        """
        try:
            self._call(name, request, metadata, seconds)
        except grpc.RpcError as error:
            meaning = wire.error_of(error)
            if isinstance(meaning, wire.Dismissed | wire.TrialTakenOver):
                raise meaning from None

    def _call(self, name: str, request: Any, metadata: wire.Metadata, seconds: float) -> Any:
        method = getattr(self._stub, name)
        answer, call = method.with_call(request, timeout=seconds, metadata=metadata)
        self._has_met = True
        told = [(key, value) for key, value in call.trailing_metadata()]
        self.ours, self.search = wire.OURS[0] in told, wire.SearchName.of(told)
        return answer

    def _wait_until_there(self, began: float) -> None:
        """Waits until the chief can be reached.

        Raises:
            ChiefGone: If it cannot for too long.
        """
        told = False
        while True:
            try:
                grpc.channel_ready_future(self._channel).result(timeout=_STEP)
                return
            except grpc.FutureTimeoutError:
                waited = self._check_wait(began)
            if waited > _TELLING and not told:
                told = True
                print(f"Waiting for the chief at {self._address} ...", flush=True)

    def _check_wait(self, began: float) -> float:
        """Returns the seconds since then.

        Raises:
            ChiefGone: If they are too many.
        """
        waited = time.monotonic() - began
        if waited > self._longest_wait():
            raise wire.ChiefGone(self._reason(waited))
        return waited

    def _longest_wait(self) -> float:
        if self.has_ended:
            return _AFTER_THE_END
        longest = away(self._patience) if self._has_met else self._patience
        return min(longest, _LATE) if leases.has_ended(self._project_dir) else longest

    def _reason(self, waited: float) -> str:
        if self.has_ended or leases.has_ended(self._project_dir):
            return (
                "Expected a chief that is running its search. Received: a search that has ended, "
                f"and no chief at {self._address}. What it has found is to be asked for in the "
                "chief, after its `search`, or in a program with the same `directory` and "
                "`project_name` and without KerasTuner's environment variables. To run more "
                "trials, start the chief again."
            )
        return (
            f"Expected a chief at {self._address} (KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT). "
            f"None has answered for {waited:.0f} s. Start it there, before its workers or soon "
            f"after them, or have workers wait longer by the environment variable {VARIABLE}, in "
            "seconds."
        )
