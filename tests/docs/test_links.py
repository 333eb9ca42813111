"""Links of every page lead somewhere, on a code host and on the site."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT

FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
README = PAGES["README.md"].read_text()
OUTSIDE = ("http://", "https://")


def links(text):
    return [link for link in LINK.findall(FENCED.sub("", text)) if not link.startswith(OUTSIDE)]


def anchors(text):
    """Returns what leads to a heading both on a code host and on the site."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", re.sub(r"\]\(.*?\)", "", title)).strip() for title in titles]
    host = [title.lower().replace(" ", "-") for title in kept]
    site = [re.sub(r"[-\s]+", "-", title.lower()) for title in kept]
    return set(host) & set(site)


def dead(path, root=ROOT):
    """Yields the links of a page that lead nowhere."""
    for link in links(path.read_text()):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        inside = target.is_relative_to(root) and target.exists()
        if not inside or (anchor and anchor not in anchors(target.read_text())):
            yield link


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert list(dead(PAGES[page])) == []


def test_dead_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# How `x` works\n## A, b & c\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#how-x-works) [b](other.md#a-b-c) [c](no.md) [d](../out.md) [e](https://f)\n"
        "```\n[g](h)\n```\n# I\n[j](#i) [k](#l)\n"
    )
    assert list(dead(page, tmp_path)) == ["other.md#a-b-c", "no.md", "../out.md", "#l"]


def test_each_claim_of_the_readme_names_its_test():
    section = README.split("## Beside other packages")[1].split("\n## ")[0]
    _, *rows = re.findall(r"^\| .*", section, re.MULTILINE)
    assert len(rows) > 15
    missing = []
    for row in rows:
        test = re.search(r"\| \[yes\]\((tests/\S+\.py) \"(test_\w+)\"\) \|", row)
        if not test or f"def {test[2]}(" not in (ROOT / test[1]).read_text():
            missing.append(row)
    assert missing == []
