"""service(8) and the rc.d scripts it runs: what is enabled, what depends on what, and the words rc.subr(8) prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.clock import Steps
from simulator.hastd.hastconf import HastConfError
from simulator.hastd.metadata import Role
from simulator.host.devd import DevdRefusal
from simulator.host.log import MESSAGES
from simulator.host.processes import SIGTERM, RunningProcess
from simulator.rc import netif
from simulator.rc.base_packages import lacks_script
from simulator.rc.rc_nfs import prepared
from simulator.rc.variables import rc_variable, says_yes

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.shell.calls import Call


@dataclass(frozen=True, slots=True)
class Script:
    """One script of /etc/rc.d."""

    name: str
    rcvar: str
    comm: str
    pidfile: str = ""
    required_file: str = ""


SCRIPTS = {
    script.name: script
    for script in (
        Script("hastd", "hastd_enable", "hastd", "/var/run/hastd.pid", "/etc/hast.conf"),
        Script("devd", "devd_enable", "devd", "/var/run/devd.pid"),
        Script("rpcbind", "rpcbind_enable", "rpcbind"),
        Script("statd", "rpc_statd_enable", "rpc.statd"),
        Script("lockd", "rpc_lockd_enable", "rpc.lockd"),
        Script("mountd", "mountd_enable", "mountd", "/var/run/mountd.pid", "/etc/exports"),
        Script("nfsd", "nfs_server_enable", "nfsd"),
        Script("nfsuserd", "nfsuserd_enable", "nfsuserd"),
        Script("syslogd", "syslogd_enable", "syslogd", "/var/run/syslog.pid"),
        Script("sshd", "sshd_enable", "sshd", "/var/run/sshd.pid"),
        Script("ctld", "ctld_enable", "ctld"),
        Script("ntpd", "ntpd_enable", "ntpd"),
        Script("samba_server", "samba_server_enable", "smbd"),
    )
}

LOCAL_RC = "/usr/local/etc/rc.d/"
OPTIONAL = {
    "ctld": "/usr/sbin/ctld",
    "ntpd": "/usr/sbin/ntpd",
    "samba_server": "/usr/local/sbin/smbd --daemon",
    "nfsuserd": "/usr/sbin/nfsuserd",
}
"""The optional services of the set-up, which only run or don't."""

ENABLED_BY_DEFAULT = {"devd_enable", "syslogd_enable"}
"""/etc/defaults/rc.conf"""

REFUSAL = "can't register with rpcbind: RPC: Timed out"
"""What a daemon that is made to fail says."""

ALL_SCRIPTS = (
    *("hostid", "hostid_save", "cleanvar", "kldxref", "ip6addrctl", "rctl", "mixer", "devmatch", "netif", "resolv"),
    *("devd", "dmesg", "gptboot", "newsyslog", "os-release", "syslogd"),
    *("hastd", "rpcbind", "statd", "lockd", "mountd", "nfsd", "sshd"),
)
"""What `service -e` lists, in the order of rcorder(8); those that are no daemons here are always enabled."""


def enabled(node: Node, script: Script) -> bool:
    """checkyesno of rc.subr(8)."""
    value = rc_variable(node, script.name, script.rcvar)
    return says_yes(value) if value is not None else script.rcvar in ENABLED_BY_DEFAULT


def _local_enabled(node: Node, path: str) -> bool:
    """The same of a script that a package brought."""
    name = path.removeprefix(LOCAL_RC)
    return says_yes(rc_variable(node, name, f"{name}_enable"))


def instances(node: Node, script: Script) -> list[RunningProcess]:
    """The daemons of the system that a script is for, in its service jail where it has one."""
    jail = node.service_jails.get(script.name)
    if jail is not None:
        return [process for process in node.processes.listed() if process.jid == jail and process.comm == script.comm]
    return [process for process in node.processes.named(script.comm) if process.user != "hast"]


def processes_of(node: Node, script: Script) -> list[RunningProcess]:
    """What `service X status` finds: no workers of hastd, but nfsd's master and server.

    Without a pid file rc.subr(8) believes the first word of a command, whoever's it is (check_process(),
    _find_processes()); it leaves out other jails only.
    """
    if script.pidfile:
        return instances(node, script)
    words = {script.comm, f"{script.comm}:", f"({script.comm})", f"[{script.comm}]"}
    words |= {f"{directory}/{script.comm}" for directory in ("/usr/sbin", "/usr/local/sbin")}
    return [
        process
        for process in node.processes.listed()
        if process.command.partition(" ")[0] in words and process.jid == node.service_jails.get(script.name, 0)
    ]


