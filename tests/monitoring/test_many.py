"""One look at a node, and one process for many addresses, as the results of many services."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ConfigError
from checks.registry import OF_SERVICE
from remediate.monitoring import addresses, one_look
from remediate.monitoring.answer import Disposition
from remediate.monitoring.delivery import PORTION, deliver_all
from remediate.monitoring.icinga import Icinga
from remediate.monitoring.result import ObjectNames
from remediate.monitoring.submission import IcingaSettings
from remediate.subcommands import submit
from remediate.timing import Timing
from tests.engines.icinga_daemon import IcingaDaemon, why_not
from tests.expected import RECORDINGS, other_node, via
from tests.monitoring.nrdp_double import NrdpDouble, nrdp_double
from tests.monitoring.receivers import AWAY, Scripted
from tests.monitoring.submitter import Submitter, a_result
from tests.monitoring.test_delivery import Spooled
from tests.probes.faulty_nfs_server import FaultyServer, accepted
from tests.test_nfs_export import well

CHECKS = [each.name for each in OF_SERVICE]
NAMES = [ObjectNames("n1", name) for name in CHECKS]
HEALTHY = RECORDINGS / "made-healthy-pair" / "nfs001"


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    return Submitter(tmp_path)


@pytest.fixture
def nrdp(place: Submitter) -> Iterator[NrdpDouble]:
    with nrdp_double() as server:
        table = f'[nrdp]\nurl = "{server.url}"\ncredentials = "{place.credentials}"\nhost = "n1"\n'
        place.configure("nrdp", f'{table}services = {{ check_hast = "hast home" }}')
        yield server


def program(directory: Path, text: str) -> str:
    """A program that does what a line of sh(1) says, in the place of check_hast_pair."""
    path = directory / "check_hast_pair"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# --- one look ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_look_is_the_results_of_six_services_in_one_call(place: Submitter, nrdp: NrdpDouble) -> None:
    other = other_node(HEALTHY)
    assert other
    pair = str(Path(sys.executable).parent / "check_hast_pair")
    words = [f"--via={via(HEALTHY)}", f"--peer={via(other)}", f"--state-dir={place.directory}/kept"]
    assert submit.main(["--config", str(place.config), "--all", "--", pair, *words]) == 0
    assert [each["servicename"] for each in nrdp.results] == [
        "hast home" if name == "check_hast" else name for name in CHECKS
    ]
    assert {each["hostname"] for each in nrdp.results} == {"n1"}
    assert str(nrdp.results[2]["output"]).startswith("HAST OK - home on nfs001: primary, complete, fullsync")
    assert "home_dirty=0B" in str(nrdp.results[2]["output"])
    assert [each["state"] for each in nrdp.results] == ["0"] * 6
    assert len(nrdp.requests) == 1


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("echo 'HAST PAIR UNKNOWN - usage'; exit 3", "HAST PAIR UNKNOWN - usage"),
        ("kill -9 $$", ""),
        ("echo '{\"checks\": [1]}'", ""),
        ("exec sleep 60", "timed out"),
        ("""echo '{"checks": [{"check": "check_devd", "exit_status": 9, "output": "x", "long_output": []}]}'""", ""),
    ],
)
def test_a_look_that_says_nothing_is_unknown_for_each_service(tmp_path: Path, does: str, says: str) -> None:
    results = one_look.results((program(tmp_path, does),), NAMES, 1.0, 0.0, Timing())
    assert [(each.service, each.status) for each in results] == [(name, 3) for name in CHECKS]
    assert all(each.output.startswith("UNKNOWN - the look at the node was not taken to its end: ") for each in results)
    assert says in results[0].output


def test_a_check_that_the_look_lacks_is_unknown_and_the_others_count(tmp_path: Path) -> None:
    checks = [{"check": name, "exit_status": 0, "output": "X OK - well | a=1", "long_output": ["more"]}
              for name in CHECKS[1:]]  # fmt: skip
    (tmp_path / "says").write_text(json.dumps({"checks": checks}))
    results = one_look.results((program(tmp_path, f"cat {tmp_path}/says"),), NAMES, 5.0, 9.0, Timing())
    assert [each.status for each in results] == [3, 0, 0, 0, 0, 0]
    assert results[0].output == "UNKNOWN - the look at the node was not taken to its end: its check has said nothing"
    assert (results[1].output, results[1].long_output, results[1].perfdata) == ("X OK - well", "more", ("a=1",))
    assert results[1].ttl == 9.0


# --- many addresses ------------------------------------------------------------------------------------------


def options(server: FaultyServer) -> str:
    """Where the scripted server is asked."""
    port = server.port
    return f"check_nfs_export -H 127.0.0.1 --export /hast/home=10.1.101.0/24 --portmap-port {port} --nfs-port {port}"


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(accepted(1)) as scripted:
        scripted.scripts.update(well(scripted.port))
        yield scripted


def test_many_addresses_are_looked_at_in_one_process(tmp_path: Path, server: FaultyServer) -> None:
    listed = tmp_path / "addresses"
    dead = "check_nfs_export -H 127.0.0.1 --export /hast/home --portmap-port 1"
    lines = [f"nfs{number} {options(server)}" for number in range(5)]
    listed.write_text("\n".join(["# all of them", "", *lines, f"'the dead' {dead}  # down"]) + "\n")
    results = addresses.looked(addresses.read(str(listed)), CheckConfig(), {}, 20.0, 0.0, Timing())
    assert [each.host for each in results] == [*(f"nfs{number}" for number in range(5)), "the dead"]
    assert [each.status for each in results] == [0, 0, 0, 0, 0, 2]
    assert {each.service for each in results} == {"check_nfs_export"}
    assert "/hast/home mounts and answers, 256 MiB free [nfs-well]" in results[0].output
    assert "[nfs-portmapper]" in results[-1].output
    assert "see: hastwatch explain nfs-portmapper" in results[-1].long_output
    assert any(item.startswith("'/hast/home_mnt'=") for item in results[0].perfdata)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no line names an address"),
        ("nfs", "line 1: a host and a command line are needed"),
        ("# x\nnfs check_hast -r home", "line 2: check_hast is not check_nfs_export"),
        ("nfs rm -rf /", "line 1: rm is not check_nfs_export"),
        ("nfs 'check_nfs_export", "line 1: No closing quotation"),
    ],
)
def test_a_line_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "addresses").write_text(text)
    with pytest.raises(ConfigError, match=says):
        addresses.read(str(tmp_path / "addresses"))


def test_a_wrong_option_names_its_host_and_nothing_is_asked() -> None:
    lines = [addresses.AddressLine("nfs7", ("check_nfs_export", "--nonsense"))]
    with pytest.raises(ConfigError, match=r"nfs7: usage: unrecognized arguments: --nonsense"):
        addresses.looked(lines, CheckConfig(), {}, 1.0, 0.0, Timing())


def test_an_address_without_an_export_is_unknown() -> None:
    lines = [addresses.AddressLine("nfs7", ("check_nfs_export", "-H", "127.0.0.1"))]
    (result,) = addresses.looked(lines, CheckConfig(), {}, 5.0, 0.0, Timing())
    assert (result.status, result.output.startswith("NFS EXPORT UNKNOWN - usage: give --export")) == (3, True)


def test_what_is_not_done_in_time_is_unknown(server: FaultyServer) -> None:
    lines = [addresses.AddressLine("nfs7", tuple(options(server).split()))]
    (result,) = addresses.looked(lines, CheckConfig(), {}, 0.0, 0.0, Timing())
    assert result.status in (0, 3)
    assert result.status == 0 or result.output == "UNKNOWN - the check was not run to its end: 0 s are over"


@pytest.mark.slow
def test_a_list_is_submitted_in_one_call(place: Submitter, nrdp: NrdpDouble, server: FaultyServer) -> None:
    listed = place.directory / "addresses"
    listed.write_text("".join(f"nfs{number} {options(server)}\n" for number in range(7)))
    assert submit.main(["--config", str(place.config), "--list", str(listed)]) == 0
    assert [each["hostname"] for each in nrdp.results] == [f"nfs{number}" for number in range(7)]
    assert len(nrdp.requests) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--all", "--list", "x"], "--list and --all are two things"),
        (["--list", "x", "--flush"], "--flush and --list are two things"),
        (["--list", "x", "--", "check_hast"], "--list runs no other check"),
        (["--list", "x", "--host", "h"], "--list goes with neither --host nor --textfile"),
        (["--list", "x", "--service", "h"], "--list takes no --service: each check has its own"),
    ],
)
def test_wrong_usage_is_2_and_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(words) == 2
    assert capsys.readouterr().err == f"hastwatch submit: {says} (see hastwatch submit --help)\n"


# --- many in one call ----------------------------------------------------------------------------------------


class InPortions(Scripted):
    """Takes several in one call."""

    most_together = 10


def test_results_of_many_services_go_in_few_calls(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), InPortions()
    done = place.deliver(server, *[a_result(f"service {number}", number) for number in range(25)])
    assert (done.taken, done.waiting, set(done.fates)) == (25, 0, {Disposition.TAKEN})
    assert [len(few) for few in server.together] == [10, 10, 5]
    assert server.sent == []


def test_what_is_not_taken_together_is_sent_by_itself(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), InPortions()
    server.takes_together = False
    done = place.deliver(server, *[a_result(f"service {number}", number) for number in range(3)])
    assert (done.taken, len(server.together), len(server.sent)) == (3, 1, 3)


def test_two_results_of_one_service_never_go_in_one_call(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), InPortions()
    place.deliver(server, a_result("a", 1), a_result("b", 2), a_result("a", 3))
    assert (server.together, server.sent) == ([], [f"THING OK - {number}" for number in (1, 2, 3)])


def test_what_could_not_be_sent_together_waits_and_goes_out_together_later(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), InPortions(AWAY, AWAY, AWAY)
    server.takes_together = False
    done = place.deliver(server, *[a_result(f"service {number}", number) for number in range(5)])
    assert (done.taken, done.waiting) == (0, 5)
    again = InPortions()
    assert place.deliver(again).taken == 5
    assert [len(few) for few in again.together] == [5]


def test_more_results_than_the_spool_holds_are_all_sent(tmp_path: Path) -> None:
    place, server = Spooled(tmp_path), Scripted()
    results = [a_result(f"service {number}", number) for number in range(1500)]
    done = deliver_all(place.spool, server, place.timing, results)
    assert (done.taken, done.waiting, len(done.fates), done.says) == (1500, 0, 1500, ())
    assert PORTION < 1000
    assert server.sent == [each.output for each in results]


# --- as long as results arrive -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_icinga_starts_no_check_of_a_service_as_long_as_results_arrive(tmp_path: Path, place: Submitter) -> None:
    started = tmp_path / "started" / "log"
    started.parent.mkdir()
    started.parent.chmod(0o777)
    objects = f"""
object CheckCommand "noted" {{ command = [ "/bin/sh", "-c", "echo x >> {started}" ] }}
object Host "nfs001" {{ check_command = "noted", enable_active_checks = false }}
object Service "check_thing" {{ host_name = "nfs001", check_command = "noted", check_interval = 1, retry_interval = 1 }}
"""
    icinga = IcingaDaemon(tmp_path / "icinga", objects)
    try:
        place.credentials_say(icinga.PASSWORD)
        icinga.start()
        eventually(started.exists)  # it checks by itself first
        settings = IcingaSettings(url=icinga.url, ca=str(icinga.ca), credentials=str(place.credentials))
        now = time.time()
        assert Icinga(settings).send(a_result(started=now, ended=now, ttl=5.0)).fate is Disposition.TAKEN
        begun = started.read_text()
        time.sleep(3)
        assert len(started.read_text()) - len(begun) <= 2  # one that was underway
        eventually(lambda: len(started.read_text()) > len(begun) + 4)  # its time is over
    finally:
        icinga.stop()


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    ends = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.1)
