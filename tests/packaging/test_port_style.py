"""What portlint(1) would say of the port's own files, as far as it can be said without FreeBSD's ports tree.

portlint reads its variables by make(1) from bsd.port.mk and bsd.sites.mk, which no package of Debian has, so these are
its rules told again: portlint.pl checkdescr(), checkmakefile(), checklastline(), and the Porter's Handbook, chapter
"Order of Variables in Port Makefiles".
"""

from __future__ import annotations

import re

import pytest

from tests.state.child import ROOT

PORT = ROOT / "contrib" / "freebsd" / "port"
MAKEFILE = (PORT / "Makefile").read_text()
BLOCKS = (
    ("PORTNAME", "PORTVERSION", "DISTVERSION", "PORTREVISION", "CATEGORIES", "MASTER_SITES"),
    ("MAINTAINER", "COMMENT", "WWW"),
    ("LICENSE", "LICENSE_FILE"),
    ("RUN_DEPENDS",),
    ("USES", "USE_RC_SUBR"),
    ("NO_ARCH", "NO_BUILD"),
    ("SUB_FILES",),
)
"""Of the Handbook's blocks those that this port has, with their variables in order."""
MOST_LINES, MOST_COLUMNS = 24, 80
"""portlint.pl checkdescr()"""
MOST_OF_COMMENT = 70
"""Handbook, COMMENT"""


def variables(block: str) -> list[str]:
    return re.findall(r"(?m)^([A-Z_]+)\??\+?=", block)


def test_the_variables_of_the_makefile_are_in_the_order_of_the_handbook() -> None:
    head = MAKEFILE.partition("\n# The code")[0]
    blocks = [found for block in head.split("\n\n") if (found := variables(block))]
    assert len(blocks) == len(BLOCKS)
    for found, wanted in zip(blocks, BLOCKS, strict=True):
        assert found == [name for name in wanted if name in found]


def test_the_makefile_ends_with_the_include_and_its_targets_stand_before_it() -> None:
    assert MAKEFILE.endswith("\n.include <bsd.port.mk>\n")
    assert MAKEFILE.index("do-install:") > MAKEFILE.rindex("SUB_FILES")


def test_a_value_is_behind_tabs_and_no_line_ends_in_a_blank() -> None:
    assert not re.search(r"(?m)^[A-Z_]+[?+]?=(?!\t+\S)", MAKEFILE)
    for path in sorted(path for path in PORT.rglob("*") if path.is_file()):
        text = path.read_text()
        assert text.isascii() and text.endswith("\n") and not text.endswith("\n\n"), path
        assert not re.search(r"[ \t]$|\r", text, re.M), path
        assert "\n\n\n" not in text, path


def test_the_comment_is_short_and_no_sentence() -> None:
    (comment,) = re.findall(r"(?m)^COMMENT=\t(.*)", MAKEFILE)
    assert len(comment) <= MOST_OF_COMMENT and comment[0].isupper() and not comment.endswith(".")
    assert not re.match(r"(?i)(a|an|the|hastwatch) ", comment)


def test_the_description_has_the_size_that_portlint_allows() -> None:
    text = (PORT / "pkg-descr").read_text()
    lines = text.splitlines()
    assert 4 <= len(lines) <= MOST_LINES and max(map(len, lines)) <= MOST_COLUMNS
    assert "WWW:" not in text, "the Makefile has it"


@pytest.mark.parametrize(("variable", "suffix"), [("SUB_FILES", ".in"), ("USE_RC_SUBR", ".in")])
def test_each_file_that_is_to_be_filled_in_is_there(variable: str, suffix: str) -> None:
    (names,) = re.findall(rf"(?m)^{variable}=\t+(.*)", MAKEFILE)
    for name in names.split():
        assert (PORT / "files" / f"{name}{suffix}").is_file()
