"""Regular expressions as FreeBSD's regcomp(3) and regexec(3) take them, held against the C library of this machine.

glibc reads some patterns differently. Where it does FreeBSD's sources count; the differences are listed in OTHERWISE.
"""

from __future__ import annotations

import ctypes
import re
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from checks.probes.ere import CLASSES, BadExpression, compiled
from checks.probes.errors import NotUnderstood

EXTENDED, ICASE, NOSUB = 1, 2, 8
"""glibc's <regex.h>: REG_EXTENDED, REG_ICASE, REG_NOSUB."""

OTHERWISE = {
    # what glibc takes otherwise: why, in lib/libc/regex/regcomp.c of 13.2
    r"\\[A-Za-z0-9'`<>]": "may_escape() refuses letters, ' and `; p_ere_exp() has no back references",
    r"\|\||\(\||\|\)": "p_re(), p_branch_do(): an empty alternative is REG_EMPTY",
    r"[*+?}][*+?{]": "p_ere_exp(): a repetition of a repetition is REG_BADRPT",
    r"[(|^][*+?{]": "p_ere_exp(): nothing to repeat, or `^`, is REG_BADRPT",
    r"\{(?!\d+(,\d*)?\})": "p_ere_exp(): `{` must begin a count; `{,n}` is REG_BADBR in p_count()",
    r"\{0+(,0+)?\}": "repeat(): the operand is dropped, and a branch of nothing else is REG_EMPTY",
    r"\{\d*(?:25[6-9]|2[6-9]\d|[3-9]\d\d|\d{4,})": "DUPMAX is 255",
    r"\[[:.=]": "p_b_cclass(), p_b_coll_elem(): other names, other errors",
    r"\$.|.\^": "an anchor in the middle: glibc takes some of them for characters",
    r"\)": "POSIX_MISTAKE: an unmatched ) is a character, here as in glibc, but not after a `|` or `(`",
    r"\[\^?-|-[^]]-|--|\[\^?\]-[^]]": "p_b_term(): a `-` that begins no range and is not last is REG_ERANGE",
    r"[^A-Za-z]-[A-Za-z]|[A-Za-z]-[^A-Za-z]": "p_b_term() compares the ends as they are, glibc's regcomp in one case",
}


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def glibc_says(pattern: str, value: str) -> bool | None:
    """Whether it matches; None where regcomp(3) refuses the pattern."""
    room = ctypes.create_string_buffer(256)  # regex_t has 64 bytes
    if libc().regcomp(room, pattern.encode(), EXTENDED | ICASE | NOSUB) != 0:
        return None
    matches: bool = libc().regexec(room, value.encode(), 0, None, 0) == 0
    libc().regfree(room)
    return matches


def says(pattern: str, value: str) -> bool | None:
    try:
        return compiled(pattern).found_in(value)
    except BadExpression:
        return None


glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="compares with glibc")

ATOMS = st.sampled_from(
    ["a", "B", "2", "@", ".", "_", "[ab]", "[^a]", "[0-9]", "[A-Z@]", "[[:digit:]]", "[^[:alpha:]]", "[a-]", "[]x]",
     r"\.", r"\\", r"\$", r"\*", "vt", "()", "[[:upper:]_]", r"\+", "-", ":"]
)  # fmt: skip
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}"])


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(st.lists(st.tuples(inner, REPEATS).map("".join), min_size=1, max_size=4).map("".join),
                        min_size=1, max_size=3)  # fmt: skip
    return branches.map(lambda alternatives: f"({'|'.join(alternatives)})")


PARTS = st.recursive(ATOMS, groups, max_leaves=8)
BRANCH = st.lists(st.tuples(PARTS, REPEATS).map("".join), min_size=1, max_size=4).map("".join)
PATTERNS = st.lists(BRANCH, min_size=1, max_size=3).map("|".join)
VALUES = st.text(st.sampled_from("aAbB2@._vtx-: $\\*+"), max_size=8)


@pytest.mark.slow
@glibc
@given(PATTERNS, VALUES)
@example("2@vt|a", "xxa")
@example("(a|ab)(c|bcd)", "abcd")
@example("(a*)*b", "aaaaaaaa")
def test_what_both_read_alike_matches_alike(pattern: str, value: str) -> None:
    """As devd wraps it: `^` before and `$` behind, without a group."""
    assert says(f"^{pattern}$", value) == glibc_says(f"^{pattern}$", value)


