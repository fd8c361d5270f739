"""A write that fails on one side: acknowledged, clean, and not there (freebsd-facts: one-good-write-is-enough)."""

from __future__ import annotations

import re

import pytest

from simulator.account.accounting import disk_of, places, primary_worker, unexplained
from simulator.account.writes import LossCause, Part, WriteFate, WritePiece
from simulator.clock import Completion
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.hastd.component import Command, DeviceWrite
from simulator.layout import ResourceLayout
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair
from tests.simulator.test_data import healthy, take_over

EXTENT = 20
BLOCK = frozenset({WritePiece(7777, Part.CONTENT)})


def errors(node: Node) -> dict[str, int]:
    line = re.search("local errors: (.*)", node.run("hastctl list home").out)
    assert line is not None
    return {name: int(number) for name, number in re.findall(r"(\w+): (\d+)", line[1])}


def ask(pair: Pair, node: Node, request: DeviceWrite) -> bool:
    """A request to the device, and whether it was answered well."""
    outcome: Completion[bool] = Completion()
    node.hastd.device_write("home", request, outcome)
    pair.clock.wait(outcome, 60)
    return bool(outcome.value)


def has(node: Node) -> bool:
    return BLOCK.issubset(disk_of(node, "home").extents.get(EXTENT, set()))


def clean(node: Node) -> bool:
    listed = node.run("hastctl list home").out
    return "dirty: 0 (0B)" in listed and "status: complete" in listed


def handed_over(pair: Pair, first: Node, second: Node) -> None:
    """As documented: a clean unmount while connected, then the roles."""
    for line in ("service nfsd onestop", "service mountd onestop", "umount /hast/home", "hastctl role secondary home"):
        pair.must(first, line)
    take_over(pair, second)


def test_a_write_that_fails_on_the_secondary_is_acknowledged_and_only_its_own_counter_tells() -> None:
    pair, first, second = healthy()
    inflict(pair, "disk-fails-writes", "nfs002")
    assert pair.client().write_now("mail", "x" * 40000).answer is OperationResult.OK
    pair.clock.advance(40)
    assert errors(first)["write"] == 0 and errors(second)["write"] > 0
    assert clean(first) and clean(second)
    assert "hard error" not in first.files.read("/var/log/messages")
    assert "vtbd1: hard error cmd=write" in second.files.read("/var/log/messages")


def test_a_secondary_that_cannot_clear_its_map_counts_each_write_twice() -> None:
    """Recorded: 22 writes, 44 errors."""
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    inflict(pair, "heal")
    pair.clock.advance(30)
    before = second.hastd.resources["home"].worker
    assert before is not None
    pair.nodes["nfs002"].processes.signal(before.process, 9)
    pair.clock.advance(40)
    inflict(pair, "disk-fails-writes", "nfs002")
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    listed = second.run("hastctl list home").out
    assert "writes: 1\n" in listed and errors(second)["write"] == 2


def test_a_new_connection_resets_the_counters_copies_nothing_and_the_old_block_is_served() -> None:
    """The whole story of freebsd-facts: one-good-write-is-enough."""
    pair, first, second = healthy()
    inflict(pair, "disk-fails-writes", "nfs002", "home", "5")
    assert pair.client().write_now("mail", "x" * 40000).answer is OperationResult.OK
    pair.clock.advance(40)
    inflict(pair, "cut-replication")
    pair.clock.advance(40)
    inflict(pair, "heal")
    pair.clock.advance(40)
    assert errors(first)["write"] == errors(second)["write"] == 0
    assert clean(first) and clean(second) and unexplained(pair, "home") == set()
    assert [each.fate for each in places(pair, "home")] == [WriteFate.SERVED]
    handed_over(pair, first, second)
    assert [(each.fate, each.cause) for each in places(pair, "home")] == [(WriteFate.STRANDED, LossCause.DAMAGE)]


def test_a_primary_whose_own_disk_failed_a_write_reads_the_old_block_back() -> None:
    pair, first, second = healthy()
    inflict(pair, "disk-fails-writes", "nfs001", "home", "5")
    assert pair.client().write_now("mail", "x" * 40000).answer is OperationResult.OK
    pair.clock.advance(40)
    assert errors(first)["write"] > 0 and errors(second)["write"] == 0 and clean(first)
    assert [(each.fate, each.cause) for each in places(pair, "home")] == [(WriteFate.STRANDED, LossCause.DAMAGE)]
    handed_over(pair, first, second)
    assert [each.fate for each in places(pair, "home")] == [WriteFate.SERVED]


def test_a_write_that_fails_on_both_sides_is_an_error_and_stays_dirty_until_the_worker_ends() -> None:
    pair, first, second = healthy()
    for node in pair.nodes:
        inflict(pair, "disk-fails-writes", node)
    assert not ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    for node in pair.nodes:
        inflict(pair, "disk-ok", node)
    pair.clock.advance(40)
    assert errors(first)["write"] == 1 and errors(second)["write"] >= 1
    assert "dirty: 2097152 (2.0MB)" in first.run("hastctl list home").out
    inflict(pair, "kill", "nfs001", "worker")
    pair.clock.advance(40)
    assert clean(first) and not has(first) and not has(second)


