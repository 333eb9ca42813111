"""What a search has found, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from kt_extensions import wording
from kt_extensions.searches import SearchView, TrialView
from kt_extensions.standing import counted, ranked

_RANKED = 10


def markdown(search: SearchView) -> str:
    """Returns what a search has found, as a page of Markdown.

    Args:
        search: The search.
    """
    epochs = sum(trial.epochs for trial in search.trials)
    trained = f"; {epochs} epochs were trained" if epochs else ""
    counts = f"{wording.number(len(search.trials), 'trial')}: {counted(search)}{trained}."
    parts = [f"# {_escaped(search.name)}", counts]
    whole = [trial for trial in ranked(search) if not trial.pruned][:_RANKED]
    if whole:
        parts += [
            "## The best",
            _best(search, whole[0]),
            "## The ten best",
            _table_of(search, whole),
        ]
    failed = [[t.trial_id, wording.reason(t.message)] for t in search.trials if t.failed]
    if failed:
        parts += ["## What has failed", _table(["trial", "reason"], failed)]
    return "\n\n".join(parts) + "\n"


def _best(search: SearchView, best: TrialView) -> str:
    told = zip(search.objectives, best.scores, strict=True)
    scores = ", ".join(f"{_escaped(name)} {y:.6g} ({way})" for (name, way), y in told)
    rows = ([name, wording.value(value)] for name, value in best.values.items())
    return f"Trial {best.trial_id}: {scores}\n\n{_table(['hyperparameter', 'value'], rows)}"


def _table_of(search: SearchView, trials: list[TrialView]) -> str:
    names = list({name: None for trial in trials for name in trial.values})
    rows = (
        [
            trial.trial_id,
            *(f"{score:.6g}" for score in trial.scores),
            *(wording.value(trial.values.get(name, "")) for name in names),
        ]
        for trial in trials
    )
    return _table(["trial", *(name for name, _ in search.objectives), *names], rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(text: str) -> str:
    """Returns text of which Markdown takes nothing for a mark."""
    text = text.replace("\n", " ")
    return "".join(f"\\{c}" if c in r"\|*_`<>[]" else c for c in text)
