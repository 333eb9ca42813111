"""`kt-extensions export`: the trials as a file."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from kt_extensions.cli.command import command, file_name

if TYPE_CHECKING:
    from kt_extensions.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Declares the command."""
    parser = command(
        commands,
        "export",
        "Writes the trials to files, as `tuner.results()` has them",
        "kt-extensions export results/digits --csv results.csv",
    )
    parser.add_argument(
        "--csv", metavar="FILE", type=file_name, help="a table, one row for each trial"
    )
    parser.add_argument(
        "--json", metavar="FILE", type=file_name, help="all that is known, learning curves, too"
    )

    def check_and_run(parsed: argparse.Namespace) -> None:
        if not (parsed.csv or parsed.json):
            parser.error("expected --csv FILE or --json FILE, or both")
        if parsed.csv and parsed.json and _same(parsed.csv, parsed.json):
            parser.error(
                f"expected one file for --csv and another for --json. Received: {parsed.csv!r} and "
                f"{parsed.json!r}, which are the same"
            )
        run(parsed)

    parser.set_defaults(run=check_and_run)


def _same(file: str, other: str) -> bool:
    return os.path.realpath(file) == os.path.realpath(other)


def run(parsed: argparse.Namespace) -> None:
    """Writes the files that are asked for.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        OSError: If a file cannot be written.
    """
    from kt_extensions.searches import view_of
    from kt_extensions.standing import results_of

    results = results_of(view_of(parsed.project))
    for file, write in ((parsed.csv, results.to_csv), (parsed.json, results.to_json)):
        if file:
            write(file)
            print(f"Wrote {file}.")
