"""The player of recordings answers as a node would: what it derives from a recording, and what it refuses to invent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

PLAYER = Path(__file__).resolve().parent / "player.py"


class Said(NamedTuple):
    """What a command line printed on a node."""

    output: str
    errors: str
    status: int


@pytest.fixture
def node(tmp_path: Path) -> Path:
    folder = tmp_path / "state" / "nfs001"
    folder.mkdir(parents=True)
    return folder


def record(folder: Path, name: str, transcript: str, errors: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(transcript)
    if errors:
        (folder / f"{name}.stderr").write_text(errors)


def ask(folder: Path, line: str) -> Said:
    done = subprocess.run(
        [sys.executable, "-I", "-S", PLAYER, folder, line], capture_output=True, text=True, timeout=20, check=False
    )
    return Said(done.stdout, done.stderr, done.returncode)


LIST = "$ hastctl list\nhome:\n  role: primary\n  dirty: 0 (0B)\nmail:\n  role: init\nexit 0\n"
DUMP = "$ hastctl dump all\nresource: home\n    localcnt: 0\nresource: mail\n    localcnt: 1\nexit 0\n"
REFUSED = "[ERROR] Unable to connect to hastd via /var/run/hastctl: Connection refused.\n"


def test_a_transcript_is_repeated_with_its_status_and_its_errors_apart(node: Path) -> None:
    record(node, "x", "$ hastctl status\nbad\nheader\nexit 71\n", errors="bad\n")
    assert ask(node, "hastctl status") == ("header\n", "bad\n", 71)


@pytest.mark.parametrize("line", ["/sbin/mount", "sudo -n mount", "env LC_ALL=C /sbin/mount", "'mount'", "doas mount"])
def test_the_way_a_program_is_called_does_not_matter(node: Path, line: str) -> None:
    record(node, "mount", "$ mount\n/dev/gpt/rootfs on / (ufs)\nexit 0\n")
    assert ask(node, line).output == "/dev/gpt/rootfs on / (ufs)\n"


def test_a_resource_is_taken_out_of_the_list_of_all(node: Path) -> None:
    record(node, "list", LIST)
    assert ask(node, "hastctl list home") == ("home:\n  role: primary\n  dirty: 0 (0B)\n", "", 0)
    assert ask(node, "hastctl list mail") == ("mail:\n  role: init\n", "", 0)


def test_metadata_is_taken_out_of_the_dump_of_all(node: Path) -> None:
    record(node, "dump", DUMP)
    assert ask(node, "hastctl dump mail") == ("resource: mail\n    localcnt: 1\n", "", 0)


def test_an_unknown_resource_is_refused_as_hastctl_refuses_it(node: Path) -> None:
    record(node, "list", LIST)
    record(node, "dump", DUMP)
    assert ask(node, "hastctl list nosuch") == ("nosuch:\n  error: 1\n", "", 1)
    assert ask(node, "hastctl dump nosuch") == ("", "[ERROR] Unknown resource nosuch.\n", 65)


def test_a_dead_hastd_is_dead_for_each_resource(node: Path) -> None:
    record(node, "list", f"$ hastctl list\n{REFUSED}exit 71\n", errors=REFUSED)
    assert ask(node, "hastctl list home") == ("", REFUSED, 71)


def test_log_lines_come_from_the_recorded_end_of_the_log(node: Path) -> None:
    line = "grep -h hastd /var/log/messages /var/log/daemon.log"
    record(node, "log", f"$ {line} | tail -60\nNov 22 08:33:26 nfs001 hastd[1]: x\nexit 0\n")
    assert ask(node, line) == ("Nov 22 08:33:26 nfs001 hastd[1]: x\n", "", 0)
    record(node, "log", f"$ {line} | tail -60\nexit 0\n")
    assert ask(node, line) == ("", "", 1)


def test_a_single_sysctl_comes_from_the_listing(node: Path) -> None:
    record(node, "carp", "$ sysctl net.inet.carp\nnet.inet.carp.demotion: 240\nnet.inet.carp.allow: 1\nexit 0\n")
    assert ask(node, "sysctl -n net.inet.carp.allow net.inet.carp.demotion").output == "1\n240\n"
    assert ask(node, "sysctl net.inet.carp.demotion").output == "net.inet.carp.demotion: 240\n"
    assert ask(node, "sysctl net.inet.carp.nosuch").status == 127


def test_a_service_asked_with_onestatus_answers_its_status(node: Path) -> None:
    record(node, "devd", "$ service devd status\ndevd is running as pid 384.\nexit 0\n")
    assert ask(node, "service devd onestatus").output == "devd is running as pid 384.\n"


def test_the_host_name_is_the_name_of_the_folder(node: Path) -> None:
    assert ask(node, "hostname") == ask(node, "/bin/hostname -s") == ("nfs001\n", "", 0)


def test_the_nearest_file_is_the_one_that_is_read(node: Path) -> None:
    for depth, tree in enumerate((node / "files", node.parent / "files/nfs001", node.parent.parent / "files/nfs001")):
        (tree / "etc").mkdir(parents=True)
        (tree / "etc" / f"{depth}.conf").write_text(f"{depth}")
        (tree / "etc" / "hast.conf").write_text(f"{depth}")
    assert [ask(node, f"cat /etc/{depth}.conf").output for depth in range(3)] == ["0", "1", "2"]
    assert ask(node, "cat /etc/hast.conf") == ("0", "", 0)


def test_nothing_of_this_project_was_on_a_recorded_node(node: Path) -> None:
    path = "/var/db/hastwatch/home.split-brain"
    assert ask(node, f"cat {path}") == ("", f"cat: {path}: No such file or directory\n", 1)


def test_what_was_not_recorded_is_not_invented(node: Path) -> None:
    assert ask(node, "cat /etc/passwd") == ("", "sh: cat: not found\n", 127)
    assert ask(node, "hastctl list home") == ("", "sh: hastctl: not found\n", 127)
    assert ask(node, "") == ("", "sh: : not found\n", 127)


def test_what_is_arranged_stands_behind_what_is_recorded(node: Path) -> None:
    record(node / "arranged", "mount", "$ mount\narranged\nexit 0\n")
    assert ask(node, "mount").output == "arranged\n"
    record(node, "mount", "$ mount\nrecorded\nexit 0\n")
    assert ask(node, "mount").output == "recorded\n"


def test_a_state_can_be_like_another_but_for_what_it_has_itself(node: Path) -> None:
    record(node.parent.parent / "healthy" / "nfs001", "mount", "$ mount\nhealthy\nexit 0\n")
    record(node.parent.parent / "healthy" / "nfs001" / "arranged", "df", "$ df -k\nhealthy\nexit 0\n")
    (node.parent / "otherwise-as").write_text("healthy\n")
    assert ask(node, "df -k").output == ask(node, "mount").output == "healthy\n"
    record(node, "mount", "$ mount\nown\nexit 0\n")
    assert ask(node, "mount").output == "own\n"


def test_what_is_the_same_in_every_state_is_recorded_once(node: Path) -> None:
    record(node.parent.parent / "files" / "nfs001" / "arranged", "uname", "$ uname -r\n13.2-RELEASE\nexit 0\n")
    assert ask(node, "uname -r").output == "13.2-RELEASE\n"


def test_a_node_that_is_off_answers_everything_with_the_same(node: Path) -> None:
    record(node, "off", "$ *\nssh: no route\nexit 255\n", errors="ssh: no route\n")
    assert ask(node, "hostname") == ask(node, "hastctl list home") == ("", "ssh: no route\n", 255)


def test_a_command_that_hung_hangs_after_what_it_printed(node: Path) -> None:
    record(node, "hang", "$ hastctl list\nhalf\nexit 124\n")
    with subprocess.Popen(
        [sys.executable, "-I", "-S", PLAYER, node, "hastctl list home"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)


def test_only_what_a_quoted_line_needs_is_imported(node: Path) -> None:
    record(node, "mount", "$ mount\nx\nexit 0\n")
    for line, used in (("mount", False), ("'mount'", True)):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-X", "importtime", PLAYER, node, line],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("shlex" in done.stderr) is used
