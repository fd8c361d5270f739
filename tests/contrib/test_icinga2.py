"""Icinga's files, each accepted by a real Icinga 2, and the command lines that its daemon makes of them."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.command import parser
from checks.registry import ON_NODE
from remediate.contrib import icinga2
from remediate.contrib.definitions import FOR_A_NODE, FOR_A_TERMINAL, Definition, Option, definitions
from remediate.contrib.placement import Placement
from remediate.events.handler import parser as handler_parser
from tests.engines.icinga_daemon import IcingaDaemon, why_not
from tests.state.child import ROOT

CONTRIB = ROOT / "contrib" / "icinga2"
COMMANDS = (CONTRIB / "hastwatch-commands.conf").read_text()
SERVICES = (CONTRIB / "hastwatch-services.conf").read_text()
HOSTS = (CONTRIB / "hosts.conf.sample").read_text()
CHECKS = [pytest.param(definition, id=definition.name) for definition in definitions()]
needs_icinga = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# --- what stands in them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("definition", CHECKS)
def test_every_option_of_a_check_is_an_argument_of_its_command_and_no_other_is(definition: Definition) -> None:
    offered = {
        next(flag for flag in action.option_strings if flag.startswith("--"))
        for action in parser(definition.check)._actions
        if action.dest not in FOR_A_TERMINAL and (definition.on_node or action.dest not in FOR_A_NODE)
    }
    assert set(re.findall(r'^    "(--[a-z0-9-]+)" = \{$', block(definition.name), re.MULTILINE)) == offered


def test_no_two_options_of_a_check_share_a_variable() -> None:
    for definition in definitions():
        variables = re.findall(r'(?:value|set_if) = "\$(\w+)\$"', block(definition.name))
        assert len(variables) == len(set(variables)) == len(definition.options)


def test_a_variable_begins_with_the_name_of_its_command_and_is_no_other_commands() -> None:
    variables = [each.variable for definition in definitions() for each in icinga2.arguments(definition)]
    assert len(variables) == len(set(variables))
    for definition in definitions():
        for argument in icinga2.arguments(definition):
            assert argument.variable == f"{definition.name.removeprefix('check_')}_{argument.option.name}"


def test_no_variable_refers_to_one_that_may_be_unset() -> None:
    assert re.findall(r'^  vars\.\w+ = "(.*)"$', COMMANDS, re.MULTILINE) == ["$check_address$", "sudo -n"]


def test_no_command_has_the_name_of_one_of_icingas_own() -> None:
    library = Path("/usr/share/icinga2/include")
    if not library.is_dir():
        pytest.skip("not installed: icinga2-common")
    text = "".join(path.read_text(errors="replace") for path in library.rglob("*.conf")) + (library / "itl").read_text()
    theirs = set(re.findall(r'(?:object|template) CheckCommand "(.+?)"', text))
    assert len(theirs) > 200
    assert not theirs & {icinga2.command(each.name) for each in definitions()}


def test_every_check_is_a_service() -> None:
    assert set(re.findall(r'apply Service "(check_\w+)"', SERVICES)) == {each.name for each in definitions()}


def test_where_the_programs_are_and_how_to_become_root_are_the_users() -> None:
    text = icinga2.text(Placement("/opt/hastwatch/bin", by="doas"))
    assert 'const HastwatchDir = "/opt/hastwatch/bin"' in text
    assert 'vars.hastwatch_by = "doas"' in text


def block(name: str) -> str:
    """The CheckCommand of that check."""
    answered = re.search(
        rf'^object CheckCommand "{icinga2.command(name)}" \{{$(.*?)^\}}$', COMMANDS, re.MULTILINE | re.DOTALL
    )
    assert answered
    return answered[1]


# --- what Icinga's verifier says -----------------------------------------------------------------------------


@pytest.mark.slow
@needs_icinga
def test_the_master_of_many_pairs_is_accepted_without_a_warning_and_every_node_has_its_services(tmp_path: Path) -> None:
    output = verified(master_of(tmp_path, SERVICES), "zones.conf.sample")
    assert "Instantiated 17 Services." in output  # eight on each of two nodes, one on the service address
    assert "Instantiated 14 Dependencies." in output  # each check of a node on its agent
    assert "Instantiated 2 EventCommands." in output


@pytest.mark.slow
@needs_icinga
def test_one_service_stands_for_six_where_a_constant_says_so(tmp_path: Path) -> None:
    constant = "(const HastwatchOneLook = )false"
    output = verified(master_of(tmp_path, re.sub(constant, r"\1true", SERVICES)), "zones.conf.sample")
    assert "Instantiated 7 Services." in output  # that one, the audit and the agent on each node; the service address
    assert "Instantiated 4 Dependencies." in output


def master_of(directory: Path, services: str) -> IcingaDaemon:
    """The master with the files of contrib/icinga2, and these services."""
    master = IcingaDaemon(directory, "", cn="master1.example.org")
    for zone, name, text in (
        ("hastwatch-commands", "hastwatch-commands.conf", COMMANDS),
        ("hastwatch-services", "hastwatch-services.conf", services),
        ("berlin", "hosts.conf", HOSTS),
    ):
        place = master.etc / "zones.d" / zone
        place.mkdir(parents=True)
        (place / name).write_text(text)
    return master


@pytest.mark.slow
@needs_icinga
@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("satellite1.berlin.example.org", "zones-satellite.conf.sample"),
        ("nfs001.example.org", "zones-agent.conf.sample"),
    ],
)
def test_satellites_and_agents_are_accepted_without_a_warning(tmp_path: Path, name: str, sample: str) -> None:
    daemon = IcingaDaemon(tmp_path, COMMANDS, cn=name)
    assert f"My API identity: {name}" in verified(daemon, sample)


def verified(daemon: IcingaDaemon, zones: str) -> str:
    """What the verifier says, with that file as zones.conf."""
    (daemon.etc / "zones.conf").write_text((CONTRIB / zones).read_text())
    done = daemon.verify()
    assert done.returncode == 0, done.stdout
    assert not re.search("warning|critical|error", done.stdout + done.stderr)
    return done.stdout


DOCS = "https://docs.example.org/hastwatch"
HOST = """
object Host "nfs001" {
  import "hastwatch-node"
  vars.agent_endpoint = NodeName
}
"""


@pytest.mark.slow
@needs_icinga
@pytest.mark.parametrize("docs", [DOCS, ""], ids=["told where they are", "not told"])
def test_a_service_links_to_the_page_of_its_check_where_icinga_is_told_of_the_pages(tmp_path: Path, docs: str) -> None:
    constant = f'const HastwatchDocs = "{docs}"\n' if docs else ""
    here = SERVICES.replace("  command_endpoint = host.vars.agent_endpoint\n", "")  # which wants zones
    with IcingaDaemon(tmp_path / "icinga", constant + COMMANDS + here + HOST) as icinga:
        links = {str(each["name"]): each["attrs"]["notes_url"] for each in icinga.get("objects/services")}  # type: ignore[index]
    assert links == {
        f"nfs001!{name}": f"{DOCS}/checks/{name}.html" if docs and name.startswith("check_") else ""
        for name in [*(each.name for each in ON_NODE), "hastwatch-agent"]
    }


# --- what Icinga's daemon does -------------------------------------------------------------------------------

VALUES: dict[str, str | list[str] | bool] = {
    "resource": ["home", "mail"],
    "via": "ssh -o BatchMode=yes nfs001",
    "peer": "sudo -n sh -c",
    "severity": ["devd-spinning=ok", "nfs-udp=critical"],
    "timeout": "5",
    "state_dir": "/var/tmp/a place",
    "config": "/usr/local/etc/other.toml",
    "warning": "1:10",
    "critical": "@0:4",
    "hook": "/usr/local/sbin/another",
    "rules": ["/etc/devd/a.conf", "/etc/devd/b.conf"],
    "grace": "30",
    "host": "10.1.101.5",
    "export": ["/hast/home=10.1.101.0/24", "/hast/mail"],
    "below": "/srv",
    "nfs4": True,
    "no_udp": True,
    "portmap_port": "1111",
    "nfs_port": "2050",
    "mount_port": "2051",
    "fsid": "0123456789abcdef",
    "depth": "read",
    "role": "any",
    "replication": "fullsync",
    "expect": "MASTER",
    "preferred": "BACKUP",
    "verified": "14d",
    "check": ["check_carp --preferred MASTER", "check_devd -w 5"],
}
"""A value of every option, each not its default; an option without one here gets 1, or is set."""
RECORDER = """#!/bin/sh
env > "$0.env"
printf '%s\\0' "$@" > "$0.argv.part"
mv "$0.argv.part" "$0.argv"
"""
HOSTILE = "DEVD CRITICAL - $(touch {0}) `touch {0}` ; touch {0} 'a' \"b\" $host.name$ [devd-not-running] | x=1\n--by sh"


def value(option: Option) -> str | list[str] | bool:
    """What an option is set to."""
    return VALUES.get(option.name, "1" if option.takes_value else True)


class Recorded:
    """A daemon whose checks and event handler record how they were called."""

    def __init__(self, directory: Path) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        for name in [*(each.name for each in definitions()), icinga2.HANDLER]:
            (self.programs / name).write_text(RECORDER)
            (self.programs / name).chmod(0o755)
        constant = f'const HastwatchDir = "{self.programs}"\n'
        services = "".join(service(definition) for definition in definitions())
        self.daemon = IcingaDaemon(directory / "icinga", constant + COMMANDS + TEMPLATES + services + OBJECTS)

    def argv(self, program: str) -> list[str]:
        """How a program was called."""
        path = self.programs / f"{program}.argv"
        self.daemon.wait_for(f"{path}", path.exists, 60)
        return path.read_text().split("\0")[:-1]

    def environment(self, program: str) -> list[str]:
        """What it had in its environment."""
        return sorted(line.partition("=")[0] for line in (self.programs / f"{program}.env").read_text().splitlines())

    def look(self, kind: str, name: str) -> None:
        """Let it be looked at now."""
        self.daemon.post("actions/reschedule-check", {"type": kind, kind.lower(): name, "force": True})

    def submit(self, kind: str, name: str, status: int, output: str) -> None:
        """A passive result."""
        key = kind.lower()
        result = {"type": kind, key: name, "exit_status": status, "plugin_output": output}
        self.daemon.post("actions/process-check-result", result)


TEMPLATES = SERVICES.partition("\napply Service")[0].rpartition("\n}\n")[0] + "\n}\n"
"""The part of the services that makes none by itself."""
OBJECTS = """
object ServiceGroup "hastwatch" { }
object Host "n" { check_command = "dummy" }
object Host "little-set" {
  check_command = "dummy"
  address6 = "2001:db8::5"
  vars.carp_resource = [ "home", "mail" ]
}
for (command in [ "carp", "nfs_export" ]) {
  object Service command use (command) {
    host_name = "little-set"
    check_command = command
    enable_active_checks = false
  }
}

