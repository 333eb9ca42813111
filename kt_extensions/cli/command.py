"""How a command is declared."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def file_name(text: str) -> str:
    """Returns the name of a file to write, as argparse's `type`.

    Raises:
        argparse.ArgumentTypeError: If it is that of a folder.
    """
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"expected a file. Received: {text!r}, which is a folder")
    return text


def command(commands: Commands, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """Adds a command that takes a project.

    Args:
        commands: Those that there are.
        name: Its name.
        summary: What it does, a sentence without a full stop.
        example: A call.
    """
    parser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:],
        description=f"{summary}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "project", metavar="PROJECT", help="folder of the search, its directory/project_name"
    )
    return parser
