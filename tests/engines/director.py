"""A real Icinga Director: Icinga Web's command line and a database of its own, in one directory, for one Icinga 2.

    with Director(tmp_path / "director", icinga) as director:
        director.run("host", "create", "nfs001", "--address", "10.1.101.3")
        director.run("config", "deploy")

The database is a MariaDB with its own socket and directory and without a network. Needs root and Debian's
mariadb-server, php-mysql and icingaweb2-module-director; `why_not` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

from tests.engines.daemon import LIMIT, Daemon
from tests.engines.icinga_daemon import IcingaDaemon

MODULES = Path("/usr/share/icingaweb2/modules")
NEEDS = ("mariadbd", "mariadb-install-db", "mariadb", "php", "icingacli")
DATABASE = "director"
RESOURCES = f"""
[{DATABASE}]
type = "db"
db = "mysql"
host = "localhost"
dbname = "{DATABASE}"
username = "root"
password = ""
charset = "utf8"
"""
CONFIG = f"""
[global]
config_resource = "{DATABASE}"
module_path = "{MODULES}"

[logging]
log = "php"
"""
KICKSTART = """
[config]
endpoint = "{endpoint}"
host = "127.0.0.1"
port = {port}
username = "{user}"
password = "{password}"
"""
SETTLES = 120.0
"""Seconds for one command of Director's."""


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    if os.geteuid() != 0:
        return "mariadbd runs as root here"
    missing = [name for name in NEEDS if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not (MODULES / "director").is_dir():
        return "not installed: icingaweb2-module-director"
    done = subprocess.run(["php", "-m"], capture_output=True, text=True, timeout=LIMIT)
    return None if "pdo_mysql" in done.stdout else "not installed: php-mysql"


class Database(Daemon):
    """The MariaDB."""

    name = "mariadbd"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "console")
        self.directory = directory
        self.socket = directory / "s"
        directory.mkdir(parents=True, exist_ok=True)
        self._must("mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", "--user=root",
                   "--auth-root-authentication-method=normal", "--skip-test-db")  # fmt: skip

    def start(self) -> None:
        """Start, and make the database."""
        words = ["mariadbd", "--no-defaults", f"--datadir={self.directory}/data", f"--socket={self.socket}",
                 f"--pid-file={self.directory}/pid", "--skip-networking", "--user=root",
                 "--innodb-flush-log-at-trx-commit=0"]  # fmt: skip
        self._run_until(words, "an answer", self._answers)
        self._must(*self._client, "-e", f"CREATE DATABASE {DATABASE} CHARACTER SET utf8")

    @property
    def _client(self) -> list[str]:
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root"]

    def _answers(self) -> bool:
        return subprocess.run([*self._client, "-e", "SELECT 1"], capture_output=True, timeout=LIMIT).returncode == 0

    @staticmethod
    def _must(*words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SETTLES)
        if done.returncode != 0:
            raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")


class Director:
    """Director over a running Icinga 2, which its kickstart has read the zones and commands of."""

    def __init__(self, directory: Path, icinga: IcingaDaemon) -> None:
        self.database = Database(directory / "database")
        self.icinga = icinga
        self.config = directory / "web"
        module = self.config / "modules" / "director"
        module.mkdir(parents=True)
        (self.config / "resources.ini").write_text(RESOURCES)
        (self.config / "config.ini").write_text(CONFIG)
        (module / "config.ini").write_text(f'[db]\nresource = "{DATABASE}"\n')
        (module / "kickstart.ini").write_text(KICKSTART.format(
            endpoint=icinga.cn, port=icinga.port, user=icinga.USER, password=icinga.PASSWORD
        ))  # fmt: skip
        enabled = self.config / "enabledModules"
        enabled.mkdir()
        for name in ("director", "incubator"):
            (enabled / name).symlink_to(MODULES / name)

    def __enter__(self) -> Director:
        self.database.start()
        try:
            self.run("migration", "run")
            self.run("kickstart", "run")
        except BaseException:
            self.database.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.database.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What makes `icingacli` use this Director."""
        return {**os.environ, "ICINGAWEB_CONFIGDIR": str(self.config)}

    @property
    def icingacli(self) -> list[str]:
        """The words of `icingacli`, which finds the database by them."""
        return ["php", "-d", f"pdo_mysql.default_socket={self.database.socket}", "/usr/bin/icingacli"]

    def run(self, *words: str) -> str:
        """`icingacli director WORDS`, which has to succeed; what it prints."""
        command = [*self.icingacli, "director", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=SETTLES)
        if done.returncode != 0:
            raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout
