"""What a search has found, written when it ends."""

from __future__ import annotations

import importlib.util
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kt_extensions.html_report import write_report
from kt_extensions.logs.markdown import markdown
from kt_extensions.mlflow._model import log_model
from kt_extensions.mlflow._search import SearchRun, space_of
from kt_extensions.searches import SearchView, TrialView, view_of, view_of_oracle
from kt_extensions.standing import counted, ranked, results_of

_SAID = {"FINISHED": "COMPLETED", "FAILED": "FAILED", "KILLED": "INTERRUPTED"}
"""The status of a search by that of its run."""


def view_at_end(oracle: Any, search: SearchRun) -> SearchView | None:
    """Returns how a search stands; `None` to a worker while others go on with it.

    Args:
        oracle: The oracle, or a worker's client of it.
        search: Its run.
    """
    if hasattr(oracle, "trials"):
        return view_of_oracle(oracle, search.name, search.folder)
    try:
        view = view_of(search.folder)
    except FileNotFoundError:  # the chief's is on another machine
        return None
    return None if any(trial.status == "RUNNING" for trial in view.trials) else view


def end(
    search: SearchRun,
    view: SearchView,
    error: BaseException | None,
    load_model: Callable[[str], Any],
) -> None:
    """Writes what a search has found, and ends its run, unless there are trials that still run.

    Args:
        search: Its run.
        view: How it stands.
        error: What has stopped it; `None` if nothing has.
        load_model: Returns the model of a trial, or `None`.
    """
    try:
        _write_findings(search, view)
    except Exception as problem:  # of drawing, which is no reason to lose a search
        _warn("What the search has found", problem)
    if error is None:
        search.server.send()
        _write_best_model(search, view, load_model)
        if any(trial.status == "RUNNING" for trial in view.trials):
            return  # it is written from its folder while it runs
        status = "FINISHED"
    else:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
    search.run.tags({"status": _SAID[status]})
    search.run.end(status)


def _write_findings(search: SearchRun, view: SearchView) -> None:
    search.run.params(space_of(view.space))
    search.run.tags({"trials": counted(view), "mlflow.note.content": markdown(view)})
    for best in ranked(view)[:1]:
        _write_best(search, view, best)
    search.run.text(_written(results_of(view).to_csv), "results.csv")
    if importlib.util.find_spec("matplotlib") is not None and view.trials:
        search.run.text(_written(lambda file: write_report(view, file)), "report.html")
        _write_figures(search, view)


def _write_figures(search: SearchRun, view: SearchView) -> None:
    from kt_extensions.plots.kinds import fitting

    for kind in fitting(view):
        search.run.figure(kind.draw(view), f"figures/{kind.name}.png")


def _write_best(search: SearchRun, view: SearchView, best: TrialView) -> None:
    found = {"best_trial": best.trial_id, "best_trial_run_id": search.run_of(best.trial_id)}
    values = {f"best/{name}": value for name, value in best.values.items()}
    search.run.tags({**found, **values})
    told = zip(view.objectives, best.scores, strict=True)
    scores = {f"best/{name}": score for (name, _), score in told}
    search.run.metrics(scores, len(view.trials))
    search.run.text(json.dumps(best.values, indent=2), "best.json")


def _written(write: Callable[[Path], None]) -> str:
    """Returns what is written to a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file")
        write(file)
        return file.read_text(encoding="utf-8")


def _write_best_model(
    search: SearchRun, view: SearchView, load_model: Callable[[str], Any]
) -> None:
    best = next(iter(ranked(view)), None)
    if best is None or search.noted.get("model_of_trial") == best.trial_id:
        return
    try:
        model = load_model(best.trial_id)
    except Exception as problem:  # whatever a user's `build` raises
        _warn("The best model", problem)
        return
    if model is not None:
        search.server.do(lambda client: _log_model(client, search, model, best.trial_id))


def _log_model(client: Any, search: SearchRun, model: Any, trial_id: str) -> None:
    run = search.run
    if run.id is None or run.experiment is None:
        return
    tags = {"trial_id": trial_id, "trial_run_id": search.run_of(trial_id) or ""}
    model_id = log_model(client, run.id, run.experiment, model, tags)
    client.set_tag(run.id, "best_model_id", model_id)
    run.note({"model_of_trial": trial_id, "model_id": model_id})


def _warn(what: str, problem: Exception) -> None:
    warnings.warn(f"{what} was not logged to MLflow: {problem!r}", RuntimeWarning, stacklevel=4)
