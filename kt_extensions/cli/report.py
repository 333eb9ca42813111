"""`kt-extensions report`: the search as one HTML file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kt_extensions.cli.command import command, file_name

if TYPE_CHECKING:
    from kt_extensions.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Declares the command."""
    parser = command(
        commands,
        "report",
        "Writes the search as one HTML file, which opens without a network",
        "kt-extensions report results/digits -o report.html",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=file_name,
        default="report.html",
        help="the file, which is replaced if there is one (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Writes the report.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        ImportError: If matplotlib is missing.
        OSError: If the file cannot be written.
    """
    from kt_extensions.html_report import write_report

    write_report(parsed.project, parsed.output)
    print(f"Wrote {parsed.output}.")
