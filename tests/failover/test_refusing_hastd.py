"""A stuck hastd whose control socket is full refuses as a dead one does, and is told from it.

The fact is freebsd-facts: refused-is-not-dead.
"""

from __future__ import annotations

import pytest

from checks.probes.hast_state import HastRole, hast_state
from remediate.failover.converge import ConvergeRequest, dry_run
from remediate.failover.facts import Peer
from remediate.failover.observe import observe
from remediate.failover.peer import ask
from remediate.rehearsal.observer import Observer
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow

REFUSED = 71
"""EX_OSERR (hastctl.c)."""


def asked_until_it_refuses(node: Node) -> int:
    """Call after call of hastctl that hangs and is killed; how many were taken before one was refused."""
    for taken in range(20):
        if node.run("hastctl list home", timeout=1).status == REFUSED:
            return taken
    return -1


def refuses(pair: InstalledPair, node: Node, what: str = "hastd") -> InstalledPair:
    pair.breaks("hang", node.name, what)
    asked_until_it_refuses(node)
    return pair


@pytest.mark.quick
def test_a_stopped_hastd_refuses_after_thirteen_calls_and_a_stopped_worker_takes_one_more(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs002", "hastd")
    assert asked_until_it_refuses(pair.standby) == 13
    pair.breaks("hang", "nfs001", "worker")
    assert asked_until_it_refuses(pair.active) == 14


def test_a_hastd_that_goes_on_accepts_what_was_pending_and_answers(pair: InstalledPair) -> None:
    refuses(pair, pair.standby)
    pair.breaks("resume", "nfs002", "hastd")
    assert pair.standby.run("hastctl list home").status == 0
    pair.breaks("hang", "nfs002", "hastd")
    assert asked_until_it_refuses(pair.standby) == 13


@pytest.mark.parametrize("what", ["hastd", "worker"])
def test_the_service_of_an_active_node_whose_hastd_refuses_is_left_alone(pair: InstalledPair, what: str) -> None:
    refuses(pair, pair.active, what)
    assert pair.active.run("hastctl list home").err.endswith("Connection refused.\n")
    planned, plan = pair.does(pair.active, lambda context: dry_run(context, ConvergeRequest("test")))
    assert plan.steps == ()
    assert plan.decisions["home"].rule.reason == "hastd-stuck"
    assert "Connection refused, but it runs (process 570): it is stuck" in planned.facts.said["home"].role
    pair.converges(pair.active)
    assert pair.mounted(pair.active) and pair.active.nfs.running("nfsd")
    assert pair.lost() == 0 and pair.sound


def test_a_peer_whose_hastd_refuses_may_be_primary_still(pair: InstalledPair) -> None:
    refuses(pair, pair.active)
    standing = pair.does(pair.standby, lambda context: ask(context, observe(context).places["home"]))
    assert standing is not None and standing.peer is Peer.LINGERS and not standing.asked
    pair.active.network.demote(100, "by an operator")
    pair.passes(60)
    assert pair.role(pair.standby) == "secondary" and pair.sound


def test_without_a_look_at_the_processes_a_refusal_says_neither(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    pair.breaks("hang-command", "nfs002", "ps")
    refused = pair.does(pair.standby, lambda context: hast_state(context.here.node(), "home"))
    assert refused.role is HastRole.NOT_KNOWN and "whether it runs is not known" in refused.says
    pair.breaks("release-command", "nfs002", "ps")
    assert pair.does(pair.standby, lambda context: hast_state(context.here.node(), "home")).role is HastRole.DOWN


def test_check_hast_calls_a_hastd_that_refuses_stuck_and_one_that_is_gone_down(pair: InstalledPair) -> None:
    refuses(pair, pair.standby)
    assert reasons(pair) == ("hastctl-hangs",)
    pair.breaks("kill", "nfs002", "hastd")
    assert reasons(pair) == ("hastd-down",)


def reasons(pair: InstalledPair) -> tuple[str, ...]:
    """What check_hast says on the standby."""
    says = Observer(pair.pair).look(pair.pair.clock.wait)
    return next(report.reasons for report in says if (report.check, report.node) == ("check_hast", "nfs002"))
