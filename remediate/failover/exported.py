"""What of a file system a node gives to clients: the files that its mountd reads, and what is in them.

mountd's arguments come from rc.conf(5) and from rc.d/mountd, which adds two files with zfs_enable. Where rc.conf cannot
be worked out, both files of a system are looked at: an export that may be there is waited for and verified.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import exports
from checks.probes.errors import NotFound, NotPermitted, ProbeError, Unreachable
from checks.probes.exports import ExportsLine, MountdVerdict
from checks.probes.node import Node
from checks.probes.rc_conf import Asked, RcConf

ASKED: Asked = {"mountd": ("mountd_flags", "zfs_enable")}
"""What names the files that mountd reads (rc.d/mountd mountd_precmd())."""


class ExportDirectory(NamedTuple):
    """The directory of a file system that clients mount, or why there is none."""

    path: str
    why: str = ""


class ExportLines(NamedTuple):
    """The lines of each file that mountd reads. `doubt`: why these may not be the files, or not all of them."""

    files: tuple[tuple[str, tuple[ExportsLine, ...]], ...]
    doubt: str = ""

    def at(self, point: str, points: tuple[str, ...]) -> ExportDirectory:
        """What is exported of the file system at a mount point; `points`: those of all resources. The mount point comes
        first, because a client that asks for it proves most; then what needs no name to be looked up."""
        refused = []
        candidates: list[tuple[bool, bool, str]] = []
        for name, lines in self.files:
            for line in exports.below(lines, point, points):
                if line.taken is MountdVerdict.NO:
                    refused.append(f"line {line.number} of {name} is refused by mountd: {line.why}")
                else:
                    paths = (point, *line.paths) if line.alldirs else line.paths
                    candidates += [(path != point, line.taken is MountdVerdict.PERHAPS, path) for path in paths]
        if candidates:
            return ExportDirectory(min(candidates, key=lambda each: each[:2])[2])
        names = " and ".join(name for name, _ in self.files)
        return ExportDirectory(
            "", "; ".join([*(refused or [f"nothing of it is in {names}"]), *([self.doubt] * bool(self.doubt))])
        )


def look(node: Node, conf: RcConf) -> ExportLines:
    """What the node's mountd reads, by what was read of rc.conf, ASKED at least. Raises ProbeError where that cannot be
    asked."""
    names, doubt = _files(conf)
    files = []
    for name in dict.fromkeys(names):
        lines: tuple[ExportsLine, ...] = ()
        try:
            lines = exports.parse(node.read(name))
        except NotFound:
            pass  # mountd goes on without it, read_exportfile()
        except NotPermitted as error:
            doubt = doubt or str(error)
        except Unreachable:
            raise
        except ProbeError as error:
            if not doubt:
                raise
            doubt = f"{doubt}; {error}"
        files.append((name, lines))
    return ExportLines(tuple(files), doubt)


def _files(conf: RcConf) -> tuple[tuple[str, ...], str]:
    """The files, and what speaks against their being it."""
    try:
        flags = conf.words("mountd", "mountd_flags")
        with_zfs = conf.says_yes("mountd", "zfs_enable")
        return exports.files((*flags, *(exports.WITH_ZFS if with_zfs else ()))), ""
    except (ProbeError, ValueError) as error:
        return exports.WITH_ZFS, str(error)
