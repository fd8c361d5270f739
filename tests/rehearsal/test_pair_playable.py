"""The pair as somebody plays with it: a prompt on a node, a shell whose commands reach the pair, and README.md."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.waiting import awaited

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HASTWATCH = [sys.executable, "-P", "-m", "remediate.command"]
SCRIPTS = Path(sys.executable).parent
VARIABLES = ("HASTWATCH_PAIR_DIR", "HASTWATCH_PAIR_NODE", "XDG_CACHE_HOME", "PYTHONPATH")


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of an operator whose home directory is `home`."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def shell(home: Path, node: str, lines: str) -> subprocess.CompletedProcess[str]:
    """The lines of a pipe on a node."""
    words = [*HASTWATCH, "pair", "shell", node]
    return subprocess.run(
        words, input=lines, env=environment(home), capture_output=True, text=True, timeout=60, check=False
    )


def pair(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HASTWATCH, "pair", *words], env=environment(home), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def short_path() -> Iterator[Path]:
    """An empty directory: the name of a socket in it has to fit into 103 bytes (unix(4))."""
    with TemporaryDirectory(prefix="h", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home directory with a pair in it."""
    with TemporaryDirectory(prefix="h", dir="/tmp") as path:
        yield from pair_in(Path(path))


def pair_in(path: Path) -> Iterator[Path]:
    started = pair(path, "up", "--automatic", "--speed", "20")
    assert started.returncode == 0, started.stderr
    yield path
    assert pair(path, "down").returncode == 0


def test_the_lines_of_a_pipe_are_run_without_a_prompt_and_the_last_status_counts(home: Path) -> None:
    ended = shell(home, "nfs001", "hostname\n\n# nothing\necho two words; frobnicate\n")
    assert (ended.returncode, ended.stdout) == (127, "nfs001\ntwo words\n")
    assert ended.stderr == "sh: frobnicate: not found\n"


def test_exit_leaves_with_its_status_or_that_of_the_last_command(home: Path) -> None:
    assert shell(home, "nfs002", "false\nexit\nhostname\n").returncode == 1
    assert shell(home, "nfs002", "exit 3\n").returncode == 3
    assert shell(home, "nfs002", "").returncode == 0


def test_an_unknown_node_is_one_line_and_255(home: Path) -> None:
    ended = shell(home, "nfs009", "hostname\n")
    assert (ended.returncode, ended.stdout) == (255, "")
    assert ended.stderr == "hastwatch pair: unknown node nfs009; there are nfs001, nfs002\n"


def test_without_a_pair_the_shell_says_so_once_and_ends_with_255(short_path: Path) -> None:
    ended = shell(short_path, "nfs001", "hostname\nhostname\n")
    place = short_path / ".cache" / "hastwatch-pair"
    assert (ended.returncode, ended.stdout) == (255, "")
    assert (
        ended.stderr
        == f"hastwatch pair: no pair answers in {place}: No such file or directory (`hastwatch pair up` starts one)\n"
    )


def test_on_a_terminal_there_is_a_prompt_and_control_c_ends_only_the_command(home: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*HASTWATCH, "pair", "shell", "nfs001"], environment(home, TERM="dumb"))
    screen = ""

    def awaits(text: str) -> None:
        nonlocal screen
        while text not in screen:
            assert select.select([terminal], [], [], 20)[0], screen
            screen += os.read(terminal, 4096).decode()
        screen = screen.partition(text)[2]

    awaits("root@nfs001:~ # ")
    os.write(terminal, b"echo begun; nc -U /var/run/devd.seqpacket.pipe\n")
    awaits("begun\r\n")
    os.write(terminal, b"\x03")
    awaits("root@nfs001:~ # ")
    os.write(terminal, b"hostname\n")
    awaits("nfs001\r\n")
    awaits("root@nfs001:~ # ")
    os.write(terminal, b"\x04")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)


