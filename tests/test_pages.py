"""A reader of the pages arrives where a link points to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
GLOSSARY = ROOT / "docs" / "glossary.md"


def anchors(page: Path) -> set[str]:
    """The ids that a page sets itself, and those of its headings: small letters, hyphens for spaces, no other marks."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text()):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        assert target.exists(), link[0]
        assert not link["anchor"] or link["anchor"] in anchors(target), link[0]


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+?) \| (?!what it means)[^-]", GLOSSARY.read_text(), re.MULTILINE)
    assert len(words) > 20 and words == sorted(set(words))


def test_a_heading_has_the_anchor_of_the_web() -> None:
    assert "what-is-done-in-which-order" in anchors(ROOT / "docs" / "failover.md")
