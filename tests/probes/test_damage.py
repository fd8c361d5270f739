"""What says that a write failed on a copy: hastd's counters and lines of the kernel, as untrusted text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import damage
from checks.probes.damage_record import Damage, RecreationStage
from checks.probes.errors import NotFound, NotUnderstood
from checks.probes.hast import LocalErrorCounters, Resource, parse_list
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from remediate.state.ledger import NOTHING, as_values

DISK = frozenset({"vtbd1", "ada1", "ada1p3", "gpt/hast0"})
KERNEL = "Nov 28 16:21:24 nfs002 kernel: "
SEQUENCE = Path(__file__).with_name("silent-divergence.txt")
"""What the pair printed on which it was seen first: by hand, without hastwatch."""


def failed_in(*lines: str) -> list[damage.FailedWrite]:
    return list(damage.failed_writes(damage.worth_a_look("\n".join(lines)), "home", DISK))


def counted(errors: LocalErrorCounters, deletes: int = 0, flushes: int = 0, idle: int = 255) -> str:
    listed = re.search(r"home:\n.*?idle: 255\n", SEQUENCE.read_text(), re.S)
    assert listed is not None
    one = parse_list(listed[0], "home")
    return damage.by_counters(one._replace(errors=errors, deletes=deletes, flushes=flushes, queues={"idle": idle}))


def recorded() -> list[tuple[str, Resource]]:
    """Each `hastctl list` of the recorded pair, by node, in order."""
    shown = re.findall(r"^\[(nfs00\d) [^]]*\] \$ .*?(?=^\[nfs00\d |\Z)", SEQUENCE.read_text(), re.S | re.M)
    parts = re.split(r"^(?=\[nfs00\d )", SEQUENCE.read_text(), flags=re.M)[1:]
    assert len(parts) == len(shown)
    lists = [(part[1:7], re.search(r"^home:\n(  .*\n)+", part, re.M)) for part in parts]
    return [(node, parse_list(listed[0], "home")) for node, listed in lists if listed is not None]


def test_the_recorded_standby_shows_its_damage_only_until_its_worker_ends() -> None:
    """Real-run silent-divergence: 22 writes, 44 errors, and after a reconnection nothing."""
    sentences = [(node, damage.by_counters(each)) for node, each in recorded()]
    assert [node for node, text in sentences if text] == ["nfs002"]
    assert [text for _, text in sentences if text] == ["hastd counts requests that failed on /dev/vtbd1.nop: write 44"]
    assert [node for node, _ in sentences] == ["nfs001", "nfs002", "nfs001", "nfs002", "nfs001", "nfs002", "nfs002"]


def test_a_read_that_failed_damages_nothing() -> None:
    assert counted(LocalErrorCounters(read=7, write=0, delete=0, flush=0)) == ""


@pytest.mark.parametrize(
    ("failed", "asked", "idle", "damaged"),
    [
        (12, 12, 255, False),  # the disk does not know such requests
        (11, 12, 254, False),  # and one is underway
        (11, 12, 255, True),
        (1, 12, 255, True),
        (13, 12, 255, True),  # the map's own flush failed too
    ],
)
def test_deletes_and_flushes_that_all_fail_are_unknown_to_the_disk(
    failed: int, asked: int, idle: int, damaged: bool
) -> None:
    deletes = counted(LocalErrorCounters(read=0, write=0, delete=failed, flush=0), deletes=asked, idle=idle)
    flushes = counted(LocalErrorCounters(read=0, write=0, delete=0, flush=failed), flushes=asked, idle=idle)
    assert bool(deletes) is bool(flushes) is damaged


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("vtbd1: hard error cmd=write fsbn 440000",), "vtbd1, sector 440000"),
        (("vtbd1: hard error cmd=write 440000-440063",), "vtbd1, sector 440000"),
        (("vtbd1: hard error cmd=flush fsbn 0",), "vtbd1, sector 0"),
        (
            (
                "(ada1:ahcich1:0:0:0): WRITE_FPDMA_QUEUED. ACB: 61 08 00 00 00 40 00 00 00 00 00 00",
                "(ada1:ahcich1:0:0:0): CAM status: ATA Status Error",
                "(ada1:ahcich1:0:0:0): Error 5, Retries exhausted",
            ),
            "ada1, WRITE_FPDMA_QUEUED",
        ),
        (("g_vfs_done():hast/home[WRITE(offset=65536, length=32768)]error = 5",), "hast/home, offset 65536"),
        (("g_vfs_done():hast/home.eli[WRITE(offset=65536, length=32768)]error = 5",), "hast/home.eli, offset 65536"),
        (("GEOM_ELI: g_eli_write_done() failed (error=5) gpt/hast0[WRITE(offset=0, length=512)]",), "gpt/hast0"),
    ],
)
def test_the_kernel_tells_of_a_failed_write(lines: tuple[str, ...], says: str) -> None:
    assert [each.says for each in failed_in(*(KERNEL + line for line in lines))] == [f"the kernel: {says}"]


@pytest.mark.parametrize(
    "lines",
    [
        ("vtbd1: hard error cmd=read fsbn 420000",),
        ("vtbd2: hard error cmd=write fsbn 440000",),
        ("vtbd1: soft error cmd=write fsbn 440000",),
        (
            "(ada1:ahcich1:0:0:0): READ_FPDMA_QUEUED. ACB: 60 08 00 00 00 40 00 00 00 00 00 00",
            "(ada1:ahcich1:0:0:0): Error 5, Retries exhausted",
        ),
        (
            "(ada1:ahcich1:0:0:0): WRITE_FPDMA_QUEUED. ACB: 61 08 00 00 00 40 00 00 00 00 00 00",
            "(ada1:ahcich1:0:0:0): Retrying command, 3 more tries remain",
        ),
        ("g_vfs_done():hast/home[WRITE(offset=65536, length=32768)]error = 6",),  # the device went with its role
        ("g_vfs_done():hast/home2[WRITE(offset=65536, length=32768)]error = 5",),
        ("g_vfs_done():gpt/rootfs[WRITE(offset=65536, length=32768)]error = 5",),
    ],
)
def test_what_is_no_failed_write_of_this_copy_is_not_taken_for_one(lines: tuple[str, ...]) -> None:
    assert not failed_in(*(KERNEL + line for line in lines))


def test_what_a_program_says_under_its_own_name_is_nothing_of_the_kernel() -> None:
    line = "Nov 28 16:21:24 nfs002 mail[77]: vtbd1: hard error cmd=write fsbn 440000"
    assert damage.worth_a_look(line) == [line] and not failed_in(line)


@given(st.text(), st.sampled_from(damage.WORTH_A_LOOK), st.text())
def test_no_line_does_any_harm(before: str, word: str, after: str) -> None:
    lines = damage.worth_a_look(f"{KERNEL}{before}{word}{after}")
    assert len(damage.summary(damage.failed_writes(lines, "home", DISK))) < 1000


def with_ledger(text: str | None) -> Node:
    """A node whose ledger of home has this text; None where it has none."""

    def read(path: str) -> str:
        if text is None or path == "/var/run/hastwatch/home.ledger.json":
            raise NotFound(path)
        assert path == "/var/db/hastwatch/home.ledger.json"
        return text

    node = Node((), Deadline(5), GivenUpCommands(Memory(None)))
    node.reads = read
    return node


@pytest.mark.parametrize(
    ("anew", "says"),
    [
        (RecreationStage.NO, "hastd counts (since 2026-11-22T08:46:35.250Z, not recreated)"),
        (RecreationStage.BLANK, "hastd counts (since 2026-11-22T08:46:35.250Z, recreated)"),
    ],
)
def test_what_the_ledger_says_of_a_failed_write_is_shown(anew: RecreationStage, says: str) -> None:
    ledger = as_values(NOTHING._replace(damage=Damage(1795337195.25, "hastd counts", anew, 0.0)))
    assert damage.written_down(with_ledger(json.dumps(ledger)), "home") == says


@pytest.mark.parametrize("text", [None, '{"version": 1}', '{"version": 1, "damage": null}'])
def test_a_ledger_that_says_nothing_of_a_failed_write_proves_nothing(text: str | None) -> None:
    assert damage.written_down(with_ledger(text), "home") == ""


@pytest.mark.parametrize("text", ["", "[]", '{"damage": 1}', '{"damage": {"at": "x", "says": "", "anew": "no"}}'])
def test_a_damaged_ledger_is_no_undamaged_copy(text: str) -> None:
    with pytest.raises(NotUnderstood, match="the ledger of home"):
        damage.written_down(with_ledger(text), "home")
