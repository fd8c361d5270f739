"""`hastwatch verify` on a simulated pair in service: what differs is found, and what is being written is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from checks.probes.errors import ProbeError
from checks.probes.verified import Verification
from checks.verified import said
from remediate.failover.pair_checks import run_checks
from remediate.failover.pair_status import look
from remediate.failover.status_rules import verdict
from remediate.state import verifications
from remediate.subcommands.status_page import page
from remediate.verification.asking import READS, ComparisonRefused
from remediate.verification.results import proven_wrong
from remediate.verification.verify import VerificationProgress, VerificationStopped, verify
from simulator.account.accounting import disk_of
from simulator.account.writes import Part, WritePiece
from simulator.clock import Completion, Steps
from simulator.dying import Killed, KillPoint
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Disk
from simulator.hastd.replication import PrimaryWorker
from simulator.layout import ResourceLayout
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

HOME = "home"
EXTENTS = 128
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
RATE = 64 << 20
"""A run takes some seconds then, in which clients write."""


def flip(disk: Disk, *numbers: int) -> None:
    """Bits flip in these extents, and nothing tells."""
    for number in numbers:
        disk.flip(number, 1)


def compares(
    pair: InstalledPair, node: Node | None = None, rate: int | None = None, stopped: Callable[[], str] = lambda: ""
) -> Verification:
    """`hastwatch verify` on a node, the active one unless another is named."""
    return pair.does(
        node or pair.active, lambda context: verify(context, HOME, "test", rate, lambda done: None, stopped)
    )


def writes(pair: InstalledPair, numbers: Sequence[int], every: float) -> None:
    """From now on somebody writes to these extents of the device, one after the other, over and over."""
    worker = pair.active.hastd.resources[HOME].worker
    assert isinstance(worker, PrimaryWorker)

    def writing() -> Steps[None]:
        for count, number in enumerate(itertools.cycle(numbers)):
            pieces = frozenset({WritePiece(2_000_000 + count, Part.CONTENT)})
            worker.write(DeviceWrite(number, pieces), Completion())
            yield every

    pair.pair.clock.start(writing())


def differing(pair: InstalledPair) -> tuple[int, ...]:
    """The extents that differ, as the disks have them."""
    here, there = (disk_of(node, HOME) for node in pair.pair.nodes.values())
    return tuple(number for number in range(EXTENTS) if here.differs(there, number))


@pytest.mark.quick
def test_copies_that_are_equal_are_found_equal_while_clients_write(pair: InstalledPair) -> None:
    run = compares(pair, rate=RATE)
    assert run.equal and run.extents == EXTENTS and run.differ == 0
    assert run.ended - run.began > 3 and pair.sound
    assert said(run) == "128 extents compared, all equal"


def test_an_extent_that_differs_is_found_and_both_nodes_know(pair: InstalledPair) -> None:
    flip(disk_of(pair.standby, HOME), 7, 90)
    run = compares(pair)
    assert run.numbers == (7, 90) and run.differ == 2 and not run.wrong
    assert "2 extents of 128 differ: 7, 90; which copy is wrong is not known" in said(run)
    for node in pair.pair.nodes.values():
        (runs,) = verifications.runs(pair.store(node), HOME)
        assert runs == run._replace(began=float(int(run.began)), ended=float(int(run.ended)))
    assert "differ" in pair.told_once(pair.active, "2 extents of 128 differ", "verify").result


@settings(max_examples=8, deadline=None, phases=NO_SHRINKING)
@given(
    replication=st.sampled_from(["fullsync", "memsync", "async"]),
    wrong=st.frozensets(st.integers(0, EXTENTS - 1), max_size=8),
    written=st.lists(st.integers(0, EXTENTS - 1), min_size=1, max_size=20, unique=True),
    every=st.floats(0.3, 2.0),
    on_standby=st.booleans(),
)
def test_exactly_the_extents_that_differ_are_found_and_none_that_is_being_written(
    replication: str, wrong: frozenset[int], written: list[int], every: float, on_standby: bool
) -> None:
    """With memsync and async a write is on one disk 0.1 and 0.2 s before it is on the other."""
    with state_directory() as state:
        pair = installed_pair(state, resources=(ResourceLayout(replication=replication),))
        flip(disk_of(pair.standby if on_standby else pair.active, HOME), *wrong)
        writes(pair, written, every)
        run = compares(pair, rate=RATE)
        assert set(run.numbers) <= wrong and wrong - set(run.numbers) <= set(written), pair.story()
        assert run.undecided == len(wrong) - run.differ and pair.sound


def test_an_extent_that_is_written_all_the_time_is_no_difference(state: Path) -> None:
    """Nor are those beside it left out because the pair is never quite at rest."""
    pair = installed_pair(state, resources=(ResourceLayout(replication="async"),))
    flip(disk_of(pair.standby, HOME), 50)
    writes(pair, [3], 0.4)
    run = compares(pair, rate=RATE)
    assert run.numbers == (50,) and run.undecided in (0, 1)
    assert run.undecided == 0 or "1 extent not compared" in said(run)


def test_extents_that_a_disk_cannot_read_are_told_with_their_node(pair: InstalledPair) -> None:
    disk_of(pair.standby, HOME).bad_reads[60] = 1
    disk_of(pair.active, HOME).bad_reads[61] = 1
    run = compares(pair)
    assert run.numbers == (60, 61) and run.unread == (("nfs001", 1), ("nfs002", 1))


@pytest.mark.quick
def test_a_copy_is_the_wrong_one_where_it_cannot_be_read_in_all_that_differs(pair: InstalledPair) -> None:
    disk_of(pair.standby, HOME).bad_reads.update({60: 1, 61: 1})
    run = compares(pair)
    assert run.wrong == "nfs002 cannot read 2 extents, and no other one differs: its copy is the wrong one"
    assert run.wrong_node == "nfs002" and run.numbers == (60, 61)
    flip(disk_of(pair.active, HOME), 7)
    run = compares(pair)
    assert run.numbers == (7, 60, 61) and not run.wrong and not run.wrong_node


def test_a_copy_is_not_proven_wrong_beside_one_on_which_a_write_has_failed() -> None:
    run = Verification(0.0, 1.0, "nfs001", EXTENTS, 2 << 20, 1, 0, (60,), (("nfs002", 1),))
    assert proven_wrong(run)[0] == "nfs002"
    assert proven_wrong(run._replace(signs=(("nfs002", "has counted 1 failed write"),)))[0] == "nfs002"
    assert proven_wrong(run._replace(signs=(("nfs001", "has counted 1 failed write"),))) == ("", "")
    assert proven_wrong(run._replace(undecided=1)) == ("", "")
    assert proven_wrong(run._replace(unread=(("nfs001", 1), ("nfs002", 1)))) == ("", "")
    assert proven_wrong(run._replace(differ=0, numbers=(), unread=())) == ("", "")


def test_failed_writes_are_told_and_prove_no_copy_to_be_the_wrong_one(pair: InstalledPair) -> None:
    disk = disk_of(pair.standby, HOME)
    for number in range(EXTENTS):
        disk.bad_writes[number] = 1
    pair.passes(20)
    disk.bad_writes.clear()
    expected = differing(pair)
    run = compares(pair)
    assert expected and run.numbers == expected
    ((node, sign),) = run.signs
    assert node == "nfs002" and sign.startswith("has counted ") and sign.endswith(("failed write", "failed writes"))
    assert not run.wrong and not run.wrong_node and f"nfs002 {sign}; which copy is wrong is not known" in said(run)


def test_a_failed_write_that_no_worker_counts_any_more_is_known_by_the_ledger(pair: InstalledPair) -> None:
    pair.looks_every_minute(pair.standby)
    pair.breaks("disk-fails-writes", "nfs002")
    pair.passes(130)
    pair.breaks("disk-ok", "nfs002")
    pair.breaks("cut-replication")
    pair.passes(60)
    pair.breaks("heal")
    pair.passes(60)
    flip(disk_of(pair.standby, HOME), 100)  # what failed was written and copied again meanwhile
    run = compares(pair)
    assert run.numbers == (100,) and not run.wrong
    assert run.signs == (("nfs002", "knows that a write has failed on its disk"),)


# --- refused ----------------------------------------------------------------------------------------------------------


def without_connection(pair: InstalledPair) -> None:
    """The replication is cut, and both nodes have found that out."""
    pair.breaks("cut-replication")
    pair.passes(60)


def synchronising(pair: InstalledPair) -> None:
    """Everything has to be copied to a new disk."""
    worker = pair.active.hastd.resources[HOME].worker
    assert isinstance(worker, PrimaryWorker)
    worker.dirty.add(5)


def old_peer(pair: InstalledPair) -> None:
    """hastwatch there is older."""
    pair.standby.session = None


def other_extents(pair: InstalledPair) -> None:
    """The disks were created with extents of other sizes."""
    disk = disk_of(pair.standby, HOME)
    assert disk.metadata is not None
    disk.metadata = replace(disk.metadata, extentsize=1 << 20)


def other_disk(pair: InstalledPair) -> None:
    """The disks are no copies of the same."""
    disk = disk_of(pair.standby, HOME)
    assert disk.metadata is not None
    disk.metadata = replace(disk.metadata, resuid=5)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (without_connection, "not connected"), (synchronising, "is being synchronised"), (old_peer, "does not read"),
        (other_extents, "other extents"), (other_disk, "resource IDs differ"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(
    pair: InstalledPair, breaks: Callable[[InstalledPair], None], says: str
) -> None:
    breaks(pair)
    with pytest.raises(ComparisonRefused, match=says):
        compares(pair)
    assert not verifications.runs(pair.store(pair.active), HOME)


def test_a_peer_that_cannot_be_asked_is_an_error_and_no_result(pair: InstalledPair) -> None:
    pair.breaks("cut-management")
    with pytest.raises(ProbeError):
        compares(pair)


def test_only_the_primary_compares(pair: InstalledPair) -> None:
    with pytest.raises(ComparisonRefused, match="secondary on nfs002, not primary"):
        compares(pair, pair.standby)


# --- stopped ----------------------------------------------------------------------------------------------------------


def stops_after(pair: InstalledPair, seconds: float) -> Callable[[], str]:
    """A signal comes after so long."""
    ends = pair.pair.clock.now + seconds
    return lambda: "interrupted by SIGTERM" if pair.pair.clock.now > ends else ""


def test_a_run_that_is_interrupted_goes_on_where_it_was(pair: InstalledPair) -> None:
    flip(disk_of(pair.standby, HOME), 2, 120)
    with pytest.raises(VerificationStopped) as stopped:
        compares(pair, rate=RATE, stopped=stops_after(pair, 4))
    assert 0 < stopped.value.done < EXTENTS and str(stopped.value) == "interrupted by SIGTERM"
    shown: list[VerificationProgress] = []
    run = pair.does(pair.active, lambda context: verify(context, HOME, "test", RATE, shown.append))
    assert shown[0].done - stopped.value.done == 16  # the next batch
    assert run.numbers == (2, 120) and run.ended - run.began > 4
    assert verifications.begun(pair.store(pair.active), HOME, (), pair.active.now) is None


def test_a_peer_that_is_lost_midway_stops_it_and_it_goes_on_when_it_is_back(pair: InstalledPair) -> None:
    task = pair.begins(pair.active, lambda context: verify(context, HOME, "test", RATE))
    pair.passes(4)
    pair.standby.power_off()
    pair.passes(READS + 1)
    assert task.done and isinstance(task.error, VerificationStopped) and 0 < task.error.done < EXTENTS
    pair.boots(pair.standby, 120)
    shown: list[VerificationProgress] = []
    run = pair.does(pair.active, lambda context: verify(context, HOME, "test", RATE, shown.append))
    assert shown[0].done > task.error.done and run.equal and pair.sound


def test_a_primary_that_is_no_primary_any_more_stops(pair: InstalledPair) -> None:
    task = pair.begins(pair.active, lambda context: verify(context, HOME, "test", 8 << 20))
    pair.passes(2)
    move = pair.moves()
    pair.pair.clock.wait(move)
    pair.passes(40)
    assert task.done and isinstance(task.error, VerificationStopped) and pair.serves(pair.standby)


def test_what_was_compared_of_another_copy_counts_for_nothing(pair: InstalledPair) -> None:
    with pytest.raises(VerificationStopped):
        compares(pair, rate=RATE, stopped=stops_after(pair, 4))
    for node in pair.pair.nodes.values():
        disk = disk_of(node, HOME)
        assert disk.metadata is not None
        disk.metadata = replace(disk.metadata, resuid=77)
    shown: list[VerificationProgress] = []
    pair.does(pair.active, lambda context: verify(context, HOME, "test", RATE, shown.append))
    assert shown[0].done == 16


def test_two_at_a_time_are_refused(pair: InstalledPair) -> None:
    first = pair.begins(pair.active, lambda context: verify(context, HOME, "test", RATE))
    pair.passes(1)
    with pytest.raises(ComparisonRefused, match="being verified already"):
        compares(pair)
    assert not first.done


@pytest.mark.parametrize("number", range(1, 12))
def test_a_run_that_is_killed_at_any_moment_changes_nothing_and_can_be_run_again(
    pair: InstalledPair, number: int
) -> None:
    flip(disk_of(pair.standby, HOME), 9)
    with pytest.raises(Killed):
        pair.does(pair.active, lambda context: verify(context, HOME, "test"), KillPoint(during_command=number))
    pair.passes(20)
    assert compares(pair).numbers == (9,)


def test_status_shows_what_came_out_on_both_nodes(pair: InstalledPair) -> None:
    before = pair.does(pair.active, look)
    assert not any("verified" in line for line in page(before, verdict(before), 120, False))
    compares(pair)
    equal = pair.does(pair.active, look)
    assert any(
        "verified" in line and "128 extents compared" in line for line in page(equal, verdict(equal), 120, False)
    )
    flip(disk_of(pair.standby, HOME), 3)
    compares(pair)
    status = pair.does(pair.active, look)
    assert {node.name: node.resources[HOME].verified for node in status.nodes if not node.trouble}.keys() == {
        "nfs001", "nfs002",
    }  # fmt: skip
    assert all(node.resources[HOME].verified.differ == 1 for node in status.nodes)  # type: ignore[union-attr]
    judged = verdict(status, pair.does(pair.active, run_checks))
    assert "hast-copies-differ" in {each.finding.reason for each in judged.findings}
