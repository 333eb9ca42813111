"""Which worker has which trial, as a chief that is started again finds it."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from kt_extensions import gfiles, store

FILE_NAME = "leases.json"


class Lease(NamedTuple):
    """A trial that a worker has.

    Args:
        tuner: The worker's `KERASTUNER_TUNER_ID`.
        instance: Names the run of the worker; `None` of a tuner of KerasTuner's.
        run: How often the trial had ended before, to be run again.
    """

    tuner: str
    instance: str | None
    run: int


class Leases:
    """The trials that workers have, in a file of the project folder.

    The file does not grow with the search: it holds the trials that are running. If it cannot be
    written, a chief that is killed has them run anew, of which a warning tells.

    Args:
        folder: The project folder.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> Leases(folder).lend("07", Lease("worker-3", "5f2c", 0))
    >>> Leases(folder).held
    {'07': Lease(tuner='worker-3', instance='5f2c', run=0)}
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = os.path.join(folder, FILE_NAME)
        state = _read(self._file)
        self.over: dict[str, Any] | None = state.get("over")
        """The limit of the search, once the oracle had no more trials for it."""
        self._had_ended = bool(state.get("ended", False))
        self.held = {name: Lease(*lease) for name, lease in state.get("held", {}).items()}
        self.deaths: dict[str, list[str]] = state.get("deaths", {})
        """For trials that are running, or wait to: how workers have died of them."""

    def lend(self, trial_id: str, lease: Lease) -> None:
        """Notes that a worker has a trial."""
        if self.held.get(trial_id) != lease:
            self.held[trial_id] = lease
            self.over = None
            self._save()

    def take_back(self, trial_id: str, death: str | None = None) -> None:
        """Notes that no worker has a trial, and the death of the worker that had it, if it died."""
        self.held.pop(trial_id, None)
        if death is not None:
            self.deaths.setdefault(trial_id, []).append(death)
        self._save()

    def revoke(self, trial_id: str, death: str) -> None:
        """Takes back that a worker has died of a trial: it lives. What follows is to save it."""
        self.deaths[trial_id].remove(death)

    def close(self, trial_id: str) -> None:
        """Notes that a trial has ended."""
        self.deaths.pop(trial_id, None)
        self.take_back(trial_id)

    def finish(self, limit: dict[str, Any]) -> None:
        """Notes that the oracle has no more trials."""
        if self.over != limit:
            self.over = limit
            self._save()

    def reopen(self) -> None:
        """Notes, of a search that had ended, that it goes on."""
        if self._had_ended:
            self._save()

    def end(self) -> None:
        """Notes that the search has ended, and that no worker has a trial any more."""
        self.held.clear()
        self._save(ended=True)

    def _save(self, ended: bool = False) -> None:
        state = {"ended": ended, "over": self.over, "held": self.held, "deaths": self.deaths}
        with store.tolerantly("Which worker has which trial"):
            gfiles.write_text(self._file, json.dumps(state))


def has_ended(folder: str | os.PathLike[str]) -> bool:
    """Whether the search in a project folder had a chief that has ended."""
    return bool(_read(os.path.join(folder, FILE_NAME)).get("ended", False))


def is_unfinished(folder: str | os.PathLike[str]) -> bool:
    """Whether a chief has begun a search in a project folder that has not come to its end.

    It was killed, or ended by an error.
    """
    state = _read(os.path.join(folder, FILE_NAME))
    return bool(state) and not (state.get("ended") and state.get("over"))


def _read(file: str) -> dict[str, Any]:
    """Returns what is in the file; nothing if there is none, or it is damaged."""
    try:
        state = json.loads(gfiles.read_bytes(file))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
