"""Runs the command line by `python -m kt_extensions.cli`."""

import sys

from kt_extensions.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