def test_without_the_peer_a_failed_write_is_an_error_at_once() -> None:
    pair, first, _ = healthy()
    inflict(pair, "power-off", "nfs002")
    pair.clock.advance(40)
    inflict(pair, "disk-fails-writes", "nfs001")
    assert not ask(pair, first, DeviceWrite(EXTENT, BLOCK))


@pytest.mark.parametrize("mode", ["fullsync", "memsync", "async"])
def test_in_every_mode_one_side_is_enough(mode: str) -> None:
    pair, first, second = healthy(resources=(ResourceLayout(replication=mode),))
    inflict(pair, "disk-fails-writes", "nfs001")
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    pair.clock.advance(5)
    assert not has(first) and has(second) and clean(first) and errors(first)["write"] == 1


def test_memsync_acknowledges_what_then_fails_on_both_sides_and_fullsync_does_not() -> None:
    for mode, acknowledged in (("memsync", True), ("fullsync", False), ("async", False)):
        pair, first, second = healthy(resources=(ResourceLayout(replication=mode),))
        for node in pair.nodes:
            inflict(pair, "disk-fails-writes", node)
        assert ask(pair, first, DeviceWrite(EXTENT, BLOCK)) is acknowledged
        pair.clock.advance(5)
        assert not has(first) and not has(second)


def test_a_delete_that_fails_on_one_side_leaves_its_block_there_and_the_map_clean() -> None:
    pair, first, second = healthy()
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    inflict(pair, "disk-fails-writes", "nfs002")
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK, command=Command.DELETE))
    assert not has(first) and has(second)
    assert errors(second)["delete"] == 1 and errors(first)["delete"] == 0
    assert "hard error cmd=delete" in second.files.read("/var/log/messages")


def test_a_delete_while_the_peer_is_away_is_never_made_up_for() -> None:
    """Only writes are entered in the map (primary.c, ggate_recv_thread())."""
    pair, first, second = healthy()
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK, command=Command.DELETE))
    inflict(pair, "heal")
    pair.clock.advance(60)
    assert clean(first) and not has(first) and has(second)


@pytest.mark.parametrize("command", [Command.DELETE, Command.FLUSH])
def test_what_a_disk_does_not_know_is_counted_as_an_error_each_time_and_logged_by_nobody(command: Command) -> None:
    """EOPNOTSUPP (secondary.c, disk_thread(); primary.c, local_send_thread(), hr_localflush)."""
    pair, first, second = healthy()
    disk = disk_of(second, "home")
    disk.takes_deletes = disk.takes_flushes = False
    for _ in range(3):
        assert ask(pair, first, DeviceWrite(EXTENT, command=command))
    listed = second.run("hastctl list home").out
    assert errors(second)[command.value] == 3 and f"{'flushes' if command is Command.FLUSH else 'deletes'}: 3" in listed
    assert "hard error" not in second.files.read("/var/log/messages")


def test_a_read_that_fails_here_is_answered_by_the_peer() -> None:
    pair, first, second = healthy()
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    disk_of(first, "home").bad_reads[EXTENT] = 5000
    worker = primary_worker(first, "home")
    assert worker is not None and not worker.read_fails(EXTENT) and worker.read() >= BLOCK
    assert errors(first)["read"] == 1
    disk_of(second, "home").bad_reads[EXTENT] = 5000
    assert worker.read_fails(EXTENT) and not worker.read() >= BLOCK
    assert errors(second)["read"] == 1


@pytest.mark.parametrize("bad", ["reads", "writes"])
def test_what_a_synchronisation_cannot_copy_is_marked_clean_all_the_same(bad: str) -> None:
    """sync_thread(): `Unable to read synchronization data` and `Unable to write …` both go on with the next extent."""
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    if bad == "reads":
        disk_of(first, "home").bad_reads[EXTENT] = 5000
    else:
        disk_of(second, "home").bad_writes[EXTENT] = 5000
    inflict(pair, "heal")
    pair.clock.advance(60)
    assert clean(first) and has(first) and not has(second)
    assert errors(first) == {"read": 0, "write": 0, "delete": 0, "flush": 0}
    assert EXTENT in disk_of(second, "home").damaged


def test_flipped_bits_are_read_without_an_error_and_are_copied_to_the_other_side() -> None:
    pair, first, second = healthy()
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    inflict(pair, "bits-flip", "nfs001", "home", str(EXTENT))
    one, other = disk_of(first, "home"), disk_of(second, "home")
    assert one.differs(other, EXTENT) and not has(first) and has(second)
    worker = primary_worker(first, "home")
    assert worker is not None and not worker.read_fails(EXTENT)
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    assert ask(pair, first, DeviceWrite(EXTENT, frozenset({WritePiece(8888, Part.CONTENT)})))
    inflict(pair, "heal")
    pair.clock.advance(60)
    assert not one.differs(other, EXTENT) and not has(second)


def test_bits_flip_only_where_there_are_some() -> None:
    pair, _, _ = healthy()
    with pytest.raises(FaultError):
        inflict(pair, "bits-flip", "nfs001", "home", "100000")
