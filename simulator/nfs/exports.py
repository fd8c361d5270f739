"""The exports of a simulated node as its mountd takes them (exports(5)): good lines, and what it logs about the others.

Which lines mountd takes is `exports_file.py`; added is what mountd sees on the machine: directories, names that have an
address, the release.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Protocol

from simulator.nfs import exports_file
from simulator.nfs.exports_file import ExportLine
from simulator.storage.filesystems import StorageHost

DECODES = 15
"""The release whose mountd decodes the escapes of vis(3) in a path (mountd.c, strnunvis())."""


@dataclass(frozen=True, slots=True)
class Export:
    """A directory of a good line. `clients`: networks and hosts, none for everyone."""

    path: str
    clients: tuple[str, ...]
    line: str
    alldirs: bool = False

    @property
    def groups(self) -> str:
        """What showmount prints behind the path: a network without its mask."""
        return "".join(f"{client.split('/')[0]} " for client in self.clients) or "Everyone"

    def admits(self, address: str) -> bool:
        """A client with this address may mount."""
        client = ipaddress.ip_address(address)
        return not self.clients or any(
            client in ipaddress.ip_network(each, strict=False) for each in self.clients if each[0].isdigit()
        )


class ExportsHost(StorageHost, Protocol):
    """What mountd sees on a node."""

    def is_directory(self, path: str) -> bool:
        """On the root file system or a mounted one."""
        ...


def warnings(node: ExportsHost, exports: list[Export]) -> list[str]:
    """What mountd says of directories that are no mount points, once for a file system (mountd.c, get_exportlist_one(),
    EX_ADMINWARN)."""
    texts: dict[str, str] = {}
    for export in exports if node.installed.warns_of_subtrees else ():
        mount = node.filesystems.under(export.path)
        point = mount[0].resource.mountpoint if mount else "/"
        if export.path != point:
            texts.setdefault(point, f"Warning: exporting {export.path} exports entire {point} file system")
    return list(texts.values())


def refuse_subtrees(node: ExportsHost, exports: list[Export]) -> tuple[list[Export], list[str]]:
    """Without those that have -alldirs and are no mount points, and what mountd says of them (mountd.c, do_mount())."""
    taken, complaints = [], []
    for export in exports:
        mount = node.filesystems.under(export.path)
        if export.alldirs and export.path != (mount[0].resource.mountpoint if mount else "/"):
            complaints.append(f"-alldirs requested but {export.path} is not a filesystem mountpoint")
            complaints.append(f"bad exports list line '{export.line}'")
        else:
            taken.append(export)
    return taken, complaints


def read_exports(node: ExportsHost, files: tuple[str, ...]) -> tuple[list[Export], list[str]]:
    """The good lines of a node's exports, and the complaints about the bad ones, in order."""
    exports: list[Export] = []
    complaints: list[str] = []
    for name in files:
        try:
            text = node.files.read(name)
        except OSError:
            complaints.append(f"can't open {name}")
            continue
        for line in exports_file.read(text):
            exports += _taken(node, line, complaints)
    return exports, complaints


def _taken(node: ExportsHost, line: ExportLine, complaints: list[str]) -> list[Export]:
    """The directories of a line that mountd takes."""
    text = f"bad exports list line '{line.text}'"
    if line.refused:
        if not line.quiet:
            complaints += [f"bad opt {line.bad_option}", text.partition("=")[0] + "'"] if line.bad_option else [text]
        return []
    release = int(node.kernel.values["kern.osrelease"].split(".")[0])
    paths = [exports_file.decoded(path) if release >= DECODES else path for path in line.paths]
    missing = [path for path in paths if not node.is_directory(path)]
    unknown = line.hosts and not any(_address(node, host) for host in line.hosts)
    if missing or unknown:
        why = f"bad exports list line '{missing[0]}': symbolic link in export path or statfs failed" if missing else ""
        complaints.append(why or f"{text}: no valid entries")
        return []
    clients = tuple(filter(None, [line.network, *(_address(node, host) for host in line.hosts)]))
    return [Export(path, clients, re.sub(r"\s+", " ", line.text), line.alldirs) for path in paths]


def _address(node: ExportsHost, host: str) -> str:
    """The address of a host of the pair, empty for a name that nobody knows."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        known = {each.name: each.layout.address for each in node.pair.nodes.values()}
        return known.get(host, "")
