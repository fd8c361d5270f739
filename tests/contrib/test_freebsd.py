"""The files that an administrator copies on FreeBSD, each loaded by what reads its like."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.devd import CHECK, HOOK
from checks.probes import hast_conf, hook
from checks.probes.devd_conf import DevdConfiguration
from checks.probes.hook import HookUse
from checks.probes.vhid import STATES
from checks.setup.hast_conf import HOOK as HAST_HOOK
from checks.setup.rc import OURS as OURS_TO_START
from remediate import exits
from remediate.config import RemediationConfig, load
from remediate.policy import Failover
from remediate.rehearsal.observer import Observer
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.state.journal import NAME
from remediate.state.store import STATE_DIRECTORY
from remediate.subcommands import status as subcommands_status
from remediate.subcommands import verify
from remediate.wiring import EVENT, INTERFACE
from simulator.hastd.hastconf import parse as hastd_parse
from simulator.pair import Pair
from tests.state.child import ROOT

CONTRIB = ROOT / "contrib"
FREEBSD = CONTRIB / "freebsd"
SCRIPTS = ("hastwatch_hold", "hastwatch")
PACKAGING = (CONTRIB / "packaging", CONTRIB / "debian", FREEBSD / "port", FREEBSD / "install")
"""What makes packages and installations, rather than a file to copy."""

RC_SUBR = """
# What rc.subr(8) does for a script with functions of its own, as far as these need it.
load_rc_config() { [ -r "$RC_CONF" ] && . "$RC_CONF"; return 0; }
warn() { echo "$0: WARNING: $*" >&2; }
run_rc_command() {
    eval enabled=\\$$rcvar
    case "$enabled" in [Yy][Ee][Ss]) ;; *) echo "$name is not enabled"; return 0 ;; esac
    eval command=\\$${1}_cmd
    [ -n "$command" ] || { echo "unknown directive '$1'" >&2; return 1; }
    $command
}
"""

# --- devd ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A pair whose only rules are ours."""
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    for node in pair.nodes.values():
        node.files.remove("/etc/devd/carp.conf")
        node.files.write("/usr/local/etc/devd/hastwatch.conf", (FREEBSD / "devd-hastwatch.conf").read_text(), 0.0)
        pair.must(node, "service devd restart")
    return pair


def shipped() -> DevdConfiguration:
    """The rules in contrib."""
    configuration = DevdConfiguration()
    configuration.read((FREEBSD / "devd-hastwatch.conf").read_text(), "hastwatch.conf")
    return configuration


@pytest.mark.parametrize("vhid", ["2@em0", "255@vlan0.100", "1@em0_1", "7@LAN-1", "3@em0:1"])
def test_devds_rule_fits_every_event_of_every_interface(vhid: str) -> None:
    configuration = shipped()
    carp = [{"system": "CARP", "subsystem": vhid, "type": state.value} for state in STATES]
    for event in [*carp, EVENT]:
        (rule,) = configuration.first(event)
        assert hook.seen(configuration, rule, event, HOOK).does is HookUse.RUNS


@pytest.mark.parametrize(
    "event",
    [
        {"system": "IFNET", "subsystem": "lo1", "type": "ATTACH"},
        {"system": "IFNET", "subsystem": INTERFACE, "type": "DETACH"},
        {"system": "CARP", "subsystem": "2@em0; reboot", "type": "MASTER"},
        {"system": "CARP", "subsystem": "2@em0", "type": "MASTERS"},
    ],
)
def test_devds_rules_fit_nothing_else(event: dict[str, str]) -> None:
    assert shipped().first(event) == ()


def test_devd_runs_the_hook_by_these_rules(pair: Pair) -> None:
    called: list[list[str]] = []
    pair.on_carp_event(lambda node, argv: called.append(argv))
    node = pair.nodes["nfs002"]
    pair.must(node, f"ifconfig {INTERFACE} create")
    pair.must(node, f"ifconfig {INTERFACE} destroy")
    pair.must(node, "ifconfig vtnet1 vhid 2 state master")
    pair.clock.advance(1)
    assert called[:2] == [[HOOK, INTERFACE, "self-test"], [HOOK, "2@vtnet1", "MASTER"]]


def test_check_devd_is_content_with_these_rules(pair: Pair) -> None:
    says = Observer(pair).look(pair.clock.wait)
    assert [(report.node, report.state) for report in says if report.check == CHECK.name] == [
        ("nfs001", "OK"),
        ("nfs002", "OK"),
    ]


# --- rc ------------------------------------------------------------------------------------------------------


