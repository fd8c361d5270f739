"""A node whose hastd does not work as primary: nothing is moved to it, and it is tried once.

The fact is freebsd-facts: stock-15-is-no-primary.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes import as_primary
from checks.probes.bug_292322 import AsPrimary
from remediate.config import RemediationConfig
from remediate.failover import known_bug
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.failover.observe import observe
from remediate.failover.pair_checks import run_checks
from remediate.failover.pair_status import look
from remediate.failover.status_rules import verdict
from remediate.state import failures
from remediate.subcommands.promote import refuse_impossible
from simulator import release
from tests.failover.installed_pair import InstalledPair, hastd_repaired, installed_pair, master

pytestmark = pytest.mark.slow

WORDS = "does not work as primary (FreeBSD bug 292322)"
STOCK = "14.5,15.1"
"""The standby's hastd is the one with the bug."""


def pair_of(state: Path, releases: str = STOCK, config: RemediationConfig | None = None) -> InstalledPair:
    return installed_pair(state, config, releases)


def switched(pair: InstalledPair) -> None:
    begun = pair.moves()
    pair.pair.clock.wait(begun)
    if begun.error is not None:
        raise begun.error


def loses_the_address(pair: InstalledPair) -> None:
    """An operator moves it: the other node is MASTER, and is told that nothing is held any more."""
    pair.active.network.demote(240, "by an operator")
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    assert pair.until(lambda: master(pair.standby))


def could_serve_again(pair: InstalledPair) -> None:
    pair.active.network.demote(-240, "by an operator")


def tried(pair: InstalledPair) -> int:
    return len([entry for entry in pair.entries(pair.standby, "step") if "become-primary" in entry.step])


def failed(pair: InstalledPair) -> bool:
    return bool(pair.entries(pair.standby, "promotion-failed"))


@pytest.mark.quick
def test_a_switchover_to_such_a_node_is_refused_while_clients_are_served(state: Path) -> None:
    pair = pair_of(state)
    with pytest.raises(StepFailed) as refused:
        switched(pair)
    assert WORDS in str(refused.value) and pair.standby.name in str(refused.value)
    assert pair.serves(pair.active) and not pair.entries(pair.active, "step")


@pytest.mark.parametrize("releases", ["15.1+D57511,14.5", "14.5,15.1+D57511"])
def test_a_switchover_between_nodes_that_work_goes_on(state: Path, releases: str) -> None:
    pair = pair_of(state, releases, hastd_repaired(releases.startswith("14")))
    switched(pair)
    assert pair.serves(pair.standby)


def test_a_promotion_that_fails_by_the_bug_is_named_and_the_address_goes_back(state: Path) -> None:
    pair = pair_of(state)
    loses_the_address(pair)
    assert pair.until(lambda: failed(pair)), pair.story()
    could_serve_again(pair)
    assert WORDS in pair.entries(pair.standby, "known-bug")[0].result
    assert WORDS in pair.entries(pair.standby, "promotion-failed")[0].result
    assert pair.until(lambda: pair.serves(pair.active)), pair.story()
    pair.passes(30)
    assert pair.rests(pair.standby) and pair.sound
    assert pair.reasons(pair.standby) == ("hastd does not work as primary",)
    steps = [entry.step for entry in pair.entries(pair.standby, "step")]
    assert steps.index("become-init home") < steps.index("become-secondary home")


def test_it_is_not_tried_again_where_nobody_else_could_serve(state: Path) -> None:
    pair = pair_of(state)
    loses_the_address(pair)
    assert pair.until(lambda: pair.role(pair.active) == "secondary"), pair.story()
    pair.breaks("carrier-off", pair.active.name)
    assert pair.until(lambda: failed(pair)), pair.story()
    pair.passes(30)
    for _ in range(3):
        outcome = pair.converges(pair.standby)
        assert outcome.result is ConvergeResult.REFUSED
        assert any("the address stays here" in sentence for sentence in outcome.said)
    assert tried(pair) == 1 and pair.rests(pair.standby)
    assert pair.reasons(pair.standby) == ("hastd does not work as primary",)


