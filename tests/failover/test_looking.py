"""Looking writes nothing, and what would be done is what is done: over states with much to record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from checks.probes.errors import ProbeError
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.doctor import try_hast
from remediate.events import repair
from remediate.events.diagnosis import trouble
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.failover import pair_status
from remediate.failover.converge import ConvergeResult, dry_run, silent
from remediate.failover.errors import StepFailed
from remediate.failover.observe import observe
from remediate.failover.plan import Plan
from remediate.failover.record import record
from remediate.policy import Repair
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.recover import Recovery
from remediate.state import events, failures
from remediate.state.journal import Journal, JournalEntry
from remediate.state.store import StateError, Store
from simulator.node import Node
from tests.failover.installed_pair import TEST, InstalledPair, installed_pair

pytestmark = pytest.mark.slow

REPAIRS = RemediationConfig(repair=Repair()._replace(actions=tuple(remedy.value for remedy in Remedy)))
DEVD_IS_DEAD = ("kill nfs001 devd", "kill nfs002 devd")
"""So nobody acts on what happens then, and a look is the first to find it."""
STATES = {
    "healthy": ((), 1.0),
    "an address that moved": ((*DEVD_IS_DEAD, "demote nfs001"), 20.0),
    "a dead node": ((*DEVD_IS_DEAD, "power-off nfs001"), 30.0),
    "a dead node, and a read-only state": (("state-read-only nfs002", *DEVD_IS_DEAD, "power-off nfs001"), 30.0),
    "a dead node, and a full disk": (("state-full nfs002", *DEVD_IS_DEAD, "power-off nfs001"), 30.0),
    "no replication": (("cut-replication",), 30.0),
    "two masters": ((*DEVD_IS_DEAD, "cut"), 60.0),
    "no hastd": (("kill nfs001 hastd", "kill nfs002 hastd"), 5.0),
    "a hastd that hangs": (("hang nfs002 hastd",), 5.0),
    "a write that failed": (("disk-fails-writes nfs001",), 10.0),
    "no NFS": (("kill nfs001 nfsd",), 5.0),
}  # fmt: skip
FULL = "a dead node, and a full disk"
"""Whether there is room cannot be seen without writing."""


class Shut(Store):
    """A state directory that nobody may write."""

    def __init__(self, store: Store, tried: list[str]) -> None:
        super().__init__(store.directory, store.run)
        self.tried = tried

    def second(self) -> Store | None:
        return Shut(Store(self.run), self.tried) if self.run else None

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        self.tried.append(name)
        yield from ()
        raise AssertionError(f"{name} is written")

    def keep_aside(self, name: str) -> None:
        self.tried.append(name)


class Silent(Journal):
    """A journal that nobody may write."""

    def __init__(self, journal: Journal, tried: list[str]) -> None:
        self.node_name, self.tried = journal.node_name, tried

    def entry(self, event: str, **more: object) -> JournalEntry:
        self.tried.append(event)
        raise AssertionError(f"{event} is journalled")


def looks() -> dict[str, Callable[[Context], object]]:
    calls: dict[str, Callable[[Context], object]] = {
        "observe": observe,
        "dry-run": lambda context: dry_run(context, TEST),
        "status": pair_status.look,
        "doctor": try_hast.refuse,
        "recovery": lambda context: Recovery(context, "home", Keeper(Mode.SALVAGE), silent).look(),
    }
    for remedy in Remedy:
        calls[f"diagnosis {remedy.value}"] = lambda context, asked=remedy: trouble(context, asked)  # type: ignore[misc]
        request = RepairRequest(remedy)
        calls[f"repair {remedy.value}"] = lambda context, asked=request: repair.dry_run(context, asked)  # type: ignore[misc]
    return calls


def broken(state: Path, name: str) -> InstalledPair:
    faults, seconds = STATES[name]
    pair = installed_pair(state, REPAIRS)
    pair.breaks_all(faults)
    pair.passes(seconds)
    return pair


def running(pair: InstalledPair) -> list[Node]:
    return [node for node in (pair.active, pair.standby) if node.on]


@pytest.mark.parametrize("name", STATES)
def test_nothing_that_only_looks_writes_anything(state: Path, name: str) -> None:
    pair = broken(state, name)
    for node in running(pair):
        for _ in range(2):
            failures.note(pair.store(node), "home", node.now, "a test")
        for what, look in looks().items():
            tried: list[str] = []

            def shut(context: Context, tried: list[str] = tried, look: Callable[[Context], object] = look) -> None:
                journal = Silent(context.journal, tried)
                with suppress(StepFailed, ProbeError, StateError):
                    look(context._replace(store=Shut(context.store, tried), journal=journal))

            pair.does(node, shut)
            assert (what, tried) == (what, [])


@pytest.mark.quick
@pytest.mark.parametrize("damaged", [events.NAME, failures.NAME, "home.ledger.json", "hold.json", "repairs.json"])
def test_a_look_leaves_what_it_cannot_read_as_it_is(state: Path, damaged: str) -> None:
    pair = installed_pair(state, REPAIRS)
    directory = Path(pair.store(pair.standby).directory)
    (directory / damaged).write_text("no JSON")
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    for look in looks().values():

        def suppressed(context: Context, look: Callable[[Context], object] = look) -> None:
            with suppress(StepFailed, ProbeError, StateError):
                look(context)

        pair.does(pair.standby, suppressed)
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()} == before


def test_a_look_that_fails_leaves_what_it_saw_of_carp(state: Path) -> None:
    """It proves for how long the other node was MASTER, and may have written alone."""
    pair = installed_pair(state, REPAIRS)
    pair.converges(pair.standby)
    before = events.read(pair.store(pair.standby)).vhids
    pair.breaks("hang-command", "nfs002", "ps")
    pair.passes(60)
    assert pair.converges(pair.standby).result is ConvergeResult.NOT_SEEN
    after = events.read(pair.store(pair.standby)).vhids
    for name, vhid in after.items():
        was = before[name].heard
        assert was is not None and vhid.heard is not None
        assert (vhid.heard.first, vhid.heard.last > was.last + 60) == (was.first, True)


def says(plan: Plan) -> list[tuple[str, str]]:
    steps = ", ".join(map(str, plan.steps)) or "nothing to do"
    return [(name, f"to be {decision.target.value}: {steps}") for name, decision in plan.decisions.items()]


@pytest.mark.parametrize("name", [name for name in STATES if name != FULL])
def test_what_would_be_done_is_what_a_convergence_begins_with(state: Path, name: str) -> None:
    pair = broken(state, name)
    for node in running(pair):
        _, plan = pair.does(node, lambda context: dry_run(context, TEST))
        known = len(pair.entries(node, "plan"))
        outcome = pair.converges(node)
        begun = [(entry.resource, entry.result) for entry in pair.entries(node, "plan")[known:]]
        assert begun[: len(plan.decisions)] == (says(plan) if plan.steps else []), pair.story()
        assert bool(outcome.steps) <= bool(plan.steps)


@pytest.mark.parametrize("name", STATES)
def test_what_was_seen_stays_as_it_is_where_it_can_be_written_down(state: Path, name: str) -> None:
    pair = broken(state, name)
    for node in running(pair):
        observation = pair.does(node, observe)
        recorded = pair.does(node, lambda context, observation=observation: record(context, observation))  # type: ignore[misc]
        if name != FULL:
            assert recorded == observation
        else:
            assert recorded.facts.resources["home"].stale and "No space left" in recorded.facts.unsure
        assert (
            pair.does(node, observe).carp.before.vhids.keys()
            >= ({} if name == FULL else observation.carp.states).keys()
        )