template Host "told" {
  check_command = "dummy"
  enable_active_checks = false
  max_check_attempts = 1
}
object Host "up" { import "told" }
object Host "down" { import "told" }
object Host "gone" { import "told" }

object Host "one-left" {
  import "hastwatch-pair"
  vars.hastwatch_pair = [ "up", "down" ]
}
object Host "none-left" {
  import "hastwatch-pair"
  vars.hastwatch_pair = [ "gone", "down" ]
}
object Host "not-looked-at-yet" {
  import "hastwatch-pair"
  vars.hastwatch_pair = [ "n", "nfs009" ]
}

object Host "seen" {
  import "told"
  vars.hastwatch_by = "doas"
}
for (check in [ "check_devd", "check_carp" ]) {
  object Service check use (check) {
    import "hastwatch-on-node"
    host_name = "seen"
    check_command = check.replace("check_", "")
    enable_active_checks = false
  }
}
"""
"""Hosts without agents, and services whose results are submitted."""


def service(definition: Definition) -> str:
    """A service that has a value for every option."""
    settings = {each.variable: value(each.option) for each in icinga2.arguments(definition)}
    lines = "".join(f"  vars.{name} = {json.dumps(value)}\n" for name, value in settings.items())
    name, command = json.dumps(definition.name), json.dumps(icinga2.command(definition.name))
    return f'object Service {name} {{\n  host_name = "n"\n  check_command = {command}\n{lines}}}\n'


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    if reason := why_not():
        pytest.skip(reason)
    recording = Recorded(tmp_path_factory.mktemp("recorded"))
    with recording.daemon:
        yield recording


@pytest.mark.slow
@pytest.mark.parametrize("definition", CHECKS)
def test_what_icinga_runs_is_what_the_check_understands(recorded: Recorded, definition: Definition) -> None:
    recorded.look("Service", f"n!{definition.name}")
    reads = parser(definition.check)
    wanted: list[str] = []
    for option in definition.options:
        given = value(option)
        for each in given if isinstance(given, list) else [given]:
            wanted += [option.flag] if each is True else [option.flag, str(each)]
    assert understood(reads, recorded.argv(definition.name)) == understood(reads, wanted)


@pytest.mark.slow
def test_what_is_not_set_is_left_out_but_the_address(recorded: Recorded) -> None:
    for name in ("carp", "nfs_export"):
        (recorded.programs / f"check_{name}.argv").unlink(missing_ok=True)
        recorded.look("Service", f"little-set!{name}")
    assert recorded.argv("check_carp") == ["--resource", "home", "--resource", "mail"]
    assert recorded.argv("check_nfs_export") == ["--host", "2001:db8::5"]


def understood(reads: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    return reads.parse_args(words)


@pytest.mark.slow
def test_the_event_handler_is_told_what_happened_and_no_shell_reads_the_output(
    recorded: Recorded, tmp_path: Path
) -> None:
    trap = tmp_path / "touched"
    output = HOSTILE.format(trap)
    recorded.submit("Service", "seen!check_devd", 2, output)
    options = handler_parser().parse_args(recorded.argv(icinga2.HANDLER))
    answered = (options.check, options.state.name, options.type, options.attempt)
    assert "devd" in recorded.argv(icinga2.HANDLER)  # the command's name, which stands for check_devd
    assert answered == ("check_devd", "CRITICAL", "SOFT", 2)  # a first result that is submitted counts so
    assert (options.downtime, options.flapping, options.host, options.service) == (0, False, "seen", "check_devd")
    assert options.output == output
    assert (options.by, options.hastwatch) == ("doas", f"{recorded.programs}/hastwatch")
    assert not trap.exists()


def test_the_event_handler_inherits_nothing_of_the_daemon(recorded: Recorded) -> None:
    recorded.submit("Service", "seen!check_carp", 2, "CARP CRITICAL")
    recorded.argv(icinga2.HANDLER)
    assert set(recorded.environment(icinga2.HANDLER)) <= {"PATH", "PWD", "_", "SHLVL", "OLDPWD"}  # sh's own but PATH


def test_a_service_address_is_down_when_all_its_nodes_are(recorded: Recorded) -> None:
    for name, status in (("up", 0), ("down", 1), ("gone", 1)):
        recorded.submit("Host", name, status, "")
    recorded.daemon.wait_for("none-left", lambda: looked_at(recorded, "none-left") == 1, 60)
    assert looked_at(recorded, "one-left") == 0
    assert looked_at(recorded, "not-looked-at-yet") == 0


def looked_at(recorded: Recorded, host: str) -> object:
    """The state of a host, 0 up or 1 down, by a look that begins now."""
    before = recorded.daemon.host(host)["last_check"]
    recorded.look("Host", host)
    recorded.daemon.wait_for(f"a look at {host}", lambda: recorded.daemon.host(host)["last_check"] != before)
    return recorded.daemon.host(host)["state"]
