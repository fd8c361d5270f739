"""Every check against every recording: whole output and exit status.

Each line is played within the test's process (`played_node.py`); the first of each check and status, and one in ten of
the others, as an engine would start the installed check, too. `python tests/expected.py --check` starts all.
"""

from __future__ import annotations

import shlex
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.expected import RECORDINGS, Block, block_of, checks, expected_file, nodes, played, read, run, script, written
from tests.played_node import look

NODES = nodes()
RECORDED = [node for node in NODES if not node.parent.name.startswith("made-")]
ONE_IN = 10
"""Of so many lines one is played with processes."""
REWRITE = "if this is what it has to say: python tests/expected.py {}"
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def named(node: Path) -> str:
    """`healthy/nfs001`."""
    return f"{node.parent.name}/{node.name}"


BLOCKS = [(node, block) for node in NODES if expected_file(node).exists() for block in read(expected_file(node))]


def titled(node: Path, block: Block) -> str:
    """`healthy/nfs001: check_hast --peer`."""
    return f"{named(node)}: {block.command}"


def started() -> Iterator[object]:
    """The blocks whose check is started as a process. The first one of each check and status is quick."""
    titles = set()
    for node, block in BLOCKS:
        title, kind = titled(node, block), (block.command.split()[0], block.status)
        if kind not in titles:
            yield pytest.param(node, block, id=title)
        elif zlib.crc32(title.encode()) % ONE_IN == 0:
            yield pytest.param(node, block, id=title, marks=pytest.mark.slow)
        titles.add(kind)


@pytest.mark.parametrize(("node", "block"), BLOCKS, ids=[titled(*each) for each in BLOCKS])
def test_a_check_says_of_a_recording_what_is_expected(
    node: Path, block: Block, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    name, *words = shlex.split(block.command)
    status = look(played()[name], node, words, time.time())
    output = capfdbinary.readouterr()
    assert block_of(block.command, output.out + output.err, status) == block, REWRITE.format(named(node))


@pytest.mark.parametrize(("node", "block"), list(started()))
def test_an_installed_check_says_of_a_recording_what_is_expected(node: Path, block: Block) -> None:
    assert run(node, block.command) == block, REWRITE.format(named(node))


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
    states: dict[str, set[int]] = {name: set() for name in played()}
    for node in NODES:
        for block in read(expected_file(node)):
            states[block.command.split()[0]].add(block.status)
    assert {name for name, statuses in states.items() if not {0, 2, 3} <= statuses} == set()


@pytest.mark.parametrize("name", played())
def test_the_command_is_installed(name: str) -> None:
    assert script(name).exists()
