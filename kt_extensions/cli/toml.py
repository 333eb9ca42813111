"""TOML, as far as hyperparameters need it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def document(tables: Mapping[str, Mapping[str, Any]]) -> str:
    r"""Returns tables as TOML, which `tomllib` reads back to the same values.

    Args:
        tables: Tables by name. Their values are numbers, strings and booleans, or lists of these.

    Raises:
        ValueError: If there is another value.

    Example:
        >>> print(document({"values": {"rate": 1e-05, "layers/units 1": 8, "bias": True}}))
        [values]
        rate = 1e-05
        "layers/units 1" = 8
        bias = true
        <BLANKLINE>
    """
    return "\n".join(_table(name, entries) for name, entries in tables.items())


def _table(name: str, entries: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in entries.items()]
    return "".join([f"[{_key(name)}]\n", *lines])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)  # TOML writes exponents, inf and nan as Python does.
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    raise ValueError(
        "Expected the values of a hyperparameter to be numbers, strings or booleans, which TOML "
        f"has. Received: {value!r}. `kt-extensions export PROJECT --json FILE` writes any value."
    )


def _string(text: str) -> str:
    """Returns a basic string: JSON's escapes are TOML's, but for DEL, which only TOML escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
