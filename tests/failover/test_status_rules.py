"""What two nodes amount to: every row of the tables, and who is said to serve."""

from __future__ import annotations

import pytest

from checks.probes.carp import CarpState, Vhid
from checks.probes.carp_demotion import DemotionCause, DemotionReason, DemotionRecord
from checks.probes.hast import Status
from checks.probes.hast_state import HastRole
from checks.probes.maintenance import Maintenance
from checks.probes.marker import Marker
from checks.probes.node_state import MountState
from checks.probes.unproven import UnprovenCopy
from checks.probes.verified import Verification
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus
from remediate.failover.resource import ResourcePlace
from remediate.failover.status_rules import NODE_RULES, RESOURCE_RULES, PairVerdict, could_take_over, serves, verdict
from remediate.state.ledger import NOTHING, CopyState

PLACE = ResourcePlace("home", "/dev/hast/home", "/hast/home", "", "10.1.101.5", "/hast/home", ())
ALL = frozenset({"rpcbind", "statd", "lockd", "mountd", "nfsd"})
ACTIVE = ResourceStatus(
    PLACE, CarpState.MASTER, "", HastRole.PRIMARY, Status.COMPLETE, 0, MountState.WRITABLE, True, None, NOTHING, None
)
STANDBY = ResourceStatus(
    PLACE, CarpState.BACKUP, "", HastRole.SECONDARY, Status.COMPLETE, 0, MountState.NOTHING, False, True, NOTHING, None
)
BASE = frozenset({"rpcbind", "statd", "lockd"})
DIFFER = Verification(0.0, 60.0, "nfs001", 128, 2097152, differ=1, undecided=0, numbers=(7,))
BROKEN = Marker("1", "home", "nfs002", "1", 0.0, 0.0, 1, losing=True)


def node(name: str, resource: ResourceStatus, daemons: frozenset[str]) -> NodeStatus:
    vhid = Vhid("em0", 2, resource.carp or CarpState.INIT, "carp", 1, 0, (), True)
    status = NodeStatus(name, uptime=60.0, vhids=(vhid,), demotion=0, hastd=True, daemons=daemons)
    return status._replace(resources={"home": resource})


def here(resource: ResourceStatus = ACTIVE, **more: object) -> NodeStatus:
    return node("nfs001", resource, ALL)._replace(**more)  # type: ignore[arg-type]  # the fields are the test's


def there(resource: ResourceStatus = STANDBY, **more: object) -> NodeStatus:
    return node("nfs002", resource, BASE)._replace(**more)  # type: ignore[arg-type]  # the fields are the test's


def seen(*nodes: NodeStatus) -> PairStatus:
    return PairStatus(nodes, 60.0)


def test_nothing_is_wrong_with_a_healthy_pair() -> None:
    judged = verdict(seen(here(), there()))
    assert judged == PairVerdict("nfs001 serves home, nfs002 can take over", {"home": True}, ())
    assert judged.well


