"""Service jails of rc.subr(8), since 15.0: what `NAME_svcj` and `svcj_all_enable` of rc.conf(5) do to a script.

A jail without devices, of the whole file system and the host's addresses where the script asks for the network
(rc.subr, run_rc_command(), _svcj_generic_params): rpcbind and its kin work in it, under another jail's number. A script
that handles the host fails there: it may neither mount nor set an address, a route or a sysctl(8). So those of the base
system that do, hastd's, mountd's and nfsd's among them, say NO themselves, as hastwatch's do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.rc.variables import rc_variable, says_yes
from simulator.shell.calls import Call, command

if TYPE_CHECKING:
    from simulator.node import Node

ON_THE_HOST = frozenset({"hastd", "mountd", "nfsd", "nfsuserd", "devd", "sshd", "syslogd"})
"""Scripts that say NO (libexec/rc/rc.d), and syslogd's, which does not: what it does in a jail is not simulated."""


def jailed(node: Node, script: str, text: str = "") -> bool:
    """Whether a script runs in a jail of its own; `text` is that of a local one."""
    if not node.installed.service_jails or script in ON_THE_HOST or re.search(rf'(?m)^{script}_svcj="?NO"?$', text):
        return False
    return says_yes(rc_variable(node, script, f"{script}_svcj") or rc_variable(node, script, "svcj_all_enable"))


def begin(node: Node, script: str) -> None:
    """rc(8) starts what the script is for, in a new jail where it is to have one."""
    node.service_jails.pop(script, None)
    if jailed(node, script):
        node.service_jails[script] = node.processes.new_jail()


def refuses(node: Node, path: str) -> bool:
    """Whether a local script that handles the host is kept from it; its complaint is in a log of its own."""
    name = path.rpartition("/")[2]
    if not jailed(node, name, node.files.read(path)):
        return False
    line = f"{name}: Operation not permitted\n"
    node.files.write(f"/var/log/svcj_{name}_console.log", line, node.now, append=True)
    return True


@command("jls")
def jls(call: Call) -> int:
    """jls(8) with the parameters jid and name; hastd's workers are in jails of their own, which have no name but the
    number."""
    for name, number in call.node.service_jails.items():
        call.out(f"{number} svcj-{name}\n")
    for process in call.node.processes.listed():
        if process.user == "hast":
            call.out(f"{process.jid} {process.jid}\n")
    return 0
