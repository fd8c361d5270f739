"""What the code cites of FreeBSD can be looked up: docs/freebsd-facts.md has each fact, with its source."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "freebsd-facts.md"
FACT = re.compile(r'<a id="(?P<id>[^"]+)"></a>\n(?P<text>\*\*.+?)(?=\n\n(?:<a id|## )|\Z)', re.DOTALL)
FACTS = {match["id"]: match["text"].strip() for match in FACT.finditer(PAGE.read_text())}
ID = r"[a-z0-9]+(?:-[a-z0-9]+)+"
CITED = re.compile(rf"freebsd-facts:[\s#]+(?P<ids>{ID}(?:,[\s#]+{ID})*)")
LINKED = re.compile(r"freebsd-facts\.md#(?P<ids>[\w-]+)")
RECORDED = re.compile(r"[Rr]ecorded(?: [^:`.]+)?:\s+(?P<names>`[\w-]+`(?:[^`.;]*`[\w-]+`)*)")
UNSOURCED = re.compile(r"hast-" + r"facts|\bfacts? \d|\bguide(?:,|:| \d)|\btraps? \d", re.IGNORECASE)
"""How facts were cited that only their writers could look up."""
BARE = re.compile(r"\b[a-z][a-z']* \(\d{1,2}(?:, \d{1,2})*\)(?=[.,:;]|\s*(?:$|\"\"\"))")
"""A number that stands for a fact: in brackets behind a word, at the end of what it supports."""
SUFFIXES = {".py", ".md", ".toml", ".txt", ".conf", ".sh", ".sample", ""}


def files() -> Iterator[Path]:
    """What people wrote: the code, its tests, what a user copies, and the pages, without recordings."""
    yield from (ROOT / "README.md", ROOT / "pyproject.toml")
    for folder in ("checks", "remediate", "simulator", "hooks", "contrib", "docs", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and "recordings" not in path.parts:
                yield path


TEXTS = {path: path.read_text(errors="replace") for path in files() if path != Path(__file__).resolve()}


def cited(text: str) -> set[str]:
    """The facts that a text cites."""
    ids = [match["ids"] for pattern in (CITED, LINKED) for match in pattern.finditer(text)]
    return {one.strip(" \n#") for some in ids for one in some.split(",")}


def remarks(source: str) -> Iterator[str]:
    """The comments and docstrings of a module."""
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        docstring = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.COMMENT or docstring:
            yield token.string
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type


def test_a_citation_is_read_across_lines() -> None:
    assert cited("(freebsd-facts: one-good-write, two-lines). More") == {"one-good-write", "two-lines"}
    assert cited("    # lost (freebsd-facts:\n    # under-the-mount, and more)") == {"under-the-mount"}
    assert cited("[so](docs/freebsd-facts.md#boot-order)") == {"boot-order"}


def test_every_anchor_stands_once_and_is_an_id() -> None:
    anchors = re.findall(r'<a id="([^"]+)">', PAGE.read_text())
    assert len(anchors) == len(set(anchors)) == len(FACTS) > 50
    assert all(re.fullmatch(ID, anchor) for anchor in anchors)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_has_a_meaning_and_a_source(fact: str) -> None:
    assert FACTS[fact].count("\n*Here:* ") == FACTS[fact].count("\n*Source:* ") == 1


def test_every_recording_that_a_fact_names_is_there() -> None:
    there = {path.name for folder in ROOT.glob("tests/**/recordings") for path in folder.iterdir()}
    named = {
        name for match in RECORDED.finditer(PAGE.read_text()) for name in re.findall(r"`([\w-]+)`", match["names"])
    }
    assert named and not named - there


def test_every_fact_that_is_cited_is_there() -> None:
    missing = {f"{path.relative_to(ROOT)}: {fact}" for path, text in TEXTS.items() for fact in cited(text) - set(FACTS)}
    assert not missing


def test_every_fact_is_cited() -> None:
    """What nothing stands on does not belong on the page."""
    assert not set(FACTS) - {fact for path, text in TEXTS.items() if path != PAGE for fact in cited(text)}


@pytest.mark.slow
def test_no_citation_is_left_that_cannot_be_looked_up() -> None:
    unsourced = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in TEXTS.items()
        for match in UNSOURCED.finditer(text)
        if path != PAGE
    }
    bare = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in TEXTS.items()
        if path.suffix == ".py"
        for remark in remarks(text)
        for match in BARE.finditer(remark)
    }
    assert not unsourced | bare


@pytest.mark.parametrize(
    "bare", ['"""Fsck frees them (26)."""', "# it looks alive (3)", '"""As seen (5, 6, 14): so"""']
)
def test_a_bare_number_is_found(bare: str) -> None:
    assert any(BARE.search(remark) for remark in remarks(f"x = 1\n{bare}\n"))
