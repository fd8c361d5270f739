"""What the kernel of a node knows is asked of it, without a process; where it does not say, a command is run."""

from __future__ import annotations

import pytest

from checks.probes import carp
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import ProbeError
from remediate.counted import Started, counted
from remediate.failover import own_node, services
from simulator.host.processes import SIGKILL
from simulator.node import Node
from simulator.rc.services import start_daemon
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow


def looked(pair: InstalledPair, node: Node, known: tuple[Vhid, ...]) -> tuple[tuple[Vhid, ...], Started]:
    """What is seen of CARP, and what was started for it."""
    started: Started = []
    return pair.does(node, lambda context: own_node.vhids(counted(context, started), known)), started


def known(pair: InstalledPair, node: Node) -> tuple[Vhid, ...]:
    return pair.does(node, lambda context: carp.vhids(context.here.node()))


@pytest.mark.quick
def test_a_change_of_carp_is_seen_without_a_process(pair: InstalledPair) -> None:
    before = known(pair, pair.standby)
    pair.active.power_off()
    assert pair.until(lambda: "MASTER" in pair.carp(pair.standby).values())
    assert looked(pair, pair.standby, before) == (tuple(each._replace(state=CarpState.MASTER) for each in before), [])


def test_a_virtual_host_that_is_not_as_it_was_is_looked_at_by_ifconfig(pair: InstalledPair) -> None:
    before = known(pair, pair.active)
    assert pair.active.run("ifconfig vtnet1 vhid 2 advskew 50").status == 0
    standing, started = looked(pair, pair.active, before)
    assert standing == known(pair, pair.active) != before and started == ["ifconfig -a"]


def test_vrrp_is_looked_at_by_ifconfig(pair: InstalledPair) -> None:
    before = tuple(each._replace(protocol="vrrp") for each in known(pair, pair.active))
    assert looked(pair, pair.active, before)[1] == ["ifconfig -a"]


def test_where_no_virtual_host_is_known_ifconfig_is_run(pair: InstalledPair) -> None:
    assert looked(pair, pair.active, ()) == (known(pair, pair.active), ["ifconfig -a"])


def test_a_node_that_does_not_say_what_carp_is_is_not_known(pair: InstalledPair) -> None:
    before = known(pair, pair.active)
    pair.breaks("hang-command", "nfs001", "ifconfig")
    with pytest.raises(ProbeError, match="timed out"):
        looked(pair, pair.active, before)


def test_without_carp_in_the_kernel_there_is_no_demotion(pair: InstalledPair) -> None:
    assert pair.does(pair.active, own_node.demotion) == 0
    pair.active.kernel.unload("carp")
    assert pair.does(pair.active, own_node.demotion) is None


def pid_of_mountd(node: Node) -> str:
    return node.run("cat /var/run/mountd.pid").out


def test_a_daemon_that_somebody_started_after_the_look_is_started_anew(pair: InstalledPair) -> None:
    """mountd exports only what is mounted when it starts, and refuses to start twice."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    old = pid_of_mountd(pair.standby)
    pair.does(
        pair.standby,
        lambda context: services.start(context, ("mountd",), ("/hast/home",), may_run=False),
    )
    assert pid_of_mountd(pair.standby) not in ("", old)
    assert pair.until(lambda: pair.serves(pair.standby), 5)


def test_a_mountd_that_somebody_starts_between_the_look_and_the_start_is_started_anew(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    node = pair.standby
    pair.pair.must(node, "service mountd onestop")
    node.trouble.at_command["service"] = lambda: start_daemon(node, "mountd")
    pair.does(node, lambda context: services.start(context, ("mountd",), ("/hast/home",)))
    assert pair.until(lambda: pair.serves(node), 5)


def test_an_nfsd_that_somebody_starts_before_the_second_try_counts_as_started(pair: InstalledPair) -> None:
    """The first try fails for a user's process of that name."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    node, tries = pair.standby, pair.standby.trouble.at_command
    pair.pair.must(node, "service nfsd onestop")
    pair.breaks("user-process", node.name, "/usr/sbin/nfsd")
    tries["service"] = lambda: tries.update(service=lambda: start_daemon(node, "nfsd"))
    pair.does(node, lambda context: services.start(context, ("nfsd",), ()))
    assert not tries and pair.until(lambda: pair.serves(node), 5)


def test_a_process_that_has_got_the_pid_of_mountd_while_rpcbind_was_started_gets_no_signal(pair: InstalledPair) -> None:
    """rc(8) needs seconds to start rpcbind, and nobody keeps a pid for a daemon that ends meanwhile."""
    node = pair.active
    pair.breaks("reuse-pids", node.name)
    pair.breaks("kill", node.name, "rpcbind")
    table, mountd = node.processes, node.processes.named("mountd")[0]

    def replaced() -> None:
        table.signal(mountd, SIGKILL)
        assert table.spawn("/usr/local/bin/important", "important", node.clock.now).pid == mountd.pid

    node.trouble.at_command["service"] = replaced
    pair.does(node, lambda context: services.start(context, ("rpcbind", "mountd"), ("/hast/home",)))
    assert table.named("important") and table.named("mountd")
