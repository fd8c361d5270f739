"""What a node knows of its copy decides: a stale one is not promoted, a losing one steps down, a fit one may return."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.config import RemediationConfig
from remediate.context import Context, Transport
from remediate.failover.behind import CopyFindings
from remediate.failover.behind import behind as compared
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.rehearsal.cron import start_cron
from remediate.rehearsal.observer import SimulatedMemory
from remediate.state import ledger
from remediate.state.ledger import CopyState
from simulator.account.writes import LossCause
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

ALONE = 180.0
"""Seconds that the active node writes without the other one."""


def behind(state: Path, config: RemediationConfig | None = None, *cuts: str) -> InstalledPair:
    """Replication was cut for minutes, then the active node lost power."""
    pair = installed_pair(state, config)
    for cut in ("cut-replication", *cuts):
        pair.breaks(cut)
    pair.passes(ALONE)
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby)
    return pair


# --- no copy at all ---------------------------------------------------------------------------------------------


def without_the_active_node(state: Path, *commands: str, config: RemediationConfig | None = None) -> InstalledPair:
    """The standby's disk was replaced; then the active node lost power."""
    pair = installed_pair(state, config)
    pair.breaks("cut-management")  # or the other node would have told it that it is behind
    pair.pair.must(pair.standby, "service hastd onestop")
    pair.breaks("new-disk", pair.standby.name)
    for command in commands:
        pair.pair.must(pair.standby, command)
    pair.pair.must(pair.standby, "service hastd onestart")
    pair.passes(5)
    pair.active.power_off()
    pair.passes(30)
    assert master(pair.standby)
    return pair


@pytest.mark.parametrize(
    ("commands", "rule", "reason"),
    [
        (
            (),
            "the disk of this node holds no copy",
            "the disk of this node has no metadata that can be read: `hastctl dump home`: Unable to read metadata",
        ),
        (("hastctl create home",), "this copy is known to lack writes", "this copy was just created and holds nothing"),
    ],
)
def test_a_node_whose_disk_holds_no_copy_is_refused_before_anything_is_done(
    state: Path, commands: tuple[str, ...], rule: str, reason: str
) -> None:
    pair = without_the_active_node(state, *commands)
    sentence = pair.told_once(pair.standby, rule, "refused").result
    assert reason in sentence
    assert not [entry for entry in pair.entries(pair.standby, "step") if "become-primary" in entry.step], pair.story()
    assert not pair.blocked(pair.standby) and pair.role(pair.standby) != "primary" and pair.sound


@pytest.mark.parametrize("for_good", [False, True], ids=["an operator", "the policy"])
def test_nobody_can_accept_the_loss_of_a_copy_that_is_not_there(state: Path, for_good: bool) -> None:
    pair = without_the_active_node(state, config=policy(promote_stale=True) if for_good else None)
    outcome = pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert outcome.result is ConvergeResult.REFUSED and "the disk of this node holds no copy" in outcome.said[0]
    assert not [entry for entry in pair.entries(pair.standby, "step") if "become-primary" in entry.step], pair.story()
    assert not pair.blocked(pair.standby) and not pair.entries(pair.standby, "promotion-failed"), pair.story()


def looked_at(context: Context) -> list[CopyFindings]:
    """What is known of the copy, whether the other node answers or not."""
    return [compared(context, "home", None, asked) for asked in (True, False)]


@pytest.mark.parametrize(
    ("words", "status"), [("Unable to open /dev/ada1: Permission denied.", 255), ("Memory is exhausted.", 1)]
)
def test_a_disk_that_cannot_be_read_now_is_taken_for_a_copy_that_is_behind(
    pair: InstalledPair, state: Path, words: str, status: int
) -> None:
    hastctl = state / "hastctl"
    hastctl.write_text(f"#!/bin/sh\necho '[ERROR] {words}' >&2\nexit {status}\n")
    hastctl.chmod(0o700)
    here = Transport((str(hastctl),), SimulatedMemory())
    for findings in pair.does(pair.standby, lambda context: looked_at(context._replace(here=here))):
        assert findings.stale.startswith("what is on the disk of this node is not known") and words in findings.stale
        assert not findings.dumps and not findings.no_copy


# --- a stale copy ------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_stale_standby_is_not_promoted_and_says_what_it_would_cost(state: Path) -> None:
    pair = behind(state)
    assert pair.rests(pair.standby)
    sentence = pair.told_once(pair.standby, "this copy is known to lack writes", "refused").result
    assert "nfs001 reported that this copy is behind" in sentence
    since = ledger.read(pair.store(pair.standby), "home").since
    assert pair.began < since < pair.began + 40  # when hastd noticed, not when the power was cut


