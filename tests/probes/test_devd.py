"""devd.conf(5) as rules, and which of them devd would run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.devd import SOCKET, action, parse, parse_sockets, rule_for
from checks.probes.errors import NotUnderstood
from checks.probes.processes import Process

OURS = """\
# our own
notify 100 {
    match "system"    "CARP";
    match "subsystem" "[0-9]+@[0-9A-Za-z._:+-]+"; // any interface
    match "type"      "(MASTER|BACKUP|INIT)";
    /* several
       lines */
    action "/usr/local/sbin/carp-hast-switch $subsystem $type";
};
"""
NARROW = OURS.replace("[0-9A-Za-z._:+-]+", "[0-9a-z]+").replace("carp-hast-switch", "other").replace("100", "30")


def event(subsystem: str = "2@em0", kind: str = "MASTER", system: str = "CARP") -> dict[str, str]:
    return {"system": system, "subsystem": subsystem, "type": kind}


def test_a_rule_is_read() -> None:
    rule = parse(OURS, "hastwatch.conf")[0]
    assert rule.priority == 100
    assert rule.matches["type"] == "(MASTER|BACKUP|INIT)"
    assert rule.words == ("/usr/local/sbin/carp-hast-switch", "$subsystem", "$type")


@pytest.mark.parametrize("subsystem", ["2@em0", "255@vlan0.100", "1@em0_1", "12@wg-site"])
def test_the_pattern_of_our_rule_fits_every_interface_name(subsystem: str) -> None:
    assert parse(OURS, "x")[0].fits(event(subsystem))


@pytest.mark.parametrize("other", [event("2@em 0"), event(kind="MASTERS"), event(system="IFNET"), event("@em0"), {}])
def test_a_pattern_must_match_the_whole_value(other: dict[str, str]) -> None:
    assert not parse(OURS, "x")[0].fits(other)


def test_the_documented_pattern_misses_a_vlan() -> None:
    rule = parse(NARROW, "x")[0]
    assert rule.fits(event("2@em0")) and not rule.fits(event("2@vlan0.100"))


def test_devd_runs_the_rule_of_the_highest_priority() -> None:
    rules = parse(NARROW + OURS, "x")
    assert [rule.priority for rule in rule_for(rules, event("2@em0"))] == [100]
    assert [rule.priority for rule in rule_for(rules, event("2@vlan0.100"))] == [100]


def test_rules_of_one_priority_cannot_be_told_apart() -> None:
    assert len(rule_for(parse(OURS + OURS, "x"), event())) == 2


def test_a_pattern_can_be_inverted_and_hold_posix_classes() -> None:
    text = 'notify 1 { match "type" "!BACKUP"; match "subsystem" "[[:digit:]]+@[[:alnum:]]+"; action "x"; };'
    rule = parse(text, "x")[0]
    assert rule.fits(event()) and not rule.fits(event(kind="BACKUP"))


def test_other_sections_are_let_pass() -> None:
    text = (
        'options { directory "/etc/devd"; set x "y"; };\nattach 10 { device-name "ums[0-9]+"; action "z"; };\n' + OURS
    )
    assert len(parse(text, "x")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "notify {",
        "notify x { };",
        'notify 1 { match "a" "b" };',
        'notify 1 { action "x"; }',
        'notify 1 { action "x; };',
        "}",
        "é",
    ],
)
def test_a_wrong_file_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(text, "x")


def test_a_pattern_that_is_none_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        parse('notify 1 { match "type" "(MASTER"; action "x"; };', "x")[0].fits(event())


@given(st.text(alphabet=st.sampled_from(list('notify 10{}";=#/*\n\\$@mach'))))
def test_any_text_gives_rules_or_an_error_of_ours(text: str) -> None:
    try:
        parse(text, "x")
    except NotUnderstood as error:
        assert str(error).isprintable()


def test_a_program_may_stand_anywhere_in_the_actions() -> None:
    text = 'notify 1 { action "logger x; /usr/local/sbin/carp-hast-switch $type"; action "true"; };'
    assert "/usr/local/sbin/carp-hast-switch" in parse(text, "x")[0].words


KERNEL = "fffff80003"
"""How the kernel's addresses begin, left out below."""
SOCKETS = """\
Active UNIX domain sockets
Address    Type   Recv-Q Send-Q      Inode       Conn       Refs    Nextref Addr
*a5b400 stream      0      0                0 *a5b800                0                0 /var/run/devd.pipe
*a5b800 stream      0      0                0 *a5b400                0                0
*a5bc00 stream      0      0 *b7e400                0                0                0 /var/run/devd.pipe
*a5c000 seqpac      0      0 *b7e800                0                0                0 /tmp/with spaces
Some stream sockets may have been created.
""".replace("*", KERNEL)
"""usr.bin/netstat/unix.c."""


def test_sockets_are_known_by_their_paths() -> None:
    assert parse_sockets(SOCKETS) == {SOCKET, "/tmp/with spaces"}
    assert SOCKET in parse_sockets(SOCKETS.replace(KERNEL, "3"))  # 32 bits


def test_a_socket_whose_name_only_ends_like_devds_is_another() -> None:
    assert SOCKET not in parse_sockets(SOCKETS.replace(" /var/run/devd.pipe", f" /tmp/x {SOCKET}"))


@pytest.mark.parametrize("text", ["", "usage: netstat [-j jail] ...\n", "netstat: sysctl: Operation not permitted\n"])
def test_what_lists_no_sockets_is_no_proof_that_there_are_none(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_sockets(text)


def test_the_action_that_devd_waits_for_is_its_child() -> None:
    daemon = Process(382, 1, 0, 0, 0, "-", "devd")
    hook = Process(1290, 382, 0, 0, 0, "Sun Nov 22 09:40:11 2026", "sh")
    other = Process(1291, 1290, 0, 0, 0, "Sun Nov 22 09:40:11 2026", "service")
    assert action((daemon, other, hook), daemon) == hook and action((daemon, other), daemon) is None
    assert str(hook.begun) == "2026-11-22 09:40:11" and daemon.begun is None
