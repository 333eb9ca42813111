"""Text without what neither a page nor a figure can show."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import keras_tuner as kt

from kt_extensions.record import hyperparameters_from
from kt_extensions.searches import SearchView

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LINE_END = re.compile(r"\r\n?")
_NOT_A_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def plain(text: str) -> str:
    r"""Returns a text without colors for a terminal, its other control characters replaced.

    Example:
        >>> ascii(plain("\x1b[31mred\x1b[0m\x00"))
        "'red\\ufffd'"
    """
    lines = _LINE_END.sub("\n", _ESCAPE_SEQUENCE.sub("", text))
    return _NOT_A_CHARACTER.sub("\ufffd", lines)


def cleaned(search: SearchView) -> SearchView:
    """Returns a search with all its texts `plain`."""
    hyperparameters = kt.HyperParameters()
    hyperparameters.merge(search.space)
    return replace(
        search,
        name=plain(search.name),
        objective=plain(search.objective),
        objectives=[(plain(name), direction) for name, direction in search.objectives],
        space=hyperparameters_from(_plain(hyperparameters.get_config()["space"])).space,
        trials=[
            replace(trial, values=_plain(trial.values), message=_plain(trial.message))
            for trial in search.trials
        ],
    )


def _plain(value: Any) -> Any:
    """Returns what JSON holds, with all texts in it `plain`."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
