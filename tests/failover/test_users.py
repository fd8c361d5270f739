"""Who is ended because a file system is to be unmounted: whoever uses it, nobody else, whatever a user does."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.filesystem import Mount, mounted_at, mounts
from checks.probes.processes import Process
from remediate.context import Context
from remediate.failover import users
from simulator.host.processes import SIGKILL
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow

BOOT = "Sun Nov 22 08:31:39 2026"
DAEMONS = ("devd", "hastd", "sshd", "syslogd", "rpcbind", "rpc.statd", "rpc.lockd")


@pytest.fixture
def pair(pair: InstalledPair) -> InstalledPair:
    """In service; NFS of the active node has stopped, as before an unmount."""
    pair.pair.must(pair.active, "service nfsd onestop; service mountd onestop")
    return pair


def there(context: Context) -> Mount:
    mount = mounted_at(mounts(context.here.node()), "/hast/home")
    assert mount is not None
    return mount


def terminated(pair: InstalledPair) -> list[str]:
    """Whom SIGTERM is sent to on the active node, now."""
    mount = pair.does(pair.active, there)
    return [process.comm for process in pair.does(pair.active, lambda context: users.end(context, mount, "TERM"))]


def daemons(pair: InstalledPair) -> list[int]:
    """The daemons of the active node, which have to be there afterwards."""
    return [process.pid for name in DAEMONS for process in pair.active.processes.named(name)]


def process(pid: int, comm: str, *, ppid: int = 1, jid: int = 0, uid: int = 0) -> Process:
    return Process(pid, ppid, jid, uid, uid, BOOT, comm)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["x %d wd", "a\n%d", "\n%6d", "%d", "x %d 3 -"])
def test_the_name_of_a_user_s_process_is_never_taken_for_a_pid(pair: InstalledPair, what: str) -> None:
    """`x 570 wd` read in fstat(1)'s columns is hastd."""
    name = what % pair.active.processes.named("hastd")[0].pid
    before = daemons(pair)
    pair.breaks("busy-as", "nfs001", "home", name)
    assert terminated(pair) == [name]
    assert daemons(pair) == before and not pair.active.filesystems.mounts["/hast/home"].users


@pytest.mark.quick
def test_a_hostile_name_is_journalled_in_one_harmless_line(pair: InstalledPair) -> None:
    assert users.named([process(7, "a\n|b\x1b[2J")]) == r"a\x0a\x7cb\x1b[2J (pid 7)"
    many = users.named(process(pid, "x") for pid in range(100, 150))
    assert many.endswith("x (pid 109), 40 more") and users.named([]) == "nobody that fuser names"


@given(st.text(max_size=40))
def test_fuser_s_words_are_pids_or_nobody(text: str) -> None:
    assert sum(map(len, map(str, users.parse_fuser(text)))) <= len(text)
    assert users.parse_fuser(f"{text}x") == frozenset()


def test_pids_stand_in_columns_of_six() -> None:
    assert users.parse_fuser("  1954") == {1954}
    assert users.parse_fuser("  1954 12345     7") == {1954, 12345, 7}
    assert users.parse_fuser("") == frozenset()


# --- a mount that goes away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fuser", "ps", "mount"])
def test_a_forced_unmount_while_users_are_looked_for_ends_nobody(pair: InstalledPair, command: str) -> None:
    """fuser and fstat list every process of the root file system then: pid 1, hastd, devd, sshd (freebsd-facts:
    users-of-an-absent-mount)."""
    pair.breaks("busy", "nfs001", "home")
    mount = pair.does(pair.active, there)
    everybody = list(pair.active.processes.by_pid)
    pair.breaks("at-command", "nfs001", command, "forced-unmount nfs001 home")
    assert pair.does(pair.active, lambda context: users.end(context, mount, "KILL")) == ()
    assert list(pair.active.processes.by_pid) == everybody and pair.active.on