class Rc:
    """A script of rc.d, run with an rc.subr(8) and a `hastwatch` of this test; `called` says how that was called."""

    def __init__(self, directory: Path, script: str) -> None:
        self.directory = directory
        (directory / "rc.subr").write_text(RC_SUBR)
        text = (FREEBSD / "rc.d" / script).read_text().replace(". /etc/rc.subr", f". {directory}/rc.subr")
        self.script = directory / "rc.d" / script
        self.script.parent.mkdir()
        self.script.write_text(text)
        self.program("hastwatch", "exit 0")
        self.program("sysctl", 'case "$1" in -n) echo 0 ;; esac')
        self.settings = f'{script}_enable="YES"\nhastwatch_command="{directory}/hastwatch"\n'

    def program(self, name: str, body: str) -> None:
        """A stand-in for a program, that records its words first."""
        path = self.directory / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.directory}/called\n{body}\n')
        path.chmod(0o755)

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        """The script with a verb."""
        (self.directory / "rc.conf").write_text(self.settings)
        environment = {"PATH": f"{self.directory}:{os.defpath}", "RC_CONF": str(self.directory / "rc.conf")}
        return subprocess.run(
            ["/bin/sh", self.script, verb], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def called(self) -> list[str]:
        path = self.directory / "called"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Rc]:
    yield Rc(tmp_path, "hastwatch_hold")


@pytest.mark.parametrize("script", SCRIPTS)
def test_sh_reads_the_scripts_of_rc(script: str) -> None:
    path = FREEBSD / "rc.d" / script
    assert subprocess.run(["/bin/sh", "-n", path], capture_output=True, text=True, check=True).stderr == ""
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_that_is_not_enabled_does_nothing(tmp_path: Path, script: str) -> None:
    rc = Rc(tmp_path, script)
    rc.settings = ""
    assert rc.run("start").returncode == 0
    assert rc.called == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_service_e_finds_what_it_looks_for(script: str) -> None:
    """service(8) reads the lines that begin with `name=` and `rcvar=`."""
    text = (FREEBSD / "rc.d" / script).read_text()
    assert re.findall(r"(?m)^name=(.*)$", text) == [f'"{script}"']
    assert re.findall(r"(?m)^rcvar=(.*)$", text) == [f'"{script}_enable"']


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_script_is_put_into_a_service_jail(script: str) -> None:
    """rc.subr(8) of 15, run_rc_command(): what the script itself says wins over svcj_all_enable, once it is loaded."""
    text = (FREEBSD / "rc.d" / script).read_text()
    assert re.search(rf'(?s)\nload_rc_config \$name\n.*\n{script}_svcj="NO"\n.*\nrun_rc_command', text)


def test_the_order_of_rc_is_hold_network_hastd_converge_nfs() -> None:
    order = {script: _order((FREEBSD / "rc.d" / script).read_text()) for script in SCRIPTS}
    assert order["hastwatch_hold"]["PROVIDE"] == ["hastwatch_hold"]
    assert order["hastwatch_hold"]["BEFORE"] == ["netif"]
    assert set(order["hastwatch_hold"]["REQUIRE"]) == {"FILESYSTEMS", "adjkerntz", "hostname", "ldconfig"}
    assert set(order["hastwatch"]["REQUIRE"]) == {"hastd", "devd", "NETWORKING"}
    assert order["hastwatch"]["BEFORE"] == list(OURS_TO_START)
    assert "shutdown" in order["hastwatch"]["KEYWORD"]
    assert "shutdown" not in order["hastwatch_hold"]["KEYWORD"]


def test_the_documented_installation_names_the_hook_of_the_samples() -> None:
    """tests/packaging shows that the hooks are put there."""
    text = (ROOT / "docs" / "failover.md").read_text()
    assert f"`exec {HAST_HOOK}`" in text.replace("\n", " ")


def _order(text: str) -> dict[str, list[str]]:
    """What rcorder(8) reads."""
    return {key: words.split() for key, words in re.findall(r"(?m)^# (PROVIDE|REQUIRE|BEFORE|KEYWORD): (.*)$", text)}


def test_the_node_is_held_back_by_hastwatch(hold: Rc) -> None:
    done = hold.run("start")
    assert (done.returncode, done.stderr, hold.called) == (0, "", ["hastwatch hold --boot"])


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", "exit 78"])
def test_a_hastwatch_that_fails_leaves_the_node_held_back_all_the_same(hold: Rc, body: str) -> None:
    hold.program("hastwatch", body)
    done = hold.run("start")
    assert done.returncode == 0
    assert hold.called[1:] == ["sysctl -n net.inet.carp.demotion", "sysctl net.inet.carp.demotion=240"]
    assert "nobody takes that back but you: sysctl net.inet.carp.demotion=-240" in done.stderr


