"""What the shipped event handler command of Nagios is really called with, by the real Nagios."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.finding import Severity
from remediate.contrib.placement import Placement
from remediate.events.handler import FLAPS, parser
from remediate.events.repair_request import HASTWATCH
from remediate.subcommands.contrib import text
from tests.engines import nagios
from tests.engines.nagios import NagiosDaemon

pytestmark = pytest.mark.skipif(nagios.why_not() is not None, reason=str(nagios.why_not()))
TEMPLATES = Path(__file__).resolve().parents[2] / "contrib" / "nagios" / "hastwatch-templates.cfg"
HOSTILE = {
    "quote": "DEVD CRITICAL - '; touch {owned}; ' [devd-not-running]",
    "background": "DEVD CRITICAL - '& touch {owned} &' [devd-not-running]",
    "two-quotes": "DEVD CRITICAL - ''; touch {owned}; '' [devd-not-running]",
    "double": 'DEVD CRITICAL - "; touch {owned}; " [devd-not-running]',
    "substitution": "DEVD CRITICAL - $(touch {owned}) `touch {owned}` [devd-not-running]",
    "pipe": "DEVD CRITICAL - & touch {owned} | touch {owned} [devd-not-running]",
    "backslash": "DEVD CRITICAL - \\'; touch {owned}; \\ [devd-not-running]",
    "macro": "DEVD CRITICAL - $USER1$ $HOSTADDRESS$ $_SERVICEHASTWATCH_CHECK$ [devd-not-running]",
    "options": "--nrpe=192.0.2.1 --hastwatch=/bin/sh [devd-not-running]",
    "bang": "DEVD CRITICAL - !touch {owned}! %n % * ? ~ # ; touch {owned} [devd-not-running]",
    "lines": "DEVD CRITICAL - nfs001 [devd-not-running]\n'; touch {owned}; '",
    "escape": "DEVD CRITICAL - \x1b[2J\x07\t\r [devd-not-running]",
    "long": "DEVD CRITICAL - " + "'; touch {owned}; " * 1000 + "[devd-not-running]",
}
"""What a plugin may print that was told what to say by somebody else."""
HOST = """
define host {
    use         hastwatch-node
    host_name   nfs001
    address     127.0.0.1
}
"""
SERVICE = """
define command {{
    command_name    say-{name}
    command_line    {program} {name}
}}
define service {{
    use                     hastwatch-check_devd
    host_name               nfs001
    service_description     {name}
    check_command           say-{name}
}}
"""


class Handled:
    """A Nagios with one service for each text, and the words that the event handler was called with."""

    def __init__(self, directory: Path, texts: dict[str, str], settings: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.owned = directory / "owned"
        for name, line in texts.items():
            (directory / f"{name}.txt").write_text(line.replace("{owned}", str(self.owned)))
        status = f'"$(cat {directory}/$1.status 2>/dev/null || echo 2)"'
        program = self._program("say", f'cat "{directory}/$1.txt"; exit {status}')
        self._program("check_nrpe", "echo NRPE; exit 0")
        self._program("check_ping", "echo alive; exit 0")
        (directory / "calls").mkdir()
        called = f'f=$(date +%s.%N)-$$; for word; do printf "%s\\0" "$word"; done >{directory}/$f'
        self._program("hastwatch-event-handler", f"{called}; mv {directory}/$f {directory}/calls/$f")
        commands = directory / "commands.cfg"
        commands.write_text(text("nagios", Placement(directory=str(directory / "bin"))))
        pair = directory / "pair.cfg"
        services = [SERVICE.format(name=name, program=program) for name in texts]
        pair.write_text(HOST + "define service {\n use hastwatch-nrpe\n host_name nfs001\n}\n" + "".join(services))
        self.nagios = NagiosDaemon(directory / "nagios", [commands, TEMPLATES, pair], directory / "bin", settings)

    def says(self, name: str, status: int) -> None:
        """The exit status of a check from now on; 2 at first."""
        (self.directory / f"{name}.status").write_text(str(status))

    def calls(self, service: str) -> list[list[str]]:
        """The words of every call about a service; Nagios does not wait for one call before the next."""
        called = [path.read_bytes().decode(errors="replace") for path in sorted((self.directory / "calls").iterdir())]
        every = [call.removesuffix("\0").split("\0") for call in called]
        return [words for words in every if f"--service={service}" in words]

    def _program(self, name: str, body: str) -> Path:
        path = self.directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    """A Nagios whose services have said all of it, until each handler was called for the third time, HARD."""
    handled = Handled(tmp_path_factory.mktemp("hostile"), HOSTILE)
    with handled.nagios as daemon:
        daemon.wait_for("three calls", lambda: all(len(handled.calls(name)) >= 3 for name in HOSTILE))
        yield handled


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_plugin_prints_stays_one_word_of_the_handler(hostile: Handled, name: str) -> None:
    for words in hostile.calls(name):
        assert [word.partition("=")[0] for word in words] == [
            "--check", "--state", "--type", "--attempt", "--downtime", "--state-change", "--host", "--service",
            "--output", "--nrpe",
        ]  # fmt: skip
        assert words[0] == "--check=check_devd"
        assert words[-1] == "--nrpe=127.0.0.1"
    assert not hostile.owned.exists()


def test_the_handler_takes_every_call_for_what_it_is(hostile: Handled) -> None:
    for name in HOSTILE:
        options = parser().parse_args(hostile.calls(name)[-1])
        assert (options.nrpe, options.hastwatch, options.service) == ("127.0.0.1", HASTWATCH, name)
        assert ("[devd-not-running]" in options.output) == (name != "pipe")  # what follows a pipe is performance data


def test_the_handler_is_told_of_soft_and_hard(hostile: Handled) -> None:
    events = {(words[1], words[2], words[3], words[4]) for words in hostile.calls("lines")}
    assert events == {
        ("--state=CRITICAL", "--type=SOFT", "--attempt=1", "--downtime=0"),
        ("--state=CRITICAL", "--type=SOFT", "--attempt=2", "--downtime=0"),
        ("--state=CRITICAL", "--type=HARD", "--attempt=3", "--downtime=0"),
    }


def test_without_the_line_of_nagios_cfg_quotes_would_reach_the_shell(tmp_path: Path) -> None:
    handled = Handled(tmp_path, {"quote": HOSTILE["background"]}, {"illegal_macro_output_chars": ""})
    with handled.nagios as daemon:
        daemon.wait_for("what must not be", handled.owned.exists)


def test_a_service_that_changes_all_the_time_is_flapping_for_the_handler(tmp_path: Path) -> None:
    handled = Handled(tmp_path, {"flaps": ""}, {"execute_service_checks": "0"})
    with handled.nagios as daemon:
        for state in (2, 2, 2, 0) * 6:
            daemon.command(f"PROCESS_SERVICE_CHECK_RESULT;nfs001;flaps;{state};DEVD [devd-not-running]")
        daemon.wait_for("flapping for Nagios", lambda: daemon.service("nfs001", "flaps")["is_flapping"] == "1")
        assert float(daemon.service("nfs001", "flaps")["percent_state_change"]) >= FLAPS
        daemon.wait_for("both", lambda: {parser().parse_args(call).flapping for call in handled.calls("flaps")}
                        == {False, True})  # fmt: skip


def test_the_third_incident_that_becomes_hard_is_flapping_and_those_repaired_before_never_are(tmp_path: Path) -> None:
    """As docs/monitoring.md says."""
    handled = Handled(tmp_path, {"flaps": ""}, {"execute_service_checks": "0"})
    soft, hard = (2, 2, 0), (2, 2, 2, 0, 0, 0)
    results = [*((state, "soft") for state in soft * 20), *((state, "hard") for state in (*hard * 2, *hard[:3]))]
    with handled.nagios as daemon:
        for state, which in results:
            daemon.command(f"PROCESS_SERVICE_CHECK_RESULT;nfs001;flaps;{state};{which} [devd-not-running]")

        def events() -> list[argparse.Namespace]:
            return [parser().parse_args(call) for call in handled.calls("flaps")]

        def bad() -> list[bool]:
            return [each.flapping for each in events() if each.type == "HARD" and each.state is Severity.CRITICAL]

        daemon.wait_for("three that are HARD", lambda: len(bad()) == 3)
        assert sorted(bad()) == [False, False, True]
        assert not any(each.flapping for each in events() if each.output.startswith("soft"))


def test_a_downtime_is_told_to_the_handler(tmp_path: Path) -> None:
    handled = Handled(tmp_path, {"down": HOSTILE["lines"]})
    handled.says("down", 0)
    with handled.nagios as daemon:
        daemon.wait_for("a first look", lambda: daemon.service("nfs001", "down")["has_been_checked"] == "1")
        now = int(time.time())
        daemon.command(f"SCHEDULE_SVC_DOWNTIME;nfs001;down;{now};{now + 3600};1;0;3600;alice;a test")
        daemon.wait_for("it", lambda: daemon.service("nfs001", "down")["scheduled_downtime_depth"] == "1")
        handled.says("down", 2)
        daemon.wait_for("a call", lambda: handled.calls("down"))
    assert parser().parse_args(handled.calls("down")[-1]).downtime == 1
