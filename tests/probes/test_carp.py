"""ifconfig and sysctl as values: CARP of FreeBSD 10 to 16 and VRRPv3."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes.carp import STATES, CarpState, CarpSysctl, Vhid, asked, matched, parse_sysctl
from checks.probes.errors import NotUnderstood
from checks.probes.ifconfig import parse
from tests.probes.recorded_outputs import outputs

IFCONFIGS = outputs("ifconfig -a")
SYSCTLS = outputs("sysctl net.inet.carp")

HEAD = "em0: flags=8963<UP,BROADCAST,RUNNING> metric 0 mtu 1500\n"
CARP_LINE = "\tcarp: MASTER vhid 2 advbase 1 advskew 10\n"


def test_a_virtual_host_is_read_with_its_addresses() -> None:
    text = (
        HEAD
        + "\tinet 10.1.101.3 netmask 0xffffff00 broadcast 10.1.101.255\n"
        + "\tinet 10.1.101.5 netmask 0xffffffff broadcast 10.1.101.5 vhid 2\n"
        + "\tinet6 fe80::1%em0 prefixlen 64 scopeid 0x1 vhid 2\n"
        + CARP_LINE
    )
    addresses = ("10.1.101.5/32", "fe80::1/64")
    expected = Vhid("em0", 2, CarpState.MASTER, "carp", 1, 10, addresses, True, own=("10.1.101.3",))
    assert parse(text).vhids == (expected,)


def test_freebsd_14_adds_a_line_with_the_peers() -> None:
    text = HEAD + CARP_LINE + "\t      peer 224.0.0.18 peer6 fe80::2\n"
    vhid = parse(text).vhids[0]
    assert (vhid.state, vhid.peer, vhid.peer6) == (CarpState.MASTER, "224.0.0.18", "fe80::2")


def test_freebsd_15_can_speak_vrrp() -> None:
    text = HEAD + "\tvrrp: BACKUP vrid 7 prio 100 interval 100\n"
    assert parse(text).vhids == (Vhid("em0", 7, CarpState.BACKUP, "vrrp", 100, 155, (), True),)


@pytest.mark.parametrize("name", ["vlan0.100", "em0_1", "lagg0", "wg-context.1:0"])
def test_interface_names_may_hold_dots_and_underscores(name: str) -> None:
    text = f"{name}: flags=8922<BROADCAST> metric 0\n" + CARP_LINE
    vhid = parse(text).vhids[0]
    assert (vhid.name, vhid.interface_up) == (f"2@{name}", False)


def test_no_virtual_host_is_an_answer_and_no_interface_is_none() -> None:
    assert parse(HEAD) == ((), ())
    with pytest.raises(NotUnderstood):
        parse("")


@pytest.mark.parametrize(
    "line",
    [
        "\tcarp: MAST",
        "\tcarp: MEISTER vhid 2 advbase 1 advskew 10",
        "\tcarp: MASTER vhid zwei advbase 1 advskew 10",
        "\tcarp: MASTER vhid 2 advbase 1",
        "\tvrrp: MASTER vrid 2 prio hoch interval 1",
        "\tcarp: MASTER vhid 2 advbase 1 advskew 10\n\t      peer nfs002 peer6 ff02::12",
        "\tcarp: MASTER vhid 2 advbase 1 advskew 10\n\t      peer 10.1.101.4",
        "\tinet 10.1.101.5 netmask 0xffffffff vhid \u0662",
        "\tinet 10.1.101.5;id netmask 0xffffffff vhid 2",
        "ifconfig: Zugriff verweigert",
        "em|0: flags=8963<UP> metric 0",
    ],
)
def test_what_ifconfig_does_not_print_is_not_understood(line: str) -> None:
    assert parse(HEAD + line + "\n").odd == (line.rpartition("\n")[2],)


def carp_vhid(name: str) -> Vhid:
    number, _, interface = name.partition("@")
    return Vhid(interface, int(number), CarpState.MASTER, "carp", 1, 10, (), True)


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs", "left"),
    [
        ("2@em0 2@em1", "2@em0 2@em1", "2@em0=2@em0 2@em1=2@em1", ""),
        ("2@em0", "2@igb0", "2@em0=2@igb0", ""),
        ("2@em0 2@em1", "2@em1 2@igb0", "2@em1=2@em1 2@em0=2@igb0", ""),
        ("2@em0 2@em1", "2@igb0", "", "2@em0 2@em1 2@igb0"),
        ("2@em0 3@em0", "2@em0", "2@em0=2@em0", "3@em0"),
    ],
)
def test_a_vhid_belongs_to_its_interface(ours: str, theirs: str, pairs: str, left: str) -> None:
    matching, here, there = matched(tuple(map(carp_vhid, ours.split())), tuple(map(carp_vhid, theirs.split())))
    assert " ".join(f"{one.name}={other.name}" for one, other in matching) == pairs
    assert " ".join(vhid.name for vhid in (*here, *there)) == left


def test_a_mapping_finds_its_vhid_on_an_interface_of_another_name() -> None:
    vhids = (carp_vhid("2@igb0"), carp_vhid("3@igb0"))
    assert asked(vhids, "2@em0").state is CarpState.MASTER
    assert asked(vhids, "4@em0").state is None
    assert asked((*vhids, carp_vhid("2@igb1")), "2@em0").state is None


def test_every_recorded_output_is_understood() -> None:
    assert {vhid.state for text in IFCONFIGS for vhid in parse(text).vhids} == set(STATES)
    assert {parse_sysctl(text)[0].demotion for text in SYSCTLS} >= {0, 240}


def test_the_factors_of_demotion_are_read_where_they_are_printed() -> None:
    assert parse_sysctl(SYSCTLS[0])[0][3:] == (240, 240)


def test_the_settings_are_read_and_others_are_let_pass() -> None:
    text = "net.inet.carp.demotion: 240\nnet.inet.carp.preempt: 1\nnet.inet.carp.allow: 0\nnet.inet.carp.new: a b\n"
    assert parse_sysctl(text) == (CarpSysctl(240, True, False), ())


@pytest.mark.parametrize(
    "text",
    ["", "net.inet.carp.demotion: 0\n", "net.inet.carp.demotion: viel\n", "demotion: 0\n", "net.inet.carp.demotion 0"],
)
def test_settings_that_are_not_all_there_are_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_sysctl(text)


FOUR = st.integers(1, 254).map("10.1.101.{}".format)
SIX = st.integers(1, 0xFFFF).map("fe80::{:x}".format)


@st.composite
def interfaces(draw: st.DrawFn) -> list[tuple[str, list[str], list[Vhid]]]:
    """Interfaces with addresses of their own and several vhids each, of both families, of CARP 13, 14 and of VRRP."""
    drawn = []
    for name in draw(st.lists(st.sampled_from(["em0", "em1", "vlan0.100", "lagg0"]), min_size=1, unique=True)):
        own = draw(st.lists(FOUR | SIX, max_size=3))
        vhids = []
        for number in draw(st.lists(st.integers(1, 255), max_size=4, unique=True)):
            four, six = draw(st.lists(FOUR, max_size=2)), draw(st.lists(SIX, max_size=2))
            addresses = tuple([f"{each}/32" for each in four] + [f"{each}/64" for each in six])
            vrrp, peers = draw(st.booleans()), draw(st.just(("", "")) | st.tuples(FOUR, SIX))
            state = draw(st.sampled_from(STATES))
            base, skew = draw(st.integers(1, 255)), draw(st.integers(0, 254))
            made_vhid = Vhid(
                name, number, state, "vrrp" if vrrp else "carp", base, skew, addresses, True, own=tuple(own)
            )
            vhids.append(made_vhid if vrrp else made_vhid._replace(peer=peers[0], peer6=peers[1]))
        drawn.append((name, own, vhids))
    return drawn


def printed(name: str, own: list[str], vhids: list[Vhid]) -> str:
    """The lines of ifconfig(8): the addresses first, then the vhids (ifconfig.c, status(); carp.c, carp_status())."""
    lines = [f"{name}: flags=1008943<UP,BROADCAST,LOWER_UP> metric 0 mtu 1500"]
    for address, number in [(each, 0) for each in own] + [(e, v.number) for v in vhids for e in v.addresses]:
        bare = address.partition("/")[0]
        kind = f"inet6 {bare}%{name} prefixlen 64 scopeid 0x1" if ":" in bare else f"inet {bare} netmask 0xffffffff"
        lines.append(f"\t{kind}{f' vhid {number}' if number else ''}")
    for one in vhids:
        if one.protocol == "vrrp":
            numbers = f"vrid {one.number} prio {255 - one.advskew} interval {one.advbase}"
            lines.append(f"\tvrrp: {one.state.value} {numbers}")
        else:
            lines.append(f"\tcarp: {one.state.value} vhid {one.number} advbase {one.advbase} advskew {one.advskew}")
            lines += [f"\t      peer {one.peer} peer6 {one.peer6}"] if one.peer else []
    return "".join(f"{line}\n" for line in [*lines, "\tstatus: active"])


@pytest.mark.slow
@given(interfaces())
def test_all_vhids_of_all_interfaces_are_read_as_they_are_printed(
    drawn: list[tuple[str, list[str], list[Vhid]]],
) -> None:
    parsed = parse("".join(printed(*each) for each in drawn))
    expected = [vhid._replace(media="active") for _, _, vhids in drawn for vhid in vhids]
    assert (list(parsed.vhids), parsed.odd) == (expected, ())


def test_an_address_of_the_interface_that_is_a_name_leaves_its_own_addresses_open() -> None:
    text = HEAD + "\tinet 10.1.101.3 netmask 0xffffff00\n\tinet nfs001 netmask 0xffffff00\n" + CARP_LINE
    assert parse(text).vhids[0].own == ()


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from([*IFCONFIGS, *SYSCTLS]), st.data())
def test_garbled_output_gives_an_error_of_ours_or_values(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    garbled = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    for reader in (parse, parse_sysctl):
        try:
            reader(garbled)
        except NotUnderstood as error:
            assert str(error).isprintable()
