"""An agent of a real Icinga 2: a daemon in a zone below a master's, with a certificate of that master's CA.

    master = IcingaDaemon(directory / "master", OBJECTS)
    agent = IcingaAgent(directory / "nfs001", master, "nfs001", 'const HastwatchDir = "..."')
    master.configure(OBJECTS + agent.known_to_master)

They connect to each other, whoever starts later. It takes its configuration from the master's zones.d, and checks and
event handlers through `command_endpoint`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.engines.icinga_daemon import API, FEATURES, MAIN, IcingaDaemon

CONSTANTS = """
const NodeName = "{name}"
const ZoneName = "{name}"
const TicketSalt = ""
const PluginDir = "/usr/lib/nagios/plugins"
{constants}
"""
ZONES = """
object Endpoint "{master}" {{
  host = "127.0.0.1"
  port = {port}
}}
object Zone "{master}" {{ endpoints = [ "{master}" ] }}
object Endpoint NodeName {{ }}
object Zone ZoneName {{
  parent = "{master}"
  endpoints = [ NodeName ]
}}
object Zone "{synced}" {{ global = true }}
"""
KNOWN = """
object Endpoint "{name}" {{
  host = "127.0.0.1"
  port = {port}
}}
object Zone "{name}" {{
  parent = "{master}"
  endpoints = [ "{name}" ]
}}
"""
SYNCED = "are equal to production"
"""What it logs when the master has nothing new for it."""


class IcingaAgent(IcingaDaemon):
    """One agent. `constants` stand in its constants.conf; `synced` is the global zone that it takes from the master."""

    def __init__(
        self, directory: Path, master: IcingaDaemon, name: str, constants: str, synced: str, port: int | None = None
    ) -> None:
        self.master, self.constants, self.synced = master, constants, synced
        super().__init__(directory, "", cn=name, port=port)

    @property
    def known_to_master(self) -> str:
        """What the master's configuration needs."""
        return KNOWN.format(name=self.cn, port=self.port, master=self.master.cn)

    @property
    def zones(self) -> str:
        """Its zones.conf."""
        return ZONES.format(master=self.master.cn, port=self.master.port, synced=self.synced)

    @property
    def connected(self) -> bool:
        """Whether the master says so."""
        attributes = self.master.get(f"objects/endpoints/{self.cn}")[0]["attrs"]
        assert isinstance(attributes, dict)
        return attributes["connected"] is True

    def _answers(self) -> bool:
        """That it has taken the master's configuration, started anew with it, and is connected again. (Its own API has
        a certificate for a name that nobody resolves.)"""
        return SYNCED in self.log and self.connected

    def _set_up(self) -> None:
        for place in ("conf.d", "features-enabled"):
            (self.etc / place).mkdir(exist_ok=True)
        (self.etc / "icinga2.conf").write_text(MAIN)
        (self.etc / "constants.conf").write_text(CONSTANTS.format(name=self.cn, constants=self.constants))
        (self.etc / "zones.conf").write_text(self.zones)
        (self.etc / "features-enabled" / "features.conf").write_text(FEATURES + API.format(port=self.port))
        self._certify()

    def _certify(self) -> None:
        """A key of its own, signed by the master's CA, which the agent gets a copy of."""
        certificates = self.directory / "lib" / "certs"
        certificates.mkdir()
        shutil.copy(self.master.ca, certificates / "ca.crt")
        key, request, signed = (str(certificates / f"{self.cn}.{end}") for end in ("key", "csr", "crt"))
        self._must(self._run("pki", "new-cert", "--cn", self.cn, "--key", key, "--csr", request, run_as="root"))
        self._must(self.master._run("pki", "sign-csr", "--csr", request, "--cert", signed, run_as="root"))

    @staticmethod
    def _must(done: subprocess.CompletedProcess[str]) -> None:
        if done.returncode != 0:
            raise RuntimeError(f"{done.args}: {done.stdout}{done.stderr}")
