"""`kt-extensions best`: the best trial and its hyperparameters."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kt_extensions.cli.command import command, file_name
from kt_extensions.cli.output import columns, printable
from kt_extensions.cli.toml import document

if TYPE_CHECKING:
    from kt_extensions.cli.command import Commands
    from kt_extensions.searches import SearchView, TrialView


def add_to(commands: Commands) -> None:
    """Declares the command."""
    parser = command(
        commands,
        "best",
        "Prints the best trial and its hyperparameters",
        "kt-extensions best results/digits --toml best.toml",
    )
    parser.add_argument(
        "--toml",
        metavar="FILE",
        type=file_name,
        help="write them to a TOML file, too: the tables [trial] and [values]",
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Prints the best trial, and writes the file that is asked for.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        OSError: If the file cannot be written.
        ValueError: If no trial is completed.
    """
    from kt_extensions.searches import view_of
    from kt_extensions.standing import best_trial

    search = view_of(parsed.project)
    trial = best_trial(search)
    print(printable(_text(search, trial)))
    if parsed.toml:
        _write(parsed.toml, search, trial)
        print(f"\nWrote {parsed.toml}.")


def _text(search: SearchView, trial: TrialView) -> str:
    number = len(search.trials)
    place = "the best compromise" if len(search.objectives) > 1 else "the best"
    scores = {
        f"{name} ({direction})": score
        for (name, direction), score in zip(search.objectives, trial.scores, strict=True)
    }
    head = f"{search.name}: trial {trial.trial_id}, {place} of {number}"
    return "\n\n".join(part for part in (head, columns(scores), columns(trial.values)) if part)


def _write(file: str, search: SearchView, trial: TrialView) -> None:
    from kt_extensions.store import write_atomically

    names = [name for name, _ in search.objectives]
    about = {
        "project": search.name,
        "trial_id": trial.trial_id,
        "objective": names[0] if len(names) == 1 else names,
        "score": trial.scores[0] if len(names) == 1 else trial.scores,
    }
    write_atomically(file, document({"trial": about, "values": trial.values}))
