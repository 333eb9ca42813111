"""Where a search's runs lie: `LOGDIR/PROJECT/SEARCH_ID/TRIAL/execution<k>`.

The search's id is kept in the project folder. It survives a resume, and is new after an overwrite,
whose old runs are then deleted. A trial that runs again gets new runs, because TensorBoard keeps
the first summary of a run for ever.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import time
import uuid
from typing import Any

from kt_extensions import gfiles
from kt_extensions.hparams._events import ENDED_SUFFIX, write_atomically

_ID_FILE = "hparams_search_id"
_MARKER = "search.json"
_RUN = re.compile(r"execution(?P<execution>\d+)(?:-run(?P<attempt>\d+))?")


@dataclasses.dataclass(frozen=True)
class SearchFolder:
    """The place of one search below the log folder.

    Attributes:
        path: `LOGDIR/PROJECT/SEARCH_ID`.
        label: What the rows are called, before the trial's id: the project's name, with the
            search's id if the log folder holds another search of that name.
    """

    path: str
    label: str

    def trial(self, trial_id: str) -> str:
        return os.path.join(self.path, trial_id)

    @property
    def summary(self) -> str:
        """The run that sums the search up."""
        return os.path.join(self.path, "summary")


def open_search(log_dir: str, project_dir: str, project_name: str) -> SearchFolder:
    """Finds or makes the search's folder and deletes what an overwritten search left behind."""
    search_id = _search_id(project_dir)
    name = re.sub(r"[^\w.-]+", "-", project_name).lstrip(".") or "project"
    siblings = os.path.join(log_dir, name)
    origin = _origin(project_dir)
    others = _other_searches(siblings, search_id, origin)
    path = os.path.join(siblings, search_id)
    label = _read_marker(path).get("label") or (f"{name}-{search_id}" if others else name)
    marker = json.dumps({"label": label, **origin}, indent=2)
    write_atomically(os.path.join(path, _MARKER), marker.encode())
    return SearchFolder(path, label)


def runs_of(trial_folder: str) -> dict[int, list[str]]:
    """The paths of a trial's runs by attempt, 1 being the first."""
    runs: dict[int, list[str]] = {}
    for name in _names(trial_folder):
        if match := _RUN.fullmatch(name):
            attempt = int(match["attempt"] or 1)
            runs.setdefault(attempt, []).append(os.path.join(trial_folder, name))
    return runs


def run_path(trial_folder: str, execution: int, attempt: int) -> str:
    suffix = "" if attempt == 1 else f"-run{attempt}"
    return os.path.join(trial_folder, f"execution{execution}{suffix}")


def has_started(run: str) -> bool:
    return any("tfevents" in name for name in _names(run))


def has_ended(run: str) -> bool:
    return any(name.endswith(ENDED_SUFFIX) for name in _names(run))


def has_rows(search_folder: str, ended: bool = False) -> bool:
    """Whether a trial of a search has begun, or has `ended`."""
    trials = (os.path.join(search_folder, name) for name in _names(search_folder))
    runs = (run for trial in trials for several in runs_of(trial).values() for run in several)
    return any(map(has_ended if ended else has_started, runs))


def remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _search_id(project_dir: str) -> str:
    path = os.path.join(project_dir, _ID_FILE)
    if not os.path.exists(path):
        gfiles.create_text(path, f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}")
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def _origin(project_dir: str) -> dict[str, Any]:
    path = os.path.realpath(project_dir)
    return {
        "project": path,
        "host": socket.gethostname(),
        "inode": os.stat(os.path.dirname(path)).st_ino,
    }


def _other_searches(siblings: str, search_id: str, origin: dict[str, Any]) -> list[str]:
    others = []
    for name in _names(siblings):
        folder = os.path.join(siblings, name)
        if name == search_id or not os.path.isfile(os.path.join(folder, _MARKER)):
            continue
        if _same_project(_read_marker(folder), origin):
            remove(folder)
        else:
            others.append(folder)
    return others


def _same_project(marker: dict[str, Any], origin: dict[str, Any]) -> bool:
    """The same path can be another disk: then neither the host nor the inode above is the same."""
    if marker.get("project") != origin["project"]:
        return False
    return any(marker.get(key) == origin[key] for key in ("host", "inode"))


def _read_marker(folder: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, _MARKER), encoding="utf-8") as file:
            marker = json.load(file)
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
