"""A run of MLflow's as it is written: made when the server is there, noted in the project."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from kt_extensions import gfiles, store
from kt_extensions.mlflow._batch import Batch
from kt_extensions.mlflow._server import GONE, Server, import_mlflow

_TAG = 5000  # characters; older servers take no more
_PARAM = 6000
_NAME = 250
_HASH = 6
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # which page MLflow shows of it


class Run:
    """A run of MLflow's.

    Nothing is sent before `Server.send`; until then, and while the server is away, it is kept.

    Args:
        server: The server.
        note: The file of the project in which the run's id is noted.
        parent: The run that this one is nested in.
    """

    def __init__(self, server: Server, note: str, parent: Run | None = None) -> None:
        self._server, self._note, self._parent = server, note, parent
        self.id: str | None = None
        self.experiment: str | None = None
        self._open: Batch | None = None
        self._params: set[str] = set()
        self._dropped = False

    def create(
        self, experiment: str, name: str, tags: Mapping[str, Any], start: float | None = None
    ) -> None:
        """Begins a run.

        Args:
            experiment: The name of the experiment, of a nested run that of the parent.
            name: Its name.
            tags: Its first tags.
            start: When it has begun, in seconds since 1970. Defaults to now.
        """
        moment = _milliseconds(start or time.time())

        def operation(client: Any) -> None:
            parent = {} if self._parent is None else {"mlflow.parentRunId": self._parent.id}
            if self._dropped or None in parent.values():
                return  # nobody waits for it, or there will never be a parent
            self.experiment = self._experiment_id(client, experiment)
            made = client.create_run(
                self.experiment, moment, {**_context(), **_tags(tags), **parent}, name
            )
            self._take(client, made.info.run_id)

        self._server.add(operation)

    def _take(self, client: Any, run_id: str) -> None:
        """Takes the new run for this one, unless another process was faster."""
        told = {"run_id": run_id, "experiment_id": self.experiment, **self._origin()}
        with store.tolerantly(f"The id of the MLflow run {run_id}"):
            gfiles.create_text(self._note, json.dumps(told))
        self.id = read_note(self._note).get("run_id", run_id)
        if self.id != run_id:
            client.delete_run(run_id)

    def _origin(self) -> dict[str, Any]:
        """Returns what tells whether a note is of this store, or of this parent."""
        if self._parent is None:
            return {"tracking_uri": self._server.tracking_uri}
        return {"parent_run_id": self._parent.id}

    def _experiment_id(self, client: Any, name: str) -> str | None:
        return _experiment_id(client, name) if self._parent is None else self._parent.experiment

    def resume(self) -> bool:
        """Goes on with the run that the note tells of, unless it is gone; returns whether it does.

        While the server is away, it is taken to be there.
        """
        noted = read_note(self._note)
        if not noted or any(noted.get(name) != value for name, value in self._origin().items()):
            return False
        run_id = noted.get("run_id")
        known = self._server.ask(lambda client: client.get_run(run_id))
        if known is GONE or (known is not None and known.info.lifecycle_stage != "active"):
            return False
        if known is not None:
            self._params = set(known.data.params)
        self.id, self.experiment = run_id, noted.get("experiment_id")
        self._do(lambda client: client.update_run(self.id, status="RUNNING"))
        return True

    def params(self, params: Mapping[str, Any]) -> None:
        """Writes parameters, each once: MLflow does not let them change."""
        cleaned = {clean(name): str(value)[:_PARAM] for name, value in params.items()}
        new = {name: value for name, value in cleaned.items() if name not in self._params}
        self._params.update(new)
        if new:
            self._batch().params.extend(new.items())

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Writes tags, which replace those of the same names."""
        self._batch().tags.update(_tags(tags))

    def metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Writes metrics at a step."""
        moment = _milliseconds(time.time())
        points = [(clean(name), float(value), moment, step) for name, value in metrics.items()]
        self._batch().points.extend(points)

    def _batch(self) -> Batch:
        """Returns what waits to be sent together."""
        if self._open is None:
            batch = self._open = Batch()
            self._do(lambda client: self._send(client, batch))
        return self._open

    def _send(self, client: Any, batch: Batch) -> None:
        if self._open is batch:
            self._open = None
        batch.send(client, self.id)

    def text(self, text: str, file: str) -> None:
        """Writes an artifact."""
        self._do(lambda client: client.log_text(self.id, text, file))

    def figure(self, figure: Any, file: str) -> None:
        """Writes a figure of matplotlib's as an artifact."""
        self._do(lambda client: client.log_figure(self.id, figure, file))

    def end(self, status: str, noted: Mapping[str, Any] | None = None) -> None:
        """Ends the run.

        Args:
            status: MLflow's: `"FINISHED"`, `"FAILED"` or `"KILLED"`.
            noted: What is then added to the note in the project.
        """
        moment = _milliseconds(time.time())

        def operation(client: Any) -> None:
            client.set_terminated(self.id, status, moment)
            if noted:
                self.note(noted)

        self._do(operation)

    def note(self, facts: Mapping[str, Any]) -> None:
        """Adds to the note in the project."""
        with store.tolerantly(f"What was logged of the MLflow run {self.id}"):
            gfiles.write_text(self._note, json.dumps({**read_note(self._note), **facts}))

    def drop(self) -> None:
        """Deletes the run, or has it never be made."""
        self._dropped = True
        self._do(lambda client: client.delete_run(self.id))
        gfiles.remove(self._note)

    def drop_noted(self) -> None:
        """Deletes the run of the note, if it is of the same parent, and the note."""
        noted = read_note(self._note)
        if noted and self._origin() == {"parent_run_id": noted.get("parent_run_id")}:
            self._server.add(lambda client: client.delete_run(noted["run_id"]))
        gfiles.remove(self._note)

    def _do(self, operation: Any) -> None:
        """Has something done with the run, if there is one by then."""
        self._server.add(lambda client: operation(client) if self.id else None)


def read_note(path: str) -> dict[str, Any]:
    """Returns what is noted of a run; nothing if there is no note, or it is damaged."""
    try:
        noted = json.loads(gfiles.read_bytes(path))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def clean(name: str) -> str:
    """Returns a name that MLflow takes for a metric, a parameter or a tag.

    What has to be changed gets a hash, so that names which differ still do, in every run.

    Example:
        >>> clean("units/rate"), clean("units[0]"), clean("units(0)")
        ('units/rate', 'units_0_-a6d4d1', 'units_0_-bd9b36')
    """
    cleaned = "/".join(map(_clean_part, name.split("/")))
    return cleaned if len(cleaned) <= _NAME else _marked(cleaned[: _NAME - _HASH - 1], name)


def _clean_part(part: str) -> str:
    cleaned = re.sub(r"[^\w.\- ]", "_", part)
    if not cleaned.strip("."):
        cleaned = "_"
    return part if cleaned == part else _marked(cleaned, part)


def _marked(cleaned: str, name: str) -> str:
    return f"{cleaned}-{hashlib.sha256(name.encode()).hexdigest()[:_HASH]}"


def _tags(tags: Mapping[str, Any]) -> dict[str, str]:
    return {clean(name): str(value)[:_TAG] for name, value in tags.items() if value is not None}


def _context() -> dict[str, str]:
    """Returns who runs which program, as MLflow itself notes it."""
    from mlflow.tracking.context.registry import resolve_tags

    return dict(resolve_tags())


def _experiment_id(client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    try:
        return str(client.create_experiment(name, tags=_KIND))
    except import_mlflow().MlflowException:  # another worker was faster
        known = client.get_experiment_by_name(name)
        if known is None:
            raise
        return str(known.experiment_id)


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
