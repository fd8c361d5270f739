"""A real NRPE for tests: one daemon on an address of loopback, as the monitoring user, with the rules of sudo given.

    with NrpeDaemon(directory, own_address(1), text("nrpe", placement), text("sudoers", placement)) as nrpe:
        nrpe.ask("check_devd")

Needs root and Debian's nagios-nrpe-server and nagios-nrpe-plugin; `why_not` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.engines import monitoring_user
from tests.engines.daemon import STARTS, Daemon

PLUGIN = Path("/usr/lib/nagios/plugins/check_nrpe")
PORT = 5666
"""The one that check_nrpe asks by itself: every daemon has an address of its own instead."""
MAIN = """\
server_address={address}
server_port={port}
pid_file={directory}/nrpe.pid
nrpe_user=nagios
nrpe_group=nagios
allowed_hosts=127.0.0.0/8
dont_blame_nrpe=0
allow_bash_command_substitution=0
command_timeout=60
connection_timeout=300
disable_syslog=1
log_file={directory}/nrpe.log
include={commands}
"""
PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
"""What FreeBSD's service(8) lets a daemon have."""


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    return monitoring_user.why_not("nrpe") or (None if PLUGIN.exists() else f"not installed: {PLUGIN}")


def own_address(number: int) -> str:
    """An address of loopback that no other process takes, for numbers from 1 to 15."""
    own = os.getpid() % (1 << 20) * 16 + number
    return f"127.{own >> 16}.{own >> 8 & 255}.{own & 255}"


class NrpeDaemon(Daemon):
    """One daemon. `commands` is the text of the shipped file."""

    name = "NRPE"

    def __init__(self, directory: Path, address: str, commands: str, sudo_rules: str, path: str = PATH) -> None:
        directory.mkdir(parents=True)
        self.address = address
        super().__init__(directory / "console")
        file = directory / "commands.cfg"
        file.write_text(commands)
        main = directory / "nrpe.cfg"
        main.write_text(MAIN.format(address=address, port=PORT, directory=directory, commands=file))
        words = ["env", "-i", "HOME=/", f"PATH={path}", shutil.which("nrpe") or "nrpe", "-c", str(main), "-f"]
        self._words = monitoring_user.as_monitoring_user(words, sudo_rules, directory)

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._run_until(self._words, "an answer", lambda: self.ask().returncode == 0)

    def ask(self, command: str = "", *arguments: str) -> subprocess.CompletedProcess[str]:
        """What check_nrpe says to a command of the daemon; to none, its version."""
        words = [str(PLUGIN), "-H", self.address, "-u", "-t", "20:3", *(["-c", command] if command else []),
                 *(["-a", *arguments] if arguments else [])]  # fmt: skip
        return subprocess.run(words, capture_output=True, text=True, timeout=STARTS, stdin=subprocess.DEVNULL)
