"""The table by which two nodes decide on connection, row by row: as a function, and on the simulated pair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.probes.counters import Relation, relation, wrote_nothing_alone
from checks.probes.hast import parse_dump
from simulator.account.writes import Part, WritePiece
from simulator.hastd.metadata import HandshakeVerdict, Metadata, Role, decide, humanize
from simulator.pair import Pair

SIZE = 268430848

ROWS = [
    # primary (resuid, localcnt, remotecnt), secondary (resuid, localcnt, remotecnt), verdict
    ((7, 0, 0), (0, 0, 0), HandshakeVerdict.FULL_SYNC),
    ((7, 1, 0), (0, 0, 0), HandshakeVerdict.FULL_SYNC),
    ((0, 0, 0), (0, 0, 0), HandshakeVerdict.NOTHING),
    ((7, 0, 0), (8, 0, 0), HandshakeVerdict.RESUID_MISMATCH),
    ((7, 0, 0), (7, 1, 0), HandshakeVerdict.FROM_SECONDARY),
    ((7, 0, 0), (7, 0, 0), HandshakeVerdict.IN_SYNC),
    ((7, 1, 0), (7, 0, 0), HandshakeVerdict.FROM_PRIMARY),
    ((7, 1, 0), (7, 1, 0), HandshakeVerdict.SPLIT_BRAIN),
    ((7, 2, 1), (7, 2, 1), HandshakeVerdict.SPLIT_BRAIN),
    ((7, 0, 0), (7, 1, 2), HandshakeVerdict.SHOULD_NEVER_HAPPEN),
]


def metadata(values: tuple[int, int, int], role: Role) -> Metadata:
    resuid, localcnt, remotecnt = values
    return Metadata(SIZE, resuid=resuid, localcnt=localcnt, remotecnt=remotecnt, prevrole=role)


@pytest.mark.parametrize(("primary", "secondary", "verdict"), ROWS)
def test_the_verdict_on_two_sets_of_counters(
    primary: tuple[int, int, int], secondary: tuple[int, int, int], verdict: HandshakeVerdict
) -> None:
    virgin = primary[0] == 0
    assert decide(metadata(primary, Role.PRIMARY), metadata(secondary, Role.SECONDARY), virgin) is verdict


@pytest.mark.parametrize(("primary", "secondary", "verdict"), ROWS)
def test_the_simulated_pair_does_what_the_table_says(
    primary: tuple[int, int, int], secondary: tuple[int, int, int], verdict: HandshakeVerdict
) -> None:
    pair = Pair()
    pair.power_on()
    first, second = pair.nodes.values()
    mine, theirs = first.disks["/dev/vtbd1"], second.disks["/dev/vtbd1"]
    mine.metadata, theirs.metadata = metadata(primary, Role.PRIMARY), metadata(secondary, Role.PRIMARY)
    on_first, on_second = WritePiece(1000, Part.CONTENT), WritePiece(2000, Part.CONTENT)
    mine.put(5, {on_first})
    theirs.put(6, {on_second})
    mine.active.add(5)
    theirs.active.add(6)
    pair.must(second, "hastctl role secondary home")
    pair.must(first, "hastctl role primary home")
    pair.clock.advance(60)
    status = pair.must(first, "hastctl status home").split("\n")[1].split()[1]
    copied = {"first": on_first in theirs.pieces(), "second": on_second in mine.pieces()}
    log = second.files.read("/var/log/daemon.log")
    assert (status == "degraded") is verdict.refused
    assert ("exitcode=78" in log) is verdict.refused
    if verdict.refused:
        assert copied == {"first": False, "second": False}
        return
    if verdict is HandshakeVerdict.NOTHING:
        return
    assert copied == {
        "first": verdict is not HandshakeVerdict.FROM_SECONDARY,
        "second": verdict is HandshakeVerdict.FROM_SECONDARY,
    }
    assert (on_first in mine.pieces()) is (verdict is not HandshakeVerdict.FROM_SECONDARY)
    assert mine.metadata is not None and theirs.metadata is not None
    assert mine.metadata.localcnt == theirs.metadata.remotecnt
    assert mine.metadata.remotecnt == theirs.metadata.localcnt
    assert mine.metadata.resuid == theirs.metadata.resuid != 0


def test_a_split_brain_is_told_to_the_hooks_of_both_nodes_again_and_again() -> None:
    pair = Pair()
    pair.power_on()
    first, second = pair.nodes.values()
    for node in (first, second):
        node.disks["/dev/vtbd1"].metadata = metadata((7, 1, 0), Role.PRIMARY)
    pair.must(second, "hastctl role secondary home")
    pair.must(first, "hastctl role primary home")
    pair.clock.advance(35)
    nodes = [note.node for note in pair.notes if note.text.startswith("hast split-brain")]
    assert nodes.count("nfs001") >= 3
    assert nodes.count("nfs002") >= 3


def test_a_secondary_leaves_its_metadata_alone_while_it_follows() -> None:
    pair = Pair()
    pair.bring_up()
    second = pair.nodes["nfs002"].disks["/dev/vtbd1"]
    before = second.metadata
    pair.client().write_now("mail")
    pair.clock.advance(60)
    assert second.metadata == before


def test_create_on_a_running_primary_is_undone_by_its_next_write_of_metadata() -> None:
    pair = Pair()
    pair.bring_up()
    first = pair.nodes["nfs001"]
    disk = first.disks["/dev/vtbd1"]
    before = disk.metadata
    pair.must(first, "hastctl create home")
    assert disk.metadata == replace(Metadata(SIZE), prevrole=Role.INIT)
    pair.nodes["nfs002"].run("service hastd restart; hastctl role secondary home")
    pair.clock.advance(60)
    assert disk.metadata == before


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0B"), (4194304, "4.0MB"), (138412032, "132MB"), (268430848, "256MB"), (33549824, "32MB"), (512, "512B")],
)
def test_numbers_are_printed_for_people_as_hastctl_does(number: int, text: str) -> None:
    assert humanize(number) == text


def test_a_primary_that_was_never_connected_writes_alone_without_a_trace_where_its_localcnt_is_not_0() -> None:
    """primary.c, write_complete(): it compares localcnt with what it has not heard yet, which is 0."""
    pair = Pair()
    pair.power_on()
    first, second = pair.nodes.values()
    mine, theirs = first.disks["/dev/vtbd1"], second.disks["/dev/vtbd1"]
    mine.metadata, theirs.metadata = metadata((7, 1, 0), Role.PRIMARY), metadata((7, 0, 1), Role.PRIMARY)
    pair.must(first, "hastctl role primary home")
    pair.clock.advance(30)
    pair.must(first, "newfs -O2 -U -j /dev/hast/home")
    assert first.disks["/dev/vtbd1"].active  # it has written
    alone, other = (parse_dump(pair.must(node, "hastctl dump home"), "home") for node in (first, second))
    assert relation(other, alone) is Relation.IN_SYNC and not wrote_nothing_alone(other, alone)
