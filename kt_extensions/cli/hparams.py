"""`kt-extensions hparams`: the search as TensorBoard's HParams tab shows it."""

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
        "hparams",
        "Writes the trials to a folder of logs, for the HParams tab of TensorBoard",
        "kt-extensions hparams results/digits logs",
    )
    parser.add_argument(
        "logdir", metavar="LOGDIR", help="the folder to open with `tensorboard --logdir`"
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Writes the logs.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        OSError: If a folder cannot be written to.
        ValueError: If the folder for the logs is not local.
    """
    from kt_extensions.hparams import write_project
    from kt_extensions.wording import number

    rows = write_project(parsed.project, parsed.logdir)
    print(f"Wrote {number(rows, 'trial')} to {parsed.logdir}.")
