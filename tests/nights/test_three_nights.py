"""Three nights are got through by typing only what monitoring and the commands that it names print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simulator.account.writes import LossCause
from tests.failover.installed_pair import state_directory
from tests.nights import page
from tests.nights.instructions import Instruction, Kind, instructions, steps
from tests.nights.nights import FILE, NIGHTS, Morning, Night, played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operation" / "three-nights.md"


@pytest.fixture(scope="module")
def mornings() -> Iterator[dict[str, Morning]]:
    """What came of each night."""
    with ExitStack() as stack:
        yield {name: played(night, stack.enter_context(state_directory())) for name, night in NIGHTS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NIGHTS)
def test_a_night_ends_well_by_typing_only_what_is_printed(mornings: dict[str, Morning], name: str) -> None:
    morning = mornings[name]
    pair = morning.pair
    assert morning.all_is_well, [entry.what for entry in morning.administrator.story]
    assert [pair.serves(node) for node in pair.pair.nodes.values()].count(True) == 1, pair.story()
    assert not pair.pair.hook_errors
    account = pair.clients.account(morning.salvage)
    lost = {loss.cause for loss in account.losses if len(loss.kept) < len(loss.numbers)}
    assert lost <= NIGHTS[name].causes and LossCause.STEPS not in {loss.cause for loss in account.losses}


@pytest.mark.slow
def test_the_file_of_the_copy_that_was_given_up_is_given_back(mornings: dict[str, Morning]) -> None:
    pair = mornings["cut"].pair
    server = next(node for node in pair.pair.nodes.values() if pair.serves(node))
    files = server.filesystems.mounts["/hast/home"].files
    assert [file.text for name, file in files.items() if name.startswith(FILE)] == ["the only copy\n"]


@pytest.mark.slow
def test_the_page_tells_the_nights_as_they_are_played(mornings: dict[str, Morning]) -> None:
    told, shown = without_times(page.page(mornings)), without_times(PAGE.read_text())
    assert told == shown, "run: python -m tests.nights.page >docs/operation/three-nights.md"


def without_times(text: str) -> list[str]:
    """The words, but for what another second makes other: numbers with their units, and how often progress is told."""
    lines = [line for line in text.splitlines() if " copied, " not in line]
    return re.sub(r"\d[\d.:]*( (h|min|s|[KM]?i?B)(?![a-z])( \d+ (min|s)\b)?)?", "N", "\n".join(lines)).split()


@pytest.mark.slow
def test_a_night_in_which_nothing_that_is_printed_helps_does_not_end_well(state: Path) -> None:
    """The test of the test: a full file system takes somebody who knows what may go."""
    assert not played(Night("", "", lambda pair: pair.breaks("disk-full", "nfs001")), state).all_is_well


def test_an_action_is_followed_in_its_order_and_what_it_forbids_is_not_typed() -> None:
    action = "on nfs002: `dmesg`: replace a broken disk first; then `hastwatch recover home`; run no `hastctl create`"
    assert list(instructions(action)) == [
        Instruction(Kind.TYPE, "nfs002", "dmesg"),
        Instruction(Kind.NEW_DISK, "nfs002"),
        Instruction(Kind.TYPE, "nfs002", "hastwatch recover home"),
    ]
    assert list(instructions("nothing: it ends within 60 s")) == [Instruction(Kind.WAIT, "", "60")]
    assert list(instructions("if nfs001 is down, boot it")) == [Instruction(Kind.BOOT, "nfs001")]


def test_the_steps_of_a_runbook_are_its_blocks_and_what_stands_in_its_lines() -> None:
    first, second = steps(
        "## What to do\n\n1. On one node:\n\n       sysctl a=0\n\n2. `hastwatch status`; `ok`.\n\n## How"
    )
    assert first.does == (Instruction(Kind.TYPE, "", "sysctl a=0"),)
    assert second.does == (Instruction(Kind.TYPE, "", "hastwatch status"),)
