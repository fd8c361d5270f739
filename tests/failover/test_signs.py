"""What is taken for a sign that the other node is gone: silence, and nothing that its kernel or anybody else says."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.errors import Hangs, ToolMissing, Unreachable
from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.context import Context, Transport
from remediate.failover import hearing, peer
from remediate.failover.facts import Peer
from remediate.failover.hearing import Responsiveness
from remediate.failover.observe import observe
from remediate.failover.peer import PeerStanding
from remediate.failover.resource import places
from remediate.rehearsal.context import CONNECT_TIMEOUT
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

CONNECT = "nc: connect to 10.1.101.3 port 8457 (tcp) failed: "
"""netcat.c, remote_connect()."""


def fill_the_port(pair: InstalledPair, node: Node, asking: Node) -> int:
    """Connection after connection to the port of a node's hastd; how many were completed before one was reset."""
    for taken in range(20):
        answer = asking.run(f"nc -v -z -w 1 {node.layout.address} 8457")
        if answer.status != 0:
            assert answer.err.endswith("failed: Connection reset by peer\n")
            return taken
    return -1


def standing(pair: InstalledPair, asked: bool = True) -> PeerStanding:
    """What the standby takes the other node for."""

    def look(context: Context) -> PeerStanding:
        place = observe(context).places["home"]
        return peer.look(context if asked else context._replace(peer=None), place)

    return pair.does(pair.standby, look)