def test_a_stale_standby_that_was_told_nothing_knows_it_from_the_time(state: Path) -> None:
    pair = behind(state, None, "cut-management")
    assert pair.rests(pair.standby)
    sentence = pair.told_once(pair.standby, "this copy is known to lack writes", "refused").result
    assert "the other node stayed MASTER for" in sentence


def test_a_human_can_accept_the_loss(state: Path) -> None:
    pair = behind(state)
    outcome = pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert outcome.result is ConvergeResult.IN_PLACE and pair.serves(pair.standby)
    causes = {loss.cause for loss in pair.clients.account().losses}
    assert LossCause.REPLICATION in causes
    own = ledger.read(pair.store(pair.standby), "home")
    assert own.copy is CopyState.COMPLETE and "accepted" in own.why
    assert pair.converges(pair.standby) == (ConvergeResult.IN_PLACE, 0, ())


def test_a_policy_can_accept_it_for_good(state: Path) -> None:
    pair = behind(state, policy(promote_stale=True))
    assert pair.serves(pair.standby)


def test_a_stale_standby_is_followed_by_the_complete_copy_when_that_comes_back(state: Path) -> None:
    pair = behind(state)
    pair.breaks("heal")
    pair.boots(pair.active)
    assert pair.serves(pair.active), pair.story()
    start_cron(pair.installed)
    pair.passes(60)
    assert pair.rests(pair.standby) and pair.sound
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    causes = {loss.cause for loss in pair.clients.account().losses}
    assert causes <= {LossCause.UFS_DELAY}


def test_a_standby_whose_synchronisation_is_not_through_is_not_promoted(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    pair.passes(ALONE)
    pair.active.run("dd if=/dev/zero of=/hast/home/large bs=1m count=100")
    pair.breaks("heal")
    assert pair.until(lambda: pair.standby.hastd.resources["home"].worker is not None, 30)
    pair.passes(3)
    pair.active.power_off()
    pair.passes(30)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    assert "lack" in pair.entries(pair.standby, "refused")[-1].result


def test_a_standby_that_was_away_for_a_moment_is_promoted(pair: InstalledPair) -> None:
    """Cut and healed, and the synchronisation through: nothing is missing."""
    pair.breaks("cut-replication")
    pair.passes(60)
    pair.breaks("heal")
    pair.passes(60)
    pair.active.power_off()
    pair.passes(20)
    assert pair.serves(pair.standby)
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}


# --- coming back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failback", ["never", "when-complete"])
def test_a_preferred_node_that_comes_back_takes_the_address_only_where_that_is_wanted(
    state: Path, failback: str
) -> None:
    pair = installed_pair(state, policy(failback=failback))
    pair.active.power_off()
    pair.passes(60)
    before = pair.lost()
    pair.boots(pair.active, 120)
    back = failback == "when-complete"
    assert pair.serves(pair.active) is back and pair.serves(pair.standby) is not back, pair.story()
    assert pair.rests(pair.standby if back else pair.active)
    assert pair.reasons(pair.active) == (() if back else ("no failback",))
    assert pair.lost() == before and pair.sound
    assert pair.clients.account().errors == {}


def test_a_preferred_node_comes_back_only_when_its_copy_is_complete(state: Path) -> None:
    pair = installed_pair(state, policy(failback="when-complete"))
    pair.active.power_off()
    pair.passes(30)
    pair.standby.run("dd if=/dev/zero of=/hast/home/large bs=1m count=100")
    pair.passes(60)
    pair.pair.clock.wait(pair.active.power_on())
    pair.passes(8)
    assert pair.serves(pair.standby) and "home: incomplete copy" in pair.reasons(pair.active), pair.story()
    assert pair.until(lambda: pair.serves(pair.active), 120), pair.story()
    assert ledger.read(pair.store(pair.active), "home").copy is CopyState.COMPLETE
    assert pair.sound


@pytest.mark.parametrize("first", ["nfs001", "nfs002", "both"])
def test_both_nodes_lose_power_and_come_back(pair: InstalledPair, first: str) -> None:
    for node in pair.pair.nodes.values():
        node.power_off()
    pair.passes(10)
    if first != "both":  # the other one may have served after it: it waits for that
        pair.boots(pair.pair.nodes[first], 60)
        assert not pair.serves(pair.pair.nodes[first]), pair.story()
    booting = [node.power_on() for node in pair.pair.nodes.values()]
    for each in booting:
        pair.pair.clock.wait(each)
    pair.passes(90)
    served = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    assert len(served) == 1, pair.story()
    assert pair.rests(pair.pair.peer(served[0]))
    assert pair.sound


