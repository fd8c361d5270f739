"""The pair as commands: up, exec, fault, state, down, over the Unix socket, in real processes."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate import exits
from simulator.faults.faults import FAULTS
from tests.waiting import awaited

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UP = " (`hastwatch pair up` starts one)"
COMMAND = [sys.executable, "-m", "remediate.rehearsal.pair_command"]


def pair(*words: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = str(tmp_path_factory.mktemp("pair") / "d")
    started = pair("up", "--dir", path, "--speed", "10")
    assert started.returncode == 0, started.stderr
    yield path
    ended = pair("down", "--dir", path)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def automatic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = str(tmp_path_factory.mktemp("automatic") / "d")
    assert pair("up", "--dir", path, "--automatic").returncode == 0
    yield path
    assert pair("down", "--dir", path).returncode == 0


@pytest.mark.quick
def test_exec_passes_output_error_and_status_on(directory: str) -> None:
    good = pair("exec", "--dir", directory, "nfs001", "hastctl status home")
    assert good.returncode == 0
    assert good.stdout.split("\n")[1] == "home\tcomplete primary        /dev/vtbd1\ttcp4://10.1.101.4:8457"
    bad = pair("exec", "--dir", directory, "nfs001", "hastctl dump nosuch")
    assert (bad.returncode, bad.stdout, bad.stderr) == (65, "", "[ERROR] Unknown resource nosuch.\n")
    unknown = pair("exec", "--dir", directory, "nfs001", "frobnicate")
    assert (unknown.returncode, unknown.stderr) == (127, "sh: frobnicate: not found\n")


def test_exec_is_a_prefix_that_one_quoted_argument_follows(directory: str) -> None:
    """`--via PREFIX`: the prefix's words, then the shell-quoted command line."""
    line = shlex.join(["grep", "-h", "on nfs001 {", "/etc/hast.conf"])
    answer = pair("exec", "--dir", directory, "nfs002", line)
    assert answer.stdout == "\ton nfs001 {\n"


@pytest.mark.parametrize("line", [
    "hastwatch contrib doas --user '**'", "hastwatch contrib", "hastwatch tickle x y", "hastwatch tickle",
    "hastwatch extents home", "hastwatch maintenance on", "hastwatch maintenance on --bogus", "hastwatch recover ''",
    "hastwatch verify ''", "hastwatch converge -r ''", "hastwatch promote -r a/b", "hastwatch journal -r ''",
    "hastwatch explain ''", "hastwatch restore /root ''",
])  # fmt: skip
def test_a_wrong_command_line_on_a_node_is_one_line_and_the_pair_goes_on(line: str, automatic: str) -> None:
    """It once ended the process that runs the pair."""
    answer = pair("exec", "--dir", automatic, "nfs001", line)
    assert answer.returncode not in (0, 70, 255) and answer.stdout == ""
    assert answer.stderr.startswith(" ".join(line.split()[:2]) + ": ") or answer.stderr.startswith("hastwatch maint")
    assert answer.stderr.count("\n") == 1
    assert pair("exec", "--dir", automatic, "nfs001", "hostname").stdout == "nfs001\n"


@pytest.mark.parametrize("words", [["exec", "n\x1b[31m", "true"], ["exec", "", "true"], ["exec", "\udcff", "true"],
                                   ["fault", "\x1b[31m", "nfs001"], ["fault", "\udcff"],
                                   ["fault", "isolate", "\x1b"]])  # fmt: skip
def test_what_is_not_known_is_told_without_its_control_characters(words: list[str], automatic: str) -> None:
    answer = pair(words[0], "--dir", automatic, *words[1:])
    assert answer.returncode in (255, exits.USAGE) and answer.stderr.count("\n") == 1
    assert answer.stderr.rstrip("\n").isprintable() and "unknown" in answer.stderr
    assert pair("exec", "--dir", automatic, "nfs001", "hostname").stdout == "nfs001\n"


def test_exec_imports_next_to_nothing(directory: str) -> None:
    program = (
        "import sys; before = set(sys.modules); sys.argv[1:] = ['exec', '--dir', sys.argv[1], 'nfs001', 'true']\n"
        "import remediate.rehearsal.pair_command as command\n"
        "command.main(); heavy = {'argparse', 'json', 'dataclasses', 'subprocess', 're'}\n"
        "print(*sorted((set(sys.modules) - before) & heavy))"
    )
    words = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}", directory]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    assert answer.stdout == "\n"