def start_daemon(node: Node, name: str, pid: int | None = None, title: str = "") -> None:
    """Start the program behind a script. Raises HastConfError or OSError where hastd or devd can't read its file.

    `title` is its command line, where one is known: as the script of rc.d made it (`rc_nfs`), or as somebody typed it.
    """
    if name == "hastd":
        node.hastd.start(pid=pid)
    elif name == "devd":
        node.devd.start(pid, title or "/sbin/devd")
    elif name in node.nfs.daemons:
        node.nfs.start(name, pid=pid, title=title)
    elif name == "syslogd":
        node.syslogd.start(pid=pid)
    elif name in OPTIONAL:
        node.processes.spawn(title or OPTIONAL[name], SCRIPTS[name].comm, node.clock.now)


def _stop_hastd(node: Node) -> Steps[None]:
    """rc.d/hastd: first `hastctl role init all`."""
    while node.hastd.busy:
        yield 1.0  # hastctl(8) waits for an answer without end
    for resource in list(node.hastd.resources.values()):
        yield from node.hastd.set_role(resource, Role.INIT)
    yield node.pair.layout.costs.hastd_stop
    node.hastd.terminate()


def _stop_daemon(node: Node, script: Script) -> Steps[None]:
    if script.name == "hastd":
        yield from _stop_hastd(node)
        return
    yield node.processor.use(node.pair.layout.costs.service_stop)
    while script.name in ("devd", *node.nfs.daemons) and any(each.stopped for each in processes_of(node, script)):
        yield 1.0  # rc.subr(8), wait_for_pids: a stopped process takes no SIGTERM
    if script.name == "devd":
        node.devd.stop()
    elif script.name in node.nfs.daemons:
        node.nfs.stop(script.name)
    else:
        for process in instances(node, script):
            node.processes.end(process)
    for process in processes_of(node, script):
        node.processes.signal(process, SIGTERM)  # what only has the name


def service(call: Call) -> Steps[int]:
    """service(8): NAME [one|force|quiet]start|stop|restart|status|reload, NAME enabled, and -e."""
    node, words = call.node, call.argv[1:]
    if words == ["-e"]:
        names = [name for name in ALL_SCRIPTS if name not in SCRIPTS or enabled(node, SCRIPTS[name])]
        ours = [
            f"{path}\n" for path in sorted(node.programs) if path.startswith(LOCAL_RC) and _local_enabled(node, path)
        ]
        call.out("".join([*[f"/etc/rc.d/{name}\n" for name in names], *ours]))
        return 0
    if words[:2] == ["netif", "start"] and words[2:]:
        call.out(f"Starting Network: {' '.join(words[2:])}.\n")
        netif.start(node, [each for each in words[2:] if each in node.network.interfaces])
        return 0
    local = f"{LOCAL_RC}{words[0]}" if words else ""
    if words[1:] == ["enabled"] and (words[0] in SCRIPTS or local in node.programs):
        script_enabled = enabled(node, SCRIPTS[words[0]]) if words[0] in SCRIPTS else _local_enabled(node, local)
        return 0 if script_enabled else 1
    if len(words) < 2 or words[0] not in SCRIPTS or lacks_script(node, words[0]):
        name = words[0] if words else ""
        call.out(f"{name} does not exist in /etc/rc.d or the local startup\n")
        call.out("directories (/usr/local/etc/rc.d), or is not executable\n")
        return 1
    script, verb = SCRIPTS[words[0]], words[1]
    forced = re.match(r"(one|force|fast)?(\w+)", verb)
    assert forced is not None
    prefix, action = forced.group(1) or "", forced.group(2)
    own = script.rcvar if prefix in ("one", "force") else ""
    looks = prefix != "fast" and "rc_fast" not in call.environment.variables
    actions: dict[str, Callable[[], Steps[int]]] = {
        "start": lambda: _start(call, script, own, looks),
        "stop": lambda: _stop(call, script),
        "restart": lambda: _restart(call, script, own),
        "status": lambda: _status(call, script),
        "reload": lambda: _reload(call, script),
    }
    if action not in actions:
        call.err(f"/etc/rc.d/{script.name}: unknown directive '{verb}'.\n")
        return 1
    running = processes_of(node, script)
    if not prefix and not enabled(node, script) and not (action == "stop" and running):
        call.out(
            f"Cannot '{action}' {script.name}. Set {script.rcvar} to YES in /etc/rc.conf "
            f"or use 'one{action}' instead of '{action}'.\n"
        )
        return 0
    return (yield from actions[action]())


