"""Whom the shipped objects call for what: the real Nagios with the sample pair, its checks answered by scripts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from checks import registry
from remediate.contrib.placement import Placement
from remediate.subcommands.contrib import text
from tests.engines import nagios
from tests.engines.nagios import NagiosDaemon

pytestmark = pytest.mark.skipif(nagios.why_not() is not None, reason=str(nagios.why_not()))
SHIPPED = Path(__file__).resolve().parents[2] / "contrib" / "nagios"
MINUTE = "4"
"""Seconds that stand for one: the shortest interval of the templates is a quarter of it."""
CHECKS_OF_NODES = [each.name for each in registry.OF_SERVICE]
ANSWERS = """#!/bin/sh
# Of check_nrpe and check_ping: the address is the second word, a file of its name says what does not answer there.
case $(cat {directory}/$2 2>/dev/null) in
*{program}*) echo "{program}: no answer"; exit {status} ;;
esac
echo fine
"""


class SamplePair:
    """The pair of the sample, whose addresses answer check_nrpe and check_ping until they are silenced."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        plugins = directory / "bin"
        plugins.mkdir()
        for program, status in (("check_nrpe", 3), ("check_ping", 2)):
            self._write(plugins / program, ANSWERS.format(directory=directory, program=program, status=status))
        self._write(plugins / "check_nfs_export", "#!/bin/sh\necho fine\n")
        self._write(plugins / "hastwatch-event-handler", "#!/bin/sh\n")
        commands = directory / "commands.cfg"
        commands.write_text(text("nagios", Placement(directory=str(plugins))))
        files = [commands, SHIPPED / "hastwatch-templates.cfg", SHIPPED / "hastwatch-pair.cfg.sample"]
        self.nagios = NagiosDaemon(directory / "nagios", files, plugins, {"interval_length": MINUTE})

    def _write(self, path: Path, script: str) -> None:
        path.write_text(script)
        path.chmod(0o755)

    def silence(self, address: str, *programs: str) -> None:
        """From now on nothing answers these there."""
        (self.directory / address).write_text(" ".join(programs))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[SamplePair]:
    """The pair, all of it looked at and well."""
    pair = SamplePair(tmp_path)
    with pair.nagios as daemon:
        daemon.wait_for("a first look", lambda: all(each["has_been_checked"] == "1" for each in daemon.services()))
        yield pair


def looked_since(daemon: NagiosDaemon, host: str, last: dict[str, str]) -> bool:
    """Whether every check of a host has been looked at again."""
    return all(daemon.service(host, check)["last_check"] > last[check] for check in CHECKS_OF_NODES)


def looked_twice(daemon: NagiosDaemon, host: str) -> None:
    """Wait until every check of a host has been looked at twice more."""
    for _ in range(2):
        last = {check: daemon.service(host, check)["last_check"] for check in CHECKS_OF_NODES}
        daemon.wait_for("a look", partial(looked_since, daemon, host, last))


def test_a_dead_nrpe_is_one_page_and_nothing_is_asked_through_it(pair: SamplePair) -> None:
    pair.silence("10.1.101.4", "check_nrpe")
    pair.nagios.wait_for("a page", lambda: pair.nagios.pages)
    looked_twice(pair.nagios, "nfs001")  # what was asked a moment before has been answered
    before = {check: pair.nagios.service("nfs002", check)["last_check"] for check in CHECKS_OF_NODES}
    looked_twice(pair.nagios, "nfs001")
    assert before == {check: pair.nagios.service("nfs002", check)["last_check"] for check in CHECKS_OF_NODES}
    assert set(pair.nagios.pages) == {"PROBLEM nfs002 nrpe"}
    pair.silence("10.1.101.4")
    looked_twice(pair.nagios, "nfs002")


def test_a_dead_node_is_one_page(pair: SamplePair) -> None:
    pair.silence("10.1.101.4", "check_nrpe", "check_ping")
    pair.nagios.wait_for("a page", lambda: pair.nagios.pages)
    looked_twice(pair.nagios, "nfs001")
    assert set(pair.nagios.pages) == {"PROBLEM nfs002"}


def test_of_a_dead_pair_nobody_is_told_that_its_address_does_not_answer(pair: SamplePair) -> None:
    for address in ("10.1.101.3", "10.1.101.4", "10.1.101.5"):
        pair.silence(address, "check_nrpe", "check_ping")
    pair.nagios.wait_for("the address is unreachable", lambda: (
        pair.nagios.host("nfs")["current_state"] == "2" and pair.nagios.host("nfs")["state_type"] == "1"
    ))  # fmt: skip
    pair.nagios.wait_for("pages", lambda: len(set(pair.nagios.pages)) == 2)
    assert set(pair.nagios.pages) == {"PROBLEM nfs001", "PROBLEM nfs002"}
