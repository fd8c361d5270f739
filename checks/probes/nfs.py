"""What an NFS server answers: registrations, NULL calls, the export list, a mount, and the file system behind it.

The facts a check judges, in the words of RFC 1813 (NFS 3 and MOUNT 3). No judgement, and no command is run: these are
the calls a client makes. Everything takes a deadline (a ``time.monotonic()`` value) and raises RpcError when no answer
came. A status in an answer is no error but a fact, by its name in the RFC.

Which call proves what: a registration, only that somebody registered once. NULL, that the program lives. The export
list, that mountd has read its table, not that the file system is there. MNT, that mountd gives out a handle, and
GETATTR with it, that nfsd serves that handle: `fsid` and `fileid` say of which file system.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import rpc
from checks.probes.rpc import Address, AuthSys, Endpoint, Procedure, Protocol, RpcProgram
from checks.probes.xdr import Xdr, opaque, uint

FHSIZE3 = 64  # octets of a file handle, RFC 1813 2.4 (NFS3_FHSIZE) and 5.1.4
MNTPATHLEN, MNTNAMLEN = 1024, 255  # octets, RFC 1813 5.1.4
FLAVORS_MAX = 64  # auth flavors of one mount; ours, against answers without sense
OP_GETATTR, OP_PUTROOTFH = 9, 24  # nfs_opnum4, RFC 7530 16.7 and 16.22
FATTR4_TYPE, FATTR4_FSID = 1, 8  # RFC 7530 5.6
NFS4_OPAQUE_LIMIT = 1024  # octets, RFC 7531


PORTMAP = RpcProgram(100000, "portmap")  # RFC 1833; versions 2, 3, 4
NFS = RpcProgram(100003, "NFS")  # RFC 1094, RFC 1813, RFC 7530; versions 2, 3, 4
MOUNT = RpcProgram(100005, "MOUNT")  # mountd; RFC 1094 appendix A, RFC 1813 5; versions 1, 3
LOCK = RpcProgram(100021, "NLM")  # lockd; RFC 1813 6, The Open Group C702; versions 0, 1, 3, 4
STATUS = RpcProgram(100024, "NSM")  # statd; The Open Group C702; version 1

MNT3_OK, MNT3ERR_NOENT, MNT3ERR_ACCES = "MNT3_OK", "MNT3ERR_NOENT", "MNT3ERR_ACCES"
MOUNTSTAT3 = {
    0: MNT3_OK, 1: "MNT3ERR_PERM", 2: MNT3ERR_NOENT, 5: "MNT3ERR_IO", 13: MNT3ERR_ACCES, 20: "MNT3ERR_NOTDIR",
    22: "MNT3ERR_INVAL", 63: "MNT3ERR_NAMETOOLONG", 10004: "MNT3ERR_NOTSUPP", 10006: "MNT3ERR_SERVERFAULT",
}  # fmt: skip
"""mountstat3, RFC 1813 5.1.5."""

NFS3_OK, NFS3ERR_NOENT, NFS3ERR_STALE = "NFS3_OK", "NFS3ERR_NOENT", "NFS3ERR_STALE"
NFSSTAT3 = {
    0: NFS3_OK, 1: "NFS3ERR_PERM", 2: NFS3ERR_NOENT, 5: "NFS3ERR_IO", 6: "NFS3ERR_NXIO", 13: "NFS3ERR_ACCES",
    17: "NFS3ERR_EXIST", 18: "NFS3ERR_XDEV", 19: "NFS3ERR_NODEV", 20: "NFS3ERR_NOTDIR", 21: "NFS3ERR_ISDIR",
    22: "NFS3ERR_INVAL", 27: "NFS3ERR_FBIG", 28: "NFS3ERR_NOSPC", 30: "NFS3ERR_ROFS", 31: "NFS3ERR_MLINK",
    63: "NFS3ERR_NAMETOOLONG", 66: "NFS3ERR_NOTEMPTY", 69: "NFS3ERR_DQUOT", 70: NFS3ERR_STALE, 71: "NFS3ERR_REMOTE",
    10001: "NFS3ERR_BADHANDLE", 10002: "NFS3ERR_NOT_SYNC", 10003: "NFS3ERR_BAD_COOKIE", 10004: "NFS3ERR_NOTSUPP",
    10005: "NFS3ERR_TOOSMALL", 10006: "NFS3ERR_SERVERFAULT", 10007: "NFS3ERR_BADTYPE", 10008: "NFS3ERR_JUKEBOX",
}  # fmt: skip
"""nfsstat3, RFC 1813 2.5 and 2.6."""

NFS4_OK = "NFS4_OK"
NFSSTAT4 = {
    0: NFS4_OK, 1: "NFS4ERR_PERM", 2: "NFS4ERR_NOENT", 5: "NFS4ERR_IO", 13: "NFS4ERR_ACCESS", 70: "NFS4ERR_STALE",
    10006: "NFS4ERR_SERVERFAULT", 10008: "NFS4ERR_DELAY", 10013: "NFS4ERR_GRACE", 10016: "NFS4ERR_WRONGSEC",
    10018: "NFS4ERR_RESOURCE", 10020: "NFS4ERR_NOFILEHANDLE", 10021: "NFS4ERR_MINOR_VERS_MISMATCH",
}  # fmt: skip
"""nfsstat4 as far as PUTROOTFH and GETATTR can give them, RFC 7530 13.1."""

FTYPE3 = {1: "NF3REG", 2: "NF3DIR", 3: "NF3BLK", 4: "NF3CHR", 5: "NF3LNK", 6: "NF3SOCK", 7: "NF3FIFO"}
"""ftype3, RFC 1813 2.6; nfs_ftype4 has the same numbers."""

PORTMAP_DUMP = Procedure(PORTMAP.number, 2, 4, "portmap DUMP")  # RFC 1833 3.2
MOUNT_MNT = Procedure(MOUNT.number, 3, 1, "MOUNT v3 MNT")  # RFC 1813 5.2.1
MOUNT_UMNT = Procedure(MOUNT.number, 3, 3, "MOUNT v3 UMNT")  # 5.2.3
MOUNT_EXPORT = Procedure(MOUNT.number, 3, 5, "MOUNT v3 EXPORT")  # 5.2.5
NFS3_GETATTR = Procedure(NFS.number, 3, 1, "NFS v3 GETATTR")  # 3.3.1
NFS3_FSSTAT = Procedure(NFS.number, 3, 18, "NFS v3 FSSTAT")  # 3.3.18
NFS4_COMPOUND = Procedure(NFS.number, 4, 1, "NFS v4 COMPOUND")  # RFC 7530 15.2


class Registration(NamedTuple):
    """An entry of the port mapper's list (RFC 1833 3.1); the protocol is a number, it may be one we don't know."""

    program: int
    version: int
    protocol: int
    port: int


class Registrations(NamedTuple):
    """What the port mapper has registered, whether it lives or not."""

    entries: tuple[Registration, ...]
    seconds: float

    def ports(self, program: RpcProgram, version: int, protocol: Protocol) -> tuple[int, ...]:
        """The ports registered for it: none, one, or in a confused port mapper several."""
        return tuple(entry.port for entry in self.entries if entry[:3] == (program.number, version, protocol))


class NullReply(NamedTuple):
    """An answered NULL call."""

    program: RpcProgram
    version: int
    endpoint: Endpoint
    seconds: float


class Export(NamedTuple):
    """A line of the export list; without groups (networks, hosts) it is for everyone."""

    directory: str
    groups: tuple[str, ...]


class Exports(NamedTuple):
    """The export list, as mountd shows it to this client."""

    exports: tuple[Export, ...]
    seconds: float


class MountReply(NamedTuple):
    """The answer to MNT. The handle is empty unless the status is MNT3_OK.

    When `reserved_port` is false, a refusal can be mountd's dislike of the source port (RESERVED_PORT_WANTED).
    """

    status: str
    handle: bytes
    flavors: tuple[int, ...]
    seconds: float
    reserved_port: bool


class Attributes(NamedTuple):
    """fattr3 without device numbers and the other times. `size` and `used` in bytes, `mtime` in seconds since 1970."""

    type: str
    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    used: int
    fsid: int
    fileid: int
    mtime: float


class Getattr(NamedTuple):
    """The answer to GETATTR; attributes with NFS3_OK only."""

    status: str
    attributes: Attributes | None
    seconds: float


class Space(NamedTuple):
    """The numbers of FSSTAT: bytes and file slots, in all, free, and free for us."""

    tbytes: int
    fbytes: int
    abytes: int
    tfiles: int
    ffiles: int
    afiles: int


class Fsstat(NamedTuple):
    """The answer to FSSTAT; space with NFS3_OK only."""

    status: str
    space: Space | None
    seconds: float


class Root4(NamedTuple):
    """The root of the NFSv4 name space; its type, and its fsid as major and minor, with NFS4_OK only."""

    status: str
    type: str
    fsid: tuple[int, int]
    seconds: float


def registrations(address: Address, *, deadline: float, portmap_port: int = rpc.PORTMAP_PORT) -> Registrations:
    """Everything the port mapper has registered, asked over TCP."""
    results, seconds, _ = rpc.call(Endpoint(address, portmap_port, Protocol.TCP), PORTMAP_DUMP, deadline=deadline)
    entries = tuple(Registration(*(results.uint() for _ in range(4))) for _ in results.linked_list())
    return Registrations(entries, seconds)


def null(endpoint: Endpoint, program: RpcProgram, version: int, *, deadline: float) -> NullReply:
    """The call that does nothing (RFC 1813 3.3.0): an answer proves that the program serves this version and protocol.

    A version it doesn't have is rpc_errors.Rejected with PROG_MISMATCH and the versions it has.
    """
    reply = rpc.call(endpoint, _null_procedure(program, version), deadline=deadline)
    return NullReply(program, version, endpoint, reply.seconds)


def export_list(mountd: Endpoint, *, deadline: float) -> Exports:
    """The export list (RFC 1813 5.2.5). Long ones need TCP."""
    results, seconds, _ = rpc.call(mountd, MOUNT_EXPORT, deadline=deadline)
    exports = tuple(
        Export(results.string(MNTPATHLEN), tuple(results.string(MNTNAMLEN) for _ in results.linked_list()))
        for _ in results.linked_list()
    )
    return Exports(exports, seconds)


def mount(mountd: Endpoint, directory: str, *, deadline: float, credentials: AuthSys = rpc.ROOT) -> MountReply:
    """The root file handle of an exported directory (RFC 1813 5.2.1).

    It leaves an entry in mountd's list of clients (``showmount -a``): send umount() afterwards. A directory that isn't
    exported and one that this client may not have both give MNT3ERR_ACCES, or MNT3ERR_NOENT where it doesn't exist.
    """
    results, seconds, reserved_port = rpc.call(
        mountd, MOUNT_MNT, opaque(_path(directory)), deadline=deadline, credentials=credentials
    )
    status = _status(results, MOUNTSTAT3, "mountstat3")
    if status != MNT3_OK:
        return MountReply(status, b"", (), seconds, reserved_port)
    handle = results.opaque(FHSIZE3)
    count = results.uint()
    if count > FLAVORS_MAX:
        raise results.garbage(f"{count} auth flavors")
    return MountReply(status, handle, tuple(results.uint() for _ in range(count)), seconds, reserved_port)


def umount(mountd: Endpoint, directory: str, *, deadline: float, credentials: AuthSys = rpc.ROOT) -> float:
    """Takes this client off mountd's list for the directory (RFC 1813 5.2.3); the handle stays good. Gives seconds."""
    return rpc.call(mountd, MOUNT_UMNT, opaque(_path(directory)), deadline=deadline, credentials=credentials).seconds


