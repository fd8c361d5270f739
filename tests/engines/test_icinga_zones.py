"""Two masters in a zone, a satellite below them and agents, with the shipped files and samples of zones.conf: that a
repair is asked for once, whichever of them dies in the middle of it.

The agents' checks and `hastwatch` are stand-ins, so that what is asked for can be counted; the event handler is ours.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from checks.registry import REGISTRY
from tests.contrib.test_icinga2 import COMMANDS, CONTRIB, SERVICES
from tests.engines.icinga_agent import SYNCED, IcingaAgent
from tests.engines.icinga_daemon import IcingaDaemon, free_port
from tests.engines.icinga_pair import why_not
from tests.state.child import ROOT
from tests.waiting import awaited

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

MASTERS = ("master1.example.org", "master2.example.org")
SATELLITE = "satellite1.berlin.example.org"
BELOW_SATELLITE, BELOW_MASTERS = "nfs001.example.org", "nfs002.example.org"
"""The agents."""
OF_MASTERS = f"""
object Endpoint "{BELOW_MASTERS}" {{ }}
object Zone "{BELOW_MASTERS}" {{
  parent = "master"
  endpoints = [ "{BELOW_MASTERS}" ]
}}
"""
HOST = """
object Host "{}" {{
  import "hastwatch-node"
  check_command = "dummy"
  vars.agent_endpoint = name
}}
"""
CHECK = """#!/bin/sh
for word; do [ "$word" ] || {{ echo "an empty word"; exit 3; }}; done
[ -e {broken} ] && [ "${{0##*/}}" = check_devd ] || {{ echo "OK"; exit 0; }}
echo 'DEVD CRITICAL - devd is not running [devd-not-running]'
exit 2
"""
HASTWATCH = """#!/bin/sh
echo "$*" >>{asked}
[ -e {stays} ] || rm -f {broken}
"""
LIMIT = 180.0
"""Seconds; a master takes over some 10 s after the other one has died."""


class Node:
    """The programs of an agent: devd is broken until somebody asks for its repair."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.programs = directory
        self.broken, self.stays, self.log = (directory / name for name in ("broken", "stays", "asked"))
        for each in REGISTRY:
            self._write(each.name, CHECK.format(broken=self.broken))
        self._write("hastwatch", HASTWATCH.format(asked=self.log, stays=self.stays, broken=self.broken))
        handler = f"exec env PYTHONPATH={ROOT} {sys.executable} -m remediate.events.handler"
        self._write("hastwatch-event-handler", f'#!/bin/sh\n{handler} "$@"\n')

    def _write(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """What was asked for."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def break_devd(self, for_good: bool = False) -> None:
        """devd dies; `for_good`: until it is mended, whoever asks."""
        self.log.unlink(missing_ok=True)
        if for_good:
            self.stays.touch()
        self.broken.touch()

    def mend(self) -> None:
        """devd runs again."""
        self.broken.unlink(missing_ok=True)
        self.stays.unlink(missing_ok=True)


class Member(IcingaAgent):
    """A daemon of one of the zones, with a zones.conf of its own; the first master has signed its certificate."""

    def __init__(
        self, directory: Path, first: IcingaDaemon, name: str, port: int, zones: str, constants: str = ""
    ) -> None:
        self.own_zones = zones
        super().__init__(directory, first, name, constants, "", port)
        self.add_user(self.USER, self.PASSWORD, "*")

    @property
    def zones(self) -> str:
        return self.own_zones

    def _answers(self) -> bool:
        return IcingaDaemon._answers(self)


class Zones:
    """All of them."""

    def __init__(self, directory: Path) -> None:
        names = (*MASTERS, SATELLITE, BELOW_SATELLITE, BELOW_MASTERS)
        self.ports = {name: free_port() for name in names}
        self.nodes = {name: Node(directory / "programs" / name) for name in (BELOW_SATELLITE, BELOW_MASTERS)}
        first, second = MASTERS
        self.daemons: dict[str, IcingaDaemon] = {}
        self.daemons[first] = IcingaDaemon(directory / first, "", cn=first, port=self.ports[first])
        (self.daemons[first].etc / "zones.conf").write_text(self.of_a_master())
        zones = {second: self.of_a_master(), SATELLITE: self.sample("zones-satellite.conf.sample")}
        zones[BELOW_SATELLITE] = self.sample("zones-agent.conf.sample")
        zones[BELOW_MASTERS] = self.below_masters(zones[BELOW_SATELLITE])
        for name, text in zones.items():
            constant = f'const HastwatchDir = "{self.nodes[name].programs}"' if name in self.nodes else ""
            self.daemons[name] = Member(directory / name, self.daemons[first], name, self.ports[name], text, constant)
        quick = SERVICES.replace("check_interval = 1m", "check_interval = 2s").replace("= 20s", "= 2s")
        for zone, name, text in (
            ("hastwatch-commands", "hastwatch-commands", COMMANDS),
            ("hastwatch-services", "hastwatch-services", quick),
            ("berlin", "hosts", HOST.format(BELOW_SATELLITE)),
            ("master", "hosts", HOST.format(BELOW_MASTERS)),
        ):
            place = self.daemons[first].etc / "zones.d" / zone
            place.mkdir(parents=True)
            (place / f"{name}.conf").write_text(text)

    def sample(self, name: str) -> str:
        """A shipped zones.conf, where all are on this machine, and nfs002 is not below the satellite."""
        text = (CONTRIB / name).read_text()
        here = 'object Endpoint "{0}" {{ host = "127.0.0.1", port = {1} }}'
        for name, port in self.ports.items():
            text = re.sub(rf'object Endpoint "{name}" \{{ host = ".*?" \}}', here.format(name, port), text)
        text = text.replace("{ host = name }", f'{{ host = "127.0.0.1", port = {self.ports[BELOW_SATELLITE]} }}')
        return text.replace(f', "{BELOW_MASTERS}" ]', " ]", 1)

    def of_a_master(self) -> str:
        """The zones.conf of the masters: nfs002 is below them."""
        return self.sample("zones.conf.sample") + OF_MASTERS

    def below_masters(self, agent: str) -> str:
        """An agent's zones.conf, below the masters, to which it connects."""
        first, second = (
            f'object Endpoint "{name}" {{ host = "127.0.0.1", port = {self.ports[name]} }}' for name in MASTERS
        )
        agent = agent.replace(BELOW_SATELLITE, BELOW_MASTERS).replace('"berlin"', '"master"')
        agent = agent.replace(f'object Endpoint "{SATELLITE}" {{ }}', f"{first}\n{second}")
        return agent.replace(f'endpoints = [ "{SATELLITE}" ]', f'endpoints = [ "{MASTERS[0]}", "{MASTERS[1]}" ]')

    def runs(self, name: str, service: str) -> bool:
        """Whether a daemon has that service, and it is the one of its zone that lets it be looked at."""
        try:
            attributes = self.daemons[name].get(f"objects/services/{service}")[0]["attrs"]
        except (RuntimeError, requests.RequestException):
            return False
        assert isinstance(attributes, dict)
        return attributes["paused"] is False and attributes["state"] == 0 and attributes["last_check"] > self.since

    since = 0.0

    def well(self, service: str, *names: str) -> str:
        """Wait until one of these daemons has looked, from now on, at that service, and it is OK; which one."""
        self.since = time.time()
        self.await_(f"{service} is well", lambda: any(self.runs(name, service) for name in names))
        return next(name for name in names if self.runs(name, service))

    def state(self, name: str, service: str) -> tuple[float, float]:
        """The state of a service, and its type, as a daemon has them."""
        attributes = self.daemons[name].get(f"objects/services/{service}")[0]["attrs"]
        assert isinstance(attributes, dict)
        return attributes["state"], attributes["state_type"]

    def await_(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        if not awaited(condition, LIMIT, 0.1):
            logs = "\n".join(f"{name}: {each.log[-1500:]}" for name, each in self.daemons.items())
            raise RuntimeError(f"{what}: not within {LIMIT:g} s\n{logs}")


@pytest.fixture(scope="module")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zones]:
    """All daemons, when all have what the first master gave them."""
    all_zones = Zones(tmp_path_factory.mktemp("z"))
    with ExitStack() as stack:
        for each in all_zones.daemons.values():
            stack.enter_context(each)
        for name in (BELOW_SATELLITE, BELOW_MASTERS):
            agent = all_zones.daemons[name]
            all_zones.await_(f"{name} has its commands", lambda agent=agent: SYNCED in agent.log)  # type: ignore[misc]
        all_zones.well(f"{BELOW_SATELLITE}!check_devd", SATELLITE)
        all_zones.well(f"{BELOW_MASTERS}!check_devd", *MASTERS)
        yield all_zones


REPAIR = "repair devd --detach"


def test_through_a_satellite_the_repair_is_asked_for_once_and_the_masters_are_told(zones: Zones) -> None:
    node, service = zones.nodes[BELOW_SATELLITE], f"{BELOW_SATELLITE}!check_devd"
    node.break_devd()
    zones.await_("the repair", lambda: bool(node.asked))
    zones.well(service, SATELLITE)
    assert node.asked == [REPAIR]
    for master in MASTERS:
        zones.await_(f"{master} knows", lambda master=master: zones.state(master, service)[0] == 0)  # type: ignore[misc]


@pytest.mark.parametrize("when", ["before the repair is asked for", "when it has been asked for"])
def test_a_master_that_dies_in_the_middle_leaves_it_at_one_request(zones: Zones, when: str) -> None:
    node, service = zones.nodes[BELOW_MASTERS], f"{BELOW_MASTERS}!check_devd"
    dies = zones.well(service, *MASTERS)
    survivor = next(name for name in MASTERS if name != dies)
    node.break_devd(for_good=when.startswith("when"))
    if when.startswith("when"):
        zones.await_("the repair", lambda: bool(node.asked))
    else:
        zones.await_("SOFT", lambda: zones.state(dies, service) == (2, 0))
        assert node.asked == []
    zones.daemons[dies].kill()
    try:
        if when.startswith("when"):
            node.mend()
        zones.await_("the repair", lambda: bool(node.asked))
        assert zones.well(service, survivor) == survivor
        assert node.asked == [REPAIR]
    finally:
        node.mend()
        zones.daemons[dies].start()


def test_a_satellite_goes_on_when_both_masters_are_dead(zones: Zones) -> None:
    node, service = zones.nodes[BELOW_SATELLITE], f"{BELOW_SATELLITE}!check_devd"
    for master in MASTERS:
        zones.daemons[master].stop()
    node.break_devd()
    zones.await_("the repair", lambda: bool(node.asked))
    zones.well(service, SATELLITE)
    assert node.asked == [REPAIR]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-n", "0", "-q", "--durations", "0"]))
