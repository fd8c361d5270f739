"""What an administrator sees of hastwatch in Icinga Web, after the command lines of docs/monitoring.md: pictures.

    python -m tests.engines.director_pages DIRECTORY

Icinga Web is served by PHP itself, on a port of loopback, and chromium takes the pictures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from tests.engines.daemon import LIMIT, Daemon
from tests.engines.director import Director, why_not
from tests.engines.icinga_daemon import IcingaDaemon, free_port
from tests.engines.test_director import MASTER, documented, has_services, programs

PUBLIC = Path("/usr/share/icingaweb2/public")
USER = "admin"
PAGES = {
    "commands": "director/commands",
    "service-templates": "director/services/templates",
    "node": "director/host?name=nfs001.example.org",
    "services-of-a-node": "director/host/services?name=nfs001.example.org",
    "service-address": "director/host?name=nfs.example.org",
    "deployments": "director/config/deployments",
}
"""By name of the picture."""


class IcingaWeb(Daemon):
    """Icinga Web over a Director; whoever asks is USER, who may do everything."""

    name = "Icinga Web"

    def __init__(self, directory: Path, director: Director) -> None:
        super().__init__(directory / "console")
        directory.mkdir()
        self.address = f"127.0.0.1:{free_port()}"
        (director.config / "authentication.ini").write_text('[autologin]\nbackend = "external"\n')
        (director.config / "roles.ini").write_text(f'[admin]\nusers = "{USER}"\npermissions = "*"\n')
        config = director.config / "config.ini"
        config.write_text(config.read_text().replace("[global]\n", '[global]\nconfig_backend = "none"\n'))
        database = f"pdo_mysql.default_socket={director.database.socket}"
        self._words = ["env", f"ICINGAWEB_CONFIGDIR={director.config}", f"REMOTE_USER={USER}", "php", "-d", database]
        self._words += ["-S", self.address, "-t", str(PUBLIC), str(PUBLIC / "index.php")]

    def start(self) -> None:
        """Start, and wait for a page."""
        self._run_until(self._words, "a page", self._answers)

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://{self.address}/director/commands", timeout=LIMIT).ok
        except requests.RequestException:
            return False

    def picture(self, path: str, file: Path, profile: Path) -> None:
        """A page, as chromium shows it."""
        words = [
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--window-size=1400,1400",
            f"--user-data-dir={profile}",
        ]
        words += ["--virtual-time-budget=8000", f"--screenshot={file}", f"http://{self.address}/{path}"]
        subprocess.run(["chromium", *words], check=True, capture_output=True, timeout=LIMIT)


def main() -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.director_pages", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("directory", type=Path, help="where the pictures go")
    options = parser.parse_args()
    if missing := why_not():
        parser.error(missing)
    options.directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="d-") as place:
        directory = Path(place)
        deployed = IcingaDaemon(directory / "deployed", "")
        (deployed.etc / "zones.conf").write_text(MASTER.format(port=deployed.port))
        with deployed, Director(directory / "director", deployed) as director:
            environment = {**director.environment, "PATH": f"{programs(directory, director)}:/usr/bin:/bin"}
            subprocess.run(["/bin/sh", "-euc", documented()], cwd=directory, check=True, env=environment, timeout=300)
            deployed.wait_for("what was deployed", lambda: has_services(deployed))
            with IcingaWeb(directory / "web", director) as web:
                for name, path in PAGES.items():
                    file = options.directory / f"{name}.png"
                    web.picture(path, file, directory / "profile")
                    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
