"""Shows the doctests of docstrings as code, wherever they stand."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
_DIRECTIVE = re.compile(r"  # doctest: .*")


class Doctests(griffe.Extension):
    """Puts a fence around each doctest that is not indented."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(doctest: re.Match[str]) -> str:
    return f"```pycon\n{_DIRECTIVE.sub('', doctest[0])}\n```"
