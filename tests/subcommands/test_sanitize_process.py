"""What the monitoring user left behind in a process of root's, before sudo(8), changes nothing of what that does."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path

import pytest

from tests.state import child

EVIL = """
import os, resource, signal, sys
signals = ("CHLD", "ALRM", "TERM", "USR1", "TSTP", "HUP")
for number in (getattr(signal, f"SIG{name}") for name in signals):
    signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
os.umask(0)
os.nice(15)
for name, limit in (("FSIZE", 512), ("CPU", 100), ("NOFILE", 24)):
    number = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(number, (limit, resource.getrlimit(number)[1]))
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""
"""What a caller can do before it has another program run as root."""
BEGUN = """
import argparse, json, os, resource, signal, sys
from checks.probes.process import run
from remediate.subcommands import sanitize_process, caller
def act(context):
    ACT
    return 0
sanitize_process.resources()
caller.run("hastwatch test", argparse.Namespace(config=None, via=None, peer=None, state_dir=sys.argv[1]), act)
"""
STATUS = "json.dump([run((path,), 1e9).status for path in ('/bin/false', '/bin/true')], sys.stdout)"
STARTED = "os.execv('/bin/sh', ['sh', '-c', 'grep -E \"Sig(Ign|Blk)\" /proc/self/status'])"
STOPPED = "os.kill(os.getpid(), signal.SIGTSTP); print('goes on')"
LIMITS = "json.dump([resource.getrlimit(getattr(resource, f'RLIMIT_{n}')) for n in ('FSIZE', 'CPU', 'NOFILE')] + \
[os.nice(0), os.umask(0)], sys.stdout)"
UNREAD = """
import os, sys
from remediate.subcommands import repair
repair.PATIENCE = 1
ours, theirs = os.pipe()
os.set_blocking(theirs, False)
try:
    while True:
        os.write(theirs, b" " * 4096)
except BlockingIOError:
    os.set_blocking(theirs, True)
os.dup2(theirs, 1)
repair.main(["devd", "--held", "downtime", "--state-dir", sys.argv[1]])
"""
"""A caller who does not read what is printed."""
HANDED_ON = {13, 25}
"""SIGPIPE and SIGXFSZ, which Python ignores, and execv(3) hands on."""


def after(act: str, directory: Path) -> str:
    """What is printed by a subcommand of this body that such a caller starts."""
    return child.run(EVIL, BEGUN.replace("ACT", act), directory)


@pytest.mark.slow
def test_a_command_that_fails_is_known_to_have_failed(tmp_path: Path) -> None:
    assert json.loads(after(STATUS, tmp_path)) == [1, 0]


def test_a_check_is_told_how_its_commands_ended_too(tmp_path: Path) -> None:
    code = "from checks.probes.process import run; print(run(('/bin/false',), 1e9).status)"
    assert child.run(EVIL, code) == "1\n"


def test_where_that_cannot_be_known_nothing_is_started(tmp_path: Path) -> None:
    code = """
import threading
from checks.probes.errors import CommandFailed
from checks.probes.process import run
def in_a_thread():
    try:
        run(("/bin/sh", "-c", "echo started"), 1e9)
    except CommandFailed as error:
        print(error)
thread = threading.Thread(target=in_a_thread)
thread.start()
thread.join()
"""
    message = "/bin/sh: not started: SIGCHLD is ignored, its exit status would not be known\n"
    assert child.run(EVIL, code) == message


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="there is no /proc of Linux to look in")
def test_what_is_started_inherits_no_signal_of_the_callers(tmp_path: Path) -> None:
    ignored_and_blocked = dict(line.split(":\t") for line in after(STARTED, tmp_path).splitlines())
    assert int(ignored_and_blocked["SigBlk"], 16) == 0
    bits = int(ignored_and_blocked["SigIgn"], 16)
    assert {number for number in range(1, 65) if bits >> (number - 1) & 1} <= HANDED_ON


def test_a_terminal_does_not_stop_what_may_hold_a_lock(tmp_path: Path) -> None:
    assert after(STOPPED, tmp_path) == "goes on\n"


@pytest.mark.slow
def test_a_caller_who_reads_nothing_keeps_no_process_of_roots(tmp_path: Path) -> None:
    with child.start(EVIL, UNREAD, tmp_path) as process:
        assert process.wait(60) == -signal.SIGALRM


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a limit away")
def test_neither_limits_nor_priority_nor_umask_of_the_caller_are_left(tmp_path: Path) -> None:
    size, seconds, files, priority, umask = json.loads(after(LIMITS, tmp_path))
    own = [resource.getrlimit(each)[1] for each in (resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)]
    assert [size[0], seconds[0]] == own
    assert files[0] > 24
    assert (priority, umask) == (0, 0o022)
