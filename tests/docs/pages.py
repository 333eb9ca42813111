"""The pages of the documentation, and the programs that they show."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
}

_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]*?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
# What a page says that a program prints: behind a call of `print`, or in the lines below it.
_SHOWN = re.compile(r"^ *print\(.*\)(?:  # (.*))?\n((?: *# .*\n)*)", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    kind: str
    text: str
    line: int  # of its first line in the page, counted from 1
    reason: str | None  # why it is not run, if it is not
    output: str | None  # the block of text right below it


def blocks(path: Path) -> list[Block]:
    """Returns the fenced blocks of a page, in its order."""
    page = path.read_text()
    found = list(_FENCE.finditer(page))
    return [
        Block(
            kind=match["kind"],
            text=_text(match),
            line=page.count("\n", 0, match.start("text")) + 1,
            reason=match["reason"],
            output=_output(page, match, below),
        )
        for match, below in pairwise([*found, None])
    ]


def _output(page: str, match: re.Match[str], below: re.Match[str] | None) -> str | None:
    if below is None or below["kind"] != "text" or page[match.end() : below.start()].strip():
        return None
    return _text(below)


def _text(match: re.Match[str]) -> str:
    return re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)


def programs(path: Path) -> list[Block]:
    """Returns the Python programs of a page that can be run, in its order."""
    return [block for block in blocks(path) if block.kind == "python" and block.reason is None]


def shown(program: str) -> Iterator[str]:
    """Yields the lines that the comments of a program say it prints."""
    for beside, below in _SHOWN.findall(program):
        yield from filter(None, [beside, *(line.strip(" #") for line in below.splitlines())])


def compiled(block: Block, path: Path) -> object:
    """Returns the code of a program; tracebacks name the line of the page."""
    tree = ast.parse(block.text, str(path))
    return compile(ast.increment_lineno(tree, block.line - 1), str(path), "exec")


def module_name(program: str) -> str | None:
    """Returns the name of the file that a program says it is, without its ending."""
    named = re.match(r'"""(\w+)\.py\b', program)
    return named and named[1]


def run_pytest(folder: Path, test: str) -> int:
    """Runs a test file in an author's folder, whose settings are pytest's own.

    Returns:
        How many tests have passed: all.
    """
    (folder / "test_page.py").write_text(test)
    paths = [path for path in sys.path if path and path != str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    run = subprocess.run(
        [*command, "test_page.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return int(re.search(r"(\d+) passed", run.stdout)[1])
