"""A line that is not understood among those of a recorded output: what the others say still counts, and nothing that
is read becomes better than it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from checks.probes import filesystem, hast, ifconfig, processes
from checks.probes.carp import CarpState, NotReady, Vhid, asked, parse_sysctl
from checks.probes.errors import NotUnderstood
from tests.probes.recorded_outputs import outputs

IFCONFIGS = [text for text in outputs("ifconfig -a") if "vhid" in text]
SYSCTLS = [text for text in outputs("sysctl net.inet.carp") if "allow" in text]
LISTS = [text for text in outputs("hastctl list") if text.startswith("home:")]
DUMPS = [text for text in outputs("hastctl dump home") if "localcnt" in text]
MOUNTS = outputs("mount")
FLAGS = ("anycast", "tentative", "duplicated", "detached", "deprecated", "autoconf", "temporary", "prefer_source")
"""af_inet6.c, print_flags()."""

WORDS = ("carp:", "vrrp:", "inet", "inet6", "vhid", "vrid", "MASTER", "BACKUP", "2", "10.1.101.5", "prefixlen", "64",
         "advbase", "advskew", "status:", "flags=8<UP>", "em9:", "secured", "-->", "ether")  # fmt: skip
ODD = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join),
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30),
)
HARMLESS = st.text("abcdefghij klmnop.,;!?=+*~üß\t", min_size=1, max_size=40).filter(str.strip)
"""Lines that no tool prints, and that name nothing which somebody looks for."""


def put_in(text: str, line: str, data: st.DataObject) -> str:
    """The text with one line more, anywhere but before the first."""
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(1, len(lines)))
    return "".join([*lines[:at], f"{line}\n", *lines[at:]])


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(IFCONFIGS), ODD, st.booleans(), st.data())
def test_no_line_of_ifconfig_hides_a_vhid_or_makes_its_state_better(
    text: str, line: str, indented: bool, data: st.DataObject
) -> None:
    before = ifconfig.parse(text).vhids
    after = ifconfig.parse(put_in(text, f"\t{line}" if indented else line, data)).vhids
    for mapped in ("2@vtnet1", "2@em0", ""):
        assert asked(after, mapped).state in (asked(before, mapped).state, None)
    assert [vhid.number for vhid in before] == [vhid.number for vhid in after if vhid in after][: len(before)] or (
        len(after) > len(before)
    )


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from((*FLAGS, "secured", "x-42")), max_size=6),
    st.lists(st.sampled_from((*FLAGS, "pltime infty 0", "scopeid 0x2", "vltime 3600", "no-dad")), max_size=6),
    st.lists(st.sampled_from(("secured", "via", "proxied", "metric7")), max_size=3),
    st.sampled_from(("2001:db8::5 prefixlen 64", "2001:db8::5/64", "2001:db8::5%em0 prefixlen 64",
                     "2001:db8::5 --> fe80::2%em0 prefixlen 64", "2001:db8::5 --> 2001:db8::6/64")),
)  # fmt: skip
def test_no_word_of_an_address_line_hides_the_address_or_its_vhid(
    flags: list[str], more: list[str], after: list[str], address: str
) -> None:
    words = " ".join(["inet6", address, *flags, *more, "vhid 2", *after])
    text = f"em0: flags=8863<UP> metric 0 mtu 1500\n\t{words}\n\tcarp: MASTER vhid 2 advbase 1 advskew 10\n"
    (vhid,), odd = ifconfig.parse(text)
    assert (vhid.addresses, vhid.state, vhid.unread, odd) == (("2001:db8::5/64",), CarpState.MASTER, False, ())
    expected = next((flag for flag in NotReady if flag.value in (*flags, *more)), None)
    assert vhid.not_ready == ((("2001:db8::5/64", expected),) if expected else ())


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("inet 10.0.0.5 netmask 0xffffff00 broadcast 10.0.0.255 vhid 2", "10.0.0.5/24"),
        ("inet 10.0.0.5 netmask 255.255.255.0 broadcast 10.0.0.255 vhid 2", "10.0.0.5/24"),
        ("inet 10.0.0.5/24 broadcast 10.0.0.255 vhid 2", "10.0.0.5/24"),
        ("inet 10.0.0.5 netmask 0x0 vhid 2", "10.0.0.5/0"),
        ("inet 10.0.0.5 --> 10.0.0.6/32 vhid 2", "10.0.0.5/32"),
        ("inet 10.0.0.5 --> 0.0.0.0 netmask 0xffffffff vhid 2 ", "10.0.0.5/32"),
        ("inet6 fe80::1%em0 prefixlen 64 scopeid 0x1 vhid 2 ", "fe80::1/64"),
        ("inet6 ::ffff:10.0.0.5 prefixlen 96 vhid 2", "::ffff:10.0.0.5/96"),
    ],
)
def test_every_form_of_a_netmask_is_read(line: str, address: str) -> None:
    text = f"em0: flags=0 metric 0 mtu 1500\n\t{line}\n\tcarp: BACKUP vhid 2 advbase 1 advskew 10\n"
    assert ifconfig.parse(text).vhids[0].addresses == (address,)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ('carp: MASTER vhid 2 advbase 1 advskew 10 key "vhid 3 advskew 1"', CarpState.MASTER),
        ("carp: BACKUP vhid 2 version 2 advbase 1 advskew 10 peer 10.0.0.1", CarpState.BACKUP),
        ("vrrp: MASTER vrid 2 prio 100 interval 100 owner", CarpState.MASTER),
        ("carp: MASTER vhid 2", CarpState.MASTER),
        ("carp: MASTER vhid 0 advbase 1 advskew 10", CarpState.UNKNOWN),
        ("carp: MASTER vhid 256 advbase 1 advskew 10", CarpState.UNKNOWN),
        ("carp:", CarpState.UNKNOWN),
    ],
)
def test_the_state_is_read_whatever_else_the_line_has(line: str, state: CarpState) -> None:
    (vhid,), odd = ifconfig.parse(f"em0: flags=8863<UP> metric 0 mtu 1500\n\t{line}\n")
    assert vhid.state is state
    assert bool(odd) == (not vhid.is_read or not vhid.numbers_read)


def test_a_number_on_two_interfaces_is_told_by_the_address_however_that_is_written() -> None:
    text = (
        "em0: flags=8863<UP> metric 0 mtu 1500\n\tinet6 2001:db8::5 prefixlen 64 vhid 2\n"
        "\tcarp: MASTER vhid 2 advbase 1 advskew 0\n"
        "em1: flags=8863<UP> metric 0 mtu 1500\n\tinet 10.0.0.5/24 vhid 2\n\tcarp: BACKUP vhid 2 advbase 1 advskew 0\n"
    )
    vhids = ifconfig.parse(text).vhids
    assert asked(vhids, "2@igb0").state is None
    assert asked(vhids, "2@igb0", "2001:0DB8:0::5").state is CarpState.MASTER
    assert asked(vhids, "2@igb0", "10.0.0.5").state is CarpState.BACKUP
    assert asked(vhids, "2@igb0", "10.0.0.6").state is None
    assert asked(vhids, "2@em1", "2001:db8::5").state is CarpState.BACKUP


Reader = tuple[str, Callable[[str], object]]
READERS: tuple[Reader, ...] = (
    *((text, lambda text: parse_sysctl(text)[0]) for text in SYSCTLS),
    *((text, lambda text: hast.parse_list(text, "home")) for text in LISTS),
    *((text, lambda text: hast.parse_dump(text, "home")) for text in DUMPS),
    *((text, filesystem.parse_mount) for text in MOUNTS),
)


@settings(max_examples=300)
@given(st.sampled_from(READERS), HARMLESS, st.data())
def test_what_the_other_lines_say_is_used(reader: Reader, line: str, data: st.DataObject) -> None:
    text, read = reader
    assume(" on " not in line)
    assert read(put_in(text, line, data)) == read(text)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(READERS), ODD, st.data())
def test_no_line_makes_anything_but_an_error_of_ours_or_the_same(
    reader: Reader, line: str, data: st.DataObject
) -> None:
    text, read = reader
    try:
        parsed = read(put_in(text, line, data))
    except NotUnderstood as error:
        assert str(error).isprintable()
    else:
        assert parsed == read(text)


HEADER = "  PID  PPID JID RUID  UID STARTED                  COMMAND\n"
HASTD = "  384     1   0    0    0 Sun Nov 22 08:00:00 2026 hastd\n"


@given(HARMLESS.filter(lambda line: "d" not in line))
def test_a_line_of_ps_that_names_no_daemon_hides_none(line: str) -> None:
    listed, odd = processes.read_ps(f"{HEADER}{HASTD}{line}\n")
    assert [each.comm for each in listed] == ["hastd"] and odd == (line,)


@pytest.mark.parametrize("line", ["mountd", "  616     1   0", "x 1 0 0 0 - nfsd"])
def test_a_line_of_ps_that_may_be_a_daemon_is_not_passed_over(line: str) -> None:
    with pytest.raises(NotUnderstood):
        processes.read_ps(f"{HEADER}{HASTD}{line}\n")


@pytest.mark.parametrize("line", ["/dev/hast/home on /hast/home", "home on /hast/home zfs, local", "/dev/hast/ho"])
def test_a_line_of_mount_that_may_be_a_file_system_is_not_passed_over(line: str) -> None:
    with pytest.raises(NotUnderstood):
        filesystem.parse_mount(f"/dev/ada0p2 on / (ufs, local)\n{line}\n")


def test_a_vhid_without_a_number_may_be_the_one_that_is_meant() -> None:
    odd = Vhid("em1", 0, CarpState.UNKNOWN, "carp", 0, 0, (), True)
    good = Vhid("em0", 2, CarpState.MASTER, "carp", 1, 0, (), True)
    assert asked((good, odd), "2@em0").state is CarpState.MASTER
    assert asked((good, odd), "2@igb0").state is None
    assert asked((good, odd), "").state is None
