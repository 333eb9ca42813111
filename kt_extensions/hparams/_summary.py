"""What a search has found, in TensorBoard's tabs Text and Images, beside the rows."""

from __future__ import annotations

import importlib.util
import io
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.image import metadata as images
from tensorboard.plugins.text import metadata as texts

from kt_extensions.hparams._events import write_events
from kt_extensions.searches import SearchView, TrialView

_RANKED = 10
_DPI = 110


def write_summary(run: str, search: SearchView) -> None:
    """Writes a text, and figures if matplotlib is installed.

    Args:
        run: The folder of the run to write to. Each call adds a step, the number of trials.
        search: The search.

    Raises:
        OSError: If the folder cannot be written to.
    """
    values = [_text("search", markdown(search))]
    if importlib.util.find_spec("matplotlib") is not None:
        values += [_image(name, figure) for name, figure in _figures(search)]
    summary = summary_pb2.Summary(value=values)
    write_events(
        run, [event_pb2.Event(wall_time=time.time(), step=len(search.trials), summary=summary)]
    )


def markdown(search: SearchView) -> str:
    """Returns what a search has found, as a page of Markdown.

    Args:
        search: The search.
    """
    parts = [f"# {_escaped(search.name)}", _counts(search)]
    if search.best is not None:
        parts += ["## The best", _best(search, search.best), "## The ten best", _ranking(search)]
    failed = [trial for trial in search.trials if trial.failed and trial.message]
    if failed:
        parts += ["## What has failed", _table(["trial", "reason"], map(_reason, failed))]
    return "\n\n".join(parts) + "\n"


def _counts(search: SearchView) -> str:
    by_status = Counter(trial.status.lower() for trial in search.trials)
    told = ", ".join(f"{n} {status}" for status, n in by_status.most_common())
    epochs = sum(trial.epochs for trial in search.trials)
    trained = f"; {epochs} epochs were trained" if epochs else ""
    return f"{len(search.trials)} trials: {told}{trained}."


def _best(search: SearchView, best: TrialView) -> str:
    head = f"Trial {best.trial_id}: {_escaped(search.objective)} {best.score:.6g}"
    rows = ([name, _told(value)] for name, value in best.values.items())
    return f"{head} ({search.direction})\n\n{_table(['hyperparameter', 'value'], rows)}"


def _ranking(search: SearchView) -> str:
    sign = -1.0 if search.direction == "max" else 1.0
    whole = [trial for trial in search.scored if not trial.pruned]
    ranked = sorted(whole, key=lambda trial: sign * (trial.score or 0.0))[:_RANKED]
    names = list({name: None for trial in ranked for name in trial.values})
    rows = (
        [trial.trial_id, f"{trial.score:.6g}", *(_told(trial.values.get(n, "")) for n in names)]
        for trial in ranked
    )
    return _table(["trial", search.objective, *names], rows)


def _reason(trial: TrialView) -> list[str]:
    lines = (trial.message or "").strip().splitlines()
    return [trial.trial_id, lines[-1] if lines else ""]


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _told(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    """Returns text of which Markdown takes nothing for a mark."""
    text = text.replace("\n", " ")
    return "".join(f"\\{c}" if c in r"\|*_`<>[]" else c for c in text)


def _text(tag: str, text: str) -> Any:
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()])
    kind = texts.create_summary_metadata(display_name="", description="")
    return summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=tensor)


def _image(tag: str, figure: Any) -> Any:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    size = [str(round(_DPI * inches)).encode() for inches in figure.get_size_inches()]
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, string_val=[*size, buffer.getvalue()]
    )
    tensor.tensor_shape.dim.add(size=3)
    kind = images.create_summary_metadata(display_name="", description="")
    return summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=tensor)


def _figures(search: SearchView) -> Iterator[tuple[str, Any]]:
    from kt_extensions import plots

    if len(search.objectives) == 1:
        yield "history", plots.plot_history(search)
    else:
        yield "pareto_front", plots.plot_pareto_front(search)
