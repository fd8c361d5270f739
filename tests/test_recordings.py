"""Every installed check, as an engine would start it, against every recording: whole output and exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.expected import RECORDINGS, Block, checks, expected_file, nodes, read, run, script, written

NODES = nodes()
RECORDED = [node for node in NODES if not node.parent.name.startswith("made-")]
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def named(node: Path) -> str:
    """`healthy/nfs001`."""
    return f"{node.parent.name}/{node.name}"


def blocks() -> Iterator[object]:
    """What is expected of all recordings; the first block of each check and status is quick."""
    titles = set()
    for node in NODES:
        for block in read(expected_file(node)) if expected_file(node).exists() else ():
            kind = (block.command.split()[0], block.status)
            marks = [pytest.mark.slow] if kind in titles else []
            yield pytest.param(node, block, id=f"{named(node)}: {block.command}", marks=marks)
            titles.add(kind)


@pytest.mark.slow
@pytest.mark.parametrize(("node", "block"), list(blocks()))
def test_a_check_says_of_a_recording_what_is_expected(node: Path, block: Block) -> None:
    assert run(node, block.command) == block, f"if this is what it has to say: python tests/expected.py {named(node)}"


@pytest.mark.parametrize("node", RECORDED, ids=named)
def test_every_check_is_expected_to_say_something_of_a_recorded_node(node: Path) -> None:
    expected = {block.command.split()[0] for block in read(expected_file(node))}
    assert expected == set(checks())


@pytest.mark.parametrize("node", NODES, ids=named)
def test_an_expected_file_is_in_order(node: Path) -> None:
    blocks = read(expected_file(node))
    assert blocks
    assert expected_file(node).read_text() == written(blocks)
    for block in blocks:
        assert f" {STATES[block.status]} - " in block.output.partition("\n")[0]
        assert str(RECORDINGS) not in block.output


def test_no_expected_file_is_left_of_a_recording_that_is_gone() -> None:
    assert set(RECORDINGS.glob("*/*.expected")) == {expected_file(node) for node in NODES}


def test_each_check_says_ok_warning_critical_and_unknown_or_has_no_recording_for_it() -> None:
    """The recordings are worth something only while each check is seen good, bad, and unable to look."""
    states: dict[str, set[int]] = {name: set() for name in checks()}
    for node in NODES:
        for block in read(expected_file(node)):
            states[block.command.split()[0]].add(block.status)
    assert {name for name, statuses in states.items() if not {0, 2, 3} <= statuses} == set()


@pytest.mark.parametrize("name", checks())
def test_the_command_is_installed(name: str) -> None:
    assert script(name).exists()
