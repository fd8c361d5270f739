"""/etc/exports as mountd reads it (exports(5)): good lines, and what it says to syslog about the others."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remediate.rehearsal.node import Node

EXPORTS = "/etc/exports"

OPTIONS = {
    "maproot",
    "mapall",
    "ro",
    "o",
    "alldirs",
    "network",
    "mask",
    "quiet",
    "public",
    "webnfs",
    "index",
    "sec",
    "r",
}
"""exports(5)"""


@dataclass(frozen=True, slots=True)
class Export:
    """One good line of /etc/exports."""

    path: str
    network: str
    line: str

    @property
    def groups(self) -> str:
        """What showmount prints behind the path."""
        return f"{self.network.split('/')[0]} " if self.network else "Everyone"

    def admits(self, address: str) -> bool:
        """A client with this address may mount."""
        return not self.network or ipaddress.ip_address(address) in ipaddress.ip_network(self.network, strict=False)


def read_exports(node: Node) -> tuple[list[Export], list[str]]:
    """The good lines of a node's exports, and the complaints about the bad ones, in order."""
    try:
        text = node.files.read(EXPORTS)
    except OSError:
        return [], []
    found: list[Export] = []
    complaints: list[str] = []
    for line in (line.split("#")[0].strip() for line in text.split("\n")):
        if line and not line.startswith("V4:"):
            export = _parse(node, line, complaints)
            found += [export] if export is not None else []
    return found, complaints


def _parse(node: Node, line: str, complaints: list[str]) -> Export | None:
    words, network = line.split(), ""
    path, options = words[0], words[1:]
    while options:
        word = options.pop(0)
        name, _, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            continue
        if name not in OPTIONS:
            complaints += [f"bad opt {name}", f"bad exports list line '{line.partition('=')[0]}'"]
            return None
        if name == "network":
            network = value or (options.pop(0) if options else "")
        elif name == "mask" and not value and options:
            options.pop(0)
    if not node.is_directory(path):
        complaints.append(f"bad exports list line '{path}': symbolic link in export path or statfs failed")
        return None
    return Export(path, network, re.sub(r"\s+", " ", line))
