"""Clients are known to the node that takes over, and go on as soon as it serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from remediate import mounted_file
from remediate.failover import clients
from remediate.failover.converge import ConvergeRequest
from remediate.failover.resource import ResourcePlace
from remediate.rehearsal.service import RHYTHM
from remediate.state import clients as remembered
from remediate.state.clients import Clients, KnownClient
from remediate.state.store import Store
from simulator.clock import Coroutine
from simulator.nfs.client import Operation
from tests.failover.installed_pair import InstalledPair, master

pytestmark = pytest.mark.slow

PERIODIC = ConvergeRequest("periodic", promote=False, again=True)
ARRIVED = 0.02
"""Seconds after which a call has arrived at the server, and is not answered yet."""
ROOT = Path(__file__).parents[2]
namespaces = pytest.mark.skipif(
    os.geteuid() != 0
    or shutil.which("unshare") is None
    or bool(subprocess.run(["unshare", "--mount", "true"]).returncode),
    reason="a file system to write into needs root, Linux and a mount namespace",
)
LATE = 1.0
"""Seconds after the service is back in which a client that was woken goes on."""


def known(pair: InstalledPair, name: str) -> Clients:
    return remembered.read(Store(str(pair.state / name)))


def waiting_for_a_dead_node(pair: InstalledPair) -> Coroutine[Operation]:
    """A client whose call the active node has acknowledged, and will never answer: its power goes."""
    client = pair.pair.client()
    client.write_now("before")
    call = client.write("waits", patience=600)
    pair.passes(ARRIVED)
    pair.active.power_off()
    assert not call.done
    return call


def goes_on_late(pair: InstalledPair, call: Coroutine[Operation]) -> float:
    """How long after the service is back the client goes on."""
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    back = pair.now
    pair.until(lambda: call.done, 400)
    return pair.now - back


@pytest.mark.quick
def test_a_client_that_nobody_wakes_waits_for_its_own_time_out(pair: InstalledPair) -> None:
    pair.pair.sockets.tickle = lambda *words: None  # type: ignore[method-assign]  # no packet arrives
    assert goes_on_late(pair, waiting_for_a_dead_node(pair)) > 200


def test_a_client_that_a_message_told_of_is_woken(pair: InstalledPair) -> None:
    pair.pair.client().write_now("connects")
    pair.converges(pair.active, PERIODIC)
    assert [each.address for each in known(pair, "nfs002")] == [pair.pair.layout.client_address]
    assert known(pair, "nfs002")[0].ports
    assert goes_on_late(pair, waiting_for_a_dead_node(pair)) < LATE, pair.story()


def test_a_client_that_only_the_replicated_file_system_has_is_woken(pair: InstalledPair, state: Path) -> None:
    pair.pair.client().write_now("connects")
    pair.converges(pair.active, PERIODIC)
    Store(str(state / "nfs002")).remove(remembered.NAME)
    pair.passes(40)  # its name is on the disk
    assert goes_on_late(pair, waiting_for_a_dead_node(pair)) < LATE, pair.story()


def test_a_client_with_another_port_than_the_known_one_is_woken_too(pair: InstalledPair) -> None:
    pair.converges(pair.active, PERIODIC)  # the client of the test connects afterwards, from the same address
    assert goes_on_late(pair, waiting_for_a_dead_node(pair)) < LATE, pair.story()


def dies_while_it_has_a_call(pair: InstalledPair) -> None:
    """The power of the active node goes when it has acknowledged the next call of the client that writes all the
    time, and has not answered it."""
    pair.passes(RHYTHM + ARRIVED - pair.clients.unanswered_for())
    pair.active.power_off()


def test_a_client_that_no_tickle_has_reached_is_woken_at_the_next_look(pair: InstalledPair) -> None:
    pair.converges(pair.active, PERIODIC)
    tickle = pair.pair.sockets.tickle
    pair.pair.sockets.tickle = lambda *words: None  # type: ignore[method-assign]  # no packet arrives
    dies_while_it_has_a_call(pair)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.passes(10)
    assert pair.clients.unanswered_for() > 10
    pair.pair.sockets.tickle = tickle  # type: ignore[method-assign]
    pair.converges(pair.standby, PERIODIC)
    pair.passes(LATE)
    assert pair.clients.unanswered_for() < LATE, pair.story()
    pair.told_once(pair.standby, "1024 segments to 1 clients that have not come back yet", "clients")
    pair.converges(pair.standby, PERIODIC)
    pair.told_once(pair.standby, "that have not come back yet", "clients")


def test_a_client_that_the_other_master_had_is_woken_when_that_gives_way(pair: InstalledPair) -> None:
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.standby.power_off()
    pair.boots(pair.standby, 30)  # it believes CARP late: the other node is MASTER again before this one serves
    pair.breaks("cut")
    dies_while_it_has_a_call(pair)
    pair.boots(pair.active, 40)
    assert master(pair.active) and pair.holds(pair.standby), pair.story()
    pair.breaks("heal")
    assert pair.until(lambda: not master(pair.active), 10)
    assert pair.until(lambda: pair.clients.unanswered_for() < LATE, 62), pair.story()


def test_a_client_that_does_not_come_back_is_woken_as_long_as_it_may_wait(pair: InstalledPair) -> None:
    pair.converges(pair.active, PERIODIC)
    sent: list[float] = []
    pair.pair.sockets.tickle = lambda *words: sent.append(pair.now)  # type: ignore[method-assign]
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.pair.link.cut(pair.pair.layout.client, pair.standby.name)
    began = pair.now
    pair.looks_every_minute(pair.standby)
    pair.passes(700)
    assert remembered.TIME_OUT - 60 < max(sent) - began < remembered.TIME_OUT + 60, pair.story()


def test_what_was_sent_is_in_the_journal(pair: InstalledPair) -> None:
    pair.converges(pair.active, PERIODIC)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(5)
    step = next(entry for entry in pair.entries(pair.standby, "step") if entry.step == "wake home")
    assert step.result.startswith("1 segments to known connections, then 1023 to all ports of 1 clients")


def test_clients_are_noted_before_a_planned_move(pair: InstalledPair) -> None:
    pair.pair.client().write_now("connects")
    pair.pair.clock.wait(pair.moves())
    assert known(pair, "nfs002"), pair.story()


def test_a_list_that_cannot_be_had_keeps_nobody_from_serving(pair: InstalledPair) -> None:
    pair.active.hung_commands.add("netstat")
    pair.converges(pair.active, PERIODIC)
    assert "not noted" in pair.entries(pair.active, "clients")[-1].result
    pair.standby.hung_commands.add("find")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()


def test_the_other_node_hears_of_clients_only_when_they_change(pair: InstalledPair, state: Path) -> None:
    pair.converges(pair.active, PERIODIC)
    before = (state / "nfs002" / remembered.NAME).read_text()
    pair.passes(10)
    pair.converges(pair.active, PERIODIC)
    assert (state / "nfs002" / remembered.NAME).read_text() == before


def test_that_the_other_node_cannot_be_told_is_said_once(pair: InstalledPair) -> None:
    pair.breaks("cut-management")
    for _ in range(3):
        pair.converges(pair.active, PERIODIC)
    entries = [entry for entry in pair.entries(pair.active, "clients") if "could not be notified" in entry.result]
    assert len(entries) == 1


# --- the record ----------------------------------------------------------------------------------------------------


def client(number: int, at: float = 1000.0, ports: tuple[int, ...] = (876,)) -> KnownClient:
    return KnownClient("10.1.101.5", f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", ports, at)


def test_the_number_of_clients_is_bounded_and_the_last_seen_stay() -> None:
    clients = remembered.merged([client(number, at=1000.0 + number) for number in range(2000)], 5000.0)
    assert len(clients) == remembered.MOST_CLIENTS and clients[0] == client(1999, at=2999.0)


def test_a_client_that_was_not_seen_for_a_week_is_forgotten() -> None:
    assert remembered.merged([client(1), client(2, at=1000.0 + remembered.KEPT)], 1001.0 + remembered.KEPT) == (
        client(2, at=1000.0 + remembered.KEPT),
    )


def test_a_client_that_is_gone_is_known_by_its_address_only(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "state"))
    remembered.note(store, (client(1), client(2)), ["10.1.101.5"], 1000.0)
    assert remembered.note(store, (client(2, at=1060.0),), ["10.1.101.5"], 1060.0) == (
        client(2, at=1060.0), client(1, ports=()),
    )  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["", "mail", "10.1.101.20,", "10.1.101.20,0", "10.1.101.20,65536", "10.1.101.20,-1", "224.0.0.18", "0.0.0.0",
     "255.255.255.255", "127.0.0.1", "10.1.101.5", "2001:db8::1", "fe80::1%em0", "10.1.101.20," + "7," * 16 + "7"],
)  # fmt: skip
def test_what_is_no_client_of_an_address_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        remembered.of_word("10.1.101.5", word, 1000.0)


@pytest.mark.parametrize("each", [client(1), client(2, ports=()), client(3, ports=(1, 2, 65535))])
def test_a_client_is_told_in_a_word(each: KnownClient) -> None:
    assert remembered.of_word(each.service, remembered.words(each), each.at) == each


@pytest.mark.parametrize(
    "values",
    [{}, {"version": 2, "clients": []}, {"version": 1, "clients": {}}, {"version": 1, "clients": [1, {}, {"ports": 1}]},
     {"version": 1, "clients": [{"service": "10.1.101.5", "address": "224.0.0.1", "ports": [1], "at": 5}]}],
)  # fmt: skip
def test_what_is_no_record_has_no_clients(values: dict[str, object]) -> None:
    assert remembered.from_values(values) == ()


# --- the file of the replicated file system ---------------------------------------------------------------------


KEEP = """
import os, sys
from remediate import mounted_file
from remediate.failover import clients
from remediate.state.clients import KnownClient
try:
    known = (KnownClient("10.1.101.5", "10.1.101.20", (876,), 1000.0),)
    mounted_file.write(sys.argv[1], clients.FILE, clients.NEW, clients.text(known))
