"""sed(1) of a node, beside that of this machine; and what only FreeBSD's has (re_format(7))."""

from __future__ import annotations

import subprocess

import pytest

from simulator.commands.sed import edited

TEXT = 'one two\nthree "four" 5\n/six/seven\nvhid 2 advskew 10 pass Old alias 10.1.101.5/32\n\nlast\n'


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("script", [
    "s/o/0/", "s/o/0/g", "/two/d", "2d", "2,4d", "$d", "2s/^/#/", "s,/,|,g", "/one/,/six/s/e/E/",
    "4{s/ pass [^ \"]*//;s/2/&&/;}",
    "/vhid 2 /{s/ pass [^ ]*//;s/vhid 2 /&pass New /;}", "1s/^/zero\\n/", "s/\\//x/", "s/[/]/x/", "/six/{d;}", "5,2d",
    "1,/one/d", "s/(three) (.)/\\&&/",
])  # fmt: skip
def test_it_does_what_sed_does(script: str, extended: bool) -> None:
    words = ["sed", *(["-E"] if extended else []), script]
    done = subprocess.run(words, input=TEXT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert edited(TEXT, script, extended) == done.stdout


def test_a_word_begins_and_ends_as_re_format_has_it() -> None:
    assert edited("timeout 10 mytimeout 3\n", "s/[[:<:]]timeout[[:space:]]+[^[:space:]]+//g", True) == " mytimeout 3\n"
    assert edited("home homes\n", "s/home[[:>:]]/x/g") == "x homes\n"


@pytest.mark.parametrize("script", ["y/a/b/", "s/a/b", "w/etc/passwd"])
def test_what_is_not_simulated_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|unterminated"):
        edited(TEXT, script)
