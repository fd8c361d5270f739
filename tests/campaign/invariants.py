"""What must never be so, looked at while a round of a campaign goes on: by what is so on the pair, not by what is said.

* Two nodes never serve, but for the moment after a network is whole again in which neither has heard of the other.
* A copy that lacks acknowledged writes is not mounted for clients while the node that has them could be asked, nor
  where it was cut off for so long that this one had to know. One that hears nobody at all, clients included, cannot
  know, however long it lasts: it has been MASTER all the time, and the other node may be dead. Nor can it within HEARS
  of the end of a cut: it has looked before. Of the two copies of a split-brain one goes on being served, if its marker
  says so, the other one's does not, and clients were told that something is safe which only it has.
* A copy on which a write has failed, or was acknowledged while it failed, is not mounted for clients, whether its node
  could ask the other one or not: its own counters and its own log tell it. Nothing tells of bits that have flipped.
* While a node is there that could serve with all the data, and can know that, somebody serves, but for BOUND seconds,
  not counting those in which a full fsck(8) of the node that holds the address runs.
* So it is where each copy has writes that the other lacks, and by what both nodes have recorded one of them goes on.
* No client hangs: while a good node serves, each gets an answer, but for HANGS seconds. Where both nodes are MASTER
  because only CARP is cut, the one that does not serve may have the clients' packets, by the ARP that it sent later.
* No process gets a signal but those that keep a HAST file system busy and the daemons that a repair may end.
* When everything is well nothing is held back any more, but a standby that is not to take the address back; and nothing
  of what a transition sets is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes import hast
from checks.probes.carp_demotion import NAME, DemotionCause, DemotionReason, DemotionRecord, from_values
from checks.probes.hast import Metadata
from checks.probes.silence import OID
from remediate.failover.survivor import goes_on
from remediate.state import ledger, marker, served_apart
from remediate.state.ledger import CopyState
from remediate.state.store import Store
from simulator.account.accounting import disk_of, served_old
from simulator.hastd.metadata import Role
from simulator.hastd.replication import PrimaryWorker
from simulator.network.carp import CarpState
from simulator.network.link import Traffic

if TYPE_CHECKING:
    from simulator.host.kernel import Kernel
    from simulator.host.processes import RunningProcess
    from simulator.node import Node
    from simulator.storage.mounts import Mount
    from tests.campaign.campaign_pair import CampaignPair

HEARS = 2.5
"""Seconds after a network is whole again until CARP on both nodes has heard of the other: until then a node that was
cut off from everybody, and the one that has taken over from it, are both MASTER, and nothing can be done about it."""
UNNOTICED = 60.0
"""Seconds for which a copy may lack what was acknowledged when its node is promoted and cannot ask the other one: until
hastd notices that its primary is gone (20; freebsd-facts: complete-lags-behind), and `stale_after`, and the promotion
itself."""
MAY_END = frozenset({"rpcbind", "rpc.statd", "rpc.lockd", "mountd", "nfsd", "devd"})
"""What hastwatch may send a signal to; hastd is service(8)'s business."""
BOUND = 150.0
"""Seconds without service while a good node is there: a boot's settling, hastd's timeouts, two calls by cron(8)."""

HANGS = 90.0
"""Seconds in which a client is answered whose server is well: a SYN is repeated for 75 s, a segment every 64 s at least
(tcp_timer.h), and cron(8) has told of each client within a minute. One that nobody wakes waits for 300 s."""
ANSWERED = 5.0
"""Seconds within which an answer shows that no client hangs, so that nothing else is looked at."""


class Violation(Exception):
    """Something happened that must never happen."""


class Lacking(NamedTuple):
    """A resource was mounted on a node: of how many acknowledged writes the content is only on the other one's disk,
    and how long before now, or before the death of the other one that has written them, the first was acknowledged."""

    node: str
    resource: str
    writes: int
    seconds: float


