"""Daemons of NFS that are started with their own programs and ended with a signal, without rc(8)."""

from __future__ import annotations

import pytest

from checks.probes.processes import NFS_DAEMONS
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair


def pids(node: Node, pattern: str) -> str:
    return " ".join(node.run(f"pgrep -f '{pattern}'").out.split())


def programs(node: Node) -> list[str]:
    """Every number is looked up in the process table."""
    return [line.strip() for line in node.run("ps -axww -o command").out.splitlines() if "/usr/sbin/" in line]


def test_started_directly_they_look_and_serve_as_if_rc_had_started_them(pair: Pair, node: Node) -> None:
    before = sorted(programs(node))
    for service in ("nfsd", "mountd", "lockd", "statd", "rpcbind"):
        pair.must(node, f"service {service} onestop")
    began = pair.clock.now
    for line in ("rpcbind", "rpc.statd", "rpc.lockd", "mountd -r", "nfsd -u -t -n 4"):
        pair.must(node, f"env LC_ALL=C /usr/sbin/{line}")
    assert pair.clock.now - began == pytest.approx(0.60)
    assert sorted(programs(node)) == before
    assert "nfsd: master (nfsd)\n" in node.run("ps -axww -o command").out
    pair.clock.advance(1)
    assert pair.client().write_now("mail").answer.name == "OK"
    assert set(NFS_DAEMONS) == {"rpcbind", "statd", "lockd", "mountd", "nfsd"}


def test_a_second_instance_is_refused(node: Node) -> None:
    assert node.run("/usr/sbin/mountd -r").status == 1


def test_the_flags_that_were_given_are_those_that_ps_shows(pair: Pair, node: Node) -> None:
    pair.must(node, f"kill -TERM {pids(node, '/usr/sbin/mountd')}")
    pair.clock.advance(1)
    pair.must(node, "/usr/sbin/mountd -r -S /etc/exports")
    assert "/usr/sbin/mountd -r -S /etc/exports" in node.run("ps -axww -o command").out


def test_mountd_ends_soon_after_sigterm_and_is_not_registered_any_more(pair: Pair, node: Node) -> None:
    pair.must(node, f"kill -TERM {pids(node, '/usr/sbin/mountd')}")
    assert pids(node, "/usr/sbin/mountd")
    pair.clock.advance(0.11)
    assert not pids(node, "/usr/sbin/mountd")
    assert " 100005 " not in node.run("rpcinfo -p").out
    assert not node.files.exists("/var/run/mountd.pid")


@pytest.mark.parametrize("signal", ["TERM", "QUIT", "INT"])
def test_nfsd_does_not_mind_sigterm(pair: Pair, node: Node, signal: str) -> None:
    """nfsd(8): "has to be terminated with SIGUSR1 and cannot be killed with SIGTERM or SIGQUIT"."""
    before = pids(node, "nfsd:")
    pair.must(node, f"kill -{signal} {before}")
    pair.clock.advance(5)
    assert pids(node, "nfsd:") == before
    assert pair.client().write_now("mail", patience=1).answer.name == "OK"


def test_nfsd_ends_by_sigusr1_to_its_master_and_the_server_with_it(pair: Pair, node: Node) -> None:
    pair.must(node, f"kill -USR1 {pids(node, 'nfsd: master')}")
    pair.clock.advance(0.11)
    assert not pids(node, "nfsd:")
    assert " 100003 " not in node.run("rpcinfo -p").out
    pair.must(node, "/usr/sbin/nfsd -u -t -n 4")
    pair.clock.advance(1)
    assert pair.client().write_now("mail", patience=1).answer.name == "OK"


def test_nfsd_without_its_server_does_not_answer(pair: Pair, node: Node) -> None:
    pair.must(node, f"kill -USR1 {pids(node, 'nfsd: server')}")
    assert pids(node, "nfsd: master")
    assert pair.client().write_now("mail", patience=1).answer.name == "NONE"


def test_a_stopped_mountd_ends_by_sigkill_or_when_it_is_continued(pair: Pair, node: Node) -> None:
    inflict(pair, "hang", "nfs001", "mountd")
    pair.must(node, "pkill -TERM mountd")
    pair.clock.advance(5)
    assert pids(node, "/usr/sbin/mountd")
    inflict(pair, "resume", "nfs001", "mountd")
    pair.clock.advance(1)
    assert not pids(node, "/usr/sbin/mountd")
    pair.must(node, "/usr/sbin/mountd -r")
    inflict(pair, "hang", "nfs001", "mountd")
    pair.must(node, "pkill -KILL mountd")
    assert not pids(node, "/usr/sbin/mountd")


def test_rc_waits_for_a_stopped_daemon(pair: Pair, node: Node) -> None:
    inflict(pair, "hang", "nfs001", "mountd")
    assert node.run("service mountd onestop", timeout=30).status == 124
    assert pids(node, "/usr/sbin/mountd")


def test_the_optional_services_run_or_do_not(pair: Pair, node: Node) -> None:
    for service in ("ctld", "samba_server"):
        assert node.run(f"service {service} onestatus").status == 1
        pair.must(node, f"service {service} onestart")
        pair.must(node, f"service {service} onestatus")
        pair.must(node, f"service {service} onestop")
        assert node.run(f"service {service} onestatus").status == 1


def test_a_stopped_devd_takes_no_signal_to_end_until_it_goes_on(pair: Pair, node: Node) -> None:
    inflict(pair, "hang", "nfs001", "devd")
    pair.must(node, f"kill -TERM {pids(node, 'devd')}")
    pair.clock.advance(5)
    assert node.devd.process is not None
    inflict(pair, "resume", "nfs001", "devd")
    assert node.devd.process is None


def test_rc_waits_for_the_end_of_a_stopped_devd(pair: Pair, node: Node) -> None:
    inflict(pair, "hang", "nfs001", "devd")
    waiting = node.start_command("service devd onerestart")
    pair.clock.advance(60)
    assert not waiting.done
    pair.must(node, f"kill -KILL {pids(node, 'devd')}")
    pair.clock.advance(10)
    assert waiting.done and node.devd.process is not None and not node.devd.process.stopped


def test_of_two_that_start_hastd_at_once_one_is_refused(pair: Pair, node: Node) -> None:
    pair.must(node, "service hastd onestop")
    both = [node.start_command("service hastd onestart") for _ in range(2)]
    pair.clock.advance(30)
    assert {process.value for process in both} == {0, 1}
    assert [process.title for process in node.processes.named("hastd") if process.user == "root"] == ["/sbin/hastd"]
