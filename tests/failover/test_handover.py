"""A planned handover over a session: nothing is stopped before the other node is ready, and whatever becomes of the
session, of either program or of either node, exactly one node serves in the end and no lock is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover import peer_route
from remediate.failover.carp_demotion import SHUTDOWN
from remediate.failover.converge import LOCK, ConvergeRequest, ConvergeResult
from remediate.failover.handover import SUBCOMMAND, HandoverRefused
from remediate.failover.switchover import switch
from remediate.rehearsal.context import PairTiming
from remediate.session import Message, MessageKind, RefusalReason
from remediate.state import clients as known_clients
from remediate.state import failures, ledger, maintenance
from remediate.state.lock import Lock
from simulator.dying import Life
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

OVER = 3.0
"""Seconds in which a handover is over on the simulated pair."""
EVERY = 0.15
PREPARED = Message(MessageKind.PREPARE, by="nfs001", resources=("home",))
MOMENTS = [round(EVERY * number, 2) for number in range(1, int(OVER / EVERY) + 1)]


def unlocked(pair: InstalledPair, node: Node) -> bool:
    """Nobody holds the lock of a convergence on the node."""
    lock = Lock(pair.store(node), LOCK, "a test", PairTiming(node, Life()))
    free = lock.acquire(0)
    lock.release()
    return free


def steps(pair: InstalledPair, node: Node) -> list[str]:
    return [entry.step for entry in pair.entries(node, "step")]


def when(pair: InstalledPair, node: Node, event: str, pattern: str = "") -> float:
    """When the node journalled it first."""
    return next(entry.time for entry in pair.entries(node, event) if re.search(pattern, entry.sentence()))


# --- as it should be ---------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_nothing_is_stopped_before_the_other_node_is_ready(pair: InstalledPair) -> None:
    task = pair.moves()
    assert pair.until(lambda: task.done, 30) and pair.serves(pair.standby), pair.story()
    assert task.value is not None and task.value.result is ConvergeResult.IN_PLACE
    assert when(pair, pair.active, "session", "is ready") <= when(pair, pair.active, "hold")
    assert pair.lost() == 0 and pair.sound
    nodes = (pair.active, pair.standby)
    assert pair.until(lambda: all(unlocked(pair, node) for node in nodes), 30), "a worker of hastd's hook holds a lock"


def test_the_other_node_begins_as_soon_as_the_role_is_given_up(pair: InstalledPair) -> None:
    """No settling, and no question: it was told."""
    pair.moves()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    given = when(pair, pair.active, "step", "become-secondary")
    plan = when(pair, pair.standby, "plan")
    assert plan - given < pair.pair.layout.costs.python_hook
    assert not {"await-peer home", "settle home"}.intersection(steps(pair, pair.standby))


def test_an_orderly_shutdown_of_the_active_node_is_a_handover(pair: InstalledPair) -> None:
    pair.active.shut_down()
    assert pair.until(lambda: not pair.active.on, 60) and pair.serves(pair.standby), pair.story()
    assert when(pair, pair.active, "switchover", "served by the other node")
    pair.passes(10)
    assert pair.lost() == 0 and pair.sound
    assert when(pair, pair.standby, "take-over", "served") - when(pair, pair.active, "hold") < 6.0
    pair.boots(pair.active)
    assert pair.serves(pair.standby) and pair.rests(pair.active)


def test_each_step_there_is_told_here(pair: InstalledPair) -> None:
    shown: list[str] = []
    pair.does(pair.active, lambda context: switch(context, "human", shown.append))
    assert [step.removeprefix("there: ") for step in shown if step.startswith("there: ")] == steps(pair, pair.standby)


# --- the other node has no session, or does not take over ----------------------------------------------------------


def test_a_node_with_an_older_hastwatch_is_handed_to_without_a_session(pair: InstalledPair) -> None:
    pair.standby.session = None
    task = pair.moves()
    assert pair.until(lambda: task.done, 60) and pair.serves(pair.standby), pair.story()
    assert "there is no session with the other node" in pair.entries(pair.active, "session")[0].result
    assert pair.lost() == 0 and pair.sound


def is_busy(pair: InstalledPair) -> RefusalReason:
    Lock(pair.store(pair.standby), LOCK, "a convergence", PairTiming(pair.standby, Life())).acquire(0)
    return RefusalReason.BUSY


def is_behind(pair: InstalledPair) -> RefusalReason:
    ledger.record(pair.store(pair.standby), "home", ledger.LedgerEvent.TOLD_INCOMPLETE, pair.standby.now, "nfs001")
    return RefusalReason.UNFIT


def is_blocked(pair: InstalledPair) -> RefusalReason:
    for _ in range(2):
        failures.note(pair.store(pair.standby), "home", pair.standby.now, "a test")
    return RefusalReason.UNFIT


def keeps_nothing(pair: InstalledPair) -> RefusalReason:
    pair.breaks("state-read-only", pair.standby.name)
    return RefusalReason.UNFIT


@pytest.mark.parametrize("wrong", [is_busy, is_behind, is_blocked, keeps_nothing])
def test_what_speaks_against_a_promotion_there_stops_nothing_here(
    pair: InstalledPair, wrong: Callable[[InstalledPair], RefusalReason]
) -> None:
    reason = wrong(pair)
    task = pair.moves()
    pair.passes(40)
    assert isinstance(task.error, HandoverRefused) and task.error.reason is reason, pair.story()
    assert pair.serves(pair.active) and not pair.clients.outages() and not steps(pair, pair.active)
    assert pair.demotion(pair.active) == 0


def test_a_shutdown_goes_on_by_itself_where_the_other_node_refuses(pair: InstalledPair) -> None:
    is_blocked(pair)
    pair.active.shut_down()
    assert pair.until(lambda: not pair.active.on, 60)
    assert "no handover: the shutdown stops the service" in pair.entries(pair.active, "switchover")[0].result
    assert pair.entries(pair.active, "converged")[0].why == SHUTDOWN
    assert not any("forcibly" in note.text for note in pair.pair.notes)


def test_a_maintenance_that_begins_while_it_waits_sends_the_service_back(pair: InstalledPair) -> None:
    task = pair.moves()
    pair.passes(0.25)
    maintenance.begin(pair.store(pair.standby), pair.standby.now, 3600, "a new disk", "an operator")
    assert pair.until(lambda: task.done, 60), pair.story()
    pair.passes(30)
    assert pair.serves(pair.active) and pair.lost() == 0 and pair.sound, pair.story()


@pytest.mark.parametrize("moment", [round(0.3 * number, 1) for number in range(24)])
def test_a_maintenance_that_begins_here_at_any_moment_leaves_one_node_that_serves(
    pair: InstalledPair, moment: float
) -> None:
    """Before anything is given away it leaves everything as it is; afterwards the handover goes on."""
    task = pair.moves()
    pair.passes(moment)
    maintenance.begin(pair.store(pair.active), pair.active.now, 3600, "a new disk", "an operator")
    assert pair.until(lambda: task.done, 90), pair.story()
    pair.passes(30)
    assert pair.serves(pair.active) is not pair.serves(pair.standby), pair.story()
    assert pair.lost() == 0 and pair.sound, pair.story()


def test_a_promotion_that_fails_there_is_taken_back(pair: InstalledPair) -> None:
    pair.standby.trouble.failing_mounts.add("home")
    task = pair.moves()
    assert pair.until(lambda: task.done and pair.serves(pair.active), 90), pair.story()
    assert task.value is not None and task.value.result is ConvergeResult.REFUSED
    assert any("a step failed" in sentence for sentence in task.value.said)
    assert pair.lost() == 0 and pair.sound


# --- whatever ends, at any moment ----------------------------------------------------------------------------------


def the_session(pair: InstalledPair) -> None:
    for session in pair.pair.sessions:
        session.break_off()


def the_management_network(pair: InstalledPair) -> None:
    pair.breaks("cut-management")


def the_giving_node(pair: InstalledPair) -> None:
    pair.active.power_off()


def the_taking_node(pair: InstalledPair) -> None:
    pair.standby.power_off()


ENDS = {each.__name__.replace("_", " "): each for each in (
    the_session, the_management_network, the_giving_node, the_taking_node,
)}  # fmt: skip
BEGINS = {"a switchover": lambda pair: pair.moves(), "a shutdown": lambda pair: pair.active.shut_down()}


def trouble(begins: str, ends: str, moment: float) -> list[str]:
    """What is wrong after something has ended at a moment of a handover."""
    with state_directory() as state:
        pair = installed_pair(state)
        BEGINS[begins](pair)
        pair.passes(moment)
        ENDS[ends](pair)
        pair.passes(100)
        alive = [node for node in (pair.active, pair.standby) if node.on]
        troubles = [f"{node.name} is locked" for node in alive if not unlocked(pair, node)]
        serving = [node.name for node in alive if pair.serves(node)]
        if len(serving) != min(len(alive), 1):
            troubles.append(f"served by {serving or 'nobody'}")
        if pair.twice:
            troubles.append(f"both are primary and mounted at {pair.twice[0]:.2f}")
        if pair.pair.hook_errors:
            troubles.append(f"a hook failed: {pair.pair.hook_errors[0]!r}")
        if ends in ("the session", "the management network") and pair.lost():
            troubles.append(f"{pair.lost()} acknowledged writes are lost")
        troubles += [
            f"{node.name}: converged again: {again}"
            for node in alive
            if (again := pair.converges(node, ConvergeRequest("again"))).result is not ConvergeResult.IN_PLACE
            or again.steps
        ]
        return [*troubles, pair.story()] if troubles else []


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("begins", BEGINS)
def test_exactly_one_node_serves_whatever_ends_at_any_moment(begins: str, ends: str) -> None:
    assert {moment: troubles for moment in MOMENTS[::2] if (troubles := trouble(begins, ends, moment))} == {}


PARTED = {"cut": ("cut-replication",), "killed": ("kill", "nfs002", "worker:home")}


@pytest.mark.parametrize("parted", PARTED)
def test_what_the_unmount_wrote_alone_is_not_handed_over_without_it(pair: InstalledPair, parted: str) -> None:
    task = pair.moves()
    assert pair.until(lambda: "silence" in " ".join(steps(pair, pair.active)), 30), pair.story()
    pair.breaks(*PARTED[parted])
    assert pair.until(lambda: task.done or pair.mounted(pair.standby), 60), pair.story()
    assert not pair.mounted(pair.standby), pair.story()
    assert pair.until(lambda: pair.serves(pair.active), 60), pair.story()
    assert (pair.lost(), pair.sound) == (0, True), pair.story()


def test_a_shutdown_hands_over_nothing_that_the_other_copy_lacks(pair: InstalledPair) -> None:
    pair.active.shut_down()
    assert pair.until(lambda: "silence" in " ".join(steps(pair, pair.active)), 30), pair.story()
    pair.breaks("cut-replication")
    assert pair.until(lambda: not pair.active.on, 120), pair.story()
    pair.breaks("heal")
    pair.passes(60)
    assert not pair.mounted(pair.standby), pair.story()
    pair.boots(pair.active, 240)
    assert pair.serves(pair.active) or pair.serves(pair.standby), pair.story()
    assert (pair.lost(), pair.sound) == (0, True), pair.story()


TIMEOUT = 10.0
"""Seconds that hastd waits for a dead node (hast.conf(5), `timeout`)."""


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1])
def test_a_node_that_dies_when_it_has_given_the_service_away_is_not_waited_for(
    pair: InstalledPair, state: Path, moment: float
) -> None:
    """Its hastd is connected to when the role has been taken there for 0.2 s. Later the worker waits for the answer to
    its first write: nothing but hastd ends that."""
    pair.moves()
    assert pair.until(lambda: bool(pair.entries(pair.active, "handover")), 30)
    given = pair.now
    pair.passes(moment)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    assert pair.now - given < 0.7 * TIMEOUT, pair.story()
    pair.passes(5)
    assert pair.sound and unlocked(pair, pair.standby)
    assert not pair.standby.network.host_routes and not (state / "nfs002" / peer_route.NAME).exists()


def test_a_device_that_is_late_for_another_reason_is_waited_for(pair: InstalledPair) -> None:
    """The other node is alive: connections to it are not rejected."""
    pair.breaks("device-never-appears", "nfs002", "home")
    pair.moves()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "plan")), 30)
    pair.passes(3)
    pair.breaks("device-appears", "nfs002", "home")
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    assert not pair.entries(pair.standby, "gone") and pair.sound


# --- a giver that does what it should not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        (),
        (Message(MessageKind.YOURS, resources=("home",)),),
        (Message(MessageKind.PREPARE, by="nfs001"),),
        (PREPARED, PREPARED),
        (PREPARED, Message(MessageKind.SERVED)),
        (PREPARED, Message(MessageKind.YOURS)),
        (PREPARED, Message(MessageKind.YOURS, resources=("home", "mail"))),
        (PREPARED, Message(MessageKind.YOURS, resources=("home",))),
        (
            Message(MessageKind.PREPARE, by="nfs001", resources=("mail",)),
            Message(MessageKind.YOURS, resources=("mail",)),
        ),
    ],
)
def test_what_is_not_given_away_properly_is_not_taken(pair: InstalledPair, said: tuple[Message, ...]) -> None:
    """The last but one says "yours" properly, and is still MASTER and primary."""

    def talk(context: Context) -> None:
        assert context.peer is not None
        line = context.peer.talk((context.config.failover.peer_hastwatch, SUBCOMMAND))
        for message in said:
            line.say(message)
            context.timing.sleep(2)

    pair.begins(pair.active, talk)
    pair.passes(40)
    assert pair.serves(pair.active) and pair.rests(pair.standby) and pair.sound, pair.story()
    assert unlocked(pair, pair.standby) and not pair.clients.outages()


@pytest.mark.parametrize("words", [(), ("10.1.101.5", "nobody"), ("x", "10.1.101.9,1"), ("10.1.101.5", "10.1.101.9,0")])
def test_clients_that_are_none_are_not_noted_and_keep_nothing_up(pair: InstalledPair, words: tuple[str, ...]) -> None:

    def talk(context: Context) -> None:
        assert context.peer is not None
        line = context.peer.talk((context.config.failover.peer_hastwatch, SUBCOMMAND))
        line.say(PREPARED)
        context.timing.sleep(2)
        line.say(Message(MessageKind.YOURS, resources=("home",), clients=(words,)))
        context.timing.sleep(2)

    pair.begins(pair.active, talk)
    pair.passes(40)
    results = [entry.result for entry in pair.entries(pair.standby, "take-over")]
    assert "not all clients of the other node are noted" in results[0] and "has not come" in results[1]
    assert not known_clients.read(pair.store(pair.standby))


# --- what it costs ---------------------------------------------------------------------------------------------------

GOES_DOWN, COMES_UP = 4, 6
"""The most processes that may be started between the first step and "yours", and from there until clients are served
and woken; a Python or an ssh is none of them."""


@pytest.mark.parametrize("begins", BEGINS)
def test_few_processes_are_started_between_the_event_and_the_service(pair: InstalledPair, begins: str) -> None:
    BEGINS[begins](pair)
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promoted")), 30), pair.story()
    pair.passes(1)
    (given,), (taken,) = pair.entries(pair.active, "handover"), pair.entries(pair.standby, "take-over")
    assert given.processes is not None and 0 < given.processes <= GOES_DOWN, pair.story()
    assert taken.processes is not None and 0 < taken.processes <= COMES_UP, pair.story()


def test_the_journal_has_the_processes_of_each_step_on_both_nodes(pair: InstalledPair) -> None:
    task = pair.moves()
    assert pair.until(lambda: task.done, 30)
    there = {entry.step: entry.processes for entry in pair.entries(pair.standby, "step")}
    assert there["mount home"] == 1 and all(number is not None for number in there.values())
    assert {entry.step: entry.processes for entry in pair.entries(pair.active, "there")} == there
    assert any("2 processes)" in entry.sentence() for entry in pair.entries(pair.standby, "step"))
