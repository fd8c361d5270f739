"""A simulated pair that is set up as docs/failover.md has it, and its audit: what a test breaks, finds and repairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from checks.hast_setup import CHECK
from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.config import CheckConfig, SetupConfig
from checks.plugin.finding import Finding, Severity
from checks.setup import segment
from remediate.config import RemediationConfig
from remediate.failover.pair_checks import session_of
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.pair import HAST_HOOK
from tests.failover.installed_pair import InstalledPair
from tests.test_actions import NOT_COMMANDS

SECONDS = 30.0
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
"""
"""What docs/failover.md has typed besides what the pair has: the recorded nodes run no cron(8)."""
TOML = """
peer = "ssh -o BatchMode=yes -o ConnectTimeout=3 {peer}"

[failover]
management = "{management}"
witness = "10.0.2.2"
hastd_repaired = {repaired}

[setup]
backup = "/var/backups/home"
"""
ACCEPTED = {"setup-export-root": "the documented set-up has it"}
"""What is true of the documented set-up."""


class BrokenSetup(NamedTuple):
    """A setting that is broken, the one finding that it has, and how it is repaired."""

    reason: str
    broken: tuple[str, ...]
    """Command lines, on the nodes of `on`."""
    on: tuple[str, ...] = ("nfs001", "nfs002")
    by_hand: tuple[str, ...] = ()
    """What the text of a remedy tells somebody to do that cannot be typed, as command lines on the same nodes, before
    those of the remedy."""
    typed: bool = True
    """Whether the command lines of the remedy are run after that."""
    releases: str = ""


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
            self.types(node.name, BY_HAND.strip().splitlines())
            self.configure(node.name, TOML, "+" in releases)
        self.accepted = dict(ACCEPTED)

    def configure(self, name: str, text: str, repaired: bool = False) -> None:
        """hastwatch.toml of a node."""
        node = self.pair.nodes[name]
        values = {"peer": node.peer.name, "management": node.peer.layout.management, "repaired": str(repaired).lower()}
        node.files.write(CONFIGURATION, text.format(**values))

    def types(self, name: str, lines: Iterable[str]) -> None:
        """Command lines on a node, which have to succeed."""
        for line in lines:
            done = self.pair.nodes[name].run(line)
            assert done.status == 0, f"{name}: {line}: {done}"

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


def remedy(finding: Finding) -> tuple[tuple[str, ...], list[str]]:
    """The nodes on which the remedy of a finding is typed, and its command lines: what stands in backticks and has more
    than one word. Both nodes where it names none."""
    named = re.match(r"on (nfs00[12]): ", finding.action)
    quoted = re.findall(r"`([^`]*)`", finding.action)
    lines = [line for line in quoted if " " in line and not NOT_COMMANDS.fullmatch(line)]
    return (named[1],) if named else ("nfs001", "nfs002"), lines
