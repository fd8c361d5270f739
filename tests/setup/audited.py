"""A simulated pair that is set up as docs/failover.md has it, and its audit: what a test breaks, finds and repairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from checks.hast_setup import CHECK
from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.config import CheckConfig, SetupConfig
from checks.plugin.finding import Finding, Severity
from checks.plugin.output import ACTION
from checks.plugin.text import plain
from checks.setup import segment
from remediate.config import RemediationConfig
from remediate.failover.pair_checks import session_of
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.pair import HAST_HOOK
from tests.failover.installed_pair import InstalledPair
from tests.test_actions import NOT_COMMANDS

SECONDS = 30.0
SETTLES = 5.0
"""Seconds for what a remedy starts."""
EXAMPLES = "/usr/local/hastwatch/share/examples/hastwatch"
CONTRIB = Path(__file__).resolve().parents[2] / "contrib" / "freebsd"
BY_HAND = f"""
sysrc cron_enable=YES
sysrc nfs_server_flags="-u -t -h 10.1.101.5"
install -m 644 {EXAMPLES}/cron-hastwatch /etc/cron.d/hastwatch
sysrc ntpd_enable=YES
sysrc ntpd_sync_on_start=YES
service ntpd start
hastwatch contrib sudoers > /usr/local/etc/sudoers.d/hastwatch
chmod 440 /usr/local/etc/sudoers.d/hastwatch
touch /var/backups/home
echo 'nagios:*:181:181:Monitoring:/home/nagios:/usr/sbin/nologin' > /etc/passwd
echo 'nagios:*:181:' > /etc/group
echo 'monitoring:*:700:root,nagios' >> /etc/group
mkdir -p /usr/local/etc/devd
install -m 644 {EXAMPLES}/devd-hastwatch.conf /usr/local/etc/devd/hastwatch.conf
rm /etc/devd/carp.conf
ln -sf /usr/local/hastwatch/bin/carp-hast-switch /usr/local/sbin/carp-hast-switch
service devd restart
"""
"""What docs/failover.md has typed besides what the pair has: the recorded nodes run no cron(8)."""
PROGRAM = "/usr/local/hastwatch/bin/carp-hast-switch"
TOML = """
peer = "ssh -o BatchMode=yes -o ConnectTimeout=3 {peer}"

[failover]
management = "{management}"
witness = "10.0.2.2"
hastd_repaired = {repaired}

[setup]
backup = "/var/backups/home"
"""
NOTHING: Mapping[str, str] = {}
ACCEPTED = {"setup-export-root": "the documented set-up has it"}
"""What is true of the documented set-up."""


class BrokenSetup(NamedTuple):
    """A setting that is broken, the one finding that it has, and what somebody has to decide before the remedy can be
    typed."""

    reason: str
    broken: tuple[str, ...]
    """Command lines, on the nodes of `on`."""
    on: tuple[str, ...] = ("nfs001", "nfs002")
    why: str = ""
    """Why the command lines of the remedy, as they are printed, are not all that there is to do."""
    fills: Mapping[str, str] = {}
    """What is put in the place of the words in capitals."""
    by_hand: tuple[str, ...] = ()
    """What the text tells somebody to do that only they know, as command lines on the same nodes, before the others."""
    releases: str = ""
    serving: bool = True
    """Whether it can be broken on the node that serves as well."""

    @property
    def is_manual(self) -> bool:
        """Whether somebody has to decide something."""
        return bool(self.fills or self.by_hand)


@contextmanager
def cheap_digests() -> Iterator[None]:
    """What a guess at a password costs is not what the tests of the findings are about."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment, "COST", 2)
        yield


