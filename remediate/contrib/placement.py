"""Where hastwatch is on a node and who runs its checks: what the generated files of `contrib/` have to name."""

from __future__ import annotations

from typing import NamedTuple


class Placement(NamedTuple):
    """The defaults are those of the README."""

    directory: str = "/usr/local/hastwatch/bin"
    """Where the commands are."""
    user: str = "nagios"
    """The user as whom NRPE or Icinga runs."""
    by: str = "sudo -n"
    """The words with which that user becomes root; none where it is root."""
    docs: str = ""
    """The URL of the documentation as a site; empty where there is none."""

    def command(self, name: str) -> str:
        """The absolute path of a command."""
        return f"{self.directory}/{name}"

    def as_root(self, name: str) -> str:
        """The command, run as root."""
        return f"{self.by} {self.command(name)}".lstrip()