class Watch:
    """Looks at the pair of a campaign after every event of its clock."""

    def __init__(self, campaign: CampaignPair) -> None:
        self._ground = campaign
        self._mounted: dict[str, Mount] = {}
        """By name of the node: what was mounted there when it was last looked."""
        self._wrote_in: dict[str, Kernel] = {}
        """The boot in which a node was primary last."""
        self._last_on: dict[str, float] = {}
        """When a node was last seen to have power in that boot: in a later one it has written nothing yet."""
        self._alone: set[tuple[str, str]] = set()
        """Nodes and resources: as primary, not connected since the last synchronisation was through."""
        self._given_up: set[int] = set()
        """Numbers of writes that were lost to the served copy before: each is somebody's doing once."""
        self._unserved_since: float | None = None
        """Since when nobody has served although a good node was there."""
        self._looked = 0.0
        """When it was last looked whether anybody serves."""
        self._steady: tuple[str, float] = ("", 0.0)
        """Which good node serves, and since when."""
        self.accepted_until = 0.0
        """Until then an operator has accepted the loss of what a copy lacks."""
        self._victim = ""
        """A process that was sent a signal, and is none of those that may be."""
        campaign.pair.on_kill.append(self._at_a_kill)

    def look(self) -> None:
        """Raises Violation."""
        if self._victim:
            raise Violation(f"a signal is sent to {self._victim}")
        self._at_primaries_alone()
        self._at_two_that_serve()
        self._at_new_mounts()

    def look_for_service(self) -> None:
        """The same for what takes longer to look at; once a second is enough. Raises Violation."""
        campaign, now = self._ground, self._ground.clock.now
        since_then, self._looked = now - self._looked, now
        served = any(serves(node) for node in campaign.pair.nodes.values())
        self._at_clients_that_hang()
        nodes = [] if served else list(campaign.pair.nodes.values())
        good = [node for node in nodes if could_serve(campaign, node) or could_go_on(campaign, node)]
        if not good:
            self._unserved_since = None
        elif self._unserved_since is None:
            self._unserved_since = now
        elif checks_in_full(campaign):
            self._unserved_since += since_then
        elif now - self._unserved_since > BOUND:
            raise Violation(f"nobody has served for {BOUND:g} s although {good[0].name} could, with all the data")

    def _at_clients_that_hang(self) -> None:
        campaign, now = self._ground, self._ground.clock.now
        if campaign.clients.unanswered_for() <= ANSWERED:
            self._steady = ("", now)
            return
        reached = [client.server() for client in campaign.clients.clients.values()]
        well = [node.name for node in campaign.pair.nodes.values()
                if serves(node) and could_serve(campaign, node) and all(each is node for each in reached)]  # fmt: skip
        if well[:1] != [self._steady[0]]:
            self._steady = (well[0] if well else "", now)
        waited = min(campaign.clients.unanswered_for(), now - self._steady[1])
        if well and waited > HANGS:
            raise Violation(f"a client has waited for {waited:.0f} s although {well[0]} serves")

    def _at_primaries_alone(self) -> None:
        now = self._ground.clock.now
        for name, node in self._ground.pair.nodes.items():
            if not node.on:
                continue
            for resource, known in node.hastd.resources.items():
                if known.role is not Role.PRIMARY:
                    continue
                self._wrote_in[name] = node.kernel
                if isinstance(known.worker, PrimaryWorker) and known.worker.settled:
                    self._alone -= {(each, resource) for each in self._ground.pair.nodes}
                else:
                    self._alone.add((name, resource))
            if self._wrote_in.get(name) is node.kernel:
                self._last_on[name] = now

    def may_have_written_alone(self, node: Node, resource: str) -> bool:
        """Whether a node has been primary, with power, while the other one was not connected, or not synchronised, and
        both have not been the same since: what it wrote then, if anything, only it knows."""
        return (node.name, resource) in self._alone

    def _at_two_that_serve(self) -> None:
        campaign = self._ground
        answering = [node for node in campaign.pair.nodes.values() if node.nfs.answers("nfsd")]
        if len(answering) < 2 or campaign.clock.now - campaign.came_back[-1] <= HEARS:
            return
        if all(serves(node) for node in answering):
            raise Violation("two nodes serve")

    def _at_a_kill(self, node: Node, process: RunningProcess) -> None:
        busy = any(process in mount.users for mount in node.filesystems.mounts.values())
        if not busy and not (process.of_the_system and process.comm in MAY_END):
            self._victim = f"{process.title!r} of {process.user}, pid {process.pid}, jail {process.jid} of {node.name}"

    def _at_new_mounts(self) -> None:
        for name, node in self._ground.pair.nodes.items():
            mounts = node.filesystems.mounts
            if not mounts:
                self._mounted.pop(name, None)
                continue
            mount = next(iter(mounts.values()))
            if self._mounted.get(name) is not mount:
                self._mounted[name] = mount
                self._refuse_stale(node, mount)
                self._refuse_damaged(node, mount)

    def _refuse_damaged(self, node: Node, mount: Mount) -> None:
        campaign = self._ground
        if campaign.installed is None or campaign.clock.now < self.accepted_until:
            return
        flipped = disk_of(node, mount.resource.name).flipped
        old = [
            write for write in served_old(campaign.pair, node, mount.resource.name) if write.pieces[0] not in flipped
        ]
        if old:
            raise Violation(f"{node.name} mounts a copy on which {len(old)} acknowledged writes have failed")

    def _refuse_stale(self, node: Node, mount: Mount) -> None:
        lacking = self._lacking(node, mount)
        campaign = self._ground
        if campaign.installed is None or not lacking.writes or campaign.clock.now < self.accepted_until:
            return
        if campaign.clock.now - campaign.came_back[-1] <= HEARS or self._goes_on(node, mount):
            return
        peer = campaign.pair.peer(node)
        asked = campaign.pair.manageable(node, peer) and node.trouble.peer_lies is None
        if asked or (lacking.seconds > UNNOTICED and not hears_nobody(node)):
            raise Violation(
                f"{lacking.node} mounts a copy of {lacking.resource} that lacks {lacking.writes} acknowledged "
                f"writes of {peer.name}, the first one {lacking.seconds:.0f} s old"
                + (" (it could ask)" if asked else "")
            )

    def _goes_on(self, node: Node, mount: Mount) -> bool:
        campaign, name, peer = self._ground, mount.resource.name, self._ground.pair.peer(node)
        here, there = disk_of(node, name).pieces(), disk_of(peer, name).pieces()
        only_here = any(each.pieces[0] in here - there for each in campaign.pair.ledger.of(name))
        return campaign.is_split() and only_here and self._wins(node, name) and not self._wins(peer, name)

    def _wins(self, node: Node, resource: str) -> bool:
        found = marker.present(Store(str(self._ground.state / node.name)), resource) if self._ground.state else None
        return found is not None and found.losing is False

    def _lacking(self, node: Node, mount: Mount) -> Lacking:
        campaign, name = self._ground, mount.resource.name
        here = disk_of(node, name).pieces() | disk_of(node, name).flipped
        there = disk_of(campaign.pair.peer(node), name).pieces()
        missing = [  # by what HAST replicates: names come late on every disk
            write for write in campaign.pair.ledger.of(name) if write.pieces[0] not in here and write.pieces[0] in there
        ]
        missing = [write for write in missing if write.number not in self._given_up]
        self._given_up |= {write.number for write in missing}
        oldest = min((campaign.pair.ledger.acknowledged[write.number] for write in missing), default=campaign.clock.now)
        peer = campaign.pair.peer(node)
        return Lacking(node.name, name, len(missing), self._last_on.get(peer.name, 0.0) - oldest)


