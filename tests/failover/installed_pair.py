"""A simulated pair with hastwatch installed, or with the documented hook, and what a test asks of either."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from checks.plugin.config import CheckConfig as CheckConfig
from checks.probes.carp_demotion import from_values
from checks.probes.marker import Marker
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.converge import ConvergeOutcome, ConvergeRequest, converge
from remediate.failover.switchover import switch
from remediate.policy import Failover
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.rehearsal.service import Clients
from remediate.state import failures, marker
from remediate.state.journal import NAME, JournalEntry, one_line
from remediate.state.journal_reading import read
from remediate.state.store import Store
from simulator.clock import Steps, Task
from simulator.dying import NEVER, KillPoint
from simulator.faults.faults import inflict
from simulator.hastd.metadata import Role
from simulator.host.log import MESSAGES
from simulator.layout import PairLayout
from simulator.network.carp import CarpState
from simulator.node import Node
from simulator.pair import Pair

T = TypeVar("T")
TEST = ConvergeRequest("test")
WROTE_ALONE = 150.0
"""Seconds for which the last node served alone: longer than the other one takes to refuse its own copy, and a look."""
OFF = 10.0
"""Seconds for which nothing runs."""
Hook = Callable[[Node, list[str]], int]

MEMORY = "/dev/shm"
BOOT_WINDOW = 300.0
"""Seconds after a boot in which CARP is believed late (`failover.boot_window`); a test begins after them."""
WRITING = 35.0
"""Seconds that the clients have been writing then: longer than what UFS keeps in buffers."""
OFTEN = 0.05
PERIOD = 60.0
"""Seconds between two calls of cron(8)."""


@contextmanager
def state_directory() -> Iterator[Path]:
    """An empty directory, in memory where the machine has such: every write of a state is synced to the disk."""
    directory = tempfile.mkdtemp(dir=MEMORY if Path(MEMORY).is_dir() else None)
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory)


class Watched:
    """A pair in service, whose clients write, watched for what must never be. `active` has the service at first."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.active, self.standby = pair.nodes.values()
        pair.clock.advance(BOOT_WINDOW)
        self.clients = Clients(pair)
        pair.clock.advance(WRITING)
        self.twice: list[float] = []
        """When a resource was mounted on both nodes, both primary."""
        self.began = pair.clock.now
        pair.clock.start(self._watching())

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return self.pair.clock.now - self.began

    def passes(self, seconds: float) -> None:
        """Time passes."""
        self.pair.clock.advance(seconds)

    def until(self, condition: Callable[[], bool], seconds: float = 120.0) -> bool:
        """Time passes until the condition holds, so much at most; whether it holds."""
        ends = self.pair.clock.now + seconds
        while not condition():
            if self.pair.clock.now >= ends:
                return False
            self.pair.clock.advance(OFTEN)
        return True

    def breaks(self, *words: str) -> None:
        """A fault happens (`hastwatch pair fault`)."""
        inflict(self.pair, *words)

    def breaks_all(self, faults: Iterable[str]) -> None:
        """Several faults, each in one line as a shell takes it."""
        for fault in faults:
            self.breaks(*shlex.split(fault))

    @property
    def sound(self) -> bool:
        """Nothing happened that must not, whatever was broken."""
        return not self.twice and not self.pair.hook_errors

    def boots(self, node: Node, seconds: float = 90.0) -> None:
        """The node boots; then time passes."""
        self.pair.clock.wait(node.power_on())
        self.passes(seconds)

    def carp(self, node: Node) -> dict[str, str]:
        """The vhids of a node and their states."""
        return {f"{vhid.layout.vhid}@{vhid.layout.interface}": vhid.state.value for vhid in node.network.vhids()}

    def role(self, node: Node, resource: str = "home") -> str:
        """What hastd has for the resource."""
        return node.hastd.resources[resource].role.value if node.on and node.hastd.running else "-"

    def holds(self, node: Node, resource: str = "home") -> bool:
        """The resource is primary on the node and mounted there."""
        return self.role(node, resource) == Role.PRIMARY.value and self.mounted(node, resource)

    def mounted(self, node: Node, resource: str = "home") -> bool:
        """The file system is mounted on the node."""
        return self.pair.layout.resource(resource).mountpoint in node.filesystems.mounts

    def serves(self, node: Node, resource: str = "home") -> bool:
        """Clients of the resource get answers from the node."""
        if not (node.on and self.holds(node, resource)):
            return False
        client = self.pair.client(resource)
        return client.server() is node and client.mount() is None and node.nfs.answers("nfsd")

    def rests_with(self, node: Node, resource: str = "home") -> bool:
        """The node is secondary for the resource, nothing is mounted, and the mount point takes no files."""
        point = self.pair.layout.resource(resource).mountpoint
        free = self.role(node, resource) == "secondary" and not self.mounted(node, resource)
        return free and "schg" in node.run(f"ls -ldo {point}").out

    def rests(self, node: Node, resource: str = "home") -> bool:
        """The same, and the node serves nothing."""
        quiet = not (node.nfs.running("nfsd") or node.nfs.running("mountd"))
        return quiet and self.rests_with(node, resource)

    def demotion(self, node: Node) -> int:
        """net.inet.carp.demotion."""
        return node.kernel.integer("net.inet.carp.demotion")

    def lost(self) -> int:
        """How many acknowledged writes clients do not see."""
        return self.clients.account().missing

    def _watching(self) -> Steps[None]:
        while True:
            names = [resource.name for resource in self.pair.layout.resources]
            if any(all(self.holds(node, name) for node in self.pair.nodes.values()) for name in names):
                self.twice.append(self.now)
            yield OFTEN


