"""A real Nagios for tests: one daemon in a directory of its own, in the foreground, with seconds for minutes.

    with NagiosDaemon(directory, [Path("commands.cfg"), ...]) as nagios:
        nagios.wait_for("OK", lambda: nagios.service("nfs001", "check_devd")["current_state"] == "0")

Needs root and Debian's nagios4-core; `why_not` says what is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.engines import monitoring_user
from tests.engines.daemon import STARTS, Daemon

MAIN = {
    "resource_file": "{directory}/resource.cfg",
    "log_file": "{directory}/nagios.log",
    "object_cache_file": "{directory}/objects.cache",
    "precached_object_file": "{directory}/objects.precache",
    "status_file": "{directory}/status.dat",
    "state_retention_file": "{directory}/retention.dat",
    "retain_state_information": "0",
    "command_file": "{directory}/nagios.cmd",
    "temp_file": "{directory}/nagios.tmp",
    "temp_path": "{directory}",
    "check_result_path": "{directory}/results",
    "query_socket": "{directory}/nagios.qh",
    "check_external_commands": "1",
    "illegal_object_name_chars": "`~!$%^&*|'\"<>?,()=",
    "illegal_macro_output_chars": "`~$&|'\"<>",
    "interval_length": "1",
    "status_update_interval": "1",
    "check_result_reaper_frequency": "1",
    "service_inter_check_delay_method": "n",
    "host_inter_check_delay_method": "n",
    "cached_host_check_horizon": "0",
    "cached_service_check_horizon": "0",
    "soft_state_dependencies": "0",
    "enable_flap_detection": "1",
    "enable_notifications": "1",
    "enable_event_handlers": "1",
    "event_handler_timeout": "30",
    "service_check_timeout": "60",
    "log_event_handlers": "1",
    "log_service_retries": "1",
    "log_host_retries": "1",
    "check_for_updates": "0",
    "use_syslog": "0",
}
"""Debian's nagios.cfg, but for places, and for what is there once a second instead of once in ten."""
SITE = """
define timeperiod {
    timeperiod_name 24x7
    alias always
    sunday 00:00-24:00
    monday 00:00-24:00
    tuesday 00:00-24:00
    wednesday 00:00-24:00
    thursday 00:00-24:00
    friday 00:00-24:00
    saturday 00:00-24:00
}
define command {
    command_name page-host
    command_line echo '$NOTIFICATIONTYPE$ $HOSTNAME$' >>{directory}/pages
}
define command {
    command_name page-service
    command_line echo '$NOTIFICATIONTYPE$ $HOSTNAME$ $SERVICEDESC$' >>{directory}/pages
}
define contact {
    contact_name admin
    alias an administrator
    host_notification_period 24x7
    service_notification_period 24x7
    host_notification_options d,u,r
    service_notification_options w,u,c,r
    host_notification_commands page-host
    service_notification_commands page-service
}
define contactgroup {
    contactgroup_name admins
    alias administrators
    members admin
}
"""
"""What the templates want from Nagios's own examples. A page is a line in the file `pages`."""


class Alert(NamedTuple):
    """A line of the log: a service's state as Nagios saw it change."""

    host: str
    service: str
    state: str
    kind: str
    """SOFT or HARD."""
    attempt: int
    output: str


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    return monitoring_user.why_not("nagios4")


class NagiosDaemon(Daemon):
    """One daemon. `objects` are files of objects, `plugins` is what $USER1$ says, `settings` what differs in
    nagios.cfg; a setting that is empty is left out of it."""

    name = "Nagios"

    def __init__(
        self, directory: Path, objects: Sequence[Path], plugins: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        super().__init__(directory / "console")
        (directory / "results").mkdir(parents=True)
        site = directory / "site.cfg"
        site.write_text(SITE.replace("{directory}", str(directory)))
        (directory / "resource.cfg").write_text(f"$USER1$={plugins}\n")
        values = {**MAIN, **(settings or {})}
        lines = [f"{key}={value.replace('{directory}', str(directory))}" for key, value in values.items() if value]
        self._main = directory / "nagios.cfg"
        self._main.write_text("\n".join([*lines, *(f"cfg_file={path}" for path in (site, *objects))]) + "\n")
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, monitoring_user.USER, monitoring_user.USER)

    def verify(self) -> subprocess.CompletedProcess[str]:
        """What its own verifier says of the configuration (`nagios4 -v`)."""
        words = monitoring_user.as_monitoring_user(["nagios4", "-v", str(self._main)])
        return subprocess.run(words, capture_output=True, text=True, timeout=STARTS, stdin=subprocess.DEVNULL)

    def start(self) -> None:
        """Start, and wait until it has written what it knows."""
        words = monitoring_user.as_monitoring_user(["nagios4", str(self._main)])
        self._run_until(words, "a status file", (self.directory / "status.dat").exists)

    def command(self, text: str) -> None:
        """Give an external command, without its time."""
        path = self.directory / "nagios.cmd"
        self.wait_for("the command file", path.is_fifo)  # a file made here before it would keep Nagios from its pipe
        with open(os.open(path, os.O_WRONLY), "w") as pipe:
            pipe.write(f"[{int(time.time())}] {text}\n")

    # What it says

    @property
    def log(self) -> str:
        """All that it has logged."""
        path = self.directory / "nagios.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pages(self) -> list[str]:
        """Who would have been called for what."""
        path = self.directory / "pages"
        return path.read_text().splitlines() if path.exists() else []

    def alerts(self, host: str, service: str) -> list[Alert]:
        """The changes of a service, in order."""
        matches = re.findall(r"(?m)^\[\d+\] SERVICE ALERT: ([^;\n]*);([^;\n]*);([^;]*);([^;]*);(\d+);(.*)$", self.log)
        alerts = [
            Alert(name, about, state, kind, int(attempt), text) for name, about, state, kind, attempt, text in matches
        ]
        return [alert for alert in alerts if (alert.host, alert.service) == (host, service)]

    def service(self, host: str, service: str) -> dict[str, str]:
        """A service as its status file has it: `current_state`, `state_type`, `current_attempt`, ..."""
        return self._status("servicestatus", host_name=host, service_description=service)

    def host(self, host: str) -> dict[str, str]:
        """A host as its status file has it."""
        return self._status("hoststatus", host_name=host)

    def services(self) -> list[dict[str, str]]:
        """All services."""
        return [values for kind, values in self._blocks() if kind == "servicestatus"]

    def _status(self, wanted: str, **names: str) -> dict[str, str]:
        for kind, values in self._blocks():
            if kind == wanted and names.items() <= values.items():
                return values
        raise LookupError(f"no {wanted} of {names}")

    def _blocks(self) -> list[tuple[str, dict[str, str]]]:
        text = (self.directory / "status.dat").read_text(errors="replace")
        return [
            (kind, dict(line.strip().split("=", 1) for line in body.splitlines() if "=" in line))
            for kind, body in re.findall(r"(?ms)^(\w+) \{\n(.*?)^\t\}", text)
        ]

    def last_words(self) -> str:
        """What it wrote, and the end of its log."""
        return f"{super().last_words()}\n{self.log[-2000:]}"