def test_a_hung_command_hangs_alone_and_ends_with_its_client(directory: str) -> None:
    assert pair("fault", "--dir", directory, "hang-command", "nfs002", "fstyp").returncode == 0
    words = [*COMMAND, "exec", "--dir", directory, "nfs002", "fstyp /dev/hast/home"]
    hung = subprocess.Popen(words, cwd=ROOT)
    time.sleep(0.3)
    assert hung.poll() is None
    assert pair("exec", "--dir", directory, "nfs002", "hostname", timeout=5).stdout == "nfs002\n"
    hung.kill()
    hung.wait()
    assert pair("fault", "--dir", directory, "release-command", "nfs002", "fstyp").returncode == 0
    assert pair("exec", "--dir", directory, "nfs002", "hostname").returncode == 0


def test_output_arrives_while_the_command_still_runs(directory: str) -> None:
    words = [*COMMAND, "exec", "--dir", directory, "nfs002", "nc -U /var/run/devd.seqpacket.pipe"]
    stream = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    pair("exec", "--dir", directory, "nfs002", "ifconfig vtnet1 vhid 2 state master")
    assert stream.stdout is not None
    assert stream.stdout.readline() == "!system=CARP subsystem=2@vtnet1 type=MASTER\n"
    stream.kill()
    stream.wait()
    stream.stdout.close()


def test_a_reader_that_goes_away_is_not_taken_for_a_pair_that_is_gone(directory: str) -> None:
    words = [*COMMAND, "exec", "--dir", directory, "nfs001", "sleep 5; cat /var/log/messages"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout and child.stderr
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux and FreeBSD have /dev/full")
def test_a_full_disk_behind_the_output_of_exec_is_one_line_and_1(directory: str) -> None:
    words = [*COMMAND, "exec", "--dir", directory, "nfs001", "hostname"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "hastwatch pair: standard output: No space left on device\n")


def test_state_shows_both_nodes_for_people_and_for_programs(directory: str) -> None:
    text = pair("state", "--dir", directory).stdout
    assert "nfs001: CARP 2@vtnet1 MASTER" in text
    values = json.loads(pair("state", "--json", "--dir", directory).stdout)
    assert values["nodes"]["nfs002"]["resources"]["home"]["role"] == "secondary"


def test_faults_are_listed_without_a_pair_and_wrong_ones_refused(directory: str) -> None:
    assert "power-off NODE" in pair("fault", "--list").stdout
    assert pair("fault", "--list").stdout.count("\n") == len(FAULTS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("power-off nfs009", "unknown node nfs009; there are nfs001, nfs002"),
        ("explode", "unknown fault explode; --list names them"),
        ("power-off", "usage: power-off NODE"),
        ("kill nfs001 nobody", "no process nobody on nfs001"),
        ("carrier-off nfs001 em9", "no interface em9 on nfs001; there are vtnet0, vtnet1"),
        ("clock-skew nfs001 inf", "inf is not a number from -1e+06 to 1e+06; usage: clock-skew NODE SECONDS"),
        ("boot-flap nfs001 soon", "could not convert string to float: 'soon'; usage: boot-flap NODE [SECONDS]"),
        ("drop-devd-event nfs001 0", "0 is not a number from 1 to 1e+06; usage: drop-devd-event NODE [COUNT]"),
        ("disk-full nfs002", "no HAST file system is mounted on nfs002"),
        ("disk-errors nfs001 nosuch", "unknown resource nosuch; usage: disk-errors NODE [RESOURCE]"),
        ("right-hast-conf nfs001", "hast.conf of nfs001 is right"),
        ("new-disk nfs001", "hastd runs on nfs001: the disk is in use"),
    ],
)
def test_a_fault_that_cannot_be_is_one_line_and_2(directory: str, words: str, said: str) -> None:
    assert line_of(pair("fault", "--dir", directory, *words.split()), 2) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: SUBCOMMAND"),
        (["nosuch"], "argument SUBCOMMAND: invalid choice: 'nosuch'"),
        (["shell"], "the following arguments are required: NODE"),
        (["run"], "the following arguments are required: COMMAND"),
        (["run", "frobnicate"], "frobnicate is neither hastwatch nor one of its checks"),
        (["fault"], "fault needs a FAULT and its words, or --list"),
        (["up", "--dir", "x", "--speed", "0"], "argument --speed: '0' is not a number above 0"),
        (["up", "--dir", "x", "--speed", "nan"], "argument --speed: 'nan' is not a number above 0"),
        (["up", "--dir", "x", "--seed", "y"], "argument --seed: invalid int value: 'y'"),
        (["up", "--dir", "x", "--carp-hook", "a 'b"], '"a \'b" is not a command: No closing quotation'),
        (["up", "--dir", "x", "--config", "/nonexistent.toml"], "/nonexistent.toml: no such file"),
    ],
)
def test_wrong_usage_is_one_line_and_2_and_starts_nothing(words: list[str], said: str) -> None:
    assert line_of(pair(*words), 2).startswith(said)
    assert not (ROOT / "x").exists()