def given_up(state: Path) -> InstalledPair:
    """The standby was tried, and the active node serves again."""
    pair = pair_of(state)
    loses_the_address(pair)
    assert pair.until(lambda: failed(pair)), pair.story()
    could_serve_again(pair)
    assert pair.until(lambda: pair.serves(pair.active)), pair.story()
    pair.passes(30)
    return pair


def known(pair: InstalledPair) -> as_primary.PrimaryKnowledge:
    return pair.does(pair.standby, known_bug.known)


def test_a_human_who_clears_it_has_it_tried_again(state: Path) -> None:
    pair = given_up(state)
    assert known(pair).seen
    assert pair.does(pair.standby, known_bug.forget)
    assert not known(pair).seen
    loses_the_address(pair)
    assert pair.until(lambda: tried(pair) == 2), pair.story()


def test_another_hastd_is_another_one(state: Path) -> None:
    pair = given_up(state)
    pair.standby.installed = release.named("15.1+D57511")
    assert not known(pair).seen
    pair.standby.run("service hastd restart")
    pair.converges(pair.standby)
    pair.passes(40)  # its copy is complete, and that is known
    loses_the_address(pair)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()


def test_a_primary_that_is_connected_is_remembered_as_one_that_works(state: Path) -> None:
    pair = pair_of(state, "15.1+D57511,15.1+D57511")
    pair.converges(pair.active, ConvergeRequest("periodic", promote=False))
    current = pair.does(pair.active, known_bug.known)
    assert (current.as_primary, current.seen) == (AsPrimary.WORKS, True)
    noted = pair.entries(pair.active, "as-primary")
    pair.converges(pair.active, ConvergeRequest("periodic", promote=False))
    assert len(pair.entries(pair.active, "as-primary")) == len(noted)


def test_a_hastd_that_was_installed_and_does_not_run_yet_is_not_taken_for_the_one_that_works(state: Path) -> None:
    pair = pair_of(state, "15.1+D57511,15.1+D57511")
    pair.store(pair.active).remove(as_primary.NAME)
    pair.active.installed = release.named("15.1")
    pair.converges(pair.active, ConvergeRequest("periodic", promote=False))
    assert not pair.does(pair.active, known_bug.known).seen


def test_a_device_that_does_not_come_for_another_reason_is_a_failed_promotion(state: Path) -> None:
    pair = pair_of(state, "14.5,15.1+D57511", hastd_repaired(True))
    pair.breaks("device-never-appears", pair.standby.name, "home")
    loses_the_address(pair)
    assert pair.until(lambda: bool(failures.recent(pair.store(pair.standby), pair.standby.now, 3600.0)))
    assert not pair.store(pair.standby).read(as_primary.NAME)


def test_a_node_that_is_not_affected_is_not_spoken_of(state: Path) -> None:
    pair = pair_of(state, "14.5")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    assert not pair.entries(pair.standby, "known-bug") and not pair.store(pair.standby).read(as_primary.NAME)


def test_a_human_who_promotes_such_a_node_is_told_how_to_try_it_again(state: Path) -> None:
    pair = pair_of(state)
    loses_the_address(pair)
    assert pair.until(lambda: failed(pair)), pair.story()
    pair.passes(30)
    observation = pair.does(pair.standby, observe)
    with pytest.raises(StepFailed, match="hastwatch clear"):
        refuse_impossible(observation, ["home"], {})


def test_a_glance_at_the_pair_says_that_the_standby_cannot_take_over(state: Path) -> None:
    pair = pair_of(state)
    status = pair.does(pair.active, lambda context: verdict(look(context), run_checks(context)))
    assert status.headline.startswith(f"{pair.active.name} serves home, {pair.standby.name} cannot take over (")
    assert "hast-cannot-be-primary" in {each.finding.reason for each in status.findings}


def test_where_the_other_node_is_gone_nothing_is_to_be_connected_and_it_serves(state: Path) -> None:
    pair = given_up(state)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 180), pair.story()
    assert pair.sound


def test_a_device_that_does_not_come_although_the_other_node_is_gone_is_a_failed_promotion(state: Path) -> None:
    pair = pair_of(state)
    pair.breaks("device-never-appears", pair.standby.name, "home")
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.blocked(pair.standby)), 300), pair.story()
    assert not pair.store(pair.standby).read(as_primary.NAME)