class InstalledPair(Watched):
    """The same with hastwatch on both nodes."""

    def __init__(self, pair: Pair, state: Path, config: RemediationConfig) -> None:
        self.config, self.state = config, state
        self.installed = Installed(pair, state, config)
        for node in pair.nodes.values():
            self.installed.start_worker(node, ConvergeRequest("installed"))
        super().__init__(pair)

    def converges(self, node: Node, request: ConvergeRequest = TEST, fate: KillPoint = NEVER) -> ConvergeOutcome:
        """`hastwatch converge` on a node, waited for. Raises what it raises."""
        return self.does(node, lambda context: converge(context, request), fate)

    def does(self, node: Node, call: Callable[[Context], T], fate: KillPoint = NEVER) -> T:
        """A command on a node, waited for. Raises what it raises."""
        task = self.begins(node, call, fate)
        self.pair.clock.wait(task)
        if task.error is not None:
            raise task.error
        return task.value  # type: ignore[return-value]  # None only where T has it

    def begins(self, node: Node, call: Callable[[Context], T], fate: KillPoint = NEVER) -> Task[T]:
        """A command on a node that goes on by itself."""
        context = self.installed.context(node, fate)
        return self.pair.clock.run_task(lambda: call(context))

    def moves(self) -> Task[ConvergeOutcome]:
        """`hastwatch switchover` on the active node, begun."""
        return self.begins(self.active, lambda context: switch(context, "human", lambda step: None))

    def looks_every_minute(self, node: Node) -> None:
        """cron(8) on a node, from now on: `hastwatch converge --periodic`."""
        promote = self.config.failover.periodic_promotion

        def looking() -> Steps[None]:
            while True:
                if node.on:
                    self.installed.start_worker(node, ConvergeRequest("periodic", promote=promote, again=True))
                yield PERIOD

        self.pair.clock.start(looking())

    def store(self, node: Node) -> Store:
        """What is remembered on a node."""
        return Store(str(self.state / node.name))

    def share(self, node: Node) -> int:
        """What hold.json says that the node has added to its demotion, and still is there."""
        try:
            hold = json.loads((self.state / node.name / "hold.json").read_text())
        except FileNotFoundError:
            return 0
        assert hold["amount"] == hold["target"], "a change of the share was begun and not ended"
        return int(hold["amount"]) if hold["boot"] == node.boot_mark else 0

    def reasons(self, node: Node) -> tuple[str, ...]:
        """Why the node holds itself back."""
        try:
            hold = json.loads((self.state / node.name / "hold.json").read_text())
        except FileNotFoundError:
            return ()
        return tuple(map(str, from_values(hold).reasons))

    def entries(self, node: Node, event: str = "") -> list[JournalEntry]:
        """The journal of a node since the test began."""
        everything = [entry for entry in read(str(self.state / node.name / NAME)) if entry.time >= self.began]
        return [entry for entry in everything if event in ("", entry.event)]

    def told_once(self, node: Node, pattern: str, event: str) -> JournalEntry:
        """The one entry of an event that says what the pattern does, which has one line of syslog."""
        entries = [entry for entry in self.entries(node, event) if re.search(pattern, entry.sentence())]
        assert len(entries) == 1, [entry.sentence() for entry in self.entries(node)]
        lines = node.files.read(MESSAGES).splitlines()
        assert sum(line.endswith(one_line(entries[0].sentence())) for line in lines) == 1
        return entries[0]

    def blocked(self, node: Node) -> str:
        """Why nothing is promoted on the node any more."""
        return failures.blocked(self.store(node), node.now, self.config.failover.window)

    def split_brain(self, node: Node, resource: str = "home") -> Marker | None:
        """The marker on a node."""
        return marker.present(self.store(node), resource)

    def story(self) -> str:
        """Everything that was journalled, for a test that fails."""
        entries = [
            (entry.time - self.began, entry) for node in self.pair.nodes.values() for entry in self.entries(node)
        ]
        return "\n".join(
            f"{at:8.2f} {entry.node} {entry.sentence()}" for at, entry in sorted(entries, key=lambda x: x[0])
        )


