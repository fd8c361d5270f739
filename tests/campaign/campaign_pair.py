"""Where a campaign takes place: a pair whose clients write, what acts on it, and what must never be so at any moment.

hastwatch is installed on both nodes, with cron(8) once a minute; or, for comparison, the documented hook is. After
every single event of the pair's clock it is looked at whether two nodes serve; after a round the account of the data is
taken.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from checks.probes import maintenance
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.events.repair import repair
from remediate.events.repair_request import RepairRequest
from remediate.failover.hearing import SIGN
from remediate.rehearsal.cron import start_cron
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.own_pair import SETTLE, layout_of
from remediate.rehearsal.service import Clients
from remediate.rehearsal.state import at_a_glance
from remediate.state import failures
from remediate.state.journal import NAME
from remediate.state.journal_reading import read
from remediate.state.store import Store
from simulator.account.accounting import Places, disk_of, places
from simulator.account.blame import LOOKED
from simulator.account.writes import LossCause, WriteFate
from simulator.clock import Clock, Completion, Steps
from simulator.hastd.replication import PrimaryWorker
from simulator.host.documented_hook import documented_hook
from simulator.host.kernel import Kernel
from simulator.host.programs import ImmediateProgram, carp_log
from simulator.node import Node
from simulator.pair import Pair
from tests.campaign.intruder import Intruder
from tests.campaign.invariants import Violation, Watch, holds_address, serves

HEARD = SIGN + LOOKED
"""Seconds between the moment in which it is decided whether the other node is heard and the one when the role goes."""
TOLD = r"^carp|^UFS|^hast|^fault|^Kernel|link state"
"""What the pair notes and a story needs: no messages of a boot."""
EVERY = 5.0
"""Seconds between two looks whether anybody serves."""
WARM_UP = 35.0
"""Seconds that clients write before the first round: longer than UFS delays any name."""
GIVEN_UP = (LossCause.UFS_DELAY, LossCause.REPLICATION, LossCause.OVERWRITTEN, LossCause.ONE_HISTORY, LossCause.DAMAGE)
"""Whose doing a loss may be when more than a planned handover happens: the file system's delay, the replication's mode,
a synchronisation that makes both copies the same after one of them was cut off, a role that was given up first, where
the clean unmount would have made a split-brain, and a disk that failed a write, under a node that serves on because the
other one is not there to take over, or on which bits have flipped. What a clean unmount would have saved is none of
these."""


class WatchedClock(Clock):
    """A clock that calls `watch` after every event."""

    def __init__(self) -> None:
        super().__init__()
        self.watch: Callable[[], None] = lambda: None

    def _run_next(self) -> None:
        super()._run_next()
        self.watch()


class Missing(NamedTuple):
    """An acknowledged write that clients do not see."""

    number: int
    fate: WriteFate
    cause: LossCause


class CampaignPair:
    """A healthy pair in service. `state` is an empty directory for what hastwatch remembers; without it the documented
    hook acts, and hastwatch is not there."""

    def __init__(self, seed: int, state: Path | None, config: RemediationConfig | None = None) -> None:
        self.config = config or RemediationConfig()
        self.state = state
        self.clock = WatchedClock()
        self.pair = Pair(layout_of(self.config, seed), self.clock)
        for node in self.pair.nodes.values():
            node.install(self.pair.layout.devd_hook, ImmediateProgram(carp_log))
        self.pair.bring_up()
        self.clock.advance(SETTLE)
        self.by_hand: dict[str, Kernel] = {}
        """Nodes whose demotion an operator has raised, and in which boot."""
        self.shutdowns: list[Completion[None]] = []
        """The orderly ones; a node whose shutdown is underway is not healthy, whatever it still serves."""
        self.came_back = [0.0]
        """When something that was cut or dead has come back."""
        self.foreign: dict[str, tuple[Kernel, int]] = {}
        """Nodes whose demotion something else has raised: in which boot, and by how much."""
        self.given_up_at = -math.inf
        """When an operator has last given up a copy on which a write had failed, and all that only it had."""
        self.misled: set[str] = set()
        """Nodes that may not know what they need to serve, until all is well: the other one's old answers told them
        something else, the event of their promotion was lost, or the one process that was to make it was killed."""
        self.intruders: dict[str, Intruder] = {}
        """Local users that are logged in, by node."""
        self.repairs = Counter[str]()
        """What became of what monitoring asked for."""
        self.installed: Installed | None = None
        if state is None:
            self.pair.on_carp_event(documented_hook)
        else:
            self.installed = Installed(self.pair, state, self.config)
            start_cron(self.installed)
        self.clock.advance(self.config.failover.boot_window)
        self.pair.link.on_heal.append(lambda: self.came_back.append(self.clock.now))
        self.clients = Clients(self.pair)
        self.closed = False
        self.watch = Watch(self)
        self.clock.watch = self._watch
        self.clock.start(self._looks())
        self.clock.advance(WARM_UP)

    # --- monitoring ----------------------------------------------------------------------------------------------

    def ask(self, node: Node, request: RepairRequest) -> None:
        """Monitoring asks a node for a repair, if it reaches it: `hastwatch repair NAME --detach`."""
        if self.installed is None or not (node.on and node.sshd_runs):
            return

        def call(context: Context) -> None:
            outcome = repair(context, request)
            became = outcome.guard.name if outcome.guard else outcome.ending.value
            self.repairs[f"{request.remedy.value}: {became}"] += 1

        self.installed.work(node, call)

    # --- what must never be so -----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Raises Violation."""
        self.watch.look()
        if self.pair.hook_errors:
            raise Violation(f"a program of hastwatch ended with {self.pair.hook_errors[0]!r}")

    def _looks(self) -> Steps[None]:
        while not self.closed:
            yield EVERY
            self.watch.look_for_service()

    def is_hindered(self, node: Node) -> bool:
        """An operator, or what hastwatch has to respect as one, keeps the node from being promoted: also one who added
        to its demotion, so that CARP leaves the address where it is. One promotion that failed is none: it is tried
        again. Nor does it know of an event that the kernel keeps for a dead devd, which monitoring alone has started
        again (`periodic_promotion`)."""
        if self.by_hand.get(node.name) is node.kernel:
            return True
        if node.devd.process is None and any(event.endswith("type=MASTER") for event in node.devd.queue):
            return True
        if self.state is None or node.name in self.misled:
            return node.name in self.misled
        store = Store(str(self.state / node.name))
        failed = failures.recent(store, node.now, self.config.failover.window)
        blocked = store.read(failures.NAME).get("blocked") or len(failed) >= failures.MOST
        return bool(store.read(maintenance.NAME) or blocked)

    def missing(self) -> set[Missing]:
        """Every acknowledged write that clients do not see now, and whose doing that is."""
        return {
            Missing(each.write.number, each.fate, self._cause(each))
            for resource in self.pair.layout.resources
            for each in places(self.pair, resource.name)
            if each.fate is not WriteFate.SERVED
        }

    def _cause(self, place: Places) -> LossCause:
        """As the account has it, but for two cases. A delayed write that was underway when its device went is in no
        account; no disk fails here. And where the nodes had come together a moment before it was ordered to give up the
        role, or did before hastd had done so, the proof that it saves a split-brain was of the moment before."""
        known = self.pair.ledger.discarded.get(place.write.number)
        if place.cause is LossCause.DISK and known is None:
            return LossCause.UFS_DELAY
        if place.cause is LossCause.STEPS and known:
            ordered = self.pair.ledger.ordered.get((known.node, known.at), known.at)
            return LossCause.ONE_HISTORY if self._had_just_met(ordered, known.at) else LossCause.STEPS
        return place.cause or LossCause.REPLICATION

    def _had_just_met(self, ordered: float, at: float) -> bool:
        """Whether something had come back between the last look at the other node, before the order, and `at`, or hastd
        had connected after the last look at that, while both nodes were on."""
        connected = [note.at for note in self.pair.notes if note.text.startswith("hast connect")]
        back = any(ordered - HEARD < each <= at for each in self.came_back)
        met = back or any(ordered - LOOKED < each <= at for each in connected)
        return met and all(node.on for node in self.pair.nodes.values())

    # --- what is so ----------------------------------------------------------------------------------------------

    @property
    def active(self) -> Node:
        """The node that serves, else the one with the address, else the first."""
        nodes = list(self.pair.nodes.values())
        return max(nodes, key=lambda node: (serves(node), holds_address(node)))

    def is_healthy(self) -> bool:
        """One node serves, the other follows, both copies are the same and clients are answered."""
        active = self.active
        peer = self.pair.peer(active)
        if not serves(active) or not peer.on or self.clients.silent_for() > 3:
            return False
        return all(
            isinstance(worker := resource.worker, PrimaryWorker) and worker.connected and not worker.dirty
            for resource in active.hastd.resources.values()
        )

    def is_split(self) -> bool:
        """Each copy of a resource has writes that the other lacks: nothing but a choice of one of them helps."""
        for resource in self.pair.layout.resources:
            one, other = (disk_of(node, resource.name).metadata for node in self.pair.nodes.values())
            if one and other and one.localcnt > other.remotecnt and other.localcnt > one.remotecnt:
                return True
        return False

    def is_settled_split(self) -> bool:
        """A split-brain, and one node serves: no more will come of it by itself."""
        return self.is_split() and serves(self.active) and not serves(self.pair.peer(self.active))

    @property
    def acknowledged(self) -> int:
        """Writes that clients were told are safe."""
        return len(self.pair.ledger.acknowledged)

    def errors(self) -> Counter[str]:
        """What clients were told instead of an acknowledgement, and how often."""
        return Counter(self.clients.account().errors)

    def close(self) -> None:
        """Let everything that runs end: nobody waits for it any more."""
        self.closed, self.clock.watch = True, lambda: None
        for intruder in self.intruders.values():
            intruder.end()
        self.intruders.clear()
        for node in self.pair.nodes.values():
            node.hung_commands.clear()
            node.power_off()
        self.clock.advance(1)

    def story(self, since: float) -> str:
        """What happened since then, by the journals and what the pair noted, in the order of time."""
        notes = [note for note in self.pair.notes if re.search(TOLD, note.text)]
        told = [(note.at, f"{note.node}  {note.text}") for note in notes]
        for node in self.pair.nodes.values() if self.state else ():
            path = Path(str(self.state)) / node.name / NAME
            told += [(entry.time - node.skew, f"{node.name}: {entry.sentence()}") for entry in read(str(path))]
        told.sort(key=lambda line: line[0])
        lines = [f"{at - since:9.2f}  {text}" for at, text in told if at >= since - 1]
        return "\n".join([*lines, at_a_glance(self.pair)])
