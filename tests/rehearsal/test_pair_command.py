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

ROOT = Path(__file__).parents[2]
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


def test_state_shows_both_nodes_for_people_and_for_programs(directory: str) -> None:
    told = pair("state", "--dir", directory).stdout
    assert "nfs001: CARP 2@vtnet1 MASTER" in told
    values = json.loads(pair("state", "--json", "--dir", directory).stdout)
    assert values["nodes"]["nfs002"]["resources"]["home"]["role"] == "secondary"


def test_faults_are_listed_without_a_pair_and_wrong_ones_refused(directory: str) -> None:
    assert "power-off NODE" in pair("fault", "--list").stdout
    refused = pair("fault", "--dir", directory, "power-off", "nfs009")
    assert refused.returncode == 64
    assert "unknown node nfs009" in refused.stderr


def test_the_directory_is_for_its_owner_only(directory: str) -> None:
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700


def test_a_second_pair_in_the_same_directory_is_refused(directory: str) -> None:
    refused = pair("up", "--dir", directory)
    assert refused.returncode == 73
    assert "answers" in refused.stderr


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
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not (log.exists() and "MASTER nfs002" in log.read_text()):
            time.sleep(0.05)
    finally:
        pair("down", "--dir", place)
    assert "2@vtnet1 MASTER nfs002" in log.read_text()