def test_a_configuration_that_cannot_be_built_is_one_line_and_2(tmp_path: Path) -> None:
    config = tmp_path / "hastwatch.toml"
    config.write_text("[resource.home]\nvhid = '2@a b'\n")
    refused = pair("up", "--dir", str(tmp_path / "d"), "--config", str(config))
    assert line_of(refused, 2) == "resource.home.vhid: '2@a b' is not a vhid such as 2@vtnet1"


def line_of(ended: subprocess.CompletedProcess[str], status: int) -> str:
    """The one line of an error, without the name in front."""
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (status, "", 1)
    name, _, message = ended.stderr.strip().partition(": ")
    assert name.startswith("hastwatch pair")
    return message


def test_the_directory_is_for_its_owner_only(directory: str) -> None:
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700


def test_a_second_pair_in_the_same_directory_is_refused(directory: str) -> None:
    assert line_of(pair("up", "--dir", directory), 73) == f"{directory}: a pair answers there already"
    assert pair("exec", "--dir", directory, "nfs001", "hostname").stdout == "nfs001\n"


def test_a_directory_in_which_no_pair_can_be_is_one_line_and_73_and_is_not_made(tmp_path: Path) -> None:
    long = str(tmp_path / ("x" * 300))
    assert line_of(pair("up", "--dir", long), 73) == f"{long}: File name too long"
    assert line_of(pair("up", "--dir", __file__), 73) == f"{__file__}: File exists"
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert line_of(pair("up", "--dir", str(shared)), 73) == f"{shared}: others may write to it; name a new directory"
    assert stat.S_IMODE(shared.stat().st_mode) == 0o777


