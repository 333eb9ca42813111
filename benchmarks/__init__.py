"""Benchmarks: each module prints a table; see `python -m benchmarks.<name> --help`."""
