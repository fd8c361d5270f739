"""Two blank simulated nodes on which hastwatch is installed as its installer does it, and who types what a README.md of
`hastwatch init` has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from checks.hast_setup import CHECK
from checks.plugin.config import CheckConfig, ConfigError, SetupConfig
from checks.plugin.finding import Finding, Severity
from checks.probes.node import Node
from remediate.config import RemediationConfig, load
from remediate.console import Console
from remediate.context import LOOK, Transport
from remediate.failover.pair_checks import session_of
from remediate.init.adopting import INSTALLER
from remediate.init.files import ON_NODE
from remediate.init.steps import public_key
from remediate.invocation import Invocation
from remediate.rehearsal.cron import start_cron
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.new_pair import Unwired
from remediate.rehearsal.observer import CheckReport, NodeOfThePair, Observer, SimulatedMemory
from remediate.rehearsal.own_pair import layout_of, new
from remediate.rehearsal.page import Typed
from remediate.subcommands import init
from simulator.layout import PairLayout, ResourceLayout, VhidLayout
from simulator.node import Node as SimulatedNode
from simulator.pair import Pair
from simulator.release import DEFAULT

OPTIONS = (
    *("--node", "nfs001=10.1.101.3,10.0.2.15", "--node", "nfs002=10.1.101.4,10.0.2.16"),
    *("--address", "10.1.101.5/24@vtnet1", "--vhid", "2", "--resource", "home=/dev/vtbd1", "--witness", "10.0.2.2"),
    *("--via", "nfs001", "--peer", "nfs002"),
)
OF_KIND = {
    "ufs": OPTIONS,
    "inet6": (
        *("--node", "nfs001=10.1.101.3,10.0.2.15", "--node", "nfs002=10.1.101.4,10.0.2.16"),
        *("--address", "2001:db8:65::5/64@vtnet1", "--vhid", "2", "--resource", "home=/dev/vtbd1"),
        *("--witness", "10.0.2.2", "--via", "nfs001", "--peer", "nfs002"),
    ),
    "zfs": (
        *("--node", "nfs001=10.1.101.3,10.0.2.15", "--node", "nfs002=10.1.101.4,10.0.2.16"),
        *("--address", "10.1.101.5/24@vtnet1", "--vhid", "2", "--resource", "home=/dev/vtbd1,zfs"),
        *("--witness", "10.0.2.2", "--via", "nfs001", "--peer", "nfs002"),
    ),
    "two": (
        *("--node", "nfs001=10.1.101.3,10.0.2.15", "--node", "nfs002=10.1.101.4,10.0.2.16"),
        *("--address", "10.1.101.5/24@vtnet1", "--vhid", "2", "--resource", "home=/dev/vtbd1,vhid=2"),
        *("--address", "2001:db8:65::6/64@vtnet1", "--vhid", "3", "--resource", "mail=/dev/vtbd2,zfs,vhid=3"),
        *("--witness", "10.0.2.2", "--via", "nfs001", "--peer", "nfs002"),
    ),
}
"""Pairs by what is new of them: the kind of address, of file system, and one service for each node."""
SECONDS = 30.0
BOOTS = 90.0
SETTLES = 120.0
"""Seconds that the page has one wait at the end."""


class MachineOfThePair(Transport):
    """The way to a simulated machine."""

    def __init__(self, machine: SimulatedNode) -> None:
        super().__init__(("/", machine.name), SimulatedMemory())
        self._simulated = machine

    def node(self, seconds: float = LOOK) -> Node:
        """The machine."""
        return NodeOfThePair(self._simulated, seconds, SimulatedMemory())


class AtATerminal(Console):
    """A console with somebody who types."""

    def __init__(self, asked: TextIO | None) -> None:
        self._asked = asked

    @property
    def asked(self) -> TextIO | None:
        """What they type."""
        return self._asked


class InvokedBeside(Invocation):
    """`hastwatch init` on a machine from which names of simulated nodes are ways to them, and which is the first one
    itself."""

    def __init__(self, pair: Pair, asked: TextIO | None = None) -> None:
        self.pair, self.console = pair, AtATerminal(asked)

    def machine(self, prefix: str) -> Transport:
        """Raises ConfigError."""
        nodes = self.pair.nodes | {"": next(iter(self.pair.nodes.values()))}
        if prefix not in nodes:
            raise ConfigError(f"{prefix!r} leads nowhere")
        return MachineOfThePair(nodes[prefix])


class SetUpPair:
    """A pair that is set up by what `hastwatch init` writes, and all that is done with it."""

    def __init__(self, state: Path, pair: Pair) -> None:
        self.state, self.pair = state, pair
        self.installed: Installed
        self.config = RemediationConfig()

    def installs(self, config: RemediationConfig) -> None:
        """`contrib/freebsd/install --checks` on both nodes."""
        self.config = config
        self.installed = Unwired(self.pair, self.state)

    def copies(self, directory: Path) -> None:
        """The directory is copied to both nodes."""
        for node in self.pair.nodes.values():
            for path in filter(Path.is_file, directory.rglob("*")):
                node.files.write(f"{ON_NODE}/{path.relative_to(directory)}", path.read_text())
                node.files.change_mode(f"{ON_NODE}/{path.relative_to(directory)}", path.stat().st_mode & 0o777)

    def carries_keys(self, names: tuple[str, ...]) -> None:
        """Each public key is beside the other files, as it is when the directory is copied."""
        for name in names:
            key = self.pair.nodes[name].files.read(public_key(name))
            for node in self.pair.nodes.values():
                node.files.write(f"{ON_NODE}/{name}.pub", key)

    def types(self, block: Typed) -> None:
        """Each line has to succeed."""
        for name in block.nodes:
            for line in block.lines:
                done = self.pair.nodes[name].run(line, timeout=300.0)
                assert done.status == 0 or "doctor" in line, f"{name}: {line}: {done}"
        if any("ssh-keygen" in line for line in block.lines):
            self.carries_keys(block.nodes)
        if "shutdown" in " ".join(block.lines):
            self.pair.clock.advance(BOOTS)

    def looks(self) -> tuple[CheckReport, ...]:
        """What every check says."""
        return Observer(self.pair, self.config).look(self.pair.clock.wait)

    def audit(self, **accepted: str) -> list[Finding]:
        """What check_hast_setup finds that is not OK."""
        memory = SimulatedMemory()
        here, there = (NodeOfThePair(each, SECONDS, memory) for each in self.pair.nodes.values())
        config = CheckConfig(setup=SetupConfig(accepted))
        session = session_of(CHECK, config, lambda: self.pair.clock.now, memory, (here, there), seconds=SECONDS)
        return [each for each in CHECK.judged(session).findings if each.severity is not Severity.OK]


class BlankPair(SetUpPair):
    """Two nodes with nothing on them."""

    def __init__(self, state: Path, releases: str = DEFAULT, kind: str = "ufs") -> None:
        super().__init__(state, Pair(_layout(kind).running(releases)))
        self.kind = kind
        self.pair.power_on()

    def init(self, to: Path, *more: str) -> int:
        """`hastwatch init`, which looks at both; the exit status."""
        return init.main([*OF_KIND[self.kind], *more, "--to", str(to)], InvokedBeside(self.pair))

    def begins(self, directory: Path) -> None:
        """hastwatch is installed on both, and the directory is there."""
        load(str(directory / "nfs002" / "hastwatch.toml"))
        self.installs(load(str(directory / "nfs001" / "hastwatch.toml")))
        for node in self.pair.nodes.values():
            assert node.run(INSTALLER).status == 0
        self.copies(directory)
        start_cron(self.installed)


def _layout(kind: str) -> PairLayout:
    blank = new(layout_of(RemediationConfig(), 1))
    vhid, home = VhidLayout(), ResourceLayout()
    if kind == "inet6":
        return replace(blank, vhids=(replace(vhid, address="2001:db8:65::5"),))
    if kind == "zfs":
        return replace(blank, resources=(replace(home, kind="zfs"),))
    if kind == "two":
        mail = ResourceLayout("mail", "/dev/vtbd2", kind="zfs", service_address="2001:db8:65::6")
        return replace(blank, vhids=(vhid, VhidLayout(3, mail.service_address)), resources=(home, mail))
    return blank