def test_a_missing_hastwatch_leaves_the_node_held_back_all_the_same(hold: Rc) -> None:
    (hold.directory / "hastwatch").unlink()
    assert hold.run("start").returncode == 0
    assert hold.called == ["sysctl -n net.inet.carp.demotion", "sysctl net.inet.carp.demotion=240"]


def test_a_node_that_is_held_back_already_is_not_held_back_twice(hold: Rc) -> None:
    hold.program("hastwatch", "exit 1")
    hold.program("sysctl", "echo 240")
    done = hold.run("start")
    assert (done.returncode, hold.called[1:]) == (0, ["sysctl -n net.inet.carp.demotion"])
    assert "net.inet.carp.demotion is 240 already" in done.stderr


def test_a_kernel_without_carp_fails_and_says_so(hold: Rc) -> None:
    hold.program("hastwatch", "exit 1")
    hold.program("sysctl", "echo \"sysctl: unknown oid '$2'\" >&2; exit 1")
    assert hold.run("start").returncode == 1


@pytest.mark.parametrize(
    ("verb", "called"),
    [
        ("start", "hastwatch converge --boot --detach"),
        ("stop", "hastwatch converge --shutdown"),
        ("status", "hastwatch status"),
    ],
)
def test_rc_calls_converge(tmp_path: Path, verb: str, called: str) -> None:
    rc = Rc(tmp_path, "hastwatch")
    assert (rc.run(verb).returncode, rc.called) == (0, [called])
    rc.program("hastwatch", "exit 1")
    assert rc.run(verb).returncode == 1


def test_a_shutdown_that_was_killed_is_run_once_more(tmp_path: Path) -> None:
    rc = Rc(tmp_path, "hastwatch")
    rc.program("hastwatch", f"test -e {tmp_path}/again && exit 0; touch {tmp_path}/again; kill -9 $$")
    assert (rc.run("stop").returncode, rc.called) == (0, ["hastwatch converge --shutdown"] * 2)


@pytest.mark.parametrize("name", OURS_TO_START)
def test_rc_does_not_start_what_is_ours_to_start(name: str) -> None:
    """rc.subr(8) reads /etc/rc.conf.d/NAME, with NAME of the script and not of its variable."""
    variable = {"mountd": "mountd_enable", "nfsd": "nfs_server_enable"}[name]
    path = FREEBSD / "rc.conf.d" / name
    line = f'. {path}; echo "${variable}"'
    assert subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True).stdout == "NO\n"
    assert len([line for line in path.read_text().splitlines() if not line.startswith("#")]) == 1


# --- newsyslog, cron, hast.conf, hastwatch.toml ------------------------------------------------------------------


def test_newsyslog_rotates_the_journal_as_it_can_be_read() -> None:
    (fields,) = _fields(FREEBSD / "newsyslog-hastwatch.conf")
    path, owner, mode, count, size, when, flags = fields
    assert (path, owner, mode, when) == (f"{STATE_DIRECTORY}/{NAME}", "root:wheel", "600", "*")
    assert int(count) > 0 and int(size) > 0
    assert set(flags) == set("BJN")


def test_cron_looks_once_a_minute_as_root() -> None:
    lines = _fields(FREEBSD / "cron-hastwatch")
    assert [line[0].partition("=")[0] for line in lines[:2]] == ["SHELL", "PATH"]
    assert lines[2][:6] == ["*", "*", "*", "*", "*", "root"]
    assert lines[2][6:9] == [Failover().peer_hastwatch, "converge", "--periodic"]


