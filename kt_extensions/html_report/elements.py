"""HTML elements, in which every text is escaped."""

from __future__ import annotations

import html

from kt_extensions.cleaning import plain

_VOID = frozenset({"meta", "br", "col"})


class Html(str):
    """Text that is HTML, and is not to be escaped."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int | float | None) -> Html:
    """Returns an element.

    Args:
        name: Its name.
        *children: What is in it. All that is not `Html` is escaped.
        **attributes: Its attributes. An underscore stands for a hyphen, one at the end for nothing;
            those that are `None` are left out.

    Example:
        >>> element("td", "1 < 2", class_="score", data_key=0.5)
        '<td class="score" data-key="0.5">1 &lt; 2</td>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Returns elements and texts one after the other, the texts escaped.

    Example:
        >>> joined("a & b", Html("<br>"))
        'a &amp; b<br>'
    """
    return Html("".join(c if isinstance(c, Html) else escaped(c) for c in children))


def escaped(text: str) -> Html:
    """Returns a text so that a browser shows it.

    Example:
        >>> escaped("<b>")
        '&lt;b&gt;'
    """
    return Html(html.escape(plain(text)))
