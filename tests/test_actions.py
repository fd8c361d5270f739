"""What the tables say to do next: every finding that is not OK names it, and it can be typed as it stands there.

What an action has in backticks with more than one word is a command line. Those of hastwatch are parsed by the parsers
that run them; of FreeBSD's commands only those of `BASE` are named, with options of their manual pages.
"""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from itertools import takewhile

import pytest

from checks.plugin.command import parser as parser_of_check
from checks.plugin.finding import COULD_NOT_LOOK, PLACEHOLDER, Finding, Row, Severity
from checks.registry import REGISTRY
from remediate.subcommands.registry import SUBCOMMANDS

CHECKS = {each.name: each.load() for each in REGISTRY}
ROWS = {
    row.reason: row
    for row in [*(row for check in CHECKS.values() for row in check.table.own), *COULD_NOT_LOOK]
    if row.severity is not Severity.OK
}
LONGEST = 120
"""Characters of a sentence that somebody reads at night."""
BASE = {
    "chflags": r"(no)?schg \S+",
    "chmod": r"[0-7]{3}( \S+)?",
    "chown": r"root:wheel( \S+)?",
    "cmp": r"\S+ \S+",
    "df": r"-\w+( \S+)?",
    "dmesg": r"",
    "echo": r"exec \S+|timeout 10|replication fullsync|[a-z0-9_.]+=\w+",
    "du": r"-xh -d 2 \S+",
    "find": r"\S+ -name \S+ -delete",
    "geom": r"disk list",
    "gjournal": r"list",
    "grep": r"(-\w+ )?\w+ /\S+|DAD|carp: demoted",
    "gstat": r"-p",
    "netstat": r"-sz -p carp",
    "install": r"-m [0-7]{3} \S+ \S+",
    "kldload": r"-n \w+",
    "ln": r"-sf \S+ \S+",
    "hastctl": r"(list|status|dump|create)( \S+)?|role (init|primary|secondary) \S+",
    "ifconfig": r"|-a|(-k )?\S+|\S+ (up|inet6 -ifdisabled|vhid \w+ (advbase|peer|advskew|pass|home) \S+)",
    "kill": r"-9|-CONT PID",
    "ls": r"-\w+( /\S+)?",
    "mkdir": r"(-p ?)?(\S+)?",
    "mv": r"\S+ \S+",
    "mount": r"-uw \S+|-v",
    "ndp": r"-rn|-n \S+",
    "ping": r"-c \d \S+",
    "procstat": r"-kk -a",
    "ps": r"-?ax\w* -o [a-z,%]+",
    "route": r"-n (delete -host|get) \S+",
    "rpcinfo": r"-p( \S+)?",
    "doas": r"-C \S+",
    "rcorder": r"/etc/rc.d/\* /usr/local/etc/rc.d/\*",
    "sed": r"-i  (-E )?(/hastwatch/d|\w+) \S+",
    "service": (
        r"(mountd|nfsd) one(start|stop|restart|status|reload)|netif start \w+"  # rc.conf starts neither
        r"|(?!mountd |nfsd )\w+ (one)?(start|stop|restart|status|reload|quietstart)"
    ),
    "sshd": r"-t",
    "showmount": r"-e( \S+)?",
    "shutdown": r"-r now",
    "sudo": r"-n hastwatch-ask",
    "sysctl": r"[a-z0-9_.]+(=\w+)?",
    "sysrc": r"(-f (/boot/loader\.conf|/etc/rc\.conf\.d/\w+|home) )?(\w+=\S+|home)",
    "touch": r"\S+",
    "tail": r"-\d+|(-\d+ )?/\S+",
    "timeout": r"\d+ hastctl list \S+",
    "umount": r"-f( \S+)?",
    "visudo": r"-cf \S+",
    "zfs": r"list|snapshot -r \S+",
    "zpool": r"(clear|status)( -P)?( \S+)?",
}
"""What may follow the name of a command of FreeBSD's base system, as section 1 and 8 of its manual have it."""
NOT_COMMANDS = re.compile(r"replication fullsync|advskew \d+|carpver \d|-\S.*")
"""Words of a configuration, and options by themselves."""


def filled(action: str) -> str:
    """With names in the place of placeholders and of words in capitals."""
    return PLACEHOLDER.sub("home", action).replace(":DIR", ":/hast/home").replace(" DIR", " /hast/home")


def command_lines(action: str) -> list[list[str]]:
    """The command lines that an action names."""
    quoted = [part for text in re.findall(r"`([^`]*)`", filled(action)) for part in re.split(r" \| ", text)]
    return [shlex.split(text) for text in quoted if " " in text and not NOT_COMMANDS.fullmatch(text)]


def can_be_typed(words: list[str]) -> bool:
    """Whether the command exists and takes these options."""
    name, *rest = words
    rest = list(takewhile(lambda word: word not in (">", ">>"), rest))  # the shell's
    if name == "hastwatch":
        module = import_module(SUBCOMMANDS[rest[0]][0])
        module.parser().parse_args(rest[1:])
        return True
    if name in CHECKS:
        parser_of_check(CHECKS[name]).parse_args(rest)
        return True
    return name in BASE and re.fullmatch(BASE[name], " ".join(rest)) is not None


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.reason)
def test_an_action_is_one_line_that_names_commands_as_they_are_typed(row: Row) -> None:
    assert row.action
    assert row.action.isprintable() and len(row.action) <= LONGEST
    assert "|" not in row.action
    assert row.action.count("`") % 2 == 0
    assert "{" not in PLACEHOLDER.sub("", row.action) and "}" not in PLACEHOLDER.sub("", row.action)
    for words in command_lines(row.action):
        assert can_be_typed(words), words


@pytest.mark.parametrize(("reason", "subject", "side", "action", "addressed"), [
    ("splitbrain", "home on nfs001 and nfs002", "nfs002", "on {loser}: recover {resource}", "on nfs002: recover home"),
    ("splitbrain", "home on nfs001 and nfs002", "", "on {loser}: x", "on the node that does not serve: x"),
    ("hast-no-primary", "home on nfs001 and nfs002", "", "on {master}: x", "on the node that is MASTER: x"),
    ("hast-degraded", "home on nfs001", "", "on {node}: is {peer} up?", "on nfs001: is nfs002 up?"),
    ("hast-degraded", "home on 10.1.1.1", "", "on {node}: x", "on the node: x"),
    ("node-unreachable", "CARP on nfs009", "", "boot {node}", "boot nfs009"),
    ("node-unreachable", "the other node", "", "boot {node}", "boot the other node"),
])  # fmt: skip
def test_an_action_names_the_node_as_far_as_it_is_known(
    reason: str, subject: str, side: str, action: str, addressed: str
) -> None:
    finding = Finding(reason, Severity.CRITICAL, subject, "", "", action, side)
    assert finding.addressed(("nfs001", "nfs002")).action == addressed


def test_what_is_explained_elsewhere_is_a_reason() -> None:
    named = {reason for row in ROWS.values() for reason in re.findall(r"hastwatch explain ([a-z0-9-]+)", row.action)}
    assert named <= set(ROWS)


@pytest.mark.parametrize("action", [
    "`hastwatch converge --dryrun`", "`hastwatch mend`", "`check_hast --nonsense`", "`hastctl mend home`",
    "`fsck -y /dev/da0`",
])  # fmt: skip
def test_a_command_that_cannot_be_typed_is_noticed(action: str) -> None:
    """The test of the test."""
    (words,) = command_lines(action)
    with pytest.raises((AssertionError, SystemExit, KeyError)):
        assert can_be_typed(words)