def holds_address(node: Node) -> bool:
    """A client that asks for the service address can reach this node."""
    client = node.pair.layout.client
    return any(
        vhid.state is CarpState.MASTER and node.pair.link.both_ways(client, node.name, Traffic.CLIENT)
        for vhid in node.network.vhids()
    )


def serves(node: Node) -> bool:
    """Primary, mounted, nfsd answers, and clients can reach it at the service address."""
    primary = any(isinstance(each.worker, PrimaryWorker) for each in node.hastd.resources.values())
    return node.on and node.nfs.answers("nfsd") and primary and bool(node.filesystems.mounts) and holds_address(node)


def checks_in_full(campaign: CampaignPair) -> bool:
    """A node that holds the address checks its file system in full (fsck_ffs(8), -y), as it has to where replaying the
    journal fails: it takes as long as the disk is large (`failover.fsck`), and nobody else may have the device."""
    return any(node.checked_in_full and holds_address(node) for node in campaign.pair.nodes.values())


def hears_nobody(node: Node) -> bool:
    """No connection of the node works, neither with the other node nor with a client (`isolate`)."""
    pair = node.pair
    others = (pair.peer(node).name, pair.layout.client)
    return not any(pair.link.both_ways(other, node.name, traffic) for other in others for traffic in Traffic)


def could_serve(campaign: CampaignPair, node: Node) -> bool:
    """Nothing on the node keeps it from serving, and it has every acknowledged write that is left anywhere. Where each
    copy has writes that the other lacks, acknowledged or not, see `could_go_on`."""
    if campaign.is_split() or not (is_able(campaign, node) and _can_know(campaign, node)):
        return False
    return all(_has_all(campaign, node, resource.name) for resource in campaign.pair.layout.resources)


def could_go_on(campaign: CampaignPair, node: Node) -> bool:
    """Each copy has writes that the other lacks, no marker says which one loses, and what both nodes have recorded says
    that this one goes on; both are able to. Otherwise an operator has to choose one."""
    peer = campaign.pair.peer(node)
    able = is_able(campaign, node) and is_able(campaign, peer) and campaign.pair.manageable(node, peer)
    if campaign.state is None or not (campaign.is_split() and able):
        return False
    return all(_is_to_go_on(campaign, node, peer, each.name) for each in campaign.pair.layout.resources)


