"""Faults that are processes with the name of a daemon, and are none: a user's, a jail's. See `faults.py`.

They answer nobody: nothing listens, nothing is registered. What is judged by them is who is taken for a daemon.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from simulator.faults.fault_registry import fault
from simulator.faults.fault_words import FaultError, node_named
from simulator.host.local_users import USER
from simulator.host.processes import SIGKILL
from simulator.rc.services import SCRIPTS

if TYPE_CHECKING:
    from simulator.pair import Pair


@fault
def user_process(pair: Pair, node: str, command: str) -> None:
    """A user runs a process with a command, and so a name, of his choice (`/usr/sbin/mountd`, `nfsd: server`)."""
    here = node_named(pair, node)
    here.processes.spawn(command, posixpath.basename(command).split(":")[0], here.clock.now, user=USER)


@fault
def user_runs_as_root(pair: Pair, node: str, command: str) -> None:
    """The same with the rights of root, as a hard link to su(1) that waits for a password has them."""
    here = node_named(pair, node)
    here.processes.spawn(command, posixpath.basename(command), here.clock.now, login=USER)


@fault
def jail_daemon(pair: Pair, node: str, service: str) -> None:
    """A jail runs a daemon of its own: rpcbind, mountd, nfsd, hastd."""
    script, here = SCRIPTS.get(service), node_named(pair, node)
    if script is None:
        raise FaultError(f"unknown service {service}; there are {', '.join(SCRIPTS)}")
    title = f"/usr/sbin/{script.comm}"
    here.processes.spawn(title, script.comm, here.clock.now, jid=here.processes.new_jail())


@fault
def users_leave(pair: Pair, node: str) -> None:
    """All processes of users and of jails end."""
    table = node_named(pair, node).processes
    for process in list(table.by_pid.values()):
        if USER in (process.user, process.login) or (process.jid and process.user == "root"):
            table.signal(process, SIGKILL)


@fault
def reuse_pids(pair: Pair, node: str) -> None:
    """From now on a new process gets the pid that was freed last, until the next boot."""
    node_named(pair, node).processes.reuses_pids = True
