"""What MkDocs cannot do by itself: pages and files of the site that lie outside of `docs/`.

The README is the site's start page, and pages link to examples and tests as on a code host. Each
file that a page links to becomes a part of the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

_DOCS = Path(__file__).parent
_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
_CODE_OR_LINK = re.compile(
    r"^( *)```.*?^\1```$|(?<=\]\()(?P<link>(?!https?://|#)[^)\s#]+)", re.DOTALL | re.MULTILINE
)
_LOADED = re.compile(
    r"<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
)


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the pages that lie beside `docs/`, and what pages link to there."""
    for source, uri in _PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(_DOCS.parent / source)))

    def add(uri: str, target: Path) -> str:
        if target.is_file() and files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        return uri

    for page in list(files.documentation_pages()):
        _replace_links(page, Path(page.abs_src_path).read_text(), add)
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turns links between files of the repository into links between those of the site."""
    folder = posixpath.dirname(page.file.src_uri) or "."
    return _replace_links(page.file, markdown, lambda uri, _: posixpath.relpath(uri, folder))


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Sees to it that a page loads nothing from elsewhere, so that it opens without a network.

    Raises:
        PluginError: If it does.
    """
    if loaded := _LOADED.findall(output):
        raise PluginError(f"Expected {page.file.src_uri} to load nothing. Received: {loaded}.")
    return output


def _replace_links(page: File, markdown: str, replaced: Callable[[str, Path], str]) -> str:
    """Replaces each relative link by what is made of its place on the site and its file."""

    def replace(match: re.Match[str]) -> str:
        if match["link"] is None:
            return match[0]
        target = (Path(page.abs_src_path).parent / match["link"]).resolve()
        return replaced(_uri(target), target)

    return _CODE_OR_LINK.sub(replace, markdown)


def _uri(target: Path) -> str:
    """Returns the place of a file on the site."""
    if target.is_relative_to(_DOCS):
        return target.relative_to(_DOCS).as_posix()
    path = target.relative_to(_DOCS.parent).as_posix()
    return _PAGES.get(path, path)