NODES = {
    "{node} does not answer": NodeStatus("nfs002", trouble="ssh: no route"),
    "{node} takes no automatic action any more: promotions have failed": there(blocked="2 promotions failed"),
    "hastd is down on {node}": there(hastd=False),
    "CARP is not loaded on {node}": there(carp_loaded=False, demotion=None),
    "{node} holds itself back: {why}": there(
        held=DemotionRecord((DemotionReason(DemotionCause.MAINTENANCE),), 240, 240), demotion=240
    ),
    "{node} is demoted, not by hastwatch": there(
        held=DemotionRecord((DemotionReason(DemotionCause.NO_FAILBACK),), 120, 120), demotion=360
    ),
    "NFS runs on {node}, where nothing is mounted": there(daemons=ALL),
    "{node} drops segments to closed ports: a failover runs, or the next convergence ends that": there(silent=True),
    "maintenance on {node}": there(maintenance=Maintenance(0.0, None, "x", "root")),
    "{node} could not be read in part": there(unread=("x",)),
}
RESOURCES = {
    "split-brain of {name}": there(STANDBY._replace(split=BROKEN)),
    "CARP does not speak for {name} on {node}": there(STANDBY._replace(carp=None, carp_why="no vhid on this node")),
    "{node} has the address and is not primary of {name}": there(STANDBY._replace(carp=CarpState.MASTER)),
    "{node} is primary of {name} without the address": there(STANDBY._replace(role=HastRole.PRIMARY)),
    "{name} has no role on {node}": there(STANDBY._replace(role=HastRole.INIT)),
    "{name} is not replicated": here(ACTIVE._replace(status=Status.DEGRADED)),
    "a route on {node} rejects the other node, so {name} stays without it": here(ACTIVE._replace(rejects=True)),
    "no primary is connected to {name} on {node}": there(STANDBY._replace(status=Status.ABSENT)),
    "{point} is not mounted on {node}": here(ACTIVE._replace(mounted=MountState.NOTHING, exported=False)),
    "{point} is read-only on {node}": here(ACTIVE._replace(mounted=MountState.READ_ONLY)),
    "the ZFS pool of {name} on {node} is suspended: reboot that node": here(ACTIVE._replace(suspended="x")),
    "another device is mounted at {point} on {node}": there(STANDBY._replace(mounted=MountState.WRONG)),
    "what is mounted at {point} on {node} lies only in part on what HAST replicates": there(
        STANDBY._replace(mounted=MountState.IN_PART)
    ),
    "it is not known whether what is mounted at {point} on {node} lies on {name}": there(
        STANDBY._replace(mounted=MountState.NOT_KNOWN)
    ),
    "{point} is not exported by {node}": here(ACTIVE._replace(exported=False)),
    "NFS does not run on {node}": here(daemons=ALL - {"nfsd"}),
    "the copies of {name} differ": here(ACTIVE._replace(verified=DIFFER)),
    "the other copy of {name} is not proven to be complete": here(ACTIVE._replace(unproven=UnprovenCopy(0.0, 0.0))),
    "the copy of {name} on {node} is incomplete": there(
        STANDBY._replace(copy=NOTHING._replace(copy=CopyState.INCOMPLETE))
    ),
    "{point} on {node} takes files though nothing is mounted": there(STANDBY._replace(protected=False)),
}
"""A node to which the row applies, and to a healthy pair none does."""


@pytest.mark.parametrize("rule", [*NODE_RULES, *RESOURCE_RULES], ids=lambda rule: str(rule.says))
def test_a_row_is_found_where_it_applies(rule: object) -> None:
    says = str(rule.says)  # type: ignore[attr-defined]  # a row of either table
    one = {**NODES, **RESOURCES}[says]
    pair = seen(one, there()) if one.name == "nfs001" else seen(here(), one)
    words = {"node": one.name, "why": "maintenance", "name": "home", "point": "/hast/home"}
    levels = {trouble.says: trouble.level for trouble in verdict(pair).troubles}
    assert levels[says.format(**words)] is rule.level  # type: ignore[attr-defined]
    assert list(levels.values()) == sorted(levels.values(), reverse=True)


def test_every_case_has_a_row() -> None:
    assert {rule.says for rule in NODE_RULES} == set(NODES)
    assert {rule.says for rule in RESOURCE_RULES} == set(RESOURCES)


def test_a_node_that_holds_itself_back_as_a_healthy_standby_is_no_trouble() -> None:
    held = there(held=DemotionRecord((DemotionReason(DemotionCause.NO_FAILBACK),), 120, 120), demotion=120)
    assert verdict(seen(here(), held)) == verdict(seen(here(), there()))


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, True),
        ({"carp": CarpState.BACKUP}, False),
        ({"role": HastRole.SECONDARY}, False),
        ({"role": HastRole.NOT_KNOWN}, None),
        ({"mounted": None, "exported": None}, None),
        ({"mounted": MountState.READ_ONLY}, False),
        ({"suspended": "the pool home is suspended"}, False),
        ({"exported": False}, False),
        ({"exported": False, "place": PLACE._replace(exported="")}, True),
        ({"role": HastRole.NOT_KNOWN, "mounted": MountState.NOTHING}, False),
    ],
)
def test_a_node_serves_where_all_that_clients_need_is_there(change: dict[str, object], answer: bool | None) -> None:
    resource = ACTIVE._replace(**change)  # type: ignore[arg-type]  # the fields are the test's
    assert serves(here(resource), resource) is answer