@pytest.mark.quick
def test_a_stuck_hastd_s_port_resets_connections_after_thirteen(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs001", "hastd")
    assert fill_the_port(pair, pair.active, pair.standby) == 13
    pair.breaks("resume", "nfs001", "hastd")
    assert pair.standby.run(f"nc -z -w 1 {pair.active.layout.address} 8457").status == 0


def test_connections_of_a_primary_fill_the_port_of_the_other_node_s_stuck_hastd_too(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "worker")
    pair.breaks("hang", "nfs002", "hastd")
    pair.passes(60)
    assert fill_the_port(pair, pair.standby, pair.active) < 10


def test_a_primary_whose_stuck_hastd_resets_connections_is_not_taken_for_gone(pair: InstalledPair) -> None:
    """Its worker replicates all the time: whoever gets the role while it still writes makes two primaries."""
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks("hang", "nfs001", "hastd")
    fill_the_port(pair, pair.active, pair.standby)
    pair.breaks("cut-management")
    pair.active.network.demote(100, "by an operator")
    assert pair.until(lambda: master(pair.standby), 5)
    peer_standing = standing(pair)
    assert peer_standing.peer is Peer.LINGERS and "the secondary worker" in peer_standing.says
    pair.passes(30)
    assert (pair.role(pair.active), pair.role(pair.standby)) == ("primary", "secondary")
    pair.breaks("resume", "nfs001", "hastd")
    pair.passes(150)
    assert sum(pair.serves(node) for node in pair.pair.nodes.values()) == 1, pair.story()
    assert pair.lost() == 0 and pair.sound


def test_a_machine_that_refuses_is_not_gone_and_one_that_has_lost_its_power_is(state: Path) -> None:
    for fault, expected in (("kill nfs001 hastd", Peer.LET_GO), ("power-off nfs001", Peer.GONE)):
        pair = installed_pair(state / fault.split()[0])
        pair.breaks("drop-devd-event", "nfs002")
        pair.breaks_all(("cut-management", fault))
        pair.passes(3)
        peer_standing = standing(pair, asked=False)
        assert peer_standing.peer is expected, peer_standing


def test_an_ssh_that_is_refused_is_no_second_sign(state: Path) -> None:
    """Without `management` the way to the other node is the second one."""
    for fault, expected in (("sshd", Peer.LINGERS), ("management", Peer.GONE)):
        pair = installed_pair(state / fault)
        for name, config in pair.installed.configs.items():
            pair.installed.configs[name] = config._replace(failover=config.failover._replace(management=""))
        pair.breaks("drop-devd-event", "nfs002")
        if fault == "sshd":
            (sshd,) = pair.active.processes.named("sshd")
            pair.active.processes.end(sshd)
        else:
            pair.breaks("cut-management")
        pair.breaks("cut")
        pair.passes(5)
        assert master(pair.standby)
        peer_standing = standing(pair)
        assert peer_standing.peer is expected, peer_standing


@pytest.mark.parametrize("fault", ["hang-command nfs001 hostname", "hang nfs001 sshd"])
def test_a_machine_that_runs_and_cannot_be_asked_is_not_taken_for_one_that_has_let_go(
    pair: InstalledPair, fault: str
) -> None:
    """Its sshd starts nothing, or is stuck, and the link is cut: it serves, and this node's worker ends by itself."""
    pair.clients.stop()  # else it notices the cut first, and reports that the other copy is behind
    pair.passes(60)
    pair.breaks_all((fault, "cut"))
    pair.passes(30)
    for peer_standing in (standing(pair), standing(pair, asked=False)):
        assert peer_standing.peer is Peer.LINGERS and "the link between the nodes may be cut" in peer_standing.says
    pair.passes(30)
    assert pair.holds(pair.active) and not pair.holds(pair.standby) and not pair.twice, pair.story()


RESTART = "service hastd onerestart"
"""On the standby: no primary is connected to it for a moment, and its role is init until it is given one."""


@pytest.mark.parametrize("ends", ["kill nfs002 worker", RESTART])
def test_a_connection_that_ends_for_a_moment_is_no_role_that_was_released(state: Path, ends: str) -> None:
    """The other node serves, hears no CARP of this one and cannot be asked; the replication has its own network."""
    pair = installed_pair(state, policy(periodic_promotion=True))
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks_all(("cut-carp", "cut-management"))
    assert pair.until(lambda: master(pair.standby), 10)
    pair.passes(80)
    assert pair.role(pair.standby) == "secondary" and pair.holds(pair.active), pair.story()
    if ends == RESTART:
        pair.standby.run(RESTART)
    else:
        pair.breaks(*ends.split())
    pair.passes(180)
    assert pair.holds(pair.active) and not pair.holds(pair.standby) and not pair.twice, pair.story()
    assert pair.sound and not pair.split_brain(pair.active)


def test_a_node_that_answers_at_all_is_not_gone(pair: InstalledPair) -> None:
    """ssh(1) to another address works, and hastctl hangs there: the primary may be stuck with writes in its buffers."""
    pair.breaks("drop-devd-event", "nfs002")
    pair.breaks("hang", "nfs001", "hastd")
    pair.installed.configs["nfs002"] = with_management(pair, "10.0.2.99")
    pair.breaks("cut")
    assert pair.until(lambda: master(pair.standby), 5)
    peer_standing = standing(pair)
    assert peer_standing.peer is Peer.LINGERS and peer_standing.says.startswith(
        "the other node cannot say what it is"
    ), peer_standing


def with_management(pair: InstalledPair, address: str) -> RemediationConfig:
    """The configuration of the standby with another second sign."""
    config = pair.installed.configs[pair.standby.name]
    return config._replace(failover=config.failover._replace(management=address))


class Saying(Transport):
    """A way on which every command ends alike."""

    def __init__(self, status: int, stdout: str = "", stderr: str = "") -> None:
        super().__init__((), Memory("/nonexistent"))
        self._said = CompletedCommand((), status, stdout, stderr, 0.0)

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """As it was told; a command that is not there has status 127."""
        if self._said.status == 127:
            raise ToolMissing(f"{argv[0]}: not found")
        return self._said


@pytest.mark.parametrize(
    ("status", "stderr", "heard"),
    [
        (0, "Connection to 10.1.101.3 8457 port [tcp/*] succeeded!\n", Responsiveness.LISTENS),
        (1, f"{CONNECT}Connection refused\n", Responsiveness.ALIVE),
        (1, f"{CONNECT}Connection reset by peer\n", Responsiveness.STUCK),
        (1, f"{CONNECT}Operation timed out\n{CONNECT}Connection refused\n", Responsiveness.ALIVE),
        (1, f"{CONNECT}Operation timed out\n", Responsiveness.SILENT),
        (1, f"{CONNECT}Host is down\n{CONNECT}Operation timed out\n", Responsiveness.SILENT),
        (1, f"{CONNECT}No route to host\n", Responsiveness.NOT_KNOWN),
        (1, f"{CONNECT}Network is unreachable\n", Responsiveness.NOT_KNOWN),
        (1, f"{CONNECT}Operation timed out\n{CONNECT}Network is down\n", Responsiveness.NOT_KNOWN),
        (1, "nc: getaddrinfo: Name does not resolve\n", Responsiveness.NOT_KNOWN),
        (1, "", Responsiveness.NOT_KNOWN),
        (127, "", Responsiveness.NOT_KNOWN),
    ],
)
def test_only_silence_of_a_port_is_heard_as_silence(status: int, stderr: str, heard: Responsiveness) -> None:
    assert hearing.hastd(Saying(status, stderr=stderr), "tcp4://10.1.101.3:8457") is heard


PING = "PING 10.0.2.15 (10.0.2.15): 56 data bytes\n"


@pytest.mark.parametrize(
    ("status", "stdout", "stderr", "heard"),
    [
        (0, f"{PING}64 bytes from 10.0.2.15: icmp_seq=0 ttl=64 time=0.3 ms\n", "", Responsiveness.ALIVE),
        (2, PING, "", Responsiveness.SILENT),
        (2, PING, "ping: sendto: Host is down\n", Responsiveness.SILENT),
        (2, PING, "ping: sendto: No route to host\n", Responsiveness.NOT_KNOWN),
        (2, PING, "ping: sendto: Network is down\n", Responsiveness.NOT_KNOWN),
        (2, f"{PING}92 bytes from 10.0.2.15: Communication prohibited by filter\n", "", Responsiveness.NOT_KNOWN),
        (68, "", "ping: cannot resolve nfs001: Unknown host\n", Responsiveness.NOT_KNOWN),
        (127, "", "", Responsiveness.NOT_KNOWN),
    ],
)
def test_only_silence_of_a_machine_is_heard_as_silence(
    status: int, stdout: str, stderr: str, heard: Responsiveness
) -> None:
    assert hearing.machine(Saying(status, stdout, stderr), "10.0.2.15") is heard


@pytest.mark.parametrize("remoteaddr", ["", "uds:///var/run/other", "tcp4://"])
def test_of_an_address_that_is_none_nothing_is_known(remoteaddr: str) -> None:
    assert hearing.hastd(Saying(0), remoteaddr) is Responsiveness.NOT_KNOWN


@pytest.mark.parametrize(
    ("words", "silent"),
    [
        ("Operation timed out", True), ("Host is down", True), ("Connection refused", False),
        ("No route to host", False), ("Connection reset by peer", False),
    ],
)  # fmt: skip
def test_an_ssh_is_silent_only_where_no_machine_answers(words: str, silent: bool) -> None:
    error = Unreachable(f"`hostname`: ssh: connect to host nfs001 port 22: {words}", words)
    assert hearing.is_silence(error) is silent
    assert not hearing.is_silence(Hangs("`hostname` timed out after 4.0 s and was killed"))


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("ssh: connect to host nfs001 port 22: Connection refused", True),
        ("kex_exchange_identification: read: Connection reset by peer", True),
        ("Connection timed out during banner exchange", True), ("Connection closed by 10.0.2.15 port 22", True),
        ("root@nfs001: Permission denied (publickey).", True), ("Host key verification failed.", True),
        ("ssh: connect to host nfs001 port 22: Permission denied", False),
        ("ssh: connect to host nfs001 port 22: Operation timed out", False),
        ("ssh: Could not resolve hostname nfs001: Name does not resolve", False),
    ],
)  # fmt: skip
def test_an_ssh_that_reaches_a_machine_and_is_not_let_in_is_a_refusal(words: str, refusal: bool) -> None:
    assert hearing.is_refusal(Unreachable(f"`hostname`: {words}", words.rpartition(": ")[2])) is refusal