def _status(call: Call, script: Script) -> Steps[int]:
    yield call.node.processor.use(call.node.pair.layout.costs.service_status)
    running = processes_of(call.node, script)
    if not running:
        call.out(f"{script.name} is not running.\n")
        return 1
    call.out(f"{script.name} is running as pid {' '.join(str(process.pid) for process in running)}.\n")
    return 0


def _start(call: Call, script: Script, own: str, looks: bool = True) -> Steps[int]:
    """`own`: its variable, where that counts as YES; `looks`: whether for its process (rc_fast)."""
    from simulator.rc import service_jails

    node = call.node
    running = processes_of(node, script) if looks else ()
    if running:
        call.err(f"{script.name} already running?  (pid={' '.join(str(process.pid) for process in running)}).\n")
        return 1
    if script.required_file and not node.files.exists(script.required_file):
        for text in (f"{script.required_file} is not readable.", f"failed precmd routine for {script.name}"):
            line = f"/etc/rc.d/{script.name}: WARNING: {text}"
            call.err(line + "\n")
            node.syslog(MESSAGES, f"root[{node.processes.next_pid}]: {line}")
        return 1
    prepared_script = prepared(node, script.name, own)
    call.out("".join(f"{line}\n" for line in prepared_script.says))
    for name in prepared_script.depends:
        if not processes_of(node, SCRIPTS[name]) and (yield from _start(call, SCRIPTS[name], SCRIPTS[name].rcvar)):
            call.err(f"/etc/rc.d/{script.name}: WARNING: failed precmd routine for {script.name}\n")
            return 1
    yield node.processor.use(node.pair.layout.costs.service_start)
    call.out(f"Starting {script.name}.\n")
    if script.name in node.trouble.failing_services:
        call.err(f"{script.comm}: {REFUSAL}\n/etc/rc.d/{script.name}: WARNING: failed to start {script.name}\n")
        return 1
    while script.comm in node.hung_commands:
        yield 0.5
    faster = instances(node, script)
    if faster:  # started by somebody else meanwhile: pidfile(3) lets only one in
        call.err(f"{script.comm}: already running, pid: {faster[0].pid}\n")
        call.err(f"/etc/rc.d/{script.name}: WARNING: failed to start {script.name}\n")
        return 1
    service_jails.begin(node, script.name)
    try:
        start_daemon(node, script.name, title=prepared_script.command)
    except HastConfError as error:
        call.err(f"[ERROR] {error}\n")
        return 1
    except DevdRefusal as error:
        call.err(f"{error}\n/etc/rc.d/{script.name}: WARNING: failed to start {script.name}\n")
        return 1
    return 0


def _stop(call: Call, script: Script) -> Steps[int]:
    running = processes_of(call.node, script)
    if not running:
        note = f" (check {script.pidfile})" if script.pidfile else ""
        call.err(f"{script.name} not running?{note}.\n")
        return 1
    call.out(f"Stopping {script.name}.\n")
    if script.name == "hastd":
        call.out(f"Waiting for PIDS: {running[0].pid}.\n")
    yield from _stop_daemon(call.node, script)
    return 0


def _restart(call: Call, script: Script, own: str) -> Steps[int]:
    yield from _stop(call, script)
    return (yield from _start(call, script, own))


def _reload(call: Call, script: Script) -> Steps[int]:
    running = processes_of(call.node, script)
    if not running:
        note = f" (check {script.pidfile})" if script.pidfile else ""
        call.err(f"{script.name} not running?{note}.\n")
        return 1
    yield call.node.processor.use(call.node.pair.layout.costs.service_status)
    for process in running[:1]:
        call.node.processes.signal(process, 1)
    return 0
