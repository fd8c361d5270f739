"""hastwatch-ask as a process: what a probe, ssh and the command that it runs get of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checks import ask
from checks.probes import process
from checks.probes.errors import NotPermitted, ToolMissing
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import ENV_C, Deadline, Node, quoted
from checks.probes.state_cache import Memory
from tests.expected import PYTHON
from tests.state.child import ROOT

GATE = [
    PYTHON,
    "-I",
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from checks.ask import main; sys.exit(main())",
]


def gate(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The gate with these arguments."""
    return subprocess.run([*GATE, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)


def node(tmp_path: Path) -> Node:
    """A node behind the gate."""
    memory = Memory(str(tmp_path / "memory"))
    return Node(tuple(GATE), Deadline(60), GivenUpCommands(memory))


def test_a_probe_gets_its_answer_through_the_gate(tmp_path: Path) -> None:
    answer = node(tmp_path).run("uname", "-r")
    assert (answer.status, answer.stdout, answer.stderr) == (0, f"{os.uname().release}\n", "")


def test_a_probe_is_told_that_it_may_not(tmp_path: Path) -> None:
    with pytest.raises(NotPermitted, match=r"hastwatch-ask: refused: .*/etc/shadow': not among what checks run"):
        node(tmp_path).read("/etc/shadow")


def test_a_probe_is_told_that_the_node_has_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="hastwatch-ask: /sbin/hastctl: not found"):
        node(tmp_path).run("hastctl", "list", "home")


def test_it_answers_as_the_forced_command_of_a_key() -> None:
    line = quoted((*ENV_C, "/usr/bin/uname", "-r"))
    assert gate(SSH_ORIGINAL_COMMAND=line).stdout == f"{os.uname().release}\n"
    done = gate(SSH_ORIGINAL_COMMAND=f"{line}; id")
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr.endswith("not a command line as checks make it\n")


def test_an_argument_counts_before_what_ssh_says() -> None:
    line = quoted((*ENV_C, "/usr/bin/uname", "-r"))
    assert gate("id", SSH_ORIGINAL_COMMAND=line).returncode == 126


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["/usr/bin/env", "LC_ALL=C", "/bin/hostname"], ["--list", "x"]])
def test_more_or_less_than_one_argument_is_refused(words: list[str]) -> None:
    done = gate(*words)
    assert (done.returncode, done.stdout) == (126, "")
    assert "one argument is needed" in done.stderr


def test_a_refusal_is_one_harmless_line() -> None:
    done = gate("/usr/bin/env LC_ALL=C /bin/cat \x1b[2J\n\udc80 | x" + "y" * 1000)
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip("\n").isprintable()
    assert len(done.stderr) < 400


def test_the_list_has_every_row_and_its_use() -> None:
    listed = gate("--list").stdout
    for program, arguments, what in ask.READS + ask.WRITES:
        assert re.search(f"(?m)^{re.escape(f'{program} {arguments}'.rstrip())} +{re.escape(what)}$", listed)


def test_help_says_what_it_is_for() -> None:
    for word in ("-h", "--help"):
        done = gate(word)
        assert done.returncode == 0
        assert "SSH_ORIGINAL_COMMAND" in done.stdout


RUNNER = """
import os, signal, sys
sys.path.insert(0, {root!r})
from checks import ask
for number in (signal.SIGALRM, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
ask.PATIENCE = {patience}
ask.execute([sys.executable, "-I", "-S", "-c", {code!r}])
"""


def executed(code: str, patience: int = 60) -> subprocess.CompletedProcess[str]:
    """What a command sees that the gate has become."""
    program = RUNNER.format(root=str(ROOT), code=code, patience=patience)
    return subprocess.run(
        [PYTHON, "-c", program], input="typed", env={"EVIL": "1", "PATH": "/tmp"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_command_gets_no_input_and_nothing_of_the_callers_environment() -> None:
    code = "import json, os, sys; print(json.dumps([dict(os.environ), sys.stdin.read(), os.getcwd()]))"
    assert json.loads(executed(code).stdout) == [process.ENVIRONMENT, "", "/"]


@pytest.mark.slow
def test_a_command_that_hangs_is_ended_by_the_kernel() -> None:
    assert executed("import time; time.sleep(50)", patience=1).returncode == -signal.SIGALRM


def test_a_command_is_not_stopped_by_the_terminal_of_the_caller() -> None:
    code = "import os, signal; [os.kill(os.getpid(), getattr(signal, f'SIG{n}')) for n in ('TSTP', 'TTIN', 'TTOU')]"
    assert executed(f"{code}; print('goes on')").stdout == "goes on\n"


def test_a_command_is_told_how_its_children_ended() -> None:
    assert executed("import subprocess; print(subprocess.run(['/bin/false']).returncode)").stdout == "1\n"


def test_what_is_no_file_is_not_brought_to_the_disk(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for path in tmp_path.iterdir():
        with pytest.raises(ask.LineRefused, match="not a regular file"):
            ask.refuse_what_is_no_file(["/usr/bin/fsync", str(path)])


def test_what_is_a_file_or_gone_is_left_to_fsync(tmp_path: Path) -> None:
    (tmp_path / "made").touch()
    for name in ("made", "gone"):
        ask.refuse_what_is_no_file(["/usr/bin/fsync", str(tmp_path / name)])


def test_the_gate_starts_without_what_it_does_not_use() -> None:
    unwanted = ["argparse", "re", "typing", "subprocess", "shlex", "tomllib", "checks.plugin", "checks.probes"]
    code = f"import sys, checks.ask; print([name for name in {unwanted} if name in sys.modules])"
    argv = [sys.executable, "-S", "-c", code]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60).stdout == "[]\n"
