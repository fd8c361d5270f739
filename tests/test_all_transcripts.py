"""All checks over a whole directory of transcripts: whatever a node prints, a check keeps to the plugin's contract.

    HASTWATCH_TRANSCRIPTS=/path/to/transcripts python -m pytest tests/test_all_transcripts.py

The directory holds `STATE/NODE/NAME.txt`, as tests/player.py reads them. Unlike the recordings these folders are not
complete, so what is said of them is not judged here, only that nothing is said to be well that was not looked at.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.expected import Block, checks, run

DIRECTORY = os.environ.get("HASTWATCH_TRANSCRIPTS", "")
pytestmark = pytest.mark.skipif(
    not os.path.isdir(DIRECTORY), reason="HASTWATCH_TRANSCRIPTS does not name a directory of transcripts"
)

CORE = {
    "check_hast": "hastctl list",
    "check_hast_splitbrain": "hastctl dump",
    "check_carp": "ifconfig -a",
    "check_carp_hast": "ifconfig -a",
    "check_devd": "ps -axww -o pid,ppid,command",
    "check_hast_mount": "mount",
}
"""The command without whose answer a check can't find anything well; of a check without a line here, any of those that
it asks ahead (`CheckCommand.questions`)."""
INSTEAD = {"check_hast_splitbrain": "grep -h hastd"}
"""What a check also finds its OK in, where it says in the text that the core was not read."""
SHARES = 4
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
IN_FULL = re.compile(rf"({'|'.join(STATES)}): .+ \[[a-z0-9-]+\]")
"""A finding that the first line shortens, on a line after it."""
NUMBER = r"-?\d+(\.\d+)?"
RANGE = r"(@?(~|-?[\d.]+)?:?(-?[\d.]+)?)?"
PERFDATA = re.compile(
    rf"('[^'=]+'|[^\s'=]+)=({NUMBER})(s|us|ms|%|B|KB|MB|GB|TB|c)?(;{RANGE}(;{RANGE}(;({NUMBER})?(;({NUMBER})?)?)?)?)?"
)


class Ran(NamedTuple):
    """One check on one folder."""

    folder: Path
    block: Block


def folders() -> list[Path]:
    """The node folders of the transcripts; the NFS client of some states is no node of the pair."""
    return sorted(
        {
            path.parent
            for path in Path(DIRECTORY).glob("*/*/*.txt")
            if path.parent.name != "client" and path.parent.parent.name != "files"
        }
    )


def recorded(folder: Path) -> set[str]:
    """The commands that were recorded in a folder, with their answers' exit status below 5."""
    recorded_runs = set()
    for path in folder.glob("*.txt"):
        text = path.read_text(errors="replace")
        if re.search(r"^exit [0-4]\n\Z", text, re.M):
            recorded_runs.add(text.partition("\n")[0].removeprefix("$ "))
    return recorded_runs


@pytest.fixture(scope="module", params=range(SHARES))
def share(request: pytest.FixtureRequest) -> Iterator[list[Path]]:
    """Some of the folders."""
    yield folders()[request.param :: SHARES]


@pytest.mark.parametrize("check", checks())
def test_a_check_keeps_the_contract_of_a_plugin_whatever_was_recorded(check: str, share: list[Path]) -> None:
    title = checks()[check].title
    assert share
    for folder in share:
        broken = list(broken_promises(Ran(folder, run(folder, check)), check, title))
        assert not broken, f"{check} of {folder.parent.name}/{folder.name}: {', '.join(broken)}"


def broken_promises(ran: Ran, check: str, title: str) -> Iterator[str]:
    """What a run does that a plugin must not do."""
    (output, *shortened), status = ran.block.output.split("\n"), ran.block.status
    if status not in range(4):
        yield f"exit status {status}"
        return
    if "Traceback" in ran.block.output:
        yield "a traceback"
    if not output.isprintable():
        yield f"not one line: {output!r}"
    for line in shortened:
        if not (IN_FULL.fullmatch(line) and line.isprintable()):
            yield f"a further line: {line!r}"
    if not output.startswith(f"{title} {STATES[status]} - "):
        yield f"the wrong beginning: {output[:60]!r}"
    text, _, perfdata = output.partition(" | ")
    if not re.search(r" \[[a-z0-9-]+\](;|$)", text):
        yield f"no reason: {text!r}"
    for item in perfdata.replace("_answer=Ns", "_answer=0s").split():
        if not PERFDATA.fullmatch(item):
            yield f"performance data {item!r}"
    if "check-failed" in text:
        yield f"an error of the check itself: {text!r}"
    needed = [*core(check), *filter(None, [INSTEAD.get(check)])]
    if status == 0 and not any(command.startswith(core) for command in recorded(ran.folder) for core in needed):
        yield f"OK without `{needed[0]}`: {text!r}"


def core(check: str) -> list[str]:
    """The beginnings of command lines of which a check needs one."""
    return [CORE[check]] if check in CORE else [question[0] for question in checks()[check].questions]


@pytest.mark.parametrize("check", checks())
def test_every_check_has_a_core_command(check: str) -> None:
    assert core(check)


def test_a_broken_promise_is_noticed(tmp_path: Path) -> None:
    """The test of the test: none of these may pass as a plugin's output."""
    for output, status in (
        ("HAST OK - a: b [in-sync]", 4),
        ("Traceback: HAST OK - a: b [in-sync]", 0),
        ("HAST OK - a: b [in-sync]\nmore", 0),
        ("HAST OK - a: b [in-sync]", 2),
        ("HAST CRITICAL - a: b", 2),
        ("HAST CRITICAL - a: b [x] | dirty=1,5B", 2),
        ("HAST CRITICAL - a: b [x] | a b=1", 2),
        ("HAST UNKNOWN - a: b [check-failed]", 3),
        ("HAST OK - a: b [in-sync]", 0),
    ):
        ran = Ran(tmp_path, Block("check_hast", output, status))
        assert list(broken_promises(ran, "check_hast", "HAST")), output
    (tmp_path / "list.txt").write_text("$ hastctl list\nhome:\nexit 0\n")
    well = Ran(tmp_path, Block("check_hast", "HAST OK - a: b [in-sync] | home_dirty=0B;134217728;;0 x=1c", 0))
    assert not list(broken_promises(well, "check_hast", "HAST"))