def test_both_lose_power_and_only_the_stale_one_comes_back(state: Path) -> None:
    pair = behind(state)
    pair.standby.power_off()
    pair.passes(10)
    pair.boots(pair.standby, 90)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    assert "lack writes" in pair.entries(pair.standby, "refused")[-1].result
    pair.breaks("heal")
    pair.boots(pair.active, 90)
    assert pair.serves(pair.active) and pair.sound, pair.story()


def test_an_orderly_shutdown_gives_the_service_away_and_loses_nothing(pair: InstalledPair) -> None:
    pair.pair.clock.wait(pair.active.shut_down())
    pair.passes(20)
    assert pair.serves(pair.standby)
    assert pair.lost() == 0 and pair.sound
    assert pair.clients.account().errors == {}


# --- split-brain ---------------------------------------------------------------------------------------------------


@pytest.fixture
def split(pair: InstalledPair) -> InstalledPair:
    """Each node wrote alone while they had no way to each other; they have met again."""
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(90)
    pair.breaks("heal")
    pair.passes(60)
    return pair


def test_in_a_split_brain_the_side_that_does_not_serve_steps_down_at_once(split: InstalledPair) -> None:
    assert split.serves(split.active)
    assert split.role(split.standby) == "init" and not split.mounted(split.standby)
    mine, theirs = split.split_brain(split.active), split.split_brain(split.standby)
    assert mine is not None and theirs is not None
    assert (mine.losing, theirs.losing) == (False, True)
    detected_at = split.entries(split.standby, "split-brain")[0].time
    down = next(entry.time for entry in split.entries(split.standby) if entry.step == "become-init home")
    assert down - detected_at < 2
    for node in (split.active, split.standby):
        assert sum("hastd reports it" in entry.why for entry in split.entries(node, "split-brain")) == 1


def test_a_split_brain_survives_a_boot_of_the_losing_side(split: InstalledPair) -> None:
    split.standby.power_off()
    split.passes(5)
    split.boots(split.standby)
    assert split.role(split.standby) == "init"
    split.active.power_off()
    split.passes(60)
    assert master(split.standby) and not split.holds(split.standby)
    assert "split-brain" in split.entries(split.standby, "refused")[-1].result


def test_the_documented_recovery_ends_a_split_brain_on_both_nodes(split: InstalledPair) -> None:
    split.pair.must(split.standby, "hastctl create home")
    split.pair.must(split.standby, "hastctl role secondary home")
    split.passes(120)
    for node in (split.active, split.standby):
        assert split.split_brain(node) is None, split.story()
    assert split.converges(split.standby).result is ConvergeResult.IN_PLACE
    assert split.rests(split.standby) and "split-brain" not in "".join(split.reasons(split.standby))
    split.active.power_off()
    split.passes(30)
    assert split.serves(split.standby)


def test_a_split_brain_to_be_is_seen_in_the_counters_before_the_nodes_meet(pair: InstalledPair) -> None:
    """Both wrote alone, and the way over the management network is there again; replication is not."""
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(60)
    pair.breaks("heal")
    pair.breaks("cut-replication")
    pair.passes(30)
    assert pair.serves(pair.active) and pair.rests(pair.standby)
    pair.breaks("cut-carp")
    pair.passes(60)
    assert master(pair.standby) and pair.role(pair.standby) == "init"
    sentence = pair.entries(pair.standby, "refused")[-1].result
    assert "each has writes that the other lacks" in sentence
    assert pair.holds(pair.active)


def test_a_node_whose_hastd_died_does_not_serve_again_after_the_other_one_wrote_alone(pair: InstalledPair) -> None:
    died, other = pair.active, pair.standby
    for node in (died, other):
        pair.looks_every_minute(node)
    pair.breaks("cut-management")
    pair.breaks("kill", died.name, "hastd")
    assert pair.until(lambda: pair.serves(other))
    pair.passes(ALONE + 5)  # so that no periodic look comes at the same moment
    pair.breaks("power-off", other.name)
    died.run("service hastd onestart")
    pair.passes(130)
    assert master(died) and not pair.serves(died)
    said = [entry.result for entry in pair.entries(died, "refused") if "is known to lack writes" in entry.result]
    assert said and len(said) <= 2, said  # the log has whole seconds, so that the second look may say one more
    assert all("the other node stayed MASTER for" in each for each in said), said
