"""What the kernel of this machine tells and does in a system call, where a command would have to be started for it.

A step that looks at its effect so costs microseconds on the way of the clients, and no process. Only FreeBSD:
elsewhere, and through a prefix (--via), the commands are run (`Way.machine` is None).
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from functools import cache
from typing import TYPE_CHECKING

from checks.probes.errors import Failed, NotFound, NotPermitted
from checks.probes.filesystem import Mount

if TYPE_CHECKING:
    from remediate.timing import Timing

RDONLY, EXPORTED = 0x1, 0x100
"""MNT_RDONLY and MNT_EXPORTED of sys/mount.h."""
STATFS_VERSION, STATFS_SIZE = 0x20140518, 2344
"""struct statfs of sys/mount.h, in FreeBSD 12 and later."""
FLAGS, KIND, FROM, ON = 8, 280, 296, 1320
"""Where f_flags, f_fstypename, f_mntfromname and f_mntonname lie in it."""
NAME, PATH = 16, 1024
"""MFSNAMELEN and MNAMELEN."""


class Machine:
    """The machine that hastwatch runs on."""

    def exists(self, path: str) -> bool:
        """Whether something is there, such as a device."""
        return os.path.exists(path)

    def mounted(self, point: str) -> Mount | None:
        """What is mounted at `point` (statfs(2)), None where nothing is. Raises ProbeError."""
        found = parse_statfs(_statfs(point))
        return found if found.point == point else None

    def read(self, path: str) -> str:
        """The text of a file of the root file system. Raises NotFound, NotPermitted, Failed."""
        try:
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                return file.read()
        except FileNotFoundError:
            raise NotFound(f"{path}: no such file") from None
        except PermissionError:
            raise NotPermitted(f"{path}: permission denied") from None
        except OSError as error:
            raise Failed(f"{path}: {error.strerror}") from None

    def make_immutable(self, path: str, wanted: bool) -> str:
        """Set or clear the flag schg (chflags(2)); why it could not be, or nothing."""
        try:
            flags = os.stat(path).st_flags & ~stat.SF_IMMUTABLE  # type: ignore[attr-defined]  # FreeBSD has both
            os.chflags(path, flags | stat.SF_IMMUTABLE if wanted else flags)  # type: ignore[attr-defined]
        except OSError as error:
            return f"{path}: {error.strerror}"
        return ""

    def unserved(self, address: str, path: str, timing: Timing) -> str:
        """Why a client would not be served (`failover.reach.answer`), or nothing."""
        from remediate.failover.reach import answer

        return answer(address, path, timing)

    def send(self, pid: int, name: str) -> None:
        """Send a process a signal (kill(2)); one that is gone needs none. Raises NotPermitted."""
        try:
            os.kill(pid, signal.Signals[f"SIG{name}"])
        except ProcessLookupError:
            return
        except PermissionError:
            raise NotPermitted(f"kill -{name} {pid}: not permitted") from None

    def runs(self, pid: int) -> bool:
        """Whether a process is there (kill(2), signal 0)."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def this_machine() -> Machine | None:
    """This machine, where its kernel is known to be asked so."""
    return Machine() if sys.platform.startswith("freebsd") else None


def parse_statfs(raw: bytes) -> Mount:
    """What statfs(2) has filled in. Raises Failed."""
    if len(raw) != STATFS_SIZE or int.from_bytes(raw[:4], sys.byteorder) != STATFS_VERSION:
        raise Failed("statfs(2) fills in another structure than that of FreeBSD 12 and later")
    flags = int.from_bytes(raw[FLAGS : FLAGS + 8], sys.byteorder)
    kind, device, point = (
        raw[at : at + size].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        for at, size in ((KIND, NAME), (FROM, PATH), (ON, PATH))
    )
    return Mount(device, point, kind, bool(flags & RDONLY), bool(flags & EXPORTED), "")


def _statfs(path: str) -> bytes:
    """Raises Failed."""
    import ctypes

    buffer = ctypes.create_string_buffer(STATFS_SIZE)
    if _libc().statfs(os.fsencode(path), buffer) != 0:
        raise Failed(f"statfs {path}: {os.strerror(ctypes.get_errno())}")
    return buffer.raw


@cache
def _libc():  # type: ignore[no-untyped-def]  # ctypes has no name for what it loads
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