def _is_to_go_on(campaign: CampaignPair, node: Node, peer: Node, resource: str) -> bool:
    stores = [Store(str(campaign.state / each.name)) for each in (node, peer)] if campaign.state else []
    if any(
        marker.present(store, resource) or ledger.read(store, resource).copy is CopyState.INCOMPLETE for store in stores
    ):
        return False
    mine, theirs = (_served_apart(each, store, resource) for each, store in zip((node, peer), stores, strict=True))
    return goes_on(mine, theirs)


def _served_apart(node: Node, store: Store, resource: str) -> served_apart.ServedApart | None:
    on_disk = disk_of(node, resource).metadata
    if on_disk is None:
        return None
    counters = Metadata(resource, 0, 0, 0, on_disk.resuid, on_disk.localcnt, on_disk.remotecnt, hast.Role.PRIMARY)
    return served_apart.known(store, resource, node.boot_mark, counters)


def is_able(campaign: CampaignPair, node: Node) -> bool:
    """Nothing on the node, which is reached by clients, keeps it from serving."""
    pair, trouble, store = campaign.pair, node.trouble, campaign.state
    if store is None or not (node.on and node.sshd_runs) or node.hung_commands or not node.hastd.running:
        return False
    if any(each.stopped for each in node.processes.by_pid.values()) or campaign.is_hindered(node):
        return False
    if trouble.failing_mounts or trouble.failing_services or trouble.hopeless or trouble.absent_devices:
        return False
    if trouble.peer_lies or trouble.state_error:
        return False
    if not pair.link.both_ways(pair.layout.client, node.name, Traffic.CLIENT):
        return False
    if not all(node.network.usable(vhid.interface) for vhid in pair.layout.vhids):
        return False
    return not any(
        disk_of(node, resource.name).damaged
        or ledger.read(Store(str(store / node.name)), resource.name).damage is not None
        for resource in pair.layout.resources
    )


def _can_know(campaign: CampaignPair, node: Node) -> bool:
    """Whether the node can tell its copy from one that lacks writes: it has been connected since its boot and to the
    other one's end, or can ask that now, its disk is not behind by the counters, and no synchronisation of it was cut
    short, which may have brought everything or not. What a mount or fsck wrote alone counts as much as what a client
    wrote."""
    pair, peer = campaign.pair, campaign.pair.peer(node)
    for resource in pair.layout.resources:
        own = ledger.read(Store(str(campaign.state / node.name)), resource.name) if campaign.state else None
        unheard = own is not None and own.unheard_since is not None
        untold = own is not None and _is_untold(own)
        alone = campaign.watch.may_have_written_alone(peer, resource.name)
        if (unheard or untold or alone) and not (peer.on and pair.manageable(node, peer)):
            return False
        if disk_of(node, resource.name).half_synchronised:
            return False
        mine, theirs = disk_of(node, resource.name).metadata, disk_of(peer, resource.name).metadata
        if mine is not None and theirs is not None and theirs.localcnt > mine.remotecnt:
            return False
    return True


def _is_untold(own: ledger.Ledger) -> bool:
    """A primary has connected since the copy was last known to be complete, and has not told that it is: what was
    underway when the connection before that was lost may be missing."""
    return own.copy is not CopyState.COMPLETE and (own.last_complete or 0.0) < (own.connected_at or 0.0)


def _has_all(campaign: CampaignPair, node: Node, resource: str) -> bool:
    here = disk_of(node, resource).pieces()
    there = disk_of(campaign.pair.peer(node), resource).pieces()
    lacks = there - here
    return not lacks or not any(
        there.issuperset(write.pieces) and not lacks.isdisjoint(write.pieces)
        for write in campaign.pair.ledger.of(resource)
    )


def held_back(campaign: CampaignPair) -> str:
    """What of the demotion, and of what a transition sets, is left on nodes of a healthy pair, and should not be; empty
    where nothing is."""
    reasons = []
    for name, node in campaign.pair.nodes.items():
        if dropped := node.kernel.integer(OID):
            reasons.append(f"{name} has {OID}={dropped}")
        demotion = node.kernel.integer("net.inet.carp.demotion")
        values = Store(str(campaign.state / name)).read(NAME) if campaign.state is not None else {}
        held = from_values(values) if values else DemotionRecord()
        kept_back = held.reasons == (DemotionReason(DemotionCause.NO_FAILBACK),) and node is not campaign.active
        if demotion != (held.amount if kept_back else 0):
            reasons.append(f"{name} is demoted by {demotion} ({held.says or 'no reason'})")
    return "; ".join(reasons)