def master(node: Node) -> bool:
    """The node has all its addresses."""
    return (
        node.on and all(vhid.state is CarpState.MASTER for vhid in node.network.vhids()) and bool(node.network.vhids())
    )


def policy(**changes: object) -> RemediationConfig:
    """A configuration with another policy (`[failover]`)."""
    return RemediationConfig(failover=Failover()._replace(**changes))  # type: ignore[arg-type]  # the fields are the caller's


def hastd_repaired(repaired: bool) -> RemediationConfig:
    """A configuration that says whether hastd has the fix for FreeBSD bug 292322."""
    return RemediationConfig(checks=CheckConfig(hastd_repaired=repaired))


def installed_pair(
    state: Path, config: RemediationConfig | None = None, releases: str = "", **layout: object
) -> InstalledPair:
    """A healthy pair with hastwatch, of these releases of FreeBSD (`14.5,15.1`); `layout` replaces fields of
    PairLayout."""
    settings = config or RemediationConfig()
    made = _layout(settings, layout)
    made = made.running(releases) if releases else made
    return InstalledPair(healthy_pair(made, hooked=False), state, settings)


def the_other_wrote_last(state: Path, config: RemediationConfig | None = None) -> InstalledPair:
    """The active node dies; the other one takes over, serves alone, and is shut down in order."""
    pair = installed_pair(state, config)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(WROTE_ALONE)
    pair.pair.clock.wait(pair.standby.shut_down())
    pair.passes(OFF)
    return pair


def documented_pair(config: RemediationConfig | None = None, hook: Hook | None = None, **layout: object) -> Watched:
    """A healthy pair with the documented hook, or another one of devd's."""
    pair = healthy_pair(_layout(config or RemediationConfig(), layout), hooked=hook is None)
    if hook is not None:
        pair.on_carp_event(hook)
    return Watched(pair)


def _layout(config: RemediationConfig, changes: dict[str, object]) -> PairLayout:
    return replace(layout_of(config, 1), **changes)  # type: ignore[arg-type]  # the fields are the caller's