class AuditedPair(InstalledPair):
    """The pair, with hastwatch on both nodes."""

    def __init__(self, state: Path, releases: str = "", kind: Literal["ufs", "zfs"] = "ufs") -> None:
        config = RemediationConfig()
        layout = layout_of(config, 1)
        first, second = layout.nodes
        layout = replace(layout, nodes=(first, replace(second, advskew=first.advskew)), hast_exec=HAST_HOOK)
        layout = replace(layout, filedelay=3, dirdelay=2, metadelay=1)
        layout = replace(layout, resources=tuple(replace(each, kind=kind) for each in layout.resources))
        layout = layout.running(releases) if releases else layout
        super().__init__(healthy_pair(layout, hooked=False), state, config)
        for node in self.pair.nodes.values():
            for path in CONTRIB.rglob("*"):
                if path.is_file():
                    node.files.write(f"{EXAMPLES}/{path.relative_to(CONTRIB)}", path.read_text())
            node.files.write(PROGRAM, node.files.read("/usr/local/sbin/carp-hast-switch"), mode="rwxr-xr-x")
            self.types(node.name, BY_HAND.strip().splitlines())
            self.configure(node.name, TOML, "+" in releases)
            if node.installed.ifconfig.peer and node.peer.installed.ifconfig.peer:
                address = node.peer.layout.address
                self.types(node.name, [f"ifconfig vtnet1 vhid 2 peer {address}",
                                       f"sed -i '' 's/vhid 2 /&peer {address} /' /etc/rc.conf"])  # fmt: skip
        self.accepted = dict(ACCEPTED)

    def configure(self, name: str, text: str, repaired: bool = False) -> None:
        """hastwatch.toml of a node."""
        node = self.pair.nodes[name]
        values = {"peer": node.peer.name, "management": node.peer.layout.management, "repaired": str(repaired).lower()}
        node.files.write(CONFIGURATION, text.format(**values))

    def types(self, name: str, lines: Iterable[str]) -> None:
        """Command lines on a node, which have to succeed; service(8) exits 0 where rc.conf forbids what is asked."""
        for line in lines:
            done = self.pair.nodes[name].run(line)
            assert done.status == 0 and not done.out.startswith("Cannot '"), f"{name}: {line}: {done}"

    def swaps(self) -> None:
        """A planned switchover; then the other node is the active one."""
        self.pair.clock.wait(self.moves())
        self.active, self.standby = self.standby, self.active
        assert self.until(lambda: self.serves(self.active) and self.rests(self.standby))

    def repairs(self, findings: Iterable[Finding], fills: Mapping[str, str] = NOTHING) -> None:
        """Type the remedies as somebody does who reads them: each line once, first on the node that does not serve."""
        remedies = [remedy(each, fills) for each in findings]
        for node in sorted(self.pair.nodes.values(), key=lambda each: self.serves(each)):
            serves = self.serves(node)
            mine = [each for each in remedies if node.name in each.nodes]
            lines = [line for each in mine for line in each.lines if serves or line not in each.if_it_serves]
            self.types(node.name, dict.fromkeys(lines))
        self.pair.clock.advance(SETTLES)

    def audit(self, alone: str = "") -> list[Finding]:
        """What check_hast_setup finds on the pair, or on one node `alone`."""
        memory = SimulatedMemory()
        nodes = [NodeOfThePair(each, SECONDS, memory) for each in self.pair.nodes.values() if alone in ("", each.name)]
        config = CheckConfig(setup=SetupConfig(accepted=self.accepted))
        here, there = nodes[0], nodes[1] if len(nodes) > 1 else None
        session = session_of(CHECK, config, lambda: self.pair.clock.now, memory, (here, there), seconds=SECONDS)
        return CHECK.judged(session).findings

    def wrong(self, alone: str = "") -> list[Finding]:
        """What is not OK of that."""
        return [each for each in self.audit(alone) if each.severity is not Severity.OK]


class Remedy(NamedTuple):
    """What is typed for a finding."""

    nodes: tuple[str, ...]
    """Both where it names none."""
    lines: tuple[str, ...]
    """What stands in backticks and has more than one word."""
    if_it_serves: tuple[str, ...]
    """Of them those that are for the node that serves."""


def remedy(finding: Finding, fills: Mapping[str, str] = NOTHING) -> Remedy:
    """The remedy of a finding, word by word, with the words in capitals filled in."""
    action = plain(finding.action, ACTION)
    assert action == finding.action
    for word, value in fills.items():
        action = re.sub(rf"\b{word}\b", lambda _, value=value: value, action)  # type: ignore[misc]
    named = re.match(r"on (nfs00[12]): ", action)
    quoted = [(match[1], match[2]) for match in re.finditer(r"`([^`]*)`( if it serves)?", action)]
    lines = [(line, of) for line, of in quoted if " " in line and not NOT_COMMANDS.fullmatch(line)]
    return Remedy(
        (named[1],) if named else ("nfs001", "nfs002"),
        tuple(line for line, _ in lines),
        tuple(line for line, of in lines if of),
    )
