"""A simulated pair in a split-brain, made in every way that is known, and the account of what was on its disks.

Which side clients write to is chosen beside the way: while the nodes are apart they reach only those.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from checks.probes.carp_demotion import DemotionCause
from checks.probes.errors import ProbeError
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.clients import FILE
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.policy import Failover, SplitBrain
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.recover import Recovery
from remediate.rehearsal.context import context_of
from remediate.rehearsal.cron import EVERY, FIRST
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.account.accounting import disk_of, places
from simulator.account.writes import Part, Write, WritePiece
from simulator.account.writes import WriteFate as WriteFate
from simulator.clock import Steps, Task
from simulator.dying import NEVER, KillPoint, Life
from simulator.host.documented_hook import documented_hook
from simulator.host.programs import PythonHook
from simulator.node import Node
from simulator.pair import HAST_HOOK
from simulator.rc.boot import CONVERGE_SCRIPT, HOLD_SCRIPT
from tests.failover.installed_pair import OFTEN, InstalledPair, master
from tests.recovery.copies import in_archive

HOME = "home"
HELD_BACK = 240
"""What an operator adds to the demotion of the node that is to lose the address."""
LOOKS = 2.0
"""Seconds between two looks at what is on the disks."""
APART = 45.0
"""Seconds for which the nodes are apart: longer than UFS delays any name, and than hastd's keepalives."""
SETTLES = 60.0
"""Seconds after which hastd has told of the split-brain, and the losing node has stepped down."""
LOSING, WINNER = "losing", "winner"
SIDES = (frozenset({LOSING}), frozenset({WINNER}), frozenset({LOSING, WINNER}), frozenset[str]())


