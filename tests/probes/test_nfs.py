"""The NFS probe against a scripted server: what it makes of answers good, bad and senseless."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes import nfs, rpc, rpc_errors
from checks.probes.rpc import AuthSys, Endpoint, Protocol
from checks.probes.xdr import ENTRIES_MAX
from tests.probes.faulty_nfs_server import LOOPBACK, Call, FaultyServer, accepted, success, text, words

Fact = TypeVar("Fact")
Question = Callable[[Endpoint], Fact]
TCP, UDP = Protocol.TCP, Protocol.UDP
HANDLE = b"handle of the root"
DIRECTORY = b"/hast/home"


def ample() -> float:
    return time.monotonic() + 20


def asked(results: bytes, question: Question[Fact], protocol: Protocol = TCP) -> tuple[Fact, Call]:
    """The fact made of these results, and the call that came in."""
    with FaultyServer(success(results)) as server:
        return question(server.at(protocol)), server.calls[0]


def fact(results: bytes, question: Question[Fact]) -> Fact:
    return asked(results, question)[0]


def export_list(mountd: Endpoint) -> nfs.Exports:
    return nfs.export_list(mountd, deadline=ample())


def mount(mountd: Endpoint) -> nfs.MountReply:
    return nfs.mount(mountd, "/hast/home", deadline=ample())


def umount(mountd: Endpoint) -> float:
    return nfs.umount(mountd, "/hast/home", deadline=ample())


def getattr3(nfsd: Endpoint) -> nfs.Getattr:
    return nfs.getattr3(nfsd, HANDLE, deadline=ample())


def fsstat(nfsd: Endpoint) -> nfs.Fsstat:
    return nfs.fsstat(nfsd, HANDLE, deadline=ample())


def root4(nfsd: Endpoint) -> nfs.Root4:
    return nfs.root4(nfsd, deadline=ample())


def registrations(portmapper: Endpoint) -> nfs.Registrations:
    return nfs.registrations(LOOPBACK, deadline=ample(), portmap_port=portmapper.port)


def hypers(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}Q", *numbers)


def entry(directory: bytes, *groups: bytes) -> bytes:
    """An exportnode, RFC 1813 5.2.5."""
    return words(1) + text(directory) + b"".join(words(1) + text(group) for group in groups) + words(0)


FATTR3 = (
    words(2, 0o1777, 5, 80, 81) + hypers(512, 8192) + words(9, 9) + hypers(0xAA55AA55AA55, 2)
    + words(10, 0, 20, 500_000_000, 30, 0)
)  # fmt: skip
ATTRIBUTES = nfs.Attributes(
    type="NF3DIR", mode=0o1777, nlink=5, uid=80, gid=81, size=512, used=8192, fsid=0xAA55AA55AA55, fileid=2, mtime=20.5
)
ROOT4 = (
    words(0, 0, 2, nfs.OP_PUTROOTFH, 0, nfs.OP_GETATTR, 0, 1, 1 << 1 | 1 << 8)
    + text(words(2) + hypers(3, 4))
)  # fmt: skip


# Registrations


def test_registrations_are_the_port_mappers_list() -> None:
    results = words(1, 100003, 3, 6, 2049, 1, 100005, 3, 17, 884, 0)
    listed, call = asked(results, registrations)
    assert listed.entries == (nfs.Registration(100003, 3, 6, 2049), nfs.Registration(100005, 3, 17, 884))
    assert (call.program, call.version, call.procedure, call.protocol) == (100000, 2, 4, TCP)


def test_the_ports_of_a_program_are_those_of_its_version_and_protocol() -> None:
    results = words(1, 100003, 3, 6, 2049, 1, 100003, 3, 17, 2050, 1, 100003, 4, 6, 2051, 1, 100005, 3, 6, 884, 0)
    assert fact(results, registrations).ports(nfs.NFS, 3, TCP) == (2049,)


def test_a_program_that_is_not_registered_has_no_ports() -> None:
    assert fact(words(0), registrations).ports(nfs.NFS, 3, TCP) == ()


def test_a_registration_for_an_unknown_protocol_is_kept() -> None:
    assert fact(words(1, 100003, 3, 132, 2049, 0), registrations).entries[0].protocol == 132


# NULL

PROGRAMS = [
    (nfs.NFS, 2), (nfs.NFS, 3), (nfs.NFS, 4), (nfs.MOUNT, 1), (nfs.MOUNT, 3), (nfs.LOCK, 4), (nfs.STATUS, 1),
    (nfs.PORTMAP, 2),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize(("program", "version"), PROGRAMS)
def test_an_answered_null_call_is_life(program: rpc.RpcProgram, version: int, protocol: Protocol) -> None:
    alive, call = asked(b"", lambda at: nfs.null(at, program, version, deadline=ample()), protocol)
    assert (alive.program, alive.version, alive.endpoint.protocol) == (program, version, protocol)
    assert (call.program, call.version, call.procedure, call.flavor) == (program.number, version, 0, 0)


def test_a_version_that_the_server_has_not_is_rejected_with_those_it_has() -> None:
    with FaultyServer(accepted(2, 3, 4)) as server, pytest.raises(rpc_errors.Rejected) as caught:
        nfs.null(server.at(TCP), nfs.NFS, 2, deadline=ample())
    assert str(caught.value).startswith("NFS v2 NULL, tcp 127.0.0.1:")
    assert (caught.value.stat, caught.value.low, caught.value.high) == ("PROG_MISMATCH", 3, 4)


# The export list


def test_the_export_list_has_directories_with_their_groups() -> None:
    results = entry(DIRECTORY, b"10.0.0.0/24", b"web1") + entry(b"/hast/www") + words(0)
    assert fact(results, export_list).exports == (
        nfs.Export("/hast/home", ("10.0.0.0/24", "web1")),
        nfs.Export("/hast/www", ()),
    )


def test_an_empty_export_list_has_no_exports() -> None:
    assert fact(words(0), export_list).exports == ()


def test_the_export_list_is_asked_of_mountd() -> None:
    call = asked(words(0), export_list)[1]
    assert (call.program, call.version, call.procedure) == (100005, 3, 5)


def test_control_characters_and_invalid_utf_8_in_an_export_are_kept_as_text() -> None:
    exports = fact(entry(b"/h\xff\x00\x1b[31m") + words(0), export_list).exports
    assert exports[0].directory == "/h\\xff\x00\x1b[31m"


def test_a_non_ascii_export_is_text() -> None:
    assert fact(entry("/häst".encode()) + words(0), export_list).exports[0].directory == "/häst"


SENSELESS_LISTS = {
    "an end in the middle of a name": words(1) + words(10) + b"/hast",
    "a name over MNTPATHLEN": entry(b"/" * 1025) + words(0),
    "a group over MNTNAMLEN": entry(b"/", b"g" * 256) + words(0),
    "a name of a negative-looking length": words(1, 0xFFFFFFFF),
    "more entries than we read": entry(b"/") * (ENTRIES_MAX + 1) + words(0),
    "more groups than we read": entry(b"/", *[b"g"] * (ENTRIES_MAX + 1)) + words(0),
    "no end": entry(b"/"),
    "a third truth value": words(2),
}


@pytest.mark.parametrize("senseless", SENSELESS_LISTS)
def test_a_senseless_export_list_is_garbage(senseless: str) -> None:
    with pytest.raises(rpc_errors.Garbage, match=r"^MOUNT v3 EXPORT, tcp 127\.0\.0\.1:"):
        fact(SENSELESS_LISTS[senseless], export_list)


# MNT and UMNT


def test_a_mount_gives_a_handle_and_flavors() -> None:
    mounted = fact(words(0) + text(HANDLE) + words(2, 1, 390003), mount)
    assert (mounted.status, mounted.handle, mounted.flavors) == ("MNT3_OK", HANDLE, (1, 390003))


def test_a_mount_is_asked_for_by_directory_as_root() -> None:
    call = asked(words(13), mount)[1]
    assert (call.program, call.version, call.procedure) == (100005, 3, 1)
    assert (call.arguments, call.flavor, call.credentials) == (text(DIRECTORY), 1, rpc.ROOT.body())


def test_a_mount_can_be_asked_for_as_somebody_else() -> None:
    somebody = AuthSys(uid=80, gid=80, machine="web1")
    ask = asked(words(13), lambda at: nfs.mount(at, "/", deadline=ample(), credentials=somebody))
    assert ask[1].credentials == words(0) + text(b"web1") + words(80, 80, 0)


MOUNT_STATUS = [(1, "MNT3ERR_PERM"), (2, nfs.MNT3ERR_NOENT), (5, "MNT3ERR_IO"), (13, nfs.MNT3ERR_ACCES),
                (20, "MNT3ERR_NOTDIR"), (10006, "MNT3ERR_SERVERFAULT"), (77, "mountstat3 77")]  # fmt: skip


@pytest.mark.parametrize(("number", "name"), MOUNT_STATUS)
def test_a_refused_mount_has_its_status_and_no_handle(number: int, name: str) -> None:
    mounted = fact(words(number), mount)
    assert (mounted.status, mounted.handle) == (name, b"")


def test_a_handle_longer_than_fhsize3_is_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage, match="65 octets where at most 64 belong"):
        fact(words(0) + text(b"h" * 65) + words(0), mount)


def test_a_handle_of_fhsize3_is_taken() -> None:
    assert fact(words(0) + text(b"h" * 64) + words(0), mount).handle == b"h" * 64


def test_more_flavors_than_make_sense_are_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage, match="4294967295 auth flavors"):
        fact(words(0) + text(HANDLE) + words(0xFFFFFFFF), mount)


def test_an_unmount_names_the_directory() -> None:
    call = asked(b"", umount)[1]
    assert (call.program, call.version, call.procedure, call.arguments) == (100005, 3, 3, text(DIRECTORY))


def test_a_directory_that_is_no_utf_8_is_sent_as_it_came_from_the_command_line() -> None:
    name = b"/h\xffst".decode("utf-8", "surrogateescape")
    call = asked(words(13), lambda at: nfs.mount(at, name, deadline=ample()))[1]
    assert call.arguments == text(b"/h\xffst")


# NFS 3


def test_getattr_gives_the_attributes() -> None:
    reply = fact(words(0) + FATTR3, getattr3)
    assert (reply.status, reply.attributes) == ("NFS3_OK", ATTRIBUTES)


def test_getattr_is_asked_with_the_handle() -> None:
    call = asked(words(70), getattr3)[1]
    assert (call.program, call.version, call.procedure, call.arguments) == (100003, 3, 1, text(HANDLE))


NFS_STATUS = [(2, nfs.NFS3ERR_NOENT), (5, "NFS3ERR_IO"), (13, "NFS3ERR_ACCES"), (70, nfs.NFS3ERR_STALE),
              (10001, "NFS3ERR_BADHANDLE"), (10008, "NFS3ERR_JUKEBOX"), (12345, "nfsstat3 12345")]  # fmt: skip


@pytest.mark.parametrize(("number", "name"), NFS_STATUS)
def test_a_failed_getattr_has_its_status_and_no_attributes(number: int, name: str) -> None:
    reply = fact(words(number), getattr3)
    assert (reply.status, reply.attributes) == (name, None)


@pytest.mark.parametrize(("number", "name"), [(1, "NF3REG"), (7, "NF3FIFO"), (8, "ftype 8")])
def test_the_file_type_is_named(number: int, name: str) -> None:
    attributes = fact(words(0, number) + FATTR3[4:], getattr3).attributes
    assert attributes is not None and attributes.type == name


@pytest.mark.parametrize("attributes", [words(0), words(1) + FATTR3])
def test_fsstat_gives_the_space(attributes: bytes) -> None:
    reply = fact(words(0) + attributes + hypers(1 << 40, 1 << 39, 1 << 38, 100, 50, 49) + words(0), fsstat)
    assert (reply.status, reply.space) == (
        "NFS3_OK",
        nfs.Space(tbytes=1 << 40, fbytes=1 << 39, abytes=1 << 38, tfiles=100, ffiles=50, afiles=49),
    )


def test_fsstat_is_asked_with_the_handle() -> None:
    call = asked(words(70, 0), fsstat)[1]
    assert (call.procedure, call.arguments) == (18, text(HANDLE))


def test_a_failed_fsstat_has_its_status_and_no_space() -> None:
    reply = fact(words(70, 0), fsstat)
    assert (reply.status, reply.space) == ("NFS3ERR_STALE", None)


# NFS 4


def test_the_root_of_version_4_has_type_and_fsid() -> None:
    root = fact(ROOT4, root4)
    assert (root.status, root.type, root.fsid) == ("NFS4_OK", "NF3DIR", (3, 4))


def test_the_root_of_version_4_is_asked_for_in_one_compound() -> None:
    call = asked(ROOT4, root4)[1]
    assert (call.program, call.version, call.procedure) == (100003, 4, 1)
    assert call.arguments == words(0, 0, 2, 24, 9, 1, 0x102)


@pytest.mark.parametrize(("number", "name"), [(13, "NFS4ERR_ACCESS"), (10016, "NFS4ERR_WRONGSEC"), (1, "NFS4ERR_PERM")])
def test_a_failed_compound_has_its_status(number: int, name: str) -> None:
    assert fact(words(number), root4).status == name


def test_results_of_other_operations_are_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage):
        fact(words(0, 0, 2, 24, 0, 10, 0, 1, 0x102) + text(words(2) + hypers(3, 4)), root4)


# Any answer at all

QUESTIONS: list[Question[object]] = [registrations, export_list, mount, umount, getattr3, fsstat, root4]
ANSWERS = [
    words(1, 100003, 3, 6, 2049, 0),
    entry(DIRECTORY, b"web1") + words(0),
    words(0) + text(HANDLE) + words(1, 1),
    words(0) + FATTR3,
    words(0, 1) + FATTR3 + hypers(1, 2, 3, 4, 5, 6),
    ROOT4,
]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@st.composite
def damaged_answers(draw: st.DrawFn) -> bytes:
    answer = draw(st.sampled_from(ANSWERS))
    start = draw(st.integers(0, len(answer)))
    end = draw(st.integers(start, len(answer)))
    return answer[:start] + draw(st.binary(max_size=8)) + answer[end:]


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
@settings(max_examples=60, deadline=None)
@given(results=st.binary(max_size=120) | damaged_answers())
def test_any_results_are_a_fact_or_garbage(server: FaultyServer, question: Question[object], results: bytes) -> None:
    server.otherwise = (success(results),)
    try:
        reply = question(server.at(TCP))
    except rpc_errors.Garbage as error:
        assert "an answer that was not understood" in error.why
    else:
        assert isinstance(reply, tuple | float)


@pytest.mark.parametrize(("question", "answer"), list(zip([*QUESTIONS[:3], *QUESTIONS[4:]], ANSWERS, strict=True)))
def test_a_good_answer_cut_anywhere_is_garbage(server: FaultyServer, question: Question[object], answer: bytes) -> None:
    for size in range(0, len(answer), 4):
        server.otherwise = (success(answer[:size]),)
        with pytest.raises(rpc_errors.Garbage):
            question(server.at(TCP))
