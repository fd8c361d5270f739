"""`hastwatch-event-handler` as an engine calls it: which command line it runs, what it says, its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from remediate.events.handler import command, parser
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.events.table import TABLE
from tests.state.child import ROOT

LINE = "DEVD CRITICAL - nfs001: devd is not running - no failover [devd-not-running]"
CALLED = ("--check", "check_devd", "--state", "CRITICAL", "--type", "HARD", "--attempt", "3", "--downtime", "0",
          "--output", LINE)  # fmt: skip
STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" >> {log}
echo {answer}
exit {status}
"""


class Node:
    """A stand-in for `hastwatch` on a node, which records the words that it is called with."""

    def __init__(self, directory: Path, status: int = 0, answer: str = "") -> None:
        self.log, self.program = directory / "called", directory / "hastwatch"
        self.program.write_text(STAND_IN.format(log=self.log, status=status, answer=answer))
        self.program.chmod(0o755)

    def event(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The handler is called."""
        return handler(*words, "--hastwatch", str(self.program))

    @property
    def called(self) -> list[str]:
        """The words of all calls."""
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def handler(*words: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, in an environment that no repair must inherit."""
    return subprocess.run(
        [sys.executable, "-m", "remediate.events.handler", *words], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False, env={"ICINGA_SECRET": "xyzzy", "PATH": "/nowhere"}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_it_asks_for_the_repair_with_one_fixed_command_line(node: Node) -> None:
    done = node.event(*CALLED, "--host", "nfs001", "--service", "devd")
    assert node.called == ["repair", "devd", "--detach"]
    message = "the repair `devd` is asked for, because devd calls no hook: a failover is missed"
    assert done.stdout == f"nfs001/devd CRITICAL HARD 3 [devd-not-running]: {message}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_check_is_known_by_the_name_of_its_command_in_icinga_too(node: Node) -> None:
    done = node.event("--check", "devd", *CALLED[2:], "--host", "nfs001")
    assert node.called == ["repair", "devd", "--detach"]
    assert done.stdout.startswith("nfs001/check_devd CRITICAL HARD 3 [devd-not-running]: ")


def test_it_becomes_root_by_the_words_it_is_given(node: Node) -> None:
    assert node.event(*CALLED, "--by", "/usr/bin/env A=1").returncode == 0
    assert node.called == ["repair", "devd", "--detach"]


@pytest.mark.parametrize(("words", "held"), [
    (("--downtime", "2"), "downtime"), (("--flapping", "true"), "flapping"), (("--state-change", "30.5"), "flapping"),
])  # fmt: skip
def test_a_repair_that_the_engine_holds_back_is_told_to_the_node(node: Node, words: tuple[str, ...], held: str) -> None:
    done = node.event(*CALLED, *words)
    assert node.called == ["repair", "devd", "--held", held]
    assert "held back" in done.stdout and done.returncode == 0


@pytest.mark.parametrize(("words", "why"), [
    (("--state", "OK"), "nothing is wrong"),
    (("--state", "UNKNOWN"), "the check could not look"),
    (("--type", "SOFT", "--attempt", "1"), "not before the service is SOFT for the second time"),
    (("--output", "no reason"), "the output names no finding of check_devd"),
    (("--output", "x [devd-hook-missing]"), "left to an operator: the wiring needs an operator"),
])  # fmt: skip
def test_what_it_asks_nothing_for_it_says(node: Node, words: tuple[str, ...], why: str) -> None:
    done = node.event(*CALLED, *words)
    assert not node.called
    assert why in done.stdout and done.returncode == 0


def test_what_is_left_to_an_operator_is_said_with_what_to_do(node: Node) -> None:
    done = node.event(*CALLED[:1], "check_hast", *CALLED[2:-1], "x [hast-io-errors]")
    assert "; next: on NODE: " in done.stdout
    assert done.stdout.endswith("; see: hastwatch explain hast-io-errors\n")
    assert "-> on NODE: " in handler("--table").stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    ("--attempt", "$SERVICEATTEMPT$"), ("--downtime", ""), ("--state", "UP"), ("--type", "$service.state_type$"),
    ("--check", "check_disk"), ("--flapping", "$service.flapping$"), ("--state-change", "nan"),
    ("--nrpe", "-c evil"), ("--ssh", "-oProxyCommand=x"), ("--ssh", "a b"), ("--by", "sudo", "--nrpe", "nfs001"),
    ("--ssh", "u@-oProxyCommand=x"), ("--ssh", "ssh://-oProxyCommand=x"), ("--ssh", "ssh://nfs001/x"), ("--ssh", ""),
    ("--ssh", "ssh://u@nfs001:port"), ("--ssh", "$hastwatch_ssh$"), ("--nrpe", "u@nfs001"), ("--nrpe", "nfs001;id"),
    ("--attempt", "-1"), ("--what",),
])  # fmt: skip
def test_a_macro_that_is_none_asks_for_nothing(node: Node, words: tuple[str, ...]) -> None:
    done = node.event(*CALLED, *words)
    assert not node.called
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("destination", [
    "nfs001", "nagios@nfs001.example.org", "10.1.101.3", "fe80::3%em0", "ssh://nfs001", "ssh://u@nfs001:2222",
    "ssh://u@[2001:db8::3]:22",
])  # fmt: skip
def test_what_ssh_takes_as_its_destination_is_handed_on(destination: str) -> None:
    options = parser().parse_args([*CALLED, "--ssh", destination])
    words = command(options, RepairRequest(Remedy.DEVD))
    assert words[-2:] == (destination, "/usr/local/hastwatch/bin/hastwatch repair devd --detach")


def test_what_the_engine_says_reaches_no_shell_and_no_second_line(node: Node, tmp_path: Path) -> None:
    evil = f"x'; touch {tmp_path}/evil; $(touch {tmp_path}/evil)\n\x1b[2J"
    done = node.event(*CALLED, "--host", evil, "--service", evil, "--output", f"{evil} {LINE}")
    assert node.called == ["repair", "devd", "--detach"]
    assert not (tmp_path / "evil").exists()
    assert len(done.stdout.splitlines()) == 1 and "\x1b" not in done.stdout


def test_a_node_that_refuses_is_said_with_its_words(tmp_path: Path) -> None:
    done = Node(tmp_path, 1, "held back: maintenance").event(*CALLED)
    assert "was refused (1)" in done.stdout and "held back: maintenance" in done.stdout
    assert "; next: on NODE: `hastwatch repair devd`" in done.stdout
    assert done.returncode == 1


def test_a_command_that_is_not_there_is_said() -> None:
    done = handler(*CALLED, "--hastwatch", "/nowhere/hastwatch")
    assert "could not be asked for: /nowhere/hastwatch: not found; next: on NODE: `hastwatch repair" in done.stdout
    assert done.returncode == 69


def test_the_command_gets_nothing_of_the_engine_s_environment(tmp_path: Path) -> None:
    program = tmp_path / "hastwatch"
    program.write_text('#!/bin/sh\necho "secret=$ICINGA_SECRET path=$PATH"\n')
    program.chmod(0o755)
    output = handler(*CALLED, "--downtime", "1", "--hastwatch", str(program)).stdout
    assert "secret= path=/" in output and "/nowhere" not in output


def test_the_table_is_printed_for_people() -> None:
    done = handler("--table")
    assert all(f"  {row.reason} " in done.stdout for row in TABLE) and done.returncode == 0
    assert "  splitbrain                   split-brain, from SOFT 1" in done.stdout
