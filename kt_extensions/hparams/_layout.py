"""Where a search's runs lie: `LOGDIR/PROJECT/SEARCH_ID/TRIAL/execution<k>`.

The search's id is kept in the project folder. It survives a resume, also under another name. It is
new after an overwrite, whose old runs are then deleted, and in a copy of a project. A trial that
runs again gets new runs, because TensorBoard keeps the first summary of a run for ever.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
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
_Markers = dict[str, dict[str, Any]]  # by the folder of the search
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
    known = _known_searches(log_dir)
    path = _place(siblings, search_id, project_dir, known)
    label = known.pop(path, {}).get("label")
    for folder in [folder for folder in known if _same_project(known[folder], origin)]:
        remove(folder)
        del known[folder]
    is_alone = siblings not in map(os.path.dirname, known)
    label = label or (name if is_alone else f"{name}-{os.path.basename(path)}")
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


def _place(siblings: str, search_id: str, project_dir: str, known: _Markers) -> str:
    """Returns the folder of a search: by its id, unless that is of a project it was copied from."""
    path = os.path.join(siblings, search_id)
    own = [
        folder
        for folder, marker in known.items()
        if os.path.basename(folder) == search_id and not _is_another(marker, search_id, project_dir)
    ]
    renamed = [folder for folder in own if known[folder].get("host") == socket.gethostname()]
    if renamed and path not in own:
        return renamed[0]
    is_copy = path in known and path not in own
    return os.path.join(siblings, _renewed_id(project_dir, search_id)) if is_copy else path


def _is_another(marker: dict[str, Any], search_id: str, project_dir: str) -> bool:
    """Whether the project of a marker is still there, with the same id, and is not this one."""
    project = str(marker.get("project"))
    try:
        return _read_id(project) == search_id and not os.path.samefile(project, project_dir)
    except OSError:  # it is gone, or on another machine
        return False


def _search_id(project_dir: str) -> str:
    if not os.path.exists(os.path.join(project_dir, _ID_FILE)):
        new = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
        gfiles.create_text(os.path.join(project_dir, _ID_FILE), new)
    return _read_id(project_dir)


def _renewed_id(project_dir: str, copied: str) -> str:
    """Gives a copy an id of its own, the same one whichever of its workers comes first."""
    path = os.path.join(project_dir, _ID_FILE)
    with open(path, encoding="utf-8") as file:
        noted, state = file.read().strip(), os.fstat(file.fileno())
    if noted != copied:
        return noted
    told = f"{os.path.realpath(path)} {state.st_ino} {state.st_ctime_ns}"
    new = f"{copied}-{hashlib.sha256(told.encode()).hexdigest()[:4]}"
    write_atomically(path, new.encode())
    return new


def _read_id(project_dir: str) -> str:
    with open(os.path.join(project_dir, _ID_FILE), encoding="utf-8") as file:
        return file.read().strip()


def _origin(project_dir: str) -> dict[str, Any]:
    path = os.path.realpath(project_dir)
    return {
        "project": path,
        "host": socket.gethostname(),
        "inode": os.stat(os.path.dirname(path)).st_ino,
    }


def _known_searches(log_dir: str) -> _Markers:
    """Returns the markers of all searches in a log folder, by their folders."""
    paths = sorted(glob.glob(os.path.join(glob.escape(log_dir), "*", "*", _MARKER)))
    return {os.path.dirname(path): _read_marker(os.path.dirname(path)) for path in paths}


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
