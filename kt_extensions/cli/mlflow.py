"""`kt-extensions mlflow`: the search as runs of MLflow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kt_extensions.cli.command import command

if TYPE_CHECKING:
    from kt_extensions.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Declares the command."""
    parser = command(
        commands,
        "mlflow",
        "Writes the search to MLflow, a run for each trial",
        "kt-extensions mlflow results/digits --tracking-uri sqlite:///mlflow.db",
    )
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="the server or the store; by default what MLflow itself takes",
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment; by default the name of the project"
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Writes the runs.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        ImportError: If mlflow is not installed.
        OSError: If the server is away.
        ValueError: If the address is that of no server or store.
    """
    from kt_extensions.mlflow import write_project
    from kt_extensions.wording import number

    runs = write_project(parsed.project, parsed.tracking_uri, parsed.experiment)
    print(f"Wrote {number(runs, 'trial')} to MLflow.")