@pytest.mark.slow
@glibc
@given(st.text(st.sampled_from("ab2@.*+?|()[]{}^$\\,1-:[[]]"), max_size=9), VALUES)
def test_any_pattern_is_refused_or_matched_as_by_glibc_but_for_what_is_listed(pattern: str, value: str) -> None:
    pattern = f"^{pattern}$"
    assume(not any(re.search(each, pattern) for each in OTHERWISE))
    assert says(pattern, value) == glibc_says(pattern, value)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        # may_escape()
        (r"\d", "1", None), (r"\w", "a", None), (r"\s", " ", None), (r"\b", "a", None), (r"\'", "'", None),
        (r"\`", "`", None), (r"(a)\1", "aa", False), (r"(a)\1", "a1", True), (r"\@", "@", True), (r"\/", "/", True),
        ("\\", "", None), (r"^\$", "$", True),
        # p_ere_exp(), p_re()
        ("(?:a)", "a", None), ("(?=a)", "a", None), ("a**", "a", None), ("a+?", "a", None), ("a{2}{3}", "a", None),
        ("*a", "a", None), ("^*", "", None), ("(*a)", "a", None), ("a|*b", "b", None), ("{1}a", "a", None),
        ("a{,2}", "a", None), ("a{1", "a", None), ("a{1,2", "a", None), ("a{2,1}", "a", None), ("a{x}", "a", None),
        ("a{256}", "a", None), ("a{255}", "a" * 255, True), ("a{1,2}", "aa", True),
        ("a||b", "a", None), ("(|a)", "a", None), ("(a|)", "a", None), ("|a", "a", None), ("a|", "a", None),
        ("()", "", True), ("a()b", "ab", True), ("(a{0})", "", None), ("xa{0}", "x", True),
        ("a)", "a)", True), (")", ")", True), ("(", "(", None), ("(a", "a", None), ("a}", "a}", True),
        ("a]", "a]", True),
        ("$*", "x", True), ("a$b", "ab", False), ("(^a|b)c", "xbc", True), ("^^a$$", "a", True),
        # p_bracket(), p_b_term()
        ("[]a]", "]", True), ("[^]a]", "]", False), ("[a-]", "-", True), ("[-a]", "-", True), ("[a-c-e]", "d", None),
        ("[--/]", ".", None), ("[+--]", ",", True), ("[z-a]", "b", None), ("[a", "a", None), ("[]", "]", None),
        ("[[:digit:]]", "7", True), ("[[:DIGIT:]]", "7", None), ("[[:word:]]", "a", None), ("[:digit:]", "d", True),
        ("[[:digit]", "d", None), ("[[.-.]]", "-", True), ("[[=a=]]", "A", True), ("[[.ab.]]", "a", "?"),
        ("[[:ideogram:]]", "a", "?"), ("[[..]]", "a", None), (r"[\d]", "d", True), (r"[\d]", "\\", True),
        ("[^a]", "A", False), ("[[:upper:]]", "a", True), ("[^[:upper:]]", "a", False), ("[a-c]", "B", True),
        # engine.c: one boundary of a word at a place, after the anchors
        (r"\<ab\>", "x ab y", True), (r"\<b", "ab", False), ("[[:<:]]ab[[:>:]]", "ab", True), (r"^\<ab", "ab", True),
        (r"ab\>$", "ab", False), (r"ab$\>", "ab", True), (r"\<\<ab", "ab", False), (r"a\>_", "a_", False),
        # bytes
        ("^.$", "é", False), ("^..$", "é", True), ("É", "é", False),
    ],
)  # fmt: skip
def test_freebsd_reads_it_so(pattern: str, value: str, expected: bool | str | None) -> None:
    if expected == "?":
        with pytest.raises(NotUnderstood):
            compiled(pattern)
    else:
        assert says(pattern, value) is expected


@glibc
@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_characters_of_the_c_locale(name: str) -> None:
    for code in range(1, 128):
        pattern, value = f"^[[:{name}:]]$", chr(code)
        assert says(pattern, value) == glibc_says(pattern, value), code


@given(st.text(max_size=12), st.text(max_size=6))
def test_no_text_makes_it_fail(pattern: str, value: str) -> None:
    try:
        compiled(pattern).found_in(value)
    except (BadExpression, NotUnderstood) as error:
        assert str(error)


def test_no_pattern_makes_it_slow() -> None:
    nested = "((((((((a*)*)+)?)*)+)*)*b|(a|aa|aaa)*c)"
    assert says(nested, "a" * 200) is False
    assert says("((a{1,255}){1,255}){1,255}b", "a" * 60) is False
    with pytest.raises(NotUnderstood):
        compiled("(" * 400 + "a" + ")" * 400)