def getattr3(nfsd: Endpoint, handle: bytes, *, deadline: float, credentials: AuthSys = rpc.ROOT) -> Getattr:
    """The attributes of a file (RFC 1813 3.3.1)."""
    results, seconds, _ = rpc.call(nfsd, NFS3_GETATTR, opaque(handle), deadline=deadline, credentials=credentials)
    status = _status(results, NFSSTAT3, "nfsstat3")
    return Getattr(status, _attributes(results) if status == NFS3_OK else None, seconds)


def fsstat(nfsd: Endpoint, handle: bytes, *, deadline: float, credentials: AuthSys = rpc.ROOT) -> Fsstat:
    """The space of the file system that holds a file (RFC 1813 3.3.18)."""
    results, seconds, _ = rpc.call(nfsd, NFS3_FSSTAT, opaque(handle), deadline=deadline, credentials=credentials)
    status = _status(results, NFSSTAT3, "nfsstat3")
    _attributes_if_sent(results)
    if status != NFS3_OK:
        return Fsstat(status, None, seconds)
    return Fsstat(status, Space(*(results.uhyper() for _ in Space._fields)), seconds)


def root4(nfsd: Endpoint, *, deadline: float, credentials: AuthSys = rpc.ROOT) -> Root4:
    """PUTROOTFH and GETATTR in one COMPOUND of minor version 0 (RFC 7530 15.2, 16.22, 16.7).

    Proves that the server has an NFSv4 root for this client (on FreeBSD, a ``V4:`` line in exports(5)), which NULL
    doesn't; nothing about any export below it. TCP only: a server may refuse UDP (RFC 7530 3.1).
    """
    wanted = 1 << FATTR4_TYPE | 1 << FATTR4_FSID
    arguments = opaque(b"") + uint(0, 2, OP_PUTROOTFH, OP_GETATTR, 1, wanted)
    results, seconds, _ = rpc.call(nfsd, NFS4_COMPOUND, arguments, deadline=deadline, credentials=credentials)
    status = _status(results, NFSSTAT4, "nfsstat4")
    if status != NFS4_OK:
        return Root4(status, "", (0, 0), seconds)
    results.opaque(NFS4_OPAQUE_LIMIT)
    header = [results.uint() for _ in range(7)]
    if header != [2, OP_PUTROOTFH, 0, OP_GETATTR, 0, 1, wanted]:
        raise results.garbage(f"results {header} of PUTROOTFH and GETATTR")
    values = Xdr(results.opaque(NFS4_OPAQUE_LIMIT), results.call)
    return Root4(status, _file_type(values), (values.uhyper(), values.uhyper()), seconds)


def _null_procedure(program: RpcProgram, version: int) -> Procedure:
    return Procedure(program.number, version, 0, f"{program.name} v{version} NULL")


def _path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _status(results: Xdr, names: dict[int, str], kind: str) -> str:
    number = results.uint()
    return names.get(number, f"{kind} {number}")


def _file_type(results: Xdr) -> str:
    number = results.uint()
    return FTYPE3.get(number, f"ftype {number}")


def _attributes_if_sent(results: Xdr) -> Attributes | None:
    """post_op_attr, RFC 1813 2.6."""
    return _attributes(results) if results.boolean() else None


def _attributes(results: Xdr) -> Attributes:
    """fattr3, RFC 1813 2.6: 84 octets, among them rdev, atime and ctime, which are left out."""
    kind, mode, nlink, uid, gid = _file_type(results), *(results.uint() for _ in range(4))
    size, used, _, fsid, fileid, _ = (results.uhyper() for _ in range(6))
    mtime = results.uint() + results.uint() / 1e9
    results.uhyper()
    return Attributes(kind, mode, nlink, uid, gid, size, used, fsid, fileid, mtime)
