"""Local processes of a node that use a mounted file system, which is why umount(8) says `Device busy`.

Such a process has the mounted directory as its working directory and a file open on it for writing. Taking the file
system away by force does not end it: it goes on with a file that nothing can be written to.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from simulator.host.processes import SIGINT, SIGKILL, SIGTERM

if TYPE_CHECKING:
    from simulator.host.processes import RunningProcess
    from simulator.storage.mounts import Mount

TITLE, COMM = "sleep 1000", "sleep"
USER = "jane"
"""Somebody who may log in, and nothing else."""
WILLING = frozenset({SIGTERM, SIGINT, SIGKILL})
STUBBORN = frozenset({SIGKILL})
"""The signals that end a process."""


def begin_to_use(
    mount: Mount,
    ended_by: frozenset[int] = WILLING,
    seconds: float | None = None,
    command: str = TITLE,
    user: str = "root",
) -> RunningProcess:
    """A new process that uses the file system until a signal of `ended_by` comes, or so many seconds have passed; with
    a `command` and a `user` of one's own choice."""
    node = mount.node
    table = node.processes

    def end() -> None:
        if table.by_pid.get(process.pid) is process:
            table.end(process)
        if process in mount.users:
            mount.users.remove(process)

    def on_signal(number: int) -> None:
        if number in ended_by:
            end()

    comm = COMM if command == TITLE else posixpath.basename(command)
    process = table.spawn(command, comm, node.clock.now, on_signal=on_signal, user=user)
    mount.users.append(process)
    if seconds is not None:
        node.clock.after(seconds, end)
    return process
