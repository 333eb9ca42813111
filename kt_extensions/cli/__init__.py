"""The command line: `kt-extensions COMMAND PROJECT`, or `python -m kt_extensions.cli`.

Each command is a module, which says what the command takes and runs it. Nothing that is slow to
import is imported before a command runs.
"""

from kt_extensions.cli.main import main

__all__ = ["main"]