@pytest.mark.parametrize("name", ["sh", "bash", "zsh"])
def test_after_env_the_commands_of_a_shell_reach_the_pair(home: Path, name: str) -> None:
    if (program := shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed")
    own = " ".join(HASTWATCH)
    script = (
        f'eval "$({own} pair env)"; check_carp_hast; echo $?; hastwatch status; hastwatch --node nfs002 maintenance'
    )
    ended = subprocess.run(
        [program, "-c", f"{script} status"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("CARP HAST OK - home on nfs001: CARP MASTER")
    assert lines[1] == "0"
    assert lines[2] == "nfs001 serves home, nfs002 can take over. Nothing is wrong."
    assert lines[-1] == "no maintenance"
    assert ended.stderr == ""


def test_env_can_choose_the_node(home: Path) -> None:
    own = " ".join(HASTWATCH)
    script = f'eval "$({own} pair env --node nfs002)"; check_hast; HASTWATCH_PAIR_NODE=nfs001 check_hast'
    ended = subprocess.run(
        ["sh", "-c", script], env=environment(home), capture_output=True, text=True, timeout=60, check=False
    )
    first, second = ended.stdout.splitlines()
    assert first.startswith("HAST OK - home on nfs002: secondary")
    assert second.startswith("HAST OK - home on nfs001: primary")


def test_a_split_brain_is_played_by_hand_from_up_to_restore(short_path: Path) -> None:
    """The first node is cut off from everybody and goes on; the second one takes over; both are written to, and the
    disks have it before the link heals: what is in a buffer is no part of a copy, and the copies have not diverged.
    """
    assert pair(short_path, "up", "--automatic", "--speed", "50").returncode == 0
    try:
        assert pair(short_path, "fault", "isolate", "nfs001").returncode == 0
        assert shell(short_path, "nfs001", "echo mine > /hast/home/first; fsync /hast/home/first\n").returncode == 0
        second = "echo other > /hast/home/second; fsync /hast/home/second\n"
        assert awaited(lambda: shell(short_path, "nfs002", second).returncode == 0)
        assert pair(short_path, "fault", "heal").returncode == 0
        assert awaited(lambda: "[splitbrain]" in shell(short_path, "nfs002", "hastwatch status\n").stdout)

        looked = shell(short_path, "nfs002", "hastwatch recover home --dry-run\n")
        assert looked.returncode == 0, looked.stdout
        assert "The copy of nfs002 loses, that of nfs001 is served to the clients." in looked.stdout
        assert "nfs002 has 1 file that nfs001 lacks (1) or has otherwise (0)" in looked.stdout
        assert "  second: 6 B, only on nfs002" in looked.stdout
        refused = shell(short_path, "nfs001", f"hastwatch recover home --yes --to {short_path}/salvage\n")
        assert (refused.returncode, (short_path / "salvage").exists()) == (1, False)

        recovered = shell(short_path, "nfs002", f"hastwatch recover home --yes --to {short_path}/salvage\n")
        assert recovered.returncode == 0, recovered.stderr
        (salvage,) = (short_path / "salvage").iterdir()
        listed = shell(short_path, "nfs001", f"hastwatch restore {salvage}\n")
        assert listed.returncode == 0
        assert listed.stderr.startswith(f"next: where the resource is active: `hastwatch restore {salvage} PATTERN")
        assert listed.stdout.splitlines()[0].endswith("1 of 1 files")
        assert re.search(r"^ +6 B .*second", listed.stdout, re.MULTILINE), listed.stdout
        given = shell(short_path, "nfs001", f"hastwatch restore {salvage} second --to-live beside\n")
        assert (given.returncode, given.stderr) == (0, "")
        assert shell(short_path, "nfs001", f"cat /hast/home/{given.stdout.split()[-1]}\n").stdout == "other\n"
        assert "nfs002 can take over" in shell(short_path, "nfs001", "hastwatch status\n").stdout
        assert "recover" in shell(short_path, "nfs002", "hastwatch journal\n").stdout
    finally:
        assert pair(short_path, "down").returncode == 0


def test_a_pair_begins_anew_where_another_one_was(short_path: Path) -> None:
    for _ in range(2):
        assert pair(short_path, "up", "--automatic", "--speed", "50").returncode == 0
        journal = shell(short_path, "nfs001", "hastwatch journal\nhastwatch maintenance on --for 1h test\n").stdout
        assert pair(short_path, "down").returncode == 0
        assert "maintenance" not in journal


def test_the_readme_s_block_for_experiments_runs_as_it_is_printed(short_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    block = text.partition("To experiment yourself")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert block.count("\n") >= 8
    path = f"{SCRIPTS}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["sh", "-c", block], env=environment(short_path, PATH=path), cwd=short_path, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    for said in ("CARP HAST OK - home on nfs001: CARP MASTER", "served by the other node: home",
                 "nfs002 serves home for", "nfs001 can take over", "/dev/vtbd1", "nfs001: CARP"):  # fmt: skip
        assert said in ended.stdout