def _fields(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_hastd_and_the_probes_read_the_sample_of_hast_conf(node: str) -> None:
    text = (FREEBSD / "hast.conf.sample").read_text()
    (resource,) = hast_conf.parse(text, {node}).values()
    assert (resource.name, resource.local, resource.hook) == ("home", "/dev/ada1", HAST_HOOK)
    parsed = hastd_parse(text, node)
    assert parsed.resources["home"].exec == HAST_HOOK


OF_CHECKS = "hastd_repaired"
"""A key that checks use too, and that is kept with their configuration."""


def test_every_key_of_the_failover_is_in_the_sample_with_its_default(tmp_path: Path) -> None:
    text = (CONTRIB / "hastwatch.toml.sample").read_text()
    assert load(str(CONTRIB / "hastwatch.toml.sample")) == RemediationConfig()
    section = text.partition("# [failover]\n")[2].partition("\n\n")[0]
    path = tmp_path / "hastwatch.toml"
    path.write_text("[failover]\n" + re.sub(r"(?m)^# ", "", section))
    path.chmod(0o600)
    assert load(str(path)).failover == Failover()
    keys = [key for key in tomllib.loads(path.read_text())["failover"] if key != OF_CHECKS]
    assert keys == list(Failover._fields)
    assert all(re.fullmatch(r"# \w+ = .*  ?# .+", line) for line in section.splitlines())


def test_every_file_is_installed_with_the_examples() -> None:
    given = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    patterns = [pattern for where, patterns in given.items() if "/examples/" in where for pattern in patterns]
    installed = {path for pattern in patterns for path in ROOT.glob(pattern)}
    files = {path for path in CONTRIB.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {path for path in files if not any(each in path.parents or each == path for each in PACKAGING)} == installed


# --- periodic ------------------------------------------------------------------------------------------------


def weekly(directory: Path, settings: str, status: int = 0) -> tuple[int, str, list[str]]:
    """The weekly script (`periodic`)."""
    return periodic(directory, "weekly/999.hastwatch-verify", settings, status)


def periodic(directory: Path, name: str, settings: str, status: int = 0) -> tuple[int, str, list[str]]:
    """A script of periodic(8) with these settings in periodic.conf(5) and a hastwatch that ends with a status: its own
    status, what it prints, the words that hastwatch was called with."""
    (directory / "periodic.conf").write_text(f"source_periodic_confs() {{ :; }}\n{settings}\n")
    program = directory / "hastwatch"
    program.write_text(f'#!/bin/sh\nfor word; do echo "$word" >>{directory}/called; done\nexit {status}\n')
    program.chmod(0o755)
    text = (FREEBSD / "periodic" / name).read_text()
    text = text.replace("/etc/defaults/periodic.conf", f"{directory}/periodic.conf")
    script = directory / "script"
    script.write_text(text.replace("/usr/local/hastwatch/bin/hastwatch", str(program)))
    done = subprocess.run(["/bin/sh", "-u", str(script)], capture_output=True, text=True, check=False)
    assert not done.stderr
    called = directory / "called"
    return done.returncode, done.stdout, called.read_text().splitlines() if called.exists() else []


@pytest.mark.parametrize("settings", ["", 'weekly_hastwatch_verify_enable="NO"'])
def test_copies_are_compared_every_week_only_where_that_is_enabled(tmp_path: Path, settings: str) -> None:
    assert weekly(tmp_path, settings) == (0, "", [])


ENABLED = 'weekly_hastwatch_verify_enable="YES"'


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ENABLED, "--rate 20M"),
        (f'{ENABLED}; weekly_hastwatch_verify_rate=""', ""),
        (f'{ENABLED}; weekly_hastwatch_verify_rate="1G"; weekly_hastwatch_verify_resources="home mail"',
         "--rate 1G home mail"),
    ],
)  # fmt: skip
def test_what_is_primary_here_is_compared_as_periodic_conf_says(tmp_path: Path, settings: str, words: str) -> None:
    status, text, called = weekly(tmp_path, settings)
    assert called == ["verify", "--quiet", "--if-primary", *words.split()]
    assert status == 1 and "Comparing both copies" in text
    options = verify.parser().parse_args(called[1:])
    assert options.if_primary and options.resource == [word for word in words.split() if word in ("home", "mail")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(0, 1), (exits.USAGE, 2), (verify.DIFFER, 3), (verify.UNDECIDED, 3), (exits.BUSY, 3), (1, 3)],
)
def test_periodic_is_told_what_is_worth_a_mail(tmp_path: Path, status: int, expected: int) -> None:
    """1: information, 2: badly configured, 3: something is wrong (periodic(8))."""
    assert weekly(tmp_path, ENABLED, status)[0] == expected


DAILY = "daily/408.status-hastwatch"


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 3), (2, 3), (3, 3)])
def test_the_daily_report_mails_what_is_not_well(tmp_path: Path, status: int, expected: int) -> None:
    done, text, called = periodic(tmp_path, DAILY, 'daily_status_hastwatch_enable="YES"', status)
    assert (done, called) == (expected, ["status", "-x"])
    assert "pair of HAST nodes" in text
    assert subcommands_status.parser().parse_args(called[1:]).only_wrong


def test_there_is_no_daily_report_unless_it_is_enabled(tmp_path: Path) -> None:
    assert periodic(tmp_path, DAILY, "") == (0, "", [])
