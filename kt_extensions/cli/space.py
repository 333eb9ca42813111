"""`kt-extensions space`: the search space and its size."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kt_extensions.cli.command import command
from kt_extensions.cli.output import printable

if TYPE_CHECKING:
    from kt_extensions.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Declares the command."""
    parser = command(
        commands,
        "space",
        "Prints the search space: its hyperparameters, its size, how much of it was tried",
        "kt-extensions space results/digits",
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Prints the search space.

    Raises:
        FileNotFoundError: If the folder holds no trials.
    """
    from kt_extensions.searches import view_of
    from kt_extensions.standing import described

    print(printable(str(described(view_of(parsed.project)))))
