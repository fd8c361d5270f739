"""rc(8): the order in which a node boots, and what an orderly shutdown does before the power goes.

devd is there when the network configures CARP, hastd comes after it and begins in role init, NFS is last. rc(8) starts
devd just after the interfaces and it is given the events until then (freebsd-facts: boot-order), which comes to the
same. Two scripts of /usr/local/etc/rc.d are run where they are installed: one before the network, one between hastd and
NFS. rc(8) waits for each.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulator.account.writes import LossCause
from simulator.clock import Completion, Steps, finished, first_of
from simulator.hastd.hastconf import HastConfError
from simulator.host.boot_messages import boot_messages
from simulator.host.log import MESSAGES
from simulator.host.processes import boot_processes
from simulator.rc import netif, service_jails
from simulator.rc.base_packages import lacks_script
from simulator.rc.rc_nfs import prepared
from simulator.rc.services import SCRIPTS, enabled, instances, start_daemon

if TYPE_CHECKING:
    from simulator.node import Node

HOLD_SCRIPT = "/usr/local/etc/rc.d/hastwatch_hold"
CONVERGE_SCRIPT = "/usr/local/etc/rc.d/hastwatch"

RC_SHUTDOWN = 90.0
"""Seconds for all of rc.shutdown, then its watchdog kills it (rc.conf(5), rcshutdown_timeout; rc.shutdown)."""

BOOT_PIDS = {"devd": 384, "syslogd": 557, "hastd": 570, "rpcbind": 577, "statd": 584, "lockd": 588}
BOOT_PIDS |= {"mountd": 616, "nfsd": 625, "ntpd": 640}
"""Of the first node, as recorded; the second node's are two less."""

NFS_DAEMONS = ("rpcbind", "statd", "lockd", "mountd", "nfsd")
"""In the order in which they start."""


def booting(node: Node) -> Steps[None]:
    """From the kernel, which is there already, to the end of rc(8)."""
    costs = node.pair.layout.costs
    node.files.clean_var()
    yield costs.boot_to_network
    boot_processes(node.processes, node.clock.now, node.layout.number)
    node.files.write("/var/run/sshd.pid", f"{656 - 2 * node.layout.number}\n", node.clock.now)
    _daemon(node, "syslogd")
    for line in boot_messages(node.layout.number):
        node.kernel_log(line)
    if node.files.exists("/etc/sysctl.conf"):
        node.kernel.read_sysctl_conf(node.files.read("/etc/sysctl.conf"))
    _daemon(node, "devd")
    yield costs.boot_devd
    yield _local_script(node, HOLD_SCRIPT, "start")
    netif.configure(node)
    node.boot_deafness = 0.0
    yield costs.boot_hastd
    _daemon(node, "hastd")
    yield _local_script(node, CONVERGE_SCRIPT, "start")
    yield costs.boot_nfs
    for name in NFS_DAEMONS:
        _daemon(node, name)
        yield costs.boot_daemon
    _daemon(node, "ntpd")
    node.processes.next_pid = max(node.processes.next_pid, 690)


def shutting_down(node: Node) -> Steps[None]:
    """rc.shutdown, or as much of it as its watchdog lets it do; then init ends every process, hastd too, and the
    kernel unmounts by force what is on its devices (init.c, death(); freebsd-facts: device-goes-with-hastd). Then the
    power goes."""
    scripts = node.clock.start(_rc_shutdown(node))
    yield first_of(scripts, node.clock.timeout(RC_SHUTDOWN))
    scripts.kill()
    node.hastd.die(LossCause.STEPS)


def _rc_shutdown(node: Node) -> Steps[None]:
    """The scripts in the reverse order of rcorder(8). Its order stands on what every installed script requires, and
    nothing on that: NFS is stopped before the local script (as seen on a real pair), after it, or not at all."""
    daemons = [f"service {name} onestop" for name in reversed(NFS_DAEMONS)]
    before = random.Random(f"{node.pair.layout.seed} {node.name} {node.clock.now}").choice((True, False, None))
    for command in daemons if before is True else ():
        yield node.start_command(command)
    yield _local_script(node, CONVERGE_SCRIPT, "stop")
    for command in daemons if before is False else ():
        yield node.start_command(command)
    yield node.start_command("service hastd onestop")


def _local_script(node: Node, path: str, verb: str) -> Completion[int]:
    """Run a script with one word, where it is installed; finished with its exit status."""
    program = node.programs.get(path)
    if program is None or not node.files.exists(path):
        return finished(0)
    if service_jails.refuses(node, path):
        return finished(1)
    return program.start(node, [path, verb])


def _daemon(node: Node, name: str) -> None:
    script = SCRIPTS[name]
    if (
        lacks_script(node, name)
        or not enabled(node, script)
        or (script.required_file and not node.files.exists(script.required_file))
    ):
        return
    if instances(node, script):
        return  # somebody was faster: rc.subr(8) finds it running
    if name in node.trouble.failing_services:
        node.syslog(MESSAGES, f"root: /etc/rc.d/{name}: WARNING: failed to start {name}")
        return
    service_jails.begin(node, name)
    try:
        start_daemon(node, name, BOOT_PIDS[name] - 2 * (node.layout.number - 1), prepared(node, name).command)
    except (HastConfError, OSError) as error:  # a hast.conf that hastd refuses does not stop the boot
        node.syslog(MESSAGES, f"root: /etc/rc.d/{name}: {error}")