except OSError as error:
    print("refused", error.strerror)
"""


def kept_where(planted: str, tmp_path: Path) -> str:
    """What is said, and what is in the file system and beside it, after `planted` was run in its root."""
    (tmp_path / "point").mkdir()
    (tmp_path / "of-root").write_text("precious\n")
    look = f"{sys.executable} -c '{KEEP}' point; find point -type f -name '.hastwatch.clients' -perm 600"
    line = f"mount -t tmpfs none point && (cd point && {planted}) && {look}; ls -A point; cat of-root"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = ["unshare", "--mount", "sh", "-c", line]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout


@namespaces
@pytest.mark.parametrize(
    "planted",
    ["true", "ln -s ../of-root .hastwatch.clients.new", "ln -s ../of-root .hastwatch.clients",
     "ln ../of-root .hastwatch.clients 2>&- || echo old > .hastwatch.clients", "mkfifo .hastwatch.clients"],
)  # fmt: skip
def test_the_file_is_roots_alone_whatever_others_put_in_its_place(planted: str, tmp_path: Path) -> None:
    assert kept_where(planted, tmp_path) == "point/.hastwatch.clients\n.hastwatch.clients\nprecious\n"


@namespaces
@pytest.mark.parametrize("name", [".hastwatch.clients", ".hastwatch.clients.new"])
def test_a_directory_in_its_place_is_left_alone(name: str, tmp_path: Path) -> None:
    assert kept_where(f"mkdir {name}", tmp_path).startswith("refused ")


@pytest.mark.parametrize("planted", ["mkfifo", "ln -s of-root", "ln of-root", "mkdir"])
def test_nothing_but_a_file_of_its_own_is_read(planted: str, tmp_path: Path) -> None:
    (tmp_path / "of-root").write_text("{}")
    subprocess.run([*planted.split(), clients.FILE], cwd=tmp_path, check=True)
    assert read_from(tmp_path) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="the file is root's")
def test_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / clients.FILE).write_bytes(clients.text((client(1),)))
    assert remembered.from_values(json.loads(read_from(tmp_path))) == (client(1),)


def read_from(point: Path) -> str:
    """What the command that reads it gets, with this machine's find(1)."""
    place = ResourcePlace("home", "", str(point), "", "", "", ())
    return subprocess.run(["find", *clients.reading(place)[1:]], capture_output=True, text=True, timeout=10).stdout


def test_nothing_is_written_where_nothing_is_mounted(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing is mounted"):
        mounted_file.write(str(tmp_path), clients.FILE, clients.NEW, clients.text((client(1),)))
    assert not list(tmp_path.iterdir())
