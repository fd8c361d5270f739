"""A write that the peer was sent and has not answered when the connection is lost: acknowledged, clean, and not there.

Recorded on 13.2: `dirty: 0` with `localcnt: 1` after a write had timed out.
primary.c: remote_recv_thread() gives it ENOTCONN and calls no activemap_need_sync(); ggate_send_thread() finds the
local write good, calls activemap_write_complete() and acknowledges. remote_send_thread() calls activemap_need_sync()
for what it has not sent yet.
"""

from __future__ import annotations

import pytest

from simulator.account.accounting import (
    PossibleFailure,
    at_risk,
    disk_of,
    places,
    primary_worker,
    served_old,
    unexplained,
)
from simulator.account.writes import LossCause, Part, WriteFate, WritePiece
from simulator.clock import Completion
from simulator.faults.faults import inflict
from simulator.hastd.component import Command, DeviceWrite
from simulator.hastd.metadata import KEEPDIRTY
from simulator.layout import ResourceLayout
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair
from tests.simulator.test_data import healthy
from tests.simulator.test_failed_writes import BLOCK, EXTENT, ask, clean, handed_over, has

MODES = pytest.mark.parametrize("mode", ["fullsync", "memsync", "async"])


def begun(node: Node, request: DeviceWrite) -> Completion[bool]:
    """A request whose answer is not awaited."""
    outcome: Completion[bool] = Completion()
    node.hastd.device_write("home", request, outcome)
    return outcome


def localcnt(node: Node) -> int:
    metadata = disk_of(node, "home").metadata
    assert metadata is not None
    return metadata.localcnt


def flaps(pair: Pair) -> None:
    """The link is gone for longer than HAST waits for an answer, and comes back."""
    inflict(pair, "cut-replication")
    pair.clock.advance(40)
    inflict(pair, "heal")
    pair.clock.advance(40)


def a_block_is_sent_and_not_answered(mode: str = "fullsync") -> tuple[Pair, Node, Node]:
    """The link is cut under a write; afterwards both are connected again."""
    pair, first, second = healthy(resources=(ResourceLayout(replication=mode),))
    inflict(pair, "cut-replication")
    written = begun(first, DeviceWrite(EXTENT, BLOCK))
    pair.clock.advance(40)
    assert written.value is True
    inflict(pair, "heal")
    pair.clock.advance(40)
    return pair, first, second


@MODES
def test_in_every_mode_it_is_acknowledged_and_nothing_copies_it_afterwards(mode: str) -> None:
    pair, first, second = a_block_is_sent_and_not_answered(mode)
    pair.clock.advance(600)
    assert clean(first) and clean(second)
    assert has(first) and not has(second)
    assert EXTENT in disk_of(first, "home").active, "kept dirty"
    assert EXTENT in disk_of(second, "home").damaged and unexplained(pair, "home") == set()


@MODES
def test_what_is_written_after_the_connection_was_lost_is_copied(mode: str) -> None:
    pair, first, second = healthy(resources=(ResourceLayout(replication=mode),))
    inflict(pair, "cut-replication")
    assert ask(pair, first, DeviceWrite(1, frozenset({WritePiece(1, Part.CONTENT)})))
    pair.clock.advance(40)
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    inflict(pair, "heal")
    pair.clock.advance(40)
    assert has(second) and clean(first)


def test_an_asynchronous_write_that_still_waits_to_be_sent_is_copied() -> None:
    pair, first, second = healthy(resources=(ResourceLayout(replication="async"),))
    worker = primary_worker(first, "home")
    assert worker is not None
    assert ask(pair, first, DeviceWrite(EXTENT, BLOCK))
    worker.disconnect()
    pair.clock.advance(40)
    assert has(second) and clean(first)


def test_one_whose_answer_alone_was_lost_is_on_both_disks() -> None:
    pair, first, second = healthy()
    pair.link.cut("nfs002", "nfs001")
    written = begun(first, DeviceWrite(EXTENT, BLOCK))
    pair.clock.advance(40)
    inflict(pair, "heal")
    pair.clock.advance(40)
    assert written.value is True and has(second) and not disk_of(second, "home").damaged


@pytest.mark.parametrize(("command", "counted"), [(Command.WRITE, 1), (Command.DELETE, 0), (Command.FLUSH, 0)])
def test_a_write_alone_raises_localcnt_when_it_is_acknowledged_without_the_peer(command: Command, counted: int) -> None:
    """write_complete() does; a delete or a flush goes straight to G_GATE_CMD_DONE."""
    pair, first, _ = healthy()
    before = localcnt(first)
    inflict(pair, "cut-replication")
    begun(first, DeviceWrite(EXTENT, BLOCK, command=command))
    pair.clock.advance(30)
    assert localcnt(first) - before == counted


def test_a_new_worker_reads_the_map_that_kept_it_and_copies_it() -> None:
    pair, _, second = a_block_is_sent_and_not_answered()
    inflict(pair, "kill", "nfs001", "worker")
    pair.clock.advance(40)
    assert has(second) and not disk_of(second, "home").damaged


def test_a_new_worker_does_not_know_one_that_more_extents_than_are_kept_were_written_after() -> None:
    pair, first, second = a_block_is_sent_and_not_answered()
    for number in range(KEEPDIRTY):
        assert ask(pair, first, DeviceWrite(EXTENT + 1 + number, frozenset({WritePiece(8000 + number, Part.CONTENT)})))
    assert EXTENT not in disk_of(first, "home").active
    inflict(pair, "kill", "nfs001", "worker")
    pair.clock.advance(40)
    assert clean(first) and clean(second) and not has(second)


def test_what_a_worker_kept_the_next_one_does_not_keep_once_it_is_copied() -> None:
    """keepdirty is a list of the worker (activemap.c, keepdirty_add()); the next one begins with an empty one."""
    pair, first, second = a_block_is_sent_and_not_answered()
    inflict(pair, "kill", "nfs001", "worker")
    pair.clock.advance(40)
    assert has(second) and EXTENT not in disk_of(first, "home").active


def test_a_clean_handover_afterwards_overwrites_the_good_block_with_the_old_one() -> None:
    """The new primary merges the map of the old one, and copies from itself (secondary.c and primary.c, init_remote():
    equal counters)."""
    pair, first, second = a_block_is_sent_and_not_answered()
    handed_over(pair, first, second)
    pair.clock.advance(60)
    assert not has(first) and not has(second)


def test_the_account_tells_of_a_clients_write_and_of_a_handover_that_would_lose_it() -> None:
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    waiting = pair.client().write("mail", "x" * 40000)
    pair.clock.advance(60)
    inflict(pair, "heal")
    pair.clock.advance(60)
    assert waiting.value is not None and waiting.value.answer is OperationResult.OK
    assert clean(first) and [each.fate for each in places(pair, "home")] == [WriteFate.SERVED]
    assert [each.cause for each in at_risk(pair, "home", PossibleFailure.CLEAN_HANDOVER)] == [LossCause.DAMAGE]
    assert len(served_old(pair, second, "home")) == 1


def test_an_idle_link_that_flaps_leaves_nothing_behind() -> None:
    pair, first, second = healthy()
    flaps(pair)
    assert not disk_of(second, "home").damaged and clean(first)
