"""rc.conf(5) as a script of rc.d has it: load_rc_config() of rc.subr(8), run by the node's own sh(1)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulator.shell.calls import Call, Environment
from simulator.shell.output import Output
from simulator.shell.shell import execute

if TYPE_CHECKING:
    from simulator.node import Node

DEFAULTS = {
    "rc_conf_files": "/etc/rc.conf /etc/rc.conf.local",
    "cron_enable": "YES",
    "devd_enable": "YES",
    "hastd_enable": "NO",
    "mountd_enable": "NO",
    "mountd_flags": "-r -S",
    "nfs_server_enable": "NO",
    "nfs_server_flags": "-u -t",
    "nfs_server_managegids": "NO",
    "nfs_server_maxio": "131072",
    "nfsv4_server_enable": "NO",
    "ntpd_enable": "NO",
    "ntpd_sync_on_start": "NO",
    "ntpdate_enable": "NO",
    "nfsv4_server_only": "NO",
    "rpc_lockd_enable": "NO",
    "rpc_lockd_flags": "",
    "rpc_statd_enable": "NO",
    "rpc_statd_flags": "",
    "rpcbind_enable": "NO",
    "rpcbind_flags": "",
    "rpcbind_program": "/usr/sbin/rpcbind",
    "weak_mountd_authentication": "NO",
    "zfs_enable": "NO",
}
"""/etc/defaults/rc.conf of 13.2 and 15.1, as far as a script here asks for it."""
DIRECTORIES = ("/etc/rc.conf.d", "/usr/local/etc/rc.conf.d")


class NotSimulated(Exception):
    """A file of rc.conf(5) does something that takes time, or that the simulated sh does not know."""


def says_yes(value: str | None) -> bool:
    """checkyesno() of rc.subr(8); of what is neither, no."""
    return value is not None and value.lower() in ("yes", "true", "on", "1")


def rc_variables(node: Node, script: str) -> dict[str, str]:
    """The variables of a script; those of all scripts where none is named. None at all where the node's sh gives up."""
    environment = Environment(node, Output(), variables=dict(DEFAULTS), functions={"checkyesno": _checkyesno})
    environment.processes = False
    try:
        for path in _files(environment, script):
            _source(environment, path)
    except NotSimulated:
        return {}
    return environment.variables


def rc_variable(node: Node, script: str, name: str) -> str | None:
    """One of them."""
    return rc_variables(node, script).get(name)


def _files(environment: Environment, script: str) -> Iterator[str]:
    """source_rc_confs() of /etc/defaults/rc.conf: the files once, and once more what they have made of the list; then
    those of the script and of whatever else it loads (rc.d/mountd of 15.1: nfsd and zfs)."""
    done: set[str] = set()
    for _ in range(2):
        for path in environment.variables["rc_conf_files"].split():
            if path not in done:
                done.add(path)
                yield path
    files = environment.node.files
    text = files.read(f"/etc/rc.d/{script}") if script and files.exists(f"/etc/rc.d/{script}") else ""
    names = [script, *re.findall(r"(?m)^[ \t]*load_rc_config[ \t]+([a-z]\w*)", text)] if script else []
    for directory in [posixpath.join(directory, name) for name in names for directory in DIRECTORIES]:
        if environment.node.is_directory(directory):
            yield from (posixpath.join(directory, name) for name in sorted(files.names(directory)))
        else:
            yield directory


def _source(environment: Environment, path: str) -> None:
    """`.` of sh(1), which takes no time. Raises NotSimulated."""
    if not environment.node.files.exists(path):
        return
    steps = execute(environment, environment.node.files.read(path))
    try:
        next(steps)
    except StopIteration as end:
        if end.value == 2 and "Syntax error" in environment.output.text("err"):
            raise NotSimulated(path) from None
    else:
        steps.close()
        raise NotSimulated(path)


def _checkyesno(call: Call) -> int:
    """checkyesno NAME"""
    return 0 if says_yes(call.environment.variables.get(call.argv[1])) else 1
