"""What two nodes amount to: every row of the tables, and who is said to serve."""

from __future__ import annotations

import pytest

from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Severity
from checks.probes.carp import CarpState, Vhid
from checks.probes.carp_demotion import DemotionCause, DemotionReason, DemotionRecord
from checks.probes.hast import Status
from checks.probes.hast_state import HastRole
from checks.probes.maintenance import Maintenance
from checks.probes.marker import Marker
from checks.probes.node_state import MountState
from remediate.failover.pair_checks import CheckFinding
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
    "{node} takes no automatic action any more: promotions have failed": there(blocked="2 promotions failed"),
    "{node} drops segments to closed ports: a failover runs, or the next convergence ends that": there(silent=True),
    "maintenance on {node}": there(maintenance=Maintenance(0.0, None, "x", "root")),
    "{node} could not be read in part": there(unread=("x",)),
}
RESOURCES = {
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
    words = {"node": one.name, "name": "home", "point": "/hast/home"}
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
        (
            (here(), NodeStatus("nfs002", trouble="x")),
            "nfs001 serves home, nfs002 does not answer",
            {"home": True},
        ),
        (
            (here(ACTIVE._replace(since=0.0)), there()),
            "nfs001 serves home for 1 min, nfs002 can take over",
            {"home": True},
        ),
        ((NodeStatus("nfs001", trouble="x"),), "the node could not be read", {}),
    ],
)
def test_the_headline_says_who_serves_what(
    pair: tuple[NodeStatus, ...], headline: str, served: dict[str, bool | None]
) -> None:
    judged = verdict(seen(*pair))
    assert (judged.headline, judged.served) == (headline, served)
    unanswered = any(each.trouble for each in pair)
    assert judged.well is (bool(served) and all(served.values()) and not unanswered)


def finding(check: str, reason: str, severity: Severity, subject: str) -> CheckFinding:
    return CheckFinding(check, Finding(reason, severity, subject, "it is so", "it means so"))


@pytest.mark.parametrize(
    ("one", "headline"),
    [
        (
            finding("check_devd", "devd-not-running", CRITICAL, "nfs002"),
            "nfs001 serves home, nfs002 may not be able to take over (devd-not-running)",
        ),
        (
            finding("check_hast_splitbrain", "copy-behind", WARNING, "home on nfs001 and nfs002"),
            "nfs001 serves home, nfs002 may not be able to take over (copy-behind)",
        ),
        (
            finding("check_devd", "permission-denied", UNKNOWN, "nfs002"),
            "nfs001 serves home, it is not known whether nfs002 could take over",
        ),
        (
            finding("check_hast_mount", "mount-full-critical", CRITICAL, "home on nfs001"),
            "nfs001 has home and may not serve it as it should (mount-full-critical), nfs002 can take over",
        ),
        (
            finding("check_carp", "carp-preempt-off", WARNING, "nfs002"),
            "nfs001 serves home, nfs002 can take over",
        ),
        (
            finding("check_devd", "devd-not-running", CRITICAL, "nfs0022"),
            "nfs001 serves home, nfs002 can take over",
        ),
    ],
    ids=lambda each: each.finding.reason if isinstance(each, CheckFinding) else "",
)  # fmt: skip
def test_the_headline_is_never_better_than_what_a_check_finds_of_the_node(one: CheckFinding, headline: str) -> None:
    judged = verdict(seen(here(), there()), (one,))
    assert (judged.headline, judged.severity, judged.well) == (headline, one.finding.severity, False)
    assert judged.findings == (one,)


def test_what_is_well_is_no_finding_to_show() -> None:
    well = finding("check_devd", "devd-well", OK, "nfs002")
    assert verdict(seen(here(), there()), (well,)) == verdict(seen(here(), there()))


def test_a_node_that_promotes_no_more_is_critical_and_a_note_is_none() -> None:
    assert verdict(seen(here(), there(blocked="2 promotions failed"))).severity is CRITICAL
    assert verdict(seen(here(), there(maintenance=Maintenance(0.0, None, "x", "root")))).severity is OK


def test_a_standby_that_cannot_take_over_is_a_warning_though_no_check_says_so() -> None:
    held = DemotionRecord((DemotionReason(DemotionCause.BOOT),), 240, 240)
    judged = verdict(seen(here(), there(held=held, demotion=240)))
    assert judged.headline == "nfs001 serves home, nfs002 cannot take over (it holds itself back)"
    assert judged.severity is WARNING