class SplitPair(InstalledPair):
    """A pair with hastwatch on both nodes, cron included. `losing` is the node whose copy is to be given up."""

    def __init__(self, state: Path, policy: str = "step-down") -> None:
        self.salvage = state / "salvage"
        self.salvage.mkdir()
        config = RemediationConfig(
            failover=Failover(boot_window=60.0), split_brain=SplitBrain(policy=policy, salvage_to=str(self.salvage))
        )
        layout = replace(layout_of(config, 1), nfs_at_boot=False)
        super().__init__(healthy_pair(layout, hooked=False), state, config)
        self.losing = self.standby
        self.bare: Node | None = None
        """A node on which nothing of hastwatch is there but its directory."""
        self.parted = 0.0
        """When the nodes were parted last; the following is about the time since then."""
        self.written_to: set[str] = set()
        """Names of the nodes that clients reach."""
        self._created: Counter[str] = Counter()
        """How often `hastctl create` was run on each node."""
        self.on_disk: set[int] = set()
        """Acknowledged writes that were on a disk while both copies were there."""
        self._copies: dict[str, dict[str, bytes]] = {}
        """The files of each node, as its own disk had them last before anything was created there."""
        self.pair.clock.start(self._shared_file())
        for node in self.pair.nodes.values():
            self.pair.clock.start(self._cron(node))

    @property
    def winner(self) -> Node:
        """The node whose copy counts."""
        return self.pair.peer(self.losing)

    def clients_are_silent(self, seconds: float) -> None:
        """Clients reach nobody for so long."""
        for node in self.pair.nodes.values():
            self._keeps_clients_from(node)
        self.passes(seconds)
        self.pair.link.heal()

    def _keeps_clients_from(self, node: Node) -> None:
        self.pair.link.cut(self.pair.layout.client, node.name)
        self.pair.link.cut(node.name, self.pair.layout.client)

    def parts(self, writers: frozenset[str], losing: Node) -> None:
        """From now on the nodes are apart: clients reach those of the writers, and what is on the disks is noted."""
        self.losing = losing
        reached = {LOSING: losing, WINNER: self.winner}
        for side, node in reached.items():
            if side not in writers:
                self._keeps_clients_from(node)
        self.written_to = {reached[side].name for side in writers}
        self._created, self._copies, self.on_disk, self.parted = Counter(), {}, set(), self.pair.clock.now
        for node in self.pair.nodes.values():
            self.pair.clock.start(self._counting(self.parted, node))
            self.pair.clock.start(self._noting(self.parted, node))

    def heals(self) -> None:
        """Everything arrives again, and hastd finds what has happened."""
        self.pair.link.heal()
        self.passes(SETTLES)

    # --- the recovery ------------------------------------------------------------------------------------------

    def recovery(self, context: Context, mode: Mode, to: str | None = None) -> Recovery:
        """A recovery on the losing node."""
        target = str(self.salvage) if to is None else to
        return Recovery(context, HOME, Keeper(mode, target), lambda step: None)

    def recovers(self, mode: Mode = Mode.SALVAGE, fate: KillPoint = NEVER) -> str:
        """`hastwatch recover` on the losing node; what was kept, or why it was refused."""
        try:
            return self.does(self.losing, lambda context: self.recovery(context, mode).run("human"), fate)
        except (StepFailed, ProbeError) as error:
            return f"refused: {error}"

    def begins_recovery(self, life: Life) -> Task[str]:
        """The same by a process with this life, begun."""
        context = context_of(self.losing, self.state, self.installed.configs[self.losing.name], life)
        return self.pair.clock.run_task(lambda: self.recovery(context, Mode.SALVAGE).run("human"))

    # --- what there is -------------------------------------------------------------------------------------------

    @property
    def created(self) -> int:
        """How often `hastctl create` was run on the losing node."""
        return self._created[self.losing.name]

    @property
    def copy(self) -> dict[str, bytes]:
        """The files of the losing copy, as its own disk had them last before anything was created there."""
        return self._copies.get(self.losing.name, {})

    @property
    def differing(self) -> set[str]:
        """Files of the losing copy that clients do not see as they are there."""
        served = self.served
        return {name for name, content in self.copy.items() if served.get(name) != content}

    @property
    def only_there(self) -> set[str]:
        """Files of clients of which the losing copy has what clients do not see: one that has only grown since on the
        winner is none, nor is what hastwatch itself keeps."""
        served = self.served
        return {name for name in self.differing - {FILE} if not served.get(name, b"").startswith(self.copy[name])}

    @property
    def is_split(self) -> bool:
        """The losing node has a marker that says so."""
        split = self.split_brain(self.losing)
        return split is not None and split.losing is True

    @property
    def was_split(self) -> bool:
        """hastd has told of a split-brain."""
        return bool(self.entries(self.losing, "split-brain"))

    @property
    def healthy(self) -> bool:
        """The winner serves, the other copy follows it and is complete, nothing is marked and nothing held back."""
        known = self.winner.hastd.resources[HOME]
        copied = at_rest(known)
        marked = any(self.split_brain(node) for node in self.pair.nodes.values())
        held = set(self.reasons(self.losing)) - {DemotionCause.NO_FAILBACK.value}
        return copied and self.serves(self.winner) and self.rests(self.losing) and not marked and not held

    @property
    def destroyed(self) -> bool:
        """The losing copy is not there any more."""
        return self.files_on(self.losing) != self.copy

    def files_on(self, node: Node) -> dict[str, bytes]:
        """The files that a node's own disk holds."""
        on_disk = disk_of(node, HOME).pieces()
        files: dict[str, tuple[int, bytes]] = {}
        for write in self.pair.ledger.writes:
            if WritePiece(write.creation, Part.NAME) not in on_disk:
                continue
            creation, text = files.get(write.file, (write.creation, b""))
            text = text if creation == write.creation else b""
            more = write.text.encode() if WritePiece(write.number, Part.CONTENT) in on_disk else b""
            files[write.file] = write.creation, text + more
        return {name: text for name, (_, text) in files.items()}

    def salvaged(self) -> list[dict[str, bytes]]:
        """The files of every finished salvage, each held against its manifest."""
        return [_files_of(manifest.parent) for manifest in self.salvage.glob("*/manifest.json")]

    def unaccounted(self) -> list[Write]:
        """Acknowledged writes that were on a disk, and are now neither on the winner, nor in a salvage as the losing
        copy had them, nor still on the losing disk."""
        salvaged, served, missing = self.salvaged(), self.served, []
        for each in places(self.pair, HOME):
            write = each.write
            there = each.fate is WriteFate.SERVED or each.complete_on
            if write.number not in self.on_disk or there:
                continue
            wanted = self.copy.get(write.file)
            if wanted is not None and served.get(write.file) == wanted:  # written again there by a client that retried
                continue
            if (
                wanted is None
                or write.text.encode() not in wanted
                or all(f.get(write.file) != wanted for f in salvaged)
            ):
                missing.append(write)
        return missing

    @property
    def served(self) -> dict[str, bytes]:
        """The files that clients see."""
        mount = self.winner.filesystems.mounts.get(self.pair.layout.resource(HOME).mountpoint)
        return {name: file.text.encode() for name, file in mount.files.items()} if mount is not None else {}

    def _cron(self, node: Node) -> Steps[None]:
        """`hastwatch converge --periodic` on a node, once a minute."""
        yield FIRST
        while True:
            if node.on and node.sshd_runs and node is not self.bare:
                self.installed.runs(node, "converge", "--periodic")
            yield EVERY

    def _counting(self, since: float, node: Node) -> Steps[None]:
        disk = disk_of(node, HOME)
        last = disk.metadata
        while self.parted == since:
            yield OFTEN
            if disk.metadata is not last and disk.metadata is not None and disk.metadata.resuid == 0:
                self._created[node.name] += 1
            last = disk.metadata

    def _noting(self, since: float, node: Node) -> Steps[None]:
        """Until anything is created on this node's disk."""
        ledger, disk = self.pair.ledger, disk_of(node, HOME)
        while self.parted == since and not self._created[node.name]:
            on_disk = disk.pieces()
            self.on_disk |= {write.number for write in ledger.of(HOME) if on_disk.issuperset(write.pieces)}
            self._copies[node.name] = self.files_on(node)
            yield LOOKS

    def _shared_file(self) -> Steps[None]:
        """A client that appends to one file all the time: both sides come to have it, with other ends."""
        client, number = self.pair.client(HOME), 0
        while True:
            number += 1
            yield client.write("shared", f"line {number}\n", patience=3600.0)
            yield 2.0


