"""A real Icinga 2 for tests: one daemon in a directory of its own, with its own CA, on a free port of loopback.

    with IcingaDaemon(tmp_path / "icinga", OBJECTS) as icinga:
        icinga.post("actions/process-check-result", {"type": "Service", "service": "nfs001!check_hast", ...})
        icinga.service("nfs001", "check_hast")["state"]

Certificates come from `icinga2 api setup` (two RSA keys: seconds), the user of the API is `hastwatch`. Needs root and
Debian's icinga2-bin and icinga2-common; `why_not` says what is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.engines.daemon import STARTS, Daemon

DIRECTORIES = {
    "ConfigDir": "etc",
    "ZonesDir": "etc/zones.d",
    "DataDir": "lib",
    "LogDir": "log",
    "CacheDir": "cache",
    "SpoolDir": "spool",
    "InitRunDir": "run",
}
"""The constants of icinga2(8) that keep everything below one directory."""
MAIN = """
include "constants.conf"
include "zones.conf"
include <itl>
include <plugins>
include "features-enabled/*.conf"
include_recursive "conf.d"
"""
CONSTANTS = """
const NodeName = ""
const ZoneName = ""
const TicketSalt = ""
const PluginDir = "/usr/lib/nagios/plugins"
"""
ZONES = """
object Endpoint NodeName { }
object Zone ZoneName { endpoints = [ NodeName ] }
"""
API = """
object ApiListener "api" {{
  bind_host = "127.0.0.1"
  bind_port = {port}
  accept_config = true
  accept_commands = true
  ticket_salt = TicketSalt
}}
"""
API_USER = """
object ApiUser "{user}" {{
  password = "{password}"
  permissions = {permissions}
}}
"""
FEATURES = """
object CheckerComponent "checker" { }
object FileLogger "main-log" { severity = "information", path = LogDir + "/icinga2.log" }
"""
ANSWERS = 10.0
"""Seconds for one answer."""


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    if os.geteuid() != 0:
        return "icinga2 starts as root only"
    return None if shutil.which("icinga2") else "not installed: icinga2 (Debian's icinga2-bin and icinga2-common)"


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class _Named(requests.adapters.HTTPAdapter):
    """Wants a certificate for a name that nobody resolves."""

    def __init__(self, name: str) -> None:
        self.certified = name
        super().__init__()

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        super().init_poolmanager(*given, **options, assert_hostname=self.certified, server_hostname=self.certified)


class IcingaDaemon(Daemon):
    """One daemon. `config_text` is what stands in conf.d; `run_as` the user its checks and handlers run as."""

    name = "icinga2"

    USER, PASSWORD = "hastwatch", "the password of the tests"

    def __init__(
        self, directory: Path, config_text: str, cn: str = "localhost", port: int | None = None, run_as: str = "root"
    ) -> None:
        self.directory = directory
        self.cn = cn
        self.port = port or free_port()
        self.run_as = run_as
        super().__init__(directory / "console")
        for place in DIRECTORIES.values():
            (directory / place).mkdir(parents=True, exist_ok=True)
        self._set_up()
        self.configure(config_text)

    # Files

    @property
    def etc(self) -> Path:
        return self.directory / "etc"

    @property
    def ca(self) -> Path:
        """The certificate of its CA, for `verify=`."""
        return self.directory / "lib" / "certs" / "ca.crt"

    @property
    def log(self) -> str:
        """All that it has logged."""
        path = self.directory / "log" / "icinga2.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def url(self) -> str:
        return f"https://{self.cn}:{self.port}"

    def configure(self, config_text: str) -> None:
        """What stands in conf.d beside the API user; takes effect with the next start."""
        (self.etc / "conf.d" / "objects.conf").write_text(config_text)
        self._give_away()

    def add_user(self, user: str, password: str, *permissions: str) -> None:
        """Another user of the API; takes effect with the next start."""
        listed = "[ " + ", ".join(f'"{each}"' for each in permissions) + " ]"
        text = API_USER.format(user=user, password=password, permissions=listed)
        (self.etc / "conf.d" / f"user-{user}.conf").write_text(text)
        self._give_away()

    # The daemon

    def verify(self) -> subprocess.CompletedProcess[str]:
        """What its own verifier says of the configuration (`icinga2 daemon -C`)."""
        return self._run("daemon", "-C", "-c", str(self.etc / "icinga2.conf"), run_as=self.run_as)

    def start(self) -> None:
        """Start, and wait until the API answers."""
        words = ["icinga2", "daemon", *self._defines(self.run_as), "-c", str(self.etc / "icinga2.conf")]
        self._run_until(words, "an answer of the API", self._answers)

    # The API

    def get(self, path: str, **parameters: str) -> list[dict[str, object]]:
        """The results of GET /v1/PATH."""
        return self._results(self._call("GET", path, parameters, None))

    def post(self, path: str, body: Mapping[str, object]) -> list[dict[str, object]]:
        """The results of POST /v1/PATH."""
        return self._results(self._call("POST", path, {}, body))

    def host(self, name: str) -> dict[str, object]:
        """The attributes of a host."""
        return self._attributes(f"objects/hosts/{name}")

    def service(self, host: str, name: str) -> dict[str, object]:
        """The attributes of a service, `state`, `state_type`, `check_attempt`, `last_check_result` among them."""
        return self._attributes(f"objects/services/{host}!{name}")

    def _attributes(self, path: str) -> dict[str, object]:
        attributes = self.get(path)[0]["attrs"]
        assert isinstance(attributes, dict)
        return attributes

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str], body: Mapping[str, object] | None
    ) -> requests.Response:
        with requests.Session() as session:
            session.mount("https://", _Named(self.cn))
            return session.request(
                method,
                f"https://127.0.0.1:{self.port}/v1/{path}",
                params=parameters,
                data=None if body is None else json.dumps(body),
                auth=(self.USER, self.PASSWORD),
                verify=str(self.ca),
                headers={"Accept": "application/json"},
                timeout=ANSWERS,
            )

    def _results(self, answer: requests.Response) -> list[dict[str, object]]:
        if not answer.ok:
            raise RuntimeError(f"HTTP {answer.status_code}: {answer.text}")
        results: list[dict[str, object]] = answer.json()["results"]
        return results

    def _answers(self) -> bool:
        try:
            return self._call("GET", "status/IcingaApplication", {}, None).ok
        except requests.RequestException:
            return False

    # Setting up

    def _set_up(self) -> None:
        """Configuration and certificates; `api setup` adds its own user root, which goes."""
        for place in ("conf.d", "features-available", "features-enabled"):
            (self.etc / place).mkdir(exist_ok=True)
        (self.etc / "icinga2.conf").write_text(MAIN)
        (self.etc / "zones.conf").write_text(ZONES)
        (self.etc / "constants.conf").write_text(CONSTANTS)
        (self.etc / "features-available" / "api.conf").write_text(API.format(port=self.port))
        (self.etc / "features-enabled" / "features.conf").write_text(FEATURES)
        done = self._run("api", "setup", "--cn", self.cn, run_as="root")
        if done.returncode != 0:
            raise RuntimeError(f"icinga2 api setup: {done.stdout}{done.stderr}")
        (self.etc / "conf.d" / "api-users.conf").unlink()
        self.add_user(self.USER, self.PASSWORD, "*")

    def _run(self, *words: str, run_as: str) -> subprocess.CompletedProcess[str]:
        command = ["icinga2", *words, *self._defines(run_as)]
        return subprocess.run(command, capture_output=True, text=True, timeout=STARTS, stdin=subprocess.DEVNULL)

    def _defines(self, run_as: str) -> list[str]:
        values = {f"Configuration.{name}": str(self.directory / place) for name, place in DIRECTORIES.items()}
        values["Configuration.PidPath"] = str(self.directory / "run" / "icinga2.pid")
        values["Configuration.RunAsUser"] = values["Configuration.RunAsGroup"] = run_as
        return [word for name, value in values.items() for word in ("-D", f"{name}={value}")]

    def _give_away(self) -> None:
        if self.run_as != "root":
            for path in (self.directory, *self.directory.rglob("*")):
                shutil.chown(path, self.run_as, self.run_as)
