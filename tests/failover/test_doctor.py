"""`hastwatch doctor --try-hast`: a hastd of its own tells whether hastd works as primary, and leaves nothing behind."""

from __future__ import annotations

import argparse
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from checks.probes import as_primary
from checks.probes.bug_292322 import AsPrimary
from remediate.doctor import try_hast
from remediate.doctor.scratch import CONF, DEVICE, DIRECTORY, PIDFILE, HandshakeStage, Listener, Scratch, conf
from remediate.failover import known_bug
from remediate.failover.converge import silent
from remediate.failover.errors import StepFailed
from remediate.state import maintenance
from remediate.subcommands import doctor
from simulator.dying import KillPoint
from simulator.hastd.hastconf import parse
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

STOCK, REPAIRED = "14.5,15.1", "14.5,15.1+D57511"


def pair_of(state: Path, releases: str) -> InstalledPair:
    return installed_pair(state, releases=releases)


def tried(pair: InstalledPair, node: Node | None = None) -> try_hast.TrialResult:
    return pair.does(node or pair.standby, lambda context: try_hast.try_hast(context, silent))


def is_clean(node: Node) -> bool:
    left = node.files.exists(DIRECTORY) or node.files.exists(DEVICE) or CONF in node.run("ps -axww -o command").out
    return not left and not node.tasting


@pytest.mark.parametrize(("releases", "expected"), [(STOCK, AsPrimary.FAILS), (REPAIRED, AsPrimary.WORKS)])
def test_a_try_tells_whether_hastd_works_and_leaves_nothing_behind(
    state: Path, releases: str, expected: AsPrimary
) -> None:
    pair = pair_of(state, releases)
    assert tried(pair).as_primary is expected
    assert is_clean(pair.standby)
    known = pair.does(pair.standby, known_bug.known)
    assert (known.as_primary, known.seen) == (expected, True)
    assert pair.serves(pair.active) and pair.rests(pair.standby) and pair.sound
    assert [entry.step for entry in pair.entries(pair.standby, "doctor")] == [
        "clean", "listen", "make", "create", "start", "be-primary", "await", "give-up", "stop", "remove",
    ]  # fmt: skip


@pytest.mark.quick
def test_a_device_that_does_not_come_for_another_reason_tells_nothing(state: Path) -> None:
    pair = pair_of(state, REPAIRED)
    pair.standby.trouble.absent_devices.add("hastwatch-try")
    result = tried(pair)
    assert result.as_primary is AsPrimary.NOT_KNOWN
    assert is_clean(pair.standby) and not pair.store(pair.standby).read(as_primary.NAME)


@pytest.mark.parametrize("change", range(1, 14))
def test_what_a_killed_try_has_left_is_cleaned_by_the_next_one(state: Path, change: int) -> None:
    pair = pair_of(state, REPAIRED)
    begun = pair.begins(pair.standby, lambda context: try_hast.try_hast(context, silent), KillPoint(change))
    pair.until(lambda: begun.done, 60)
    assert tried(pair).as_primary is AsPrimary.WORKS
    assert is_clean(pair.standby)


def test_a_node_that_serves_is_left_alone(state: Path) -> None:
    pair = pair_of(state, "15.1+D57511,14.5")
    with pytest.raises(StepFailed, match="in service"):
        tried(pair, pair.active)
    assert is_clean(pair.active) and not pair.entries(pair.active, "doctor")


def test_a_standby_that_follows_nobody_is_left_alone_unless_a_human_says_so(state: Path) -> None:
    pair = pair_of(state, REPAIRED)
    pair.active.run("service hastd stop")
    pair.passes(30)
    with pytest.raises(StepFailed, match="refused"):
        tried(pair)
    assert is_clean(pair.standby) and not pair.entries(pair.standby, "doctor")
    maintenance.begin(pair.store(pair.standby), pair.standby.now, None, "a new pair", "alice")
    assert tried(pair).as_primary is AsPrimary.WORKS


def test_a_try_is_given_up_when_the_node_may_have_to_serve(state: Path) -> None:
    pair = pair_of(state, STOCK)
    begun = pair.begins(pair.standby, lambda context: try_hast.try_hast(context, silent))
    assert pair.until(lambda: bool(pair.standby.tasting))
    pair.active.power_off()
    assert pair.until(lambda: begun.done, 30)
    assert begun.value is not None and "CARP has changed" in begun.value.why
    assert is_clean(pair.standby) and pair.until(lambda: master(pair.standby))


def test_a_dry_run_shows_the_steps_and_does_none(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = pair_of(state, STOCK)
    options = argparse.Namespace(try_hast=True, dry_run=True)
    assert pair.does(pair.standby, lambda context: doctor.act(context, options)) == 0
    shown = capsys.readouterr().out
    assert all(" ".join(order) in shown for order in try_hast.ORDERS.values())
    assert not pair.entries(pair.standby, "doctor") and is_clean(pair.standby)


@pytest.mark.parametrize(
    ("releases", "status", "said"),
    [
        (STOCK, 1, "hastd does not work as primary"),
        (REPAIRED, 0, "hastd works as primary"),
        ("14.5", 0, "is not affected"),
    ],
)
def test_the_command_says_what_came_of_it(
    state: Path, releases: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = pair_of(state, releases)
    options = argparse.Namespace(try_hast=True, dry_run=False)
    assert pair.does(pair.standby, lambda context: doctor.act(context, options)) == status
    assert said in capsys.readouterr().out


def test_its_configuration_is_one_of_hastd_with_nothing_of_the_one_in_service() -> None:
    result = parse(conf("nfs001.example.org", 49152), "nfs001.example.org")
    (resource,) = result.resources.values()
    assert [result.control, *result.listen] == [f"uds://{DIRECTORY}/control", f"uds://{DIRECTORY}/listen"]
    assert (resource.remote, resource.timeout) == ("tcp4://127.0.0.1:49152", 1)
    assert resource.local.startswith(f"{DIRECTORY}/") and PIDFILE.startswith(f"{DIRECTORY}/")


def test_a_listener_tells_a_connection_from_one_with_a_header() -> None:
    listener = Listener()
    assert listener.heard() is HandshakeStage.NOTHING
    with socket.create_connection(("127.0.0.1", listener.port)) as worker:
        assert listener.heard() is HandshakeStage.CONNECTION
        worker.sendall(b"\0\2")
        assert listener.heard() is HandshakeStage.HEADER
        with suppress(ConnectionResetError):
            assert worker.recv(1) == b""
    listener.close()
    assert Scratch().pid() is None
