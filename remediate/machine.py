"""What the kernel of this machine tells and does in a system call, where a command would have to be started for it.

A step that looks at its effect so costs microseconds on the way of the clients, and no process. Only FreeBSD:
elsewhere, and through a prefix (--via), the commands are run (`Transport.machine` is None).
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import struct
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from checks.probes.carp import CarpState
from checks.probes.errors import CommandFailed, Hangs, NotFound, NotPermitted, NotUnderstood, ProbeError, why_unread
from checks.probes.filesystem import Mount
from checks.probes.process import OUTPUT_LIMIT

if TYPE_CHECKING:
    from checks.probes.as_primary import HastdBuild
    from remediate.doctor.scratch import Scratch
    from remediate.failover.reach import ServiceAnswer
    from remediate.failover.tickle import ClientEndpoint, SentSegments
    from remediate.timing import Timing

RDONLY, EXPORTED = 0x1, 0x100
"""MNT_RDONLY and MNT_EXPORTED of sys/mount.h."""
STATFS_VERSION, STATFS_SIZE = 0x20140518, 2344
"""struct statfs of sys/mount.h, in FreeBSD 12 and later."""
FLAGS, KIND, FROM, ON = 8, 280, 296, 1320
"""Where f_flags, f_fstypename, f_mntfromname and f_mntonname lie in it."""
NAME, PATH = 16, 1024
"""MFSNAMELEN and MNAMELEN."""
NOWAIT = 2
"""MNT_NOWAIT: what is known of each file system, so that none that hangs is asked, as mount(8) does it."""
SPARE, LARGEST = 1 << 16, OUTPUT_LIMIT
"""Bytes by which a text of sysctl(3) may grow between two calls, and how long it, or a file, may be at most."""
OLDEST = 1200000
"""kern.osreldate (__FreeBSD_version) of 12.0, which has these structures."""
INTEGER = 4
"""Bytes of an int."""
SIOCGVH = 0xC0000000 | 32 << 16 | ord("i") << 8 | 246
"""sys/netinet/ip_carp.h: _IOWR('i', 246, struct ifreq); that has 32 bytes (sys/net/if.h)."""
CARP_REQUEST = struct.Struct("5i20x")
"""struct carpreq of ip_carp.h: count, vhid, state, advskew, advbase, key; the same in 13 and 15."""
CARP_STATES = (CarpState.INIT, CarpState.BACKUP, CarpState.MASTER)
"""ip_carp.h, CARP_STATES: INIT is 0."""


class KernelVhid(NamedTuple):
    """A virtual host, as the kernel has it."""

    state: CarpState
    advbase: int
    advskew: int


class Machine:
    """The machine that hastwatch runs on."""

    def exists(self, path: str) -> bool:
        """Whether something is there, such as a device."""
        return os.path.exists(path)

    def answers(self, address: str, port: int, request: bytes, largest: int, seconds: float) -> bytes:
        """What a server at an IP address answers to a request over TCP and then ends the connection; empty where that
        does not come to an end within so many seconds and bytes."""
        ends = time.monotonic() + seconds
        received = b""
        try:
            with socket.create_connection((address, port), seconds) as client:
                client.sendall(request)
                while len(received) <= largest:
                    client.settimeout(max(ends - time.monotonic(), 0.001))
                    more = client.recv(largest + 1 - len(received))
                    if not more:
                        return received
                    received += more
        except OSError:
            pass
        return b""

    def release(self) -> str:
        """The release of the kernel, `uname -r`."""
        return os.uname().release

    def hastd(self) -> HastdBuild:
        """Which hastd is installed, and which kernel it runs on (`checks.probes.as_primary`)."""
        from checks.probes import as_primary

        return as_primary.of_this_machine()

    def ends_reads(self) -> bool | None:
        """Whether a read of the kernel ends at a control message (`checks.probes.control_message`); may take a moment
        the first time. None: not known."""
        from checks.probes import as_primary

        return as_primary.kernel_ends_reads()

    def scratch(self) -> Scratch:
        """What a hastd of its own is made of (`doctor.scratch`)."""
        from remediate.doctor.scratch import Scratch

        return Scratch()

    def mounted(self, point: str) -> Mount | None:
        """What is mounted at `point` (statfs(2)), None where nothing is. Raises ProbeError."""
        mount = parse_statfs(_statfs(point))
        return mount if mount.point == point else None

    def mounts(self) -> tuple[Mount, ...]:
        """Everything that is mounted (getfsstat(2)). Raises CommandFailed."""
        raw = _getfsstat()
        mounted = tuple(parse_statfs(raw[at : at + STATFS_SIZE]) for at in range(0, len(raw), STATFS_SIZE))
        if not any(each.point == "/" for each in mounted):
            raise CommandFailed("getfsstat(2) gives no root file system")
        return mounted

    def takes_no_files(self, point: str) -> bool:
        """Whether an empty mount point is immutable, or is not there (lstat(2)). Raises CommandFailed."""
        try:
            return bool(os.lstat(point).st_flags & stat.SF_IMMUTABLE)  # type: ignore[attr-defined]  # of FreeBSD
        except FileNotFoundError:
            return True
        except OSError as error:
            raise CommandFailed(f"{point}: {error.strerror}") from None

    def uptime(self) -> float:
        """Seconds since the boot: CLOCK_MONOTONIC begins then (sys/kern/kern_time.c, kern_clock_gettime())."""
        return time.monotonic()

    def integer(self, name: str) -> int:
        """An int of sysctl(3). Raises NotFound where the kernel has none of that name, and CommandFailed."""
        return _sysctl(name, None)

    def text(self, name: str, seconds: float) -> str:
        """A text of sysctl(3), for which the kernel may wait for something. Raises Hangs where that takes longer, and
        NotFound, CommandFailed."""
        import threading

        answers: list[str | ProbeError] = []

        def ask() -> None:
            try:
                answers.append(_sysctl_text(name))
            except ProbeError as error:
                answers.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(seconds)
        if not answers:
            raise Hangs(f"sysctl {name} timed out after {seconds:g} s")
        if isinstance(answers[0], ProbeError):
            raise answers[0]
        return answers[0]

    def set_integer(self, name: str, value: int) -> None:
        """Set an int of sysctl(3). Raises NotFound, NotPermitted, CommandFailed."""
        _sysctl(name, value)

    def carp(self, interface: str, vhid: int) -> KernelVhid:
        """A virtual host of CARP (ip_carp.c, carp_ioctl()). Raises CommandFailed."""
        return parse_carp(_carp_request(interface, vhid), vhid)

    def connects(self, address: str, port: int, seconds: float) -> int:
        """What becomes of a TCP connection to an IP address within so many seconds: 0, or the errno(2) of
        connect(2)."""
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
            client.settimeout(seconds)
            try:
                client.connect((address, port))
            except TimeoutError:
                return errno.ETIMEDOUT
            except OSError as error:
                return error.errno or errno.EINVAL
        return 0

    def read(self, path: str) -> str:
        """The text of a file of the root file system. Raises NotFound, NotPermitted, CommandFailed, and NotUnderstood
        for one that is larger than what a command may print: any user can make a log so."""
        try:
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                text = file.read(LARGEST + 1)
        except OSError as error:
            raise why_unread(path, error) from None
        if len(text) > LARGEST:
            raise NotUnderstood(f"more than {LARGEST} bytes of {path}", text[:80])
        return text

    def make_immutable(self, path: str, wanted: bool) -> str:
        """Set or clear the flag schg (chflags(2)); why it could not be, or nothing."""
        try:
            flags = os.stat(path).st_flags & ~stat.SF_IMMUTABLE  # type: ignore[attr-defined]  # FreeBSD has both
            os.chflags(path, flags | stat.SF_IMMUTABLE if wanted else flags)  # type: ignore[attr-defined]
        except OSError as error:
            return f"{path}: {error.strerror}"
        return ""

    def reach(self, address: str, path: str, timing: Timing) -> ServiceAnswer:
        """Whether a client is served (`failover.reach.answer`)."""
        from remediate.failover.reach import answer

        return answer(address, path, timing)

    def wake(self, service: str, woken: list[ClientEndpoint | str], timing: Timing, seconds: float) -> SentSegments:
        """Send tickles to clients (`failover.tickle.wake_all`)."""
        from remediate.failover.tickle import wake_all

        return wake_all(service, woken, timing, seconds)

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


@cache
def this_machine() -> Machine | None:
    """This machine, where its kernel answers as this module reads it; else None, and commands are run instead."""
    machine = Machine()
    return machine if sys.platform.startswith("freebsd") and answers_as_read(machine) else None


def answers_as_read(machine: Machine) -> bool:
    """Whether the kernel gives what every FreeBSD has: a root file system, twice the same, and an osreldate of 12 or
    later. A structure or a call that a later release changes shows here, and stops no failover."""
    try:
        root = machine.mounted("/")
        listed = [each for each in machine.mounts() if each.point == "/"]
        return root in listed and machine.integer("kern.osreldate") >= OLDEST
    except (ProbeError, OSError, AttributeError, ValueError):
        return False


def parse_statfs(raw: bytes) -> Mount:
    """What statfs(2) has filled in. Raises CommandFailed."""
    if len(raw) != STATFS_SIZE or int.from_bytes(raw[:4], sys.byteorder) != STATFS_VERSION:
        raise CommandFailed("statfs(2) fills in another structure than that of FreeBSD 12 and later")
    flags = int.from_bytes(raw[FLAGS : FLAGS + 8], sys.byteorder)
    kind, device, point = (
        raw[at : at + size].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        for at, size in ((KIND, NAME), (FROM, PATH), (ON, PATH))
    )
    return Mount(device, point, kind, bool(flags & RDONLY), bool(flags & EXPORTED), "")


def parse_carp(raw: bytes, vhid: int) -> KernelVhid:
    """What SIOCGVH has filled in. Raises CommandFailed where it is not the virtual host that was asked for."""
    count, number, state, advskew, advbase = CARP_REQUEST.unpack(raw)
    if count != 1 or number != vhid or state not in range(len(CARP_STATES)):
        raise CommandFailed(f"SIOCGVH fills in another structure than that of FreeBSD 10 and later, or not vhid {vhid}")
    return KernelVhid(CARP_STATES[state], advbase, advskew)


def _carp_request(interface: str, vhid: int) -> bytes:
    """Raises CommandFailed."""
    import ctypes
    import fcntl

    buffer = ctypes.create_string_buffer(CARP_REQUEST.pack(1, vhid, 0, 0, 0), CARP_REQUEST.size)
    request = struct.pack("16sP", interface.encode(), ctypes.addressof(buffer)).ljust(32, b"\0")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCGVH, request)
    except OSError as error:
        raise CommandFailed(f"SIOCGVH of vhid {vhid} on {interface}: {error.strerror}") from None
    return buffer.raw


def _sysctl(name: str, new: int | None) -> int:
    """sysctlbyname(3): an int, and what is to take its place. Raises NotFound, NotPermitted, CommandFailed."""
    import ctypes

    old, size, value = ctypes.c_int(), ctypes.c_size_t(INTEGER), ctypes.c_int(new or 0)
    given = (None, ctypes.c_size_t(0)) if new is None else (ctypes.byref(value), ctypes.c_size_t(INTEGER))
    if _libc().sysctlbyname(name.encode(), ctypes.byref(old), ctypes.byref(size), *given) != 0:
        number = ctypes.get_errno()
        trouble = {errno.ENOENT: NotFound, errno.EPERM: NotPermitted}.get(number, CommandFailed)
        raise trouble(f"sysctl {name}: {os.strerror(number)}")
    if size.value != INTEGER:
        raise CommandFailed(f"sysctl {name} is not an int")
    return old.value


def _sysctl_text(name: str) -> str:
    """sysctlbyname(3), as often as it grows meanwhile. Raises NotFound, CommandFailed."""
    import ctypes

    number = errno.ENOMEM
    for _ in range(5):
        size, number = ctypes.c_size_t(0), errno.ENOMEM
        if _libc().sysctlbyname(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
            size = ctypes.c_size_t(min(size.value + SPARE, LARGEST))
            buffer = ctypes.create_string_buffer(size.value)
            if _libc().sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
                return buffer.raw[: size.value].rstrip(b"\0").decode(errors="backslashreplace")
        number = ctypes.get_errno()
        if number != errno.ENOMEM:
            break
    trouble = NotFound if number == errno.ENOENT else CommandFailed
    raise trouble(f"sysctl {name}: {os.strerror(number)}")


def _getfsstat() -> bytes:
    """As many struct statfs as there are mounts. Raises CommandFailed."""
    import ctypes

    for _ in range(5):
        room = _libc().getfsstat(None, ctypes.c_long(0), NOWAIT) + 1
        buffer = ctypes.create_string_buffer(max(room, 1) * STATFS_SIZE)
        count = _libc().getfsstat(buffer, ctypes.c_long(len(buffer)), NOWAIT)
        if count < 0:
            raise CommandFailed(f"getfsstat: {os.strerror(ctypes.get_errno())}")
        if count < room:
            return buffer.raw[: count * STATFS_SIZE]
    raise CommandFailed("getfsstat: more is mounted at every look")


def _statfs(path: str) -> bytes:
    """Raises CommandFailed."""
    import ctypes

    buffer = ctypes.create_string_buffer(STATFS_SIZE)
    if _libc().statfs(os.fsencode(path), buffer) != 0:
        raise CommandFailed(f"statfs {path}: {os.strerror(ctypes.get_errno())}")
    return buffer.raw


@cache
def _libc():  # type: ignore[no-untyped-def]  # ctypes has no name for what it loads
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