@pytest.mark.parametrize("command", ["fuser", "ps", "umount", "kill"])
def test_a_hastd_that_dies_under_a_busy_file_system_costs_no_other_process(pair: InstalledPair, command: str) -> None:
    """The kernel unmounts by force, in the middle of the demotion."""
    pair.breaks("busy-stubborn", "nfs001", "home")
    pair.passes(1)
    pids = [each.pid for name in DAEMONS if name != "hastd" for each in pair.active.processes.named(name)]
    pair.breaks("at-command", "nfs001", command, "kill nfs001 hastd")
    pair.active.network.demote(100, "by an operator")
    pair.passes(60)
    assert set(pids) <= set(pair.active.processes.by_pid) and pair.active.on, pair.story()


def test_another_file_system_at_the_point_is_not_what_was_listed(pair: InstalledPair) -> None:
    pair.breaks("busy", "nfs001", "home")
    other = pair.does(pair.active, there)._replace(device="/dev/ada3")
    assert pair.does(pair.active, lambda context: users.end(context, other, "TERM")) == ()


# --- pids that are used again ----------------------------------------------------------------------------------------


def test_a_process_that_has_got_the_pid_of_one_that_was_listed_is_not_ended(pair: InstalledPair) -> None:
    pair.breaks("reuse-pids", "nfs001")
    pair.breaks("busy", "nfs001", "home")
    table, mount = pair.active.processes, pair.does(pair.active, there)
    user, happens = table.named("sleep")[0], pair.active.trouble.at_command
    pair.passes(2)

    def replaced() -> None:
        table.signal(user, SIGKILL)
        assert table.spawn("/usr/local/bin/important", "important", pair.active.clock.now).pid == user.pid

    happens["fuser"] = lambda: happens.update(ps=replaced)  # so before the ps that comes after fuser
    assert pair.does(pair.active, lambda context: users.end(context, mount, "KILL")) == ()
    assert table.named("important") and not table.named("sleep")


def test_a_process_that_began_after_the_first_look_waits_for_the_next_one(pair: InstalledPair) -> None:
    pair.passes(2)
    pair.breaks("at-command", "nfs001", "fuser", "busy nfs001 home")
    mount = pair.does(pair.active, there)
    assert pair.does(pair.active, lambda context: users.end(context, mount, "TERM")) == ()
    assert [each.comm for each in pair.does(pair.active, lambda context: users.end(context, mount, "TERM"))] == [
        "sleep"
    ]


# --- who is spared ---------------------------------------------------------------------------------------------------


FOUND = (
    process(0, "kernel", ppid=0),
    process(1, "init", ppid=0),
    process(9, "syncer", ppid=0),
    process(384, "devd"),
    process(654, "sshd"),
    process(655, "sshd-session", ppid=654),
    process(700, "sh", ppid=655),
    process(964, "hastd"),
    process(1029, "hastd", ppid=964, jid=89, uid=845),
    process(1100, "hastd", uid=1001),
    process(1101, "devd", jid=4),
    process(1102, "sshd-session", ppid=655, uid=1001),
    process(2000, "vi", uid=1001),
    process(os.getpid() + 10**6, "python3.11", ppid=700),
)


def test_the_kernel_init_hastd_devd_sshd_and_our_own_line_are_never_ended() -> None:
    spared = users.never_ended(FOUND, os.getpid() + 10**6)
    assert spared == {0, 1, 9, 384, 654, 655, 700, 964, 1029, os.getpid() + 10**6}


def test_on_another_machine_our_own_pid_is_somebody_else_s() -> None:
    assert not users.never_ended(FOUND, 0) & {700, os.getpid() + 10**6}


def test_a_process_without_a_parent_in_the_list_is_the_end_of_its_line() -> None:
    assert users.never_ended((process(50, "x", ppid=49), process(51, "y", ppid=51)), 51) == {0, 1, 51}
    assert users.never_ended((process(50, "x", ppid=49),), 50) == {0, 1, 49, 50}