def test_a_node_whose_daemons_are_not_known_may_serve() -> None:
    assert serves(here(daemons=None), ACTIVE) is None
    assert serves(here(vhids=None), ACTIVE) is None
    assert serves(here(daemons=ALL - {"rpcbind"}), ACTIVE) is False
    assert serves(here(daemons=ALL - {"lockd"}), ACTIVE) is True


@pytest.mark.parametrize(
    ("one", "able"),
    [
        (there(), True),
        (there(blocked="x"), False),
        (there(maintenance=Maintenance(0.0, None, "x", "root")), False),
        (there(hastd=False), False),
        (there(held=DemotionRecord((DemotionReason(DemotionCause.BOOT),), 240, 240), demotion=240), False),
        (there(held=DemotionRecord((DemotionReason(DemotionCause.NO_FAILBACK),), 120, 120), demotion=120), True),
        (there(STANDBY._replace(copy=NOTHING._replace(copy=CopyState.INCOMPLETE))), False),
        (there(STANDBY._replace(split=BROKEN)), False),
        (there(STANDBY._replace(split=BROKEN._replace(losing=False))), True),
        (there(STANDBY._replace(role=HastRole.NOT_KNOWN, status=None)), None),
        (there(STANDBY._replace(status=Status.ABSENT)), False),
        (NodeStatus("nfs002", trouble="x"), None),
    ],
)
def test_a_standby_could_take_over_where_nothing_speaks_against_it(one: NodeStatus, able: bool | None) -> None:
    assert could_take_over(one) is able


def two(one: ResourceStatus, other: ResourceStatus, name: str, daemons: frozenset[str]) -> NodeStatus:
    mail = other._replace(place=PLACE._replace(name="mail", point="/hast/mail"))
    return node(name, one, daemons)._replace(resources={"home": one, "mail": mail})


@pytest.mark.parametrize(
    ("pair", "headline", "served"),
    [
        (
            (two(ACTIVE, ACTIVE, "nfs001", ALL), two(STANDBY, STANDBY, "nfs002", frozenset())),
            "nfs001 serves home and mail, nfs002 can take over",
            {"home": True, "mail": True},
        ),
        (
            (two(ACTIVE, STANDBY, "nfs001", ALL), two(STANDBY, ACTIVE, "nfs002", ALL)),
            "nfs001 serves home, nfs002 serves mail",
            {"home": True, "mail": True},
        ),
        (
            (two(ACTIVE, STANDBY, "nfs001", ALL), two(STANDBY, STANDBY, "nfs002", ALL)),
            "nfs001 serves home, nobody serves mail",
            {"home": True, "mail": False},
        ),
        ((here(), node("nfs002", ACTIVE, ALL)), "nfs001 and nfs002 both serve home", {"home": False}),
        ((here(STANDBY), there()), "nobody serves home", {"home": False}),
        (
            (here(STANDBY), NodeStatus("nfs002", trouble="x")),
            "it is not known whether anybody serves home",
            {"home": None},
        ),
        ((here(), NodeStatus("nfs002", trouble="x")), "nfs001 serves home", {"home": True}),
        ((NodeStatus("nfs001", trouble="x"),), "the node could not be read", {}),
    ],
)
def test_the_headline_says_who_serves_what(
    pair: tuple[NodeStatus, ...], headline: str, served: dict[str, bool | None]
) -> None:
    judged = verdict(seen(*pair))
    assert (judged.headline, judged.served) == (headline, served)
    assert judged.well is (bool(served) and all(served.values()))


def test_an_address_on_both_nodes_or_on_neither_is_said() -> None:
    both = verdict(seen(here(), there(STANDBY._replace(carp=CarpState.MASTER))))
    assert both.troubles[0].says == "nfs001 and nfs002 both have the address of home"
    neither = verdict(seen(here(ACTIVE._replace(carp=CarpState.INIT)), there()))
    assert "neither node has the address of home" in {trouble.says for trouble in neither.troubles}
