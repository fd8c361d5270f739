"""How a command line reaches a node, and what the exit statuses of the way mean."""

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import hast
from checks.probes.errors import (
    CommandFailed,
    Hangs,
    NotFound,
    NotPermitted,
    NotUnderstood,
    OutOfTime,
    ToolMissing,
    Unreachable,
)
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node, quoted
from checks.probes.state_cache import Memory


def node(tmp_path: Path, code: str) -> Node:
    """A node behind a prefix that runs `code`, with the command line in `line`."""
    script = tmp_path / "way"
    script.write_text(f"import sys\nline = sys.argv[-1]\n{code}\n")
    via = (sys.executable, "-I", "-S", str(script))
    return Node(via, Deadline(30), GivenUpCommands(Memory(str(tmp_path / "state"))))


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), min_size=1, max_size=5))
def test_any_words_survive_a_shell(words: list[str]) -> None:
    assert shlex.split(quoted(tuple(words))) == words


def test_the_command_line_arrives_as_one_argument_with_an_absolute_path_and_the_c_locale(tmp_path: Path) -> None:
    shown = node(tmp_path, "print(len(sys.argv), line)").run("hastctl", "list", "a b").stdout
    assert shown == "2 /usr/bin/env LC_ALL=C /sbin/hastctl list 'a b'\n"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("print('sh: hastctl: not found', file=sys.stderr); sys.exit(127)", ToolMissing),
        ("sys.exit(126)", NotPermitted),
        ("print('sudo: a password is required', file=sys.stderr); sys.exit(1)", NotPermitted),
        ("print('doas: Operation not permitted', file=sys.stderr); sys.exit(1)", NotPermitted),
        ("print('doas: Authentication required', file=sys.stderr); sys.exit(1)", NotPermitted),
        ("print('ssh: connect to host nfs002: Operation timed out', file=sys.stderr); sys.exit(255)", Unreachable),
    ],
)
def test_a_way_that_fails_is_not_taken_for_an_answer(tmp_path: Path, code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        node(tmp_path, code).run("hastctl", "list", "home")


def test_a_program_that_is_missing_names_its_package(tmp_path: Path) -> None:
    code = "print('sh: hastctl: not found', file=sys.stderr); sys.exit(127)"
    with pytest.raises(ToolMissing, match="`pkg install FreeBSD-hast`"):
        node(tmp_path, code).run("hastctl", "list", "home")


def test_hastctls_own_exit_status_255_is_an_answer(tmp_path: Path) -> None:
    code = "print('[ERROR] Unable to read metadata from /dev/ada1: No.', file=sys.stderr); sys.exit(255)"
    assert node(tmp_path, code).run("hastctl", "dump", "home").status == 255


@pytest.mark.parametrize(
    ("words", "error"), [("No such file or directory", NotFound), ("Permission denied", NotPermitted)]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, words: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        node(tmp_path, f"print('cat: /x: {words}', file=sys.stderr); sys.exit(1)").read("/x")


def test_the_name_is_the_host_name_up_to_the_first_dot(tmp_path: Path) -> None:
    assert node(tmp_path, "print('nfs001.example.org')").name == "nfs001"


def test_a_host_name_of_several_words_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood):
        _ = node(tmp_path, "print('Last login: today')").name


def test_a_node_that_was_not_reached_once_is_not_asked_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    lost = node(tmp_path, f"open({str(count)!r}, 'a').write('x'); sys.exit(255)")
    for _ in range(3):
        with pytest.raises(Unreachable):
            lost.run("mount")
    assert lost.label == "way"
    assert count.read_text() == "x"


def test_a_command_cut_off_by_the_end_of_the_check_does_not_count_as_hanging(tmp_path: Path) -> None:
    slow = node(tmp_path, "import time; time.sleep(60)")
    slow.deadline = Deadline(10)
    slow.deadline.ends -= 9.2
    with pytest.raises(OutOfTime, match="cut off"):
        slow.run("mount")
    slow.deadline.ends -= 9
    with pytest.raises(OutOfTime, match="has passed"):
        slow.run("mount")


def test_a_way_that_hangs_is_tried_once(tmp_path: Path) -> None:
    hanging = node(tmp_path, "import time; time.sleep(60)")
    hanging.deadline = Deadline(1)
    assert hanging.label == "way"
    with pytest.raises(Hangs, match="`hostname` timed out"):
        hanging.run("mount")
    assert len(hanging.log) == 1


def test_a_prefix_without_a_path_is_looked_for_where_rc_looks() -> None:
    node = Node(("sh", "-c"), Deadline(30), GivenUpCommands(Memory("/nonexistent")))
    assert node.via[0] in ("/bin/sh", "/usr/bin/sh")
    with pytest.raises(ToolMissing):
        Node(("no-such-program-anywhere",), Deadline(30), GivenUpCommands(Memory("/nonexistent")))


def test_every_command_is_kept_as_evidence(tmp_path: Path) -> None:
    asked = node(tmp_path, "sys.exit(127)")
    with pytest.raises(ToolMissing):
        asked.run("mount")
    assert len(asked.log) == 2


def test_a_command_line_in_a_message_is_the_command_and_not_what_brought_it_there(tmp_path: Path) -> None:
    failing = node(tmp_path, "print('[ERROR] out of order.', file=sys.stderr); sys.exit(64)")
    assert failing.run("hastctl", "list", "home").argv == ("hastctl", "list", "home")
    with pytest.raises(CommandFailed, match=r"^`hastctl list home` exits with 64: out of order\.$"):
        hast.resource(failing, "home")
    done = failing.execute(("/sbin/route", "-n", "add"), failing.deadline.ends, "route")
    assert done.argv == ("/sbin/route", "-n", "add")