def looked(pair: InstalledPair, management: str | None = None) -> tuple[float, PeerStanding]:
    """What a look at the other node comes to on the standby, and how long it takes."""

    def look(context: Context) -> tuple[float, PeerStanding]:
        place = places(context.here.node(), context.config)["home"]
        if management is not None:
            policy = context.config.failover._replace(management=management)
            context = context._replace(config=context.config._replace(failover=policy))
        began = context.timing.now()
        standing = peer.look(context, place)
        return context.timing.now() - began, standing

    return pair.does(pair.standby, look)


def test_two_signs_are_enough_and_take_a_second_however_long_ssh_waits(pair: InstalledPair) -> None:
    pair.active.power_off()
    seconds, standing = looked(pair)
    assert standing.peer is Peer.GONE and seconds < 1.2


def test_without_a_management_address_ssh_has_to_say_that_nobody_answers(pair: InstalledPair) -> None:
    pair.active.power_off()
    seconds, standing = looked(pair, management="")
    assert standing.peer is Peer.GONE and CONNECT_TIMEOUT <= seconds < CONNECT_TIMEOUT + 0.3


def test_one_sign_is_not_enough_and_the_answer_is_waited_for(pair: InstalledPair) -> None:
    pair.breaks("cut-management")
    seconds, standing = looked(pair)
    assert standing.peer is not Peer.GONE and seconds >= CONNECT_TIMEOUT


def test_a_node_that_lets_go_is_believed_as_soon_as_the_own_worker_ends(pair: InstalledPair) -> None:
    """The worker's end is no proof, as that of the other node may have been killed: it is looked at again then."""
    pair.breaks("hang-command", "nfs001", "umount")
    pair.active.run("sysctl net.inet.carp.demotion=240")
    assert pair.until(lambda: bool(pair.entries(pair.standby, "plan"))), pair.story()
    pair.passes(2)
    pair.breaks("release-command", "nfs001", "umount")
    assert pair.until(lambda: pair.serves(pair.standby))
    (waited,) = (entry for entry in pair.entries(pair.standby, "step") if entry.step == "await-peer home")
    gave_up = [note.at for note in pair.pair.notes if note.node == "nfs001" and "primary secondary" in note.text]
    assert waited.result.endswith("says that it is secondary")
    assert waited.time - min(gave_up) < 1.0  # one question over ssh, and a Python there


def test_a_worker_that_ends_because_the_primary_one_was_killed_proves_nothing(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs001", "umount")
    pair.active.run("sysctl net.inet.carp.demotion=240")
    pair.passes(4)
    pair.breaks("kill", "nfs001", "worker")
    pair.passes(6)
    assert not pair.twice, pair.story()
