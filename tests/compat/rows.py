"""The versions that the smoke suite runs with."""

from __future__ import annotations

from dataclasses import dataclass

NEWEST = "constraints.txt"


@dataclass(frozen=True)
class Row:
    """An environment.

    Args:
        name: What it is asked for by.
        pythons: The versions of Python to take, the first that is there.
        packages: The backend and what else is pinned, as for pip.
        constraints: A file that pins the rest; `None` for the newest that pip finds.
        backend: Keras' backend.
    """

    name: str
    pythons: tuple[str, ...]
    packages: tuple[str, ...]
    constraints: str | None = None
    backend: str = "tensorflow"


def _pair(python: str, tensorflow: str, keras: str) -> Row:
    packages = (f"tensorflow-cpu=={tensorflow}", f"keras=={keras}", "keras-tuner==1.4.8")
    return Row(tensorflow.rpartition(".")[0], (python,), packages)


def _newest(python: str) -> Row:
    return Row(f"newest-{python}", (python,), ("tensorflow-cpu",), NEWEST)


ROWS = [
    Row("lowest", ("3.10", "3.11"), ("tensorflow-cpu",), "tests/compat/lowest.txt"),
    _pair("3.11", "2.17.1", "3.5.0"),
    _pair("3.12", "2.18.1", "3.6.0"),
    _pair("3.12", "2.19.1", "3.9.2"),
    _pair("3.13", "2.20.0", "3.11.3"),
    *map(_newest, ("3.10", "3.11", "3.12", "3.13")),
    Row("jax", ("3.11",), ("jax==0.10.2", "jaxlib==0.10.2"), NEWEST, "jax"),
    Row("torch", ("3.11",), ("torch==2.13.0",), NEWEST, "torch"),
]
