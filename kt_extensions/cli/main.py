"""What all commands share: the arguments, and how errors and warnings are told."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence

import kt_extensions
from kt_extensions.cli import best, export, hparams, mlflow, report, space
from kt_extensions.cli.output import one_line

_NAME = "kt-extensions"
_COMMANDS = (report, best, space, export, hparams, mlflow)
_DESCRIPTION = """\
Shows what a search of KerasTuner has found. PROJECT is the folder of the search, its
`directory/project_name`, whichever tuner has made it; the search may still run."""
_EPILOG = f"""\
example:
  {_NAME} report results/digits -o report.html

`{_NAME} COMMAND --help` tells more of a command."""

# TensorFlow, which KerasTuner imports where it is Keras' backend, writes its start-up messages to
# stderr before Python can stop them.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: What stands behind the program's name. Defaults to what the program was called
            with.

    Returns:
        The exit code: 0, or 1 after an error, which is told in one line on stderr.

    Raises:
        SystemExit: After `--help` and `--version` with code 0; for wrong arguments with code 2.

    Example:
        >>> main(["best", "no/such/project"])
        1
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name may hold what a terminal cannot show
    parsed = _parser().parse_args(arguments)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    return _run(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"%(prog)s {kt_extensions.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    with warnings.catch_warnings(record=True) as caught:
        try:
            parsed.run(parsed)
            print(end="", flush=True)  # also where standard output is closed
            return 0
        except BrokenPipeError:  # nobody reads on, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (ImportError, OSError, ValueError) as error:
            _tell("error", error)
            return 1
        finally:
            for warning in caught:
                _tell("warning", warning.message)


def _tell(kind: str, message: object) -> None:
    print(f"{_NAME}: {kind}: {one_line(str(message))}", file=sys.stderr)
