"""The basket in a real Director, by the command lines of docs/monitoring.md, and what its Icinga 2 then has: the same
objects as another one that has contrib/icinga2's files.

Both run no agents. `python -m tests.engines.test_director` says how long each test took.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from remediate.contrib import icinga2
from tests.contrib.test_icinga2 import COMMANDS, HOSTS, SERVICES
from tests.engines.director import Director, why_not
from tests.engines.icinga_daemon import IcingaDaemon
from tests.state.child import ROOT

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
KINDS = {
    "Host": "hosts",
    "Service": "services",
    "Dependency": "dependencies",
    "CheckCommand": "checkcommands",
    "EventCommand": "eventcommands",
    "HostGroup": "hostgroups",
    "ServiceGroup": "servicegroups",
    "Zone": "zones",
}
WHERE = {"zone", "package", "templates", "source_location", "original_attributes"}
"""Attributes that say where an object comes from."""
MASTER = """
object Endpoint NodeName {{ host = "127.0.0.1", port = {port} }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object Zone "director-global" {{ global = true }}
"""
AGENTS = """
for (node in [ "nfs001.example.org", "nfs002.example.org" ]) {
  object Endpoint node { }
  object Zone node {
    parent = ZoneName
    endpoints = [ name ]
  }
}
"""
OVER_SSH = ("nfs-ssh.example.org", "nagios@nfs.example.org")
"""A service address that repairs are asked for over ssh; it has an IPv6 address alone."""
HOST_OVER_SSH = """
object Host "{}" {{
  import "hastwatch-pair"
  address6 = "2001:db8::5"
  vars.hastwatch_pair = [ "nfs001.example.org" ]
  vars.hastwatch_ssh = "{}"
}}
"""
JSON_OVER_SSH = """{{ "imports": "hastwatch-pair", "address6": "2001:db8::5",
"vars.hastwatch_pair": [ "nfs001.example.org" ], "vars.hastwatch_ssh": "{}" }}"""


class Both(NamedTuple):
    """Two daemons that have to be the same: the first one of Director, the second one of the files."""

    deployed: IcingaDaemon
    files: IcingaDaemon


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    directory = tmp_path_factory.mktemp("d")
    deployed, files = (IcingaDaemon(directory / name, "") for name in ("deployed", "files"))
    for each in (deployed, files):
        (each.etc / "zones.conf").write_text(MASTER.format(port=each.port))
    files.configure(AGENTS)
    zone = files.etc / "zones.d" / files.cn
    zone.mkdir()
    (zone / "all.conf").write_text(COMMANDS + SERVICES + HOSTS + HOST_OVER_SSH.format(*OVER_SSH))
    with deployed, files, Director(directory / "director", deployed) as director:
        name, destination = OVER_SSH
        first, deploy = documented().rsplit("\n", 1)
        bin_directory = programs(directory, director)
        for script in (first, f"icingacli director host create {name} --json '{JSON_OVER_SSH.format(destination)}'",
                       deploy):  # fmt: skip
            done = subprocess.run(
                ["/bin/sh", "-euc", script], cwd=directory, capture_output=True, text=True, timeout=300,
                env={**director.environment, "PATH": f"{bin_directory}:/usr/bin:/bin"},
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        try:
            deployed.wait_for("what was deployed", lambda: has_services(deployed))
        except RuntimeError as error:
            raise RuntimeError(startup_log(deployed)) from error
        yield Both(deployed, files)


def documented() -> str:
    """The command lines of docs/monitoring.md."""
    section = (ROOT / "docs" / "monitoring.md").read_text().partition("\n## Icinga Director\n")[2]
    block = re.search(r"^\n((?:    .*\n)+)", section, re.MULTILINE)
    assert block
    return re.sub(r"^    ", "", block[1], flags=re.MULTILINE).rstrip("\n")


def programs(directory: Path, director: Director) -> Path:
    """The two programs that the command lines name."""
    place = directory / "bin"
    place.mkdir()
    icingacli = " ".join(director.icingacli)
    hastwatch = f"cd {ROOT} && exec {sys.executable} -m remediate.command"
    for name, line in (("icingacli", f"exec {icingacli}"), ("hastwatch", hastwatch)):
        (place / name).write_text(f'#!/bin/sh\n{line} "$@"\n')
        (place / name).chmod(0o755)
    return place


def has_services(icinga: IcingaDaemon) -> bool:
    """Whether it runs with services; while it starts anew, it does not answer."""
    try:
        return bool(icinga.get("objects/services"))
    except (RuntimeError, requests.RequestException):
        return False


def startup_log(icinga: IcingaDaemon) -> str:
    """What Icinga said of what was deployed."""
    return "".join(path.read_text() for path in icinga.directory.rglob("startup.log"))


def configured(icinga: IcingaDaemon, kind: str) -> dict[str, dict[str, Any]]:
    """All objects of a type, with the attributes that a configuration sets."""
    names = settable(icinga, kind) - WHERE
    objects = {}
    for each in icinga.get(f"objects/{KINDS[kind]}"):
        attributes: dict[str, Any] = each["attrs"]  # type: ignore[assignment]
        objects[str(each["name"])] = {name: value for name, value in attributes.items() if name in names}
    return objects


def settable(icinga: IcingaDaemon, kind: str) -> set[str]:
    """The attributes of a type that a configuration sets."""
    names: set[str] = set()
    while kind:
        (about,) = icinga.get(f"types/{kind}")
        fields: dict[str, Any] = about["fields"]  # type: ignore[assignment]
        names |= {name for name, field in fields.items() if field["attributes"]["config"]}
        kind = str(about.get("base") or "")
    return names


@pytest.mark.parametrize("kind", KINDS)
def test_what_director_deploys_is_what_the_files_say(both: Both, kind: str) -> None:
    deployed, files = (configured(each, kind) for each in both)
    for objects in (deployed, files):
        for name, attributes in objects.items():
            without_the_ways_of_each(kind, name, attributes)
    assert set(deployed) == set(files)
    for name in files:
        assert deployed[name] == files[name], name


def without_the_ways_of_each(kind: str, name: str, attributes: dict[str, Any]) -> None:
    """Leave out what the two say in ways of their own; that they mean the same the other tests show."""
    variables = attributes.get("vars") or {}
    if kind == "Host":
        variables.pop("agent_endpoint", None)  # Director gives an agent the name of its host
    if kind == "Service" and name.endswith("!hastwatch-agent"):
        variables.pop("cluster_zone", None)  # by default the name of the host
    if kind == "CheckCommand" and name == "nfs_export":  # Director knows no "ipv4-or-ipv6" to import
        attributes["arguments"]["--host"].pop("value")
        assert "set_if" in attributes["arguments"]["--host"]
        for each in ("nfs_export_host", "check_address", "check_ipv4", "check_ipv6"):
            variables.pop(each, None)
    if "vars" in attributes:
        attributes["vars"] = variables


def test_there_is_something_to_compare(both: Both) -> None:
    assert len(configured(both.deployed, "Service")) == 2 * 8 + 2
    assert len(configured(both.deployed, "Dependency")) == 2 * 7
    handlers = {name: each["event_command"] for name, each in configured(both.deployed, "Service").items()}
    assert handlers["nfs.example.org!check_nfs_export"] == ""
    assert handlers[f"{OVER_SSH[0]}!check_nfs_export"] == icinga2.HANDLER_OVER_SSH
    assert handlers["nfs001.example.org!check_devd"] == icinga2.HANDLER


@pytest.mark.parametrize("host", ["nfs.example.org", OVER_SSH[0]])
def test_the_command_line_of_the_check_from_outside_is_the_same(both: Both, host: str) -> None:
    deployed, files = (command_line(each, "Service", f"{host}!check_nfs_export") for each in both)
    assert deployed == files
    assert deployed[1:3] in (["--export", "/hast/home=10.1.101.0/24"], ["--host", "2001:db8::5"])


@pytest.mark.parametrize("node", ["nfs001.example.org", "nfs002.example.org"])
def test_the_service_that_watches_an_agent_looks_at_the_agents_own_zone(both: Both, node: str) -> None:
    deployed, files = (output(each, "Service", f"{node}!hastwatch-agent") for each in both)
    assert deployed == files
    assert f"Zone '{node}' is not connected" in deployed


def test_a_service_address_is_down_when_all_its_nodes_are(both: Both) -> None:
    for icinga in both:
        for nodes_up, words in ((1, "0"), (0, "2")):
            for number, node in enumerate(("nfs001.example.org", "nfs002.example.org")):
                result = {"type": "Host", "host": node, "exit_status": int(number >= nodes_up), "plugin_output": ""}
                icinga.post("actions/process-check-result", result)
            line = command_line(icinga, "Host", "nfs.example.org")
            assert line[1:] == [words, "a node of nfs001.example.org, nfs002.example.org has to be up"]
            assert icinga.host("nfs.example.org")["state"] == 1 - nodes_up


def looked_at(icinga: IcingaDaemon, kind: str, name: str) -> dict[str, Any]:
    """The result of a new look at a host or service."""
    path = f"objects/{KINDS[kind]}/{name}"

    def result() -> dict[str, Any]:
        attributes: dict[str, Any] = icinga.get(path)[0]["attrs"]  # type: ignore[assignment]
        return attributes["last_check_result"] or {"execution_start": 0.0}

    before = result()["execution_start"]
    icinga.post("actions/reschedule-check", {"type": kind, kind.lower(): name, "force": True})
    icinga.wait_for(f"a look at {name}", lambda: result()["execution_start"] > before)
    return result()


def command_line(icinga: IcingaDaemon, kind: str, name: str) -> list[str]:
    """What is run for a look at a host or service."""
    words: list[str] = looked_at(icinga, kind, name)["command"]
    return words


def output(icinga: IcingaDaemon, kind: str, name: str) -> str:
    """What a look at a host or service says."""
    return str(looked_at(icinga, kind, name)["output"])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-n", "0", "-q", "--durations", "0"]))
