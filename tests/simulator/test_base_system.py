"""What 15 brought: reserved ports for NFS, service jails, packages of the base system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.own_pair import SETTLE, healthy_pair, layout_of
from simulator.faults.faults import inflict
from simulator.host.log import MESSAGES
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair
from simulator.shell.output import Output

ALL_JAILS = 'svcj_all_enable="YES"\n'
WORKING_15 = "15.1+D57511"


def pair_of(releases: str, rc_conf: str = "") -> Pair:
    """A healthy pair whose nodes have more in rc.conf(5)."""
    layout = layout_of(RemediationConfig(), 1).running(releases)
    pair = Pair(replace(layout, devd_action="/usr/local/sbin/carp-log $subsystem $type"))
    for node in pair.nodes.values():
        node.files.write("/etc/rc.conf", rc_conf, 0.0, append=True)
    pair.bring_up()
    pair.clock.advance(SETTLE)
    return pair


def reached(node: Node, user: str) -> tuple[int, str]:
    output = Output()
    process = node.start_command("hastwatch reach 10.1.101.5 /hast/home", output, user=user)
    node.clock.wait(process, 10.0)
    return process.value or 0, output.text("err").strip()


def restarts(node: Node, flags: str) -> None:
    """mountd and nfsd with other flags for mountd, in the order of rc(8)."""
    node.files.write("/etc/rc.conf", f'mountd_flags="{flags}"\n', 0.0, append=True)
    assert node.run("service mountd onerestart; service nfsd onerestart; sleep 2").status == 0


def test_a_port_that_anybody_may_bind_gets_nothing_but_null_from_15() -> None:
    active = next(iter(pair_of(WORKING_15).nodes.values()))
    assert reached(active, "root") == (0, "")
    assert reached(active, "nagios") == (1, "MNT: AUTH_TOOWEAK")
    assert active.run("rpcinfo -t 10.1.101.5 nfs 3; rpcinfo -t 10.1.101.5 mountd 3").status == 0


def test_mountd_n_is_enough_on_14() -> None:
    active = next(iter(pair_of("14.5").nodes.values()))
    assert reached(active, "nagios") == (1, "MNT: AUTH_TOOWEAK")
    restarts(active, "-r -n")
    assert reached(active, "nagios") == (0, "")


def test_where_the_kernel_wants_a_reserved_port_nfsd_refuses_and_the_kernel_says_so() -> None:
    pair = pair_of(WORKING_15)
    active = next(iter(pair.nodes.values()))
    restarts(active, "-rn")
    pair.must(active, "sysctl vfs.nfsd.nfs_privport=1")  # as rc.d/nfsd does after mountd has cleared it
    assert reached(active, "nagios") == (1, "GETATTR: AUTH_TOOWEAK")
    assert "NFS request from unprivileged port (10.1.101.3:" in active.run(f"tail -n 1 {MESSAGES}").out
    client = pair.client()
    client.privileged = False
    assert client.write_now("mail").answer is OperationResult.REFUSED
    pair.must(active, "sysctl vfs.nfsd.nfs_privport=0")
    assert client.write_now("mail").answer is OperationResult.OK


def test_service_jails_have_rpcbind_and_its_kin_and_not_what_says_no() -> None:
    _, standby = pair_of(WORKING_15, ALL_JAILS).nodes.values()
    jails = {line.split()[1]: line.split()[0] for line in standby.run("ps -axww -o jid,comm").out.splitlines()}
    assert {name for name in ("rpcbind", "rpc.statd", "rpc.lockd") if jails[name] != "0"} == {
        "rpcbind",
        "rpc.statd",
        "rpc.lockd",
    }
    assert {jails[name] for name in ("devd", "syslogd", "sshd")} == {"0"}
    assert standby.run("service rpcbind onestatus; service statd onestatus").status == 0
    assert standby.run("service rpcbind onerestart && service rpcbind onestatus").status == 0


def test_14_knows_no_service_jails() -> None:
    _, standby = pair_of("14.5", ALL_JAILS).nodes.values()
    assert "rpcbind" in standby.run("ps -axww -o jid,comm | grep '^ *0 '").out


@pytest.mark.slow
@pytest.mark.parametrize(("says_no", "status"), [(True, 0), (False, 1)])
def test_a_script_of_ours_would_fail_in_a_jail_and_says_no(tmp_path: Path, says_no: bool, status: int) -> None:
    pair = pair_of(WORKING_15, ALL_JAILS)
    Installed(pair, tmp_path, RemediationConfig())
    _, standby = pair.nodes.values()
    script = "/usr/local/etc/rc.d/hastwatch_hold"
    if not says_no:
        standby.files.write(script, "#!/bin/sh\n", 0.0)
    pair.clock.wait(standby.shut_down())
    pair.clock.wait(standby.power_on())
    assert standby.files.exists("/var/log/svcj_hastwatch_hold_console.log") is bool(status)


def test_a_package_that_is_deleted_takes_its_programs_and_scripts_away() -> None:
    pair = healthy_pair(layout_of(RemediationConfig(), 1).running(WORKING_15), hooked=False)
    active = next(iter(pair.nodes.values()))
    inflict(pair, "delete-package", active.name, "FreeBSD-hast")
    assert active.run("hastctl status").err == "sh: hastctl: not found\n"
    assert active.run("service hastd onestatus").out.startswith("hastd does not exist in /etc/rc.d")
    assert active.run("showmount -e").status == 0
    assert active.hastd.running  # what was started goes on
    inflict(pair, "install-package", active.name, "FreeBSD-hast")
    assert active.run("hastctl status").status == 0


def test_a_node_without_the_package_of_nfs_boots_without_nfs() -> None:
    pair = pair_of("15.1")
    standby = list(pair.nodes.values())[1]
    inflict(pair, "delete-package", standby.name, "FreeBSD-nfs")
    pair.clock.wait(standby.shut_down())
    pair.clock.wait(standby.power_on())
    assert standby.run("pgrep -x mountd nfsd rpc.statd").status == 1
    assert standby.nfs.running("rpcbind") and standby.hastd.running