def test_a_directory_may_have_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    place = str(tmp_path / ("x" * 100) / ("y" * 100))
    assert pair("up", "--dir", place, "--automatic").returncode == 0
    assert line_of(pair("up", "--dir", place), 73) == f"{place}: a pair answers there already"
    assert pair("exec", "--dir", place, "nfs001", "hostname").stdout == "nfs001\n"
    named = subprocess.run(
        [*COMMAND, "exec", "--dir", "y" * 100, "nfs002", "hostname"], cwd=tmp_path / ("x" * 100),
        capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (named.stdout, named.stderr) == ("nfs002\n", "")
    assert pair("run", "--dir", place, "check_hast").returncode == 0
    assert pair("down", "--dir", place).returncode == 0
    assert not Path(place, "pair.sock").exists()


def test_a_log_that_cannot_be_made_is_one_line_and_73_and_leaves_no_pair(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(0o700)
    (tmp_path / "d" / "pair.log").mkdir()
    assert line_of(pair("up", "--dir", str(tmp_path / "d")), 73).endswith("pair.log: Is a directory")
    assert not (tmp_path / "d" / "pair.sock").exists()


def test_a_pair_that_was_killed_is_told_as_gone_and_is_no_obstacle_to_the_next(tmp_path: Path) -> None:
    place = str(tmp_path / "d")
    words = [*COMMAND, "up", "--dir", place, "--foreground"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        assert awaited(lambda: pair("state", "--dir", place).returncode == 0)
        child.kill()
    for words in (["state", "--dir", place], ["down", "--dir", place], ["exec", "--dir", place, "nfs001", "true"]):
        assert line_of(pair(*words), 255) == f"no pair answers in {place}: Connection refused{UP}"
    assert pair("up", "--dir", place).returncode == 0
    assert pair("down", "--dir", place).returncode == 0
    assert line_of(pair("down", "--dir", place), 255) == f"no pair answers in {place}: No such file or directory{UP}"


def test_a_socket_that_nobody_listens_on_is_no_obstacle(tmp_path: Path) -> None:
    place = tmp_path / "d"
    place.mkdir()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(place / "pair.sock"))
    dead.close()
    assert pair("up", "--dir", str(place)).returncode == 0
    assert pair("down", "--dir", str(place)).returncode == 0
    assert not (place / "pair.sock").exists()


def test_without_a_pair_exec_ends_with_255_as_ssh_does(tmp_path: Path) -> None:
    answer = pair("exec", "--dir", str(tmp_path), "nfs001", "true")
    assert answer.returncode == 255
    assert "no pair answers" in answer.stderr
    assert pair("exec", "nfs001").returncode == 255
    assert pair("exec", "--help").stdout == "usage: hastwatch pair exec [--dir DIR] NODE COMMAND-LINE\n"


def test_a_hook_that_cannot_be_started_does_not_end_the_pair(tmp_path: Path) -> None:
    place = str(tmp_path / "d")
    assert pair("up", "--dir", place, "--carp-hook", "/nonexistent/hook").returncode == 0
    try:
        pair("exec", "--dir", place, "nfs002", "ifconfig vtnet1 vhid 2 state master")
        assert pair("exec", "--dir", place, "nfs002", "hostname").stdout == "nfs002\n"
    finally:
        assert pair("down", "--dir", place).returncode == 0
    lines = Path(place, "pair.log").read_text().splitlines()
    assert "hook of nfs002: /nonexistent/hook: No such file or directory" in lines


def test_devd_runs_a_command_of_this_machine_that_can_reach_the_pair(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    log = tmp_path / "log"
    reach = f"cd {ROOT} && {shlex.join(COMMAND)} exec --dir $HASTWATCH_PAIR_DIR $HASTWATCH_PAIR_NODE hostname"
    hook.write_text(f'#!/bin/sh\necho "$1 $2 $({reach})" >> {log}\n')
    hook.chmod(0o700)
    place = str(tmp_path / "d")
    assert pair("up", "--dir", place, "--speed", "20", "--carp-hook", str(hook)).returncode == 0
    try:
        pair("fault", "--dir", place, "power-off", "nfs001")
        assert awaited(lambda: log.exists() and "MASTER nfs002" in log.read_text())
    finally:
        pair("down", "--dir", place)
    assert "2@vtnet1 MASTER nfs002" in log.read_text()


def test_up_takes_a_release_for_each_node(tmp_path: Path) -> None:
    path = str(tmp_path / "pair")
    assert pair("up", "--dir", path, "--release", "14.5,15.1").returncode == 0
    releases = [pair("exec", "--dir", path, node, "uname -r").stdout for node in ("nfs001", "nfs002")]
    assert pair("down", "--dir", path).returncode == 0
    assert releases == ["14.5-RELEASE\n", "15.1-RELEASE-p1\n"]


def test_up_refuses_a_release_that_it_does_not_know(tmp_path: Path) -> None:
    answer = pair("up", "--dir", str(tmp_path / "pair"), "--release", "12.4")
    assert (answer.returncode, answer.stdout) == (exits.USAGE, "")
    assert answer.stderr.startswith("hastwatch pair: --release '12.4' is not a release of 13.2, 14.4, 14.5, 15.0")


NODES = ("--node", "nfs001=10.1.101.3,10.0.2.15", "--node", "nfs002=10.1.101.4,10.0.2.16")
OF_NEW = (*NODES, "--address", "10.1.101.5/24@vtnet1", "--vhid", "2", "--resource", "home=/dev/vtbd1")
SET_UP = {"--new": ("100", OF_NEW, "serves home for "), "--old-hook": ("2", ("--adopt",), "nfs002 serves home for ")}


@pytest.mark.parametrize("state", SET_UP)
def test_a_newcomer_sets_a_pair_up_by_what_init_writes(state: str, tmp_path: Path) -> None:
    speed, options, serves = SET_UP[state]
    place, made = str(tmp_path / "p"), tmp_path / "made"
    assert pair("up", "--dir", place, state, "--speed", speed, timeout=120).returncode == 0
    try:
        words = ("--witness", "10.0.2.2", "--to", str(made))
        done = pair("run", "--dir", place, "hastwatch", "init", *options, *words, timeout=120)
        assert done.returncode == 0 and "begin with README.md" in done.stdout, done.stderr
        typed = pair("type", "--dir", place, str(made / "README.md"), timeout=300)
        assert typed.returncode == 0 and serves in typed.stdout, typed.stdout + typed.stderr
    finally:
        pair("down", "--dir", place)


def test_what_is_no_page_of_init_is_one_line(directory: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Nothing\n")
    for page in ("README.md", "none.md"):
        done = pair("type", "--dir", directory, str(tmp_path / page))
        assert done.returncode == exits.USAGE and done.stderr.count("\n") == 1 and page in done.stderr


def test_a_pair_to_be_set_up_takes_no_other_state(tmp_path: Path) -> None:
    done = pair("up", "--dir", str(tmp_path / "p"), "--new", "--automatic")
    assert done.returncode == exits.USAGE and done.stderr.count("\n") == 1 and not (tmp_path / "p").exists()