def at_rest(known: object) -> bool:
    """The primary has a connected secondary and nothing to copy."""
    worker = getattr(known, "worker", None)
    return worker is not None and getattr(worker, "connected", False) and not worker.dirty


def _files_of(directory: Path) -> dict[str, bytes]:
    listed = json.loads((directory / "manifest.json").read_text())["files"]
    hashes = {each["path"]: each["sha256"] for each in listed if each["kind"] == "file"}
    contents = {path.decode(): content for path, (kind, content, _) in in_archive(directory).items() if kind == "file"}
    assert {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()} == hashes
    return contents


# --- how a split-brain comes about ---------------------------------------------------------------------------------


def cut_off(pair: SplitPair, writers: frozenset[str]) -> None:
    """Both networks between the nodes are cut, each is master and primary for itself; the one that was written to less
    gives way, else the preferred one wins."""
    first, second = pair.active, pair.standby
    pair.breaks_all(["cut", "cut-management"])
    pair.parts(writers, second)
    pair.passes(APART)
    pair.heals()
    if pair.serves(second):
        pair.losing = first


def unmounted_first(pair: SplitPair, writers: frozenset[str]) -> None:
    """The same, and an operator unmounts on the first node before he gives up its role (freebsd-facts:
    unmount-first-splits)."""
    first = pair.active
    pair.breaks_all(["cut", "cut-management"])
    pair.parts(writers, first)
    pair.passes(APART)
    for line in (f"sysctl net.inet.carp.demotion={HELD_BACK}", "service nfsd onestop", "service mountd onestop",
                 "umount /hast/home", "hastctl role secondary home"):  # fmt: skip
        pair.pair.must(first, line)
    pair.passes(5)
    pair.heals()
    pair.pair.must(first, f"sysctl net.inet.carp.demotion=-{HELD_BACK}")


def flapped(pair: SplitPair, writers: frozenset[str]) -> None:
    """A booting node on which only the documented hook is installed is MASTER for a moment, and is believed; hastwatch
    is installed there afterwards. The nodes can ask each other: the one gives way on which less is dirty."""
    other, booting = pair.active, pair.standby
    pair.bare = booting
    hook = pair.pair.layout.devd_hook
    programs = {path: booting.programs.pop(path) for path in (hook, HAST_HOOK, HOLD_SCRIPT, CONVERGE_SCRIPT)}
    booting.install(hook, PythonHook(documented_hook))
    pair.breaks("power-off", booting.name)
    pair.passes(20)
    pair.breaks("boot-flap", booting.name, "60")
    pair.breaks("power-on", booting.name)
    pair.parts(writers, booting)
    pair.passes(3 * APART)
    pair.bare = None
    for path, program in programs.items():
        booting.install(path, program)
    pair.heals()
    if pair.serves(booting):
        pair.losing = other


def missed_event(pair: SplitPair, writers: frozenset[str]) -> None:
    """devd does not hear that the address has gone back when the networks heal: two primaries until cron looks."""
    pair.breaks_all(["cut", "cut-management"])
    pair.parts(writers, pair.standby)
    pair.passes(APART)
    pair.breaks("drop-devd-event", pair.standby.name, "3")
    pair.pair.link.heal()
    pair.passes(EVERY)
    pair.passes(SETTLES)


def stale_promoted(pair: SplitPair, writers: frozenset[str]) -> None:
    """An operator promotes a copy that lacks writes after a power cut, and accepts the loss; then the old node is
    back."""
    old, new = pair.active, pair.standby
    pair.breaks("cut-replication")
    pair.parts(writers, old)
    pair.passes(APART)
    pair.breaks("power-off", old.name)
    request = ConvergeRequest("human", accept_loss=True, only=(HOME,))
    assert pair.until(lambda: master(new))
    assert pair.until(lambda: pair.converges(new, request).result is ConvergeResult.IN_PLACE)
    pair.passes(APART)
    pair.boots(old, 60)
    pair.heals()


WAYS: dict[str, Callable[[SplitPair, frozenset[str]], None]] = {
    "cut off": cut_off,
    "unmounted first": unmounted_first,
    "boot flap": flapped,
    "missed event": missed_event,
    "stale promoted": stale_promoted,
}


class Split(NamedTuple):
    """How it was made, and where clients wrote meanwhile."""

    way: str
    writers: frozenset[str]

    def make(self, pair: SplitPair) -> None:
        """Make it."""
        WAYS[self.way](pair, self.writers)
