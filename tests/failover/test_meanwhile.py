"""What changes while a node converges: the newest word wins at the end of the step, and no event is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover.converge import LOCK, ConvergeOutcome, ConvergeRequest, ConvergeResult, converge
from remediate.failover.reach import HASTWATCH
from remediate.state import ledger, maintenance
from remediate.state.ledger import LedgerEvent
from remediate.state.lock import Lock
from remediate.timing import Timing
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

MIDDLE = 0.02
"""Seconds from the beginning of a step to its middle."""


def converged(context: Context) -> ConvergeOutcome:
    """`hastwatch converge`."""
    return converge(context, ConvergeRequest("hook"))


@pytest.mark.quick
def test_two_hooks_at_once_make_one_promotion(pair: InstalledPair) -> None:
    pair.active.power_off()
    pair.until(lambda: master(pair.standby))
    first, second = (pair.begins(pair.standby, converged) for _ in range(2))
    pair.passes(30)
    assert {first.value.result, second.value.result} <= {ConvergeResult.BUSY, ConvergeResult.IN_PLACE}  # type: ignore[union-attr]
    assert len(pair.entries(pair.standby, "promoted")) == 1
    assert pair.serves(pair.standby)


def test_what_an_operator_types_waits_for_a_convergence_that_runs(pair: InstalledPair) -> None:
    pair.breaks("cut")
    pair.passes(30)  # devd's waits for the other node to release the resource
    done = pair.standby.run(f"{HASTWATCH} converge", timeout=120)
    waits, refused = done.err.splitlines()
    assert "does it already (devd " in waits and waits.endswith(": waiting for its end")
    assert (done.status, "lack writes" in refused) == (1, True)
    pair.begins(pair.standby, converged)
    assert pair.standby.run(f"{HASTWATCH} converge --periodic", timeout=5).status == ConvergeResult.BUSY.value


def test_an_event_during_a_look_that_promotes_nothing_is_not_lost(pair: InstalledPair) -> None:
    pair.active.power_off()
    pair.passes(2)
    pair.breaks("hang", "nfs002", "hastd")
    look = pair.begins(pair.standby, lambda context: converge(context, ConvergeRequest("periodic", promote=False)))
    assert pair.until(lambda: master(pair.standby), 3) and not look.done
    pair.passes(1)
    pair.breaks("resume", "nfs002", "hastd")
    pair.passes(15)
    assert look.done and pair.serves(pair.standby), pair.story()


def test_an_event_is_not_lost_to_a_holder_that_has_not_said_yet_what_it_does(pair: InstalledPair) -> None:
    """It may be one that promotes nothing."""
    lock = Lock(pair.store(pair.standby), LOCK, "periodic", Timing(), in_part=True)
    assert lock.acquire(0)
    (Path(pair.store(pair.standby).directory) / lock.name).write_text("")
    pair.active.power_off()
    pair.passes(8)
    assert not pair.serves(pair.standby)
    lock.release()
    pair.passes(10)
    assert pair.serves(pair.standby), pair.story()


def interrupted(state: Path, name: str, number: int) -> tuple[InstalledPair, list[str]]:
    """A planned move in which the address goes back to the first node in the middle of this step, counted from 1, of
    the convergence on a node; and the steps of it that were begun until then."""
    pair = installed_pair(state / f"{name} {number}")
    node, begun = pair.pair.nodes[name], list[str]()

    def watch(step: str) -> None:
        if step == "silence":
            return  # it goes on beside the others
        begun.append(step)
        if len(begun) == number:
            pair.pair.clock.after(MIDDLE, lambda: pair.standby.network.demote(240, "by an operator"))

    pair.breaks("drop-devd-event", name)
    pair.active.network.demote(100, "by an operator")
    assert pair.until(lambda: master(pair.standby), 3)
    pair.begins(node, lambda context: converge(context, ConvergeRequest("test"), watch))
    pair.passes(40)
    return pair, begun


@pytest.mark.parametrize(
    ("name", "steps"),
    [("nfs001", ["stop-serving", "unmount", "become-secondary", "protect"]),
     ("nfs002", ["await-peer", "become-primary", "check", "unprotect", "mount", "start-serving", "verify"])],
    ids=["MASTER during a demotion", "BACKUP during a promotion"],
)  # fmt: skip
def test_the_newest_word_of_carp_wins_at_the_end_of_any_step(state: Path, name: str, steps: list[str]) -> None:
    for number in range(1, len(steps) + 1):
        pair, begun = interrupted(state, name, number)
        awaited = begun[0].split()[0] == steps[0]  # else the other node has released the resource before the look
        planned = steps if awaited else steps[1:]
        assert [step.split()[0] for step in begun[:number]] == [*planned, "wake"][:number]
        assert pair.serves(pair.active) and pair.rests(pair.standby), pair.story()
        assert pair.lost() == 0 and pair.sound
        assert not pair.entries(pair.pair.nodes[name], "promotion-failed")
        if number < len(planned):
            assert pair.entries(pair.pair.nodes[name], "superseded")


def test_carp_that_flaps_during_a_promotion_ends_where_it_comes_to_rest(pair: InstalledPair) -> None:
    for turn in range(15):
        pair.standby.network.demote(240 if turn % 2 else -240 * bool(turn), "by an operator")
        pair.active.network.demote(0 if turn else 100, "by an operator")
        pair.passes(0.4 + turn / 10)
    pair.passes(60)
    served = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    assert len(served) == 1 and master(served[0])
    assert pair.rests(pair.pair.peer(served[0]))
    assert pair.lost() == 0 and pair.sound
    assert not pair.blocked(pair.active) and not pair.blocked(pair.standby)


def test_maintenance_that_begins_in_the_middle_stops_at_the_end_of_the_step(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 10)
    maintenance.begin(pair.store(pair.standby), pair.standby.now, 60, "a new disk", "an operator")
    pair.passes(30)
    assert pair.role(pair.standby) == "primary" and not pair.mounted(pair.standby)
    pair.told_once(pair.standby, "before .* home: maintenance: a new disk", "superseded")
    pair.told_once(pair.standby, "maintenance: a new disk", "refused")
    pair.passes(60)
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby) and pair.sound


def test_a_copy_that_is_told_to_be_behind_while_the_role_is_taken_is_not_mounted(pair: InstalledPair) -> None:
    """A node that heard nobody took the other one for dead, and is heard again: that has written, and gave way."""
    node = pair.standby

    def tells() -> None:
        ledger.record(pair.store(node), "home", LedgerEvent.TOLD_INCOMPLETE, node.now, "nfs001", node.boot_mark)

    node.trouble.at_command["route"] = lambda: node.trouble.at_command.update(hastctl=tells)
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(node, "promotion-failed")), 60), pair.story()
    assert "while the role was taken: nfs001 reported that this copy is behind" in pair.story()
    pair.passes(120)
    assert not pair.holds(node), pair.story()


@pytest.mark.parametrize("reboots", [False, True])
def test_a_copy_is_not_mounted_where_the_other_node_is_heard_again_while_the_file_system_is_checked(
    pair: InstalledPair, reboots: bool
) -> None:
    """It was cut off, or was booted and is up again, and has writes that the other copy lacks. It answers questions,
    and nothing is replicated yet."""
    pair.breaks("isolate", "nfs001")
    pair.standby.fsck_slowness = 300.0
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 60), pair.story()
    if reboots:
        pair.pair.clock.wait(pair.active.shut_down())
        pair.active.power_on()
    pair.passes(5)
    pair.breaks("heal")
    pair.breaks("cut")
    pair.passes(100)
    assert not any(each.step == "mount home" for each in pair.entries(pair.standby, "step")), pair.story()
    pair.breaks("heal")
    pair.passes(200)
    assert pair.serves(pair.active) is not reboots, pair.story()  # else the check has written too: a split-brain
    assert pair.sound


@pytest.mark.parametrize("released", [1.0, 1.4])
def test_a_copy_is_not_checked_where_the_other_node_is_heard_again_while_the_device_is_late(
    pair: InstalledPair, released: float
) -> None:
    """It has writes that this copy lacks; hastd is connected by then, and loses what is read from there: the check
    hung."""
    pair.breaks("cut-carp")
    assert pair.until(lambda: bool(pair.entries(pair.standby, "plan")), 20), pair.story()
    pair.breaks("isolate", "nfs001")
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 60), pair.story()

    def by_hand() -> None:
        pair.active.start_command("service nfsd onestop; umount /hast/home; hastctl role secondary home")

    pair.pair.clock.after(released, by_hand)
    pair.active.network.demote(100, "by an operator")
    pair.passes(0.7)
    pair.breaks("heal")
    pair.passes(160)
    assert pair.serves(pair.active) is not pair.serves(pair.standby), pair.story()
    assert not pair.entries(pair.standby, "promotion-failed") and pair.lost() == 0 and pair.sound, pair.story()
