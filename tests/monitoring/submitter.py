"""A directory with a plugin, a configuration, credentials and a spool; `hastwatch submit` as a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from remediate.monitoring.result import CheckResult
from remediate.monitoring.spool import Bounds, Spool
from remediate.timing import Timing
from tests.state.child import ROOT

PLUGIN = """#!/bin/sh
cat "$0.says"
exit `cat "$0.status"`
"""
USER, PASSWORD, TOKEN = "hastwatch", "the password of the tests", "a token of the tests"


def a_result(service: str = "check_thing", number: int = 0, **other: object) -> CheckResult:
    """A result; `number` tells one from the next, by its text and by its times, a second apart."""
    result = CheckResult(
        "nfs001", service, "check_thing", 0, f"THING OK - {number}", "", ("number=1",), 1.8e9 + number,
        1.8e9 + number + 0.25, "nfs001",
    )  # fmt: skip
    return result._replace(**other)  # type: ignore[arg-type]  # what a test wants otherwise


class Submitter:
    """Runs `hastwatch submit`: a plugin, a configuration, credentials and a spool."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.plugin = directory / "check_thing"
        self.plugin.write_text(PLUGIN)
        self.plugin.chmod(0o755)
        self.plugin_says("THING OK - all is well | number=1\n")
        self.config = directory / "hastwatch.toml"
        self.credentials = directory / "credentials"
        self.credentials_say(PASSWORD)
        self.root = directory / "spool"

    def plugin_says(self, text: str, status: int = 0) -> None:
        self.plugin.with_name("check_thing.says").write_text(text)
        self.plugin.with_name("check_thing.status").write_text(str(status))

    def credentials_say(self, password: str) -> None:
        self.credentials.write_text(f'user = "{USER}"\npassword = "{password}"\ntoken = "{TOKEN}"\n')
        self.credentials.chmod(0o600)

    def configure(self, way: str, text: str, submit: str = "") -> None:
        """The table of a way, and what [submit] has besides its `to` and `spool`."""
        self.config.write_text(f'[submit]\nto = "{way}"\nspool = "{self.root}"\n{submit}\n{text}\n')

    def configure_icinga(self, url: str, ca: Path, submit: str = "", more: str = "") -> None:
        self.configure("icinga", f'[icinga]\nurl = "{url}"\nca = "{ca}"\ncredentials = "{self.credentials}"\n'
                       f'host = "nfs001"\n{more}', submit)  # fmt: skip

    def submit(
        self,
        *words: str,
        check: bool = True,
        largest_file: int = -1,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """`hastwatch submit` with these options, and the plugin as its check."""
        return subprocess.run(
            self.command(*words, check=check),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=None if largest_file < 0 else lambda: _limit(largest_file),
        )

    def command(self, *words: str, check: bool = True) -> list[str]:
        options = [sys.executable, "-m", "remediate.command", "submit", "--config", str(self.config), *words]
        return [*options, "--", str(self.plugin)] if check else options

    def spool(self, way: str, most: int = 1000, keep: float = 86400.0) -> Spool:
        return Spool(str(self.root), way, Bounds(most, keep), Timing())

    def waiting(self, way: str) -> list[str]:
        """The text of what waits, in order."""
        spool = self.spool(way)
        results = [spool.read(name) for name in spool.names()]
        return [result.output for result in results if result]


def _limit(largest_file: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
