"""The NFS probe against a real server: nfs-ganesha and rpcbind, alive, killed, stopped and with changing exports."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checks.probes import nfs, rpc, rpc_errors
from checks.probes.rpc import Endpoint, Protocol, RpcProgram
from tests.probes.ganesha import Ganesha, why_not

WHY_NOT = why_not()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")]

TCP, UDP = Protocol.TCP, Protocol.UDP
BOTH = pytest.mark.parametrize("protocol", [TCP, UDP])
SERVED = [(nfs.NFS, 3), (nfs.NFS, 4), (nfs.MOUNT, 1), (nfs.MOUNT, 3), (nfs.LOCK, 4), (nfs.PORTMAP, 2)]


def within(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ganesha]:
    """A healthy server, which a test leaves as it found it."""
    with Ganesha(tmp_path_factory.mktemp("ganesha")) as ganesha:
        ganesha.export("/memory", fsal="MEM")
        ganesha.start()
        yield ganesha


@pytest.fixture
def healthy(served: Ganesha) -> Iterator[Ganesha]:
    """The same, and the test is inside its network."""
    with served.network():
        yield served


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Ganesha]:
    """A server of the test's own."""
    with Ganesha(tmp_path) as ganesha:
        ganesha.start()
        yield ganesha


def handle_of(ganesha: Ganesha, directory: Path | str) -> bytes:
    mounted = nfs.mount(ganesha.mountd(), str(directory), deadline=within())
    assert mounted.status == nfs.MNT3_OK
    nfs.umount(ganesha.mountd(), str(directory), deadline=within())
    return mounted.handle


def registered(ganesha: Ganesha, program: RpcProgram, version: int, protocol: Protocol) -> Endpoint:
    """Where the port mapper says that a program listens."""
    (port,) = nfs.registrations(ganesha.address, deadline=within()).ports(program, version, protocol)
    return Endpoint(ganesha.address, port, protocol)


# Healthy


@BOTH
@pytest.mark.parametrize(("program", "version"), SERVED)
def test_a_served_program_answers_null_where_the_port_mapper_says(
    healthy: Ganesha, program: RpcProgram, version: int, protocol: Protocol
) -> None:
    endpoint = registered(healthy, program, version, protocol)
    assert nfs.null(endpoint, program, version, deadline=within()).endpoint.port == endpoint.port


@BOTH
def test_version_2_is_not_served(healthy: Ganesha, protocol: Protocol) -> None:
    with pytest.raises(rpc_errors.Rejected) as caught:
        nfs.null(healthy.nfsd(protocol), nfs.NFS, 2, deadline=within())
    assert (caught.value.stat, caught.value.low, caught.value.high) == ("PROG_MISMATCH", 3, 4)


def test_statd_is_not_registered(healthy: Ganesha) -> None:
    assert nfs.registrations(healthy.address, deadline=within()).ports(nfs.STATUS, 1, TCP) == ()


@BOTH
def test_the_registrations_have_the_ports(healthy: Ganesha, protocol: Protocol) -> None:
    registrations = nfs.registrations(healthy.address, deadline=within())
    assert registrations.ports(nfs.NFS, 3, protocol) == (Ganesha.NFS_PORT,)
    assert registrations.ports(nfs.MOUNT, 3, protocol) == (Ganesha.MOUNT_PORT,)
    assert registrations.ports(nfs.NFS, 2, protocol) == ()


def test_the_export_list_has_what_is_exported(healthy: Ganesha) -> None:
    exports = nfs.export_list(healthy.mountd(), deadline=within()).exports
    assert exports == (nfs.Export(str(healthy.volume), ()), nfs.Export("/memory", ()))


def test_a_mount_is_given_with_auth_sys(healthy: Ganesha) -> None:
    mounted = nfs.mount(healthy.mountd(), str(healthy.volume), deadline=within())
    assert (mounted.status, mounted.flavors) == (nfs.MNT3_OK, (rpc.AUTH_SYS,))


@BOTH
def test_getattr_of_the_mount_is_the_exported_directory(healthy: Ganesha, protocol: Protocol) -> None:
    handle = handle_of(healthy, healthy.volume)
    attributes = nfs.getattr3(healthy.nfsd(protocol), handle, deadline=within()).attributes
    assert attributes is not None
    status = healthy.volume.stat()
    assert (attributes.type, attributes.fileid, attributes.mode) == ("NF3DIR", status.st_ino, status.st_mode & 0o7777)
    assert (attributes.nlink, attributes.uid, attributes.size) == (status.st_nlink, status.st_uid, status.st_size)


def test_two_exports_of_different_file_systems_have_different_fsids(healthy: Ganesha) -> None:
    fsids = [
        nfs.getattr3(healthy.nfsd(), handle_of(healthy, path), deadline=within()).attributes
        for path in (healthy.volume, "/memory")
    ]
    assert fsids[0] is not None and fsids[1] is not None and fsids[0].fsid != fsids[1].fsid


def test_fsstat_gives_the_size_of_the_file_system(healthy: Ganesha) -> None:
    space = nfs.fsstat(healthy.nfsd(), handle_of(healthy, healthy.volume), deadline=within()).space
    volume = os.statvfs(healthy.volume)
    assert space is not None
    assert (space.tbytes, space.tfiles) == (volume.f_blocks * volume.f_frsize, volume.f_files)
    assert 0 < space.abytes <= space.fbytes < space.tbytes


def test_fsstat_of_the_memory_file_system_is_all_zeros(healthy: Ganesha) -> None:
    space = nfs.fsstat(healthy.nfsd(), handle_of(healthy, "/memory"), deadline=within()).space
    assert space == nfs.Space(0, 0, 0, 0, 0, 0)


def test_a_handle_that_nobody_gave_out_is_bad(healthy: Ganesha) -> None:
    assert nfs.getattr3(healthy.nfsd(), b"no handle", deadline=within()).status == "NFS3ERR_BADHANDLE"


def test_version_4_has_a_root(healthy: Ganesha) -> None:
    root = nfs.root4(healthy.nfsd(TCP), deadline=within())
    assert (root.status, root.type) == (nfs.NFS4_OK, "NF3DIR")


def test_the_root_of_version_4_is_not_given_over_udp_though_null_is_answered(healthy: Ganesha) -> None:
    assert nfs.null(healthy.nfsd(UDP), nfs.NFS, 4, deadline=within()).version == 4
    assert nfs.root4(healthy.nfsd(UDP), deadline=within()).status == "NFS4ERR_ACCESS"


def test_a_server_at_an_ipv6_address_answers_at_a_given_port(healthy: Ganesha) -> None:
    endpoint = Endpoint(rpc.resolve("::1"), Ganesha.NFS_PORT, TCP)
    assert nfs.null(endpoint, nfs.NFS, 3, deadline=within()).version == 3


# Exports


def test_a_directory_that_is_not_exported_is_refused_with_acces(healthy: Ganesha) -> None:
    mounted = nfs.mount(healthy.mountd(), "/nothing", deadline=within())
    assert (mounted.status, mounted.handle) == (nfs.MNT3ERR_ACCES, b"")


def test_a_path_over_mntpathlen_is_rejected(healthy: Ganesha) -> None:
    with pytest.raises(rpc_errors.Rejected, match="GARBAGE_ARGS"):
        nfs.mount(healthy.mountd(), "/" * 1025, deadline=within())


def test_an_export_removed_under_a_client_makes_its_handle_stale(served: Ganesha, tmp_path: Path) -> None:
    served.export(tmp_path)
    served.reload()
    with served.network():
        handle = handle_of(served, tmp_path)
        assert nfs.getattr3(served.nfsd(), handle, deadline=within()).status == nfs.NFS3_OK
    served.unexport(tmp_path)
    served.reload()
    with served.network():
        assert nfs.getattr3(served.nfsd(), handle, deadline=within()).status == nfs.NFS3ERR_STALE
        assert nfs.fsstat(served.nfsd(), handle, deadline=within()).status == nfs.NFS3ERR_STALE
        assert nfs.mount(served.mountd(), str(tmp_path), deadline=within()).status == nfs.MNT3ERR_ACCES


def test_a_directory_exported_to_others_is_neither_listed_nor_given(doomed: Ganesha) -> None:
    others = doomed.directory / "others"
    others.mkdir()
    doomed.export_to_others(others)
    doomed.reload()
    with doomed.network():
        listed = {export.directory for export in nfs.export_list(doomed.mountd(), deadline=within()).exports}
        mounted = nfs.mount(doomed.mountd(), str(others), deadline=within())
    assert (listed, mounted.status) == ({str(doomed.volume)}, nfs.MNT3ERR_ACCES)


def test_a_server_that_wants_a_reserved_port_says_so_to_an_ordinary_user(served: Ganesha, tmp_path: Path) -> None:
    served.export(tmp_path, more="PrivilegedPort = true;")
    served.reload()
    with served.network():
        handle = handle_of(served, tmp_path)
        os.seteuid(65534)
        try:
            with pytest.raises(rpc_errors.Rejected) as caught:
                nfs.getattr3(served.nfsd(), handle, deadline=within())
        finally:
            os.seteuid(0)
        assert nfs.getattr3(served.nfsd(), handle, deadline=within()).status == nfs.NFS3_OK
    served.unexport(tmp_path)
    served.reload()
    assert (caught.value.stat, caught.value.reserved_port) == ("AUTH_TOOWEAK", False)
    assert rpc_errors.RESERVED_PORT_WANTED in str(caught.value)


# Killed and stopped


def test_a_killed_server_is_still_registered_and_only_null_calls_tell(doomed: Ganesha) -> None:
    doomed.kill("ganesha")
    with doomed.network():
        assert registered(doomed, nfs.NFS, 3, TCP) == doomed.nfsd()
        for protocol in Protocol:
            with pytest.raises(rpc_errors.ConnectionRefused):
                nfs.null(doomed.nfsd(protocol), nfs.NFS, 3, deadline=within())


def test_without_a_port_mapper_mountd_and_nfsd_answer_at_their_known_ports(doomed: Ganesha) -> None:
    doomed.kill("rpcbind")
    with doomed.network():
        with pytest.raises(rpc_errors.ConnectionRefused):
            nfs.registrations(doomed.address, deadline=within())
        handle = handle_of(doomed, doomed.volume)
        assert nfs.getattr3(doomed.nfsd(), handle, deadline=within()).status == nfs.NFS3_OK


QUESTIONS: dict[str, Callable[[Ganesha, Protocol, float], object]] = {
    "NULL of nfsd": lambda at, protocol, deadline: nfs.null(at.nfsd(protocol), nfs.NFS, 3, deadline=deadline),
    "NULL of mountd": lambda at, protocol, deadline: nfs.null(at.mountd(protocol), nfs.MOUNT, 3, deadline=deadline),
    "the export list": lambda at, protocol, deadline: nfs.export_list(at.mountd(protocol), deadline=deadline),
    "the root of version 4": lambda at, protocol, deadline: nfs.root4(at.nfsd(protocol), deadline=deadline),
}


@BOTH
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stopped_server_ends_at_the_deadline(served: Ganesha, question: str, protocol: Protocol) -> None:
    started = time.monotonic()
    with served.stopped("ganesha"), served.network(), pytest.raises(rpc_errors.NoAnswer):
        QUESTIONS[question](served, protocol, within(0.2))
    assert time.monotonic() - started < 5


def test_a_server_that_goes_on_after_a_stop_answers_again(served: Ganesha) -> None:
    with served.stopped("ganesha"):
        pass
    with served.network():
        assert nfs.null(served.nfsd(), nfs.NFS, 3, deadline=within()).version == 3


def test_a_stopped_port_mapper_ends_at_the_deadline(served: Ganesha) -> None:
    with served.stopped("rpcbind"), served.network(), pytest.raises(rpc_errors.NoAnswer):
        nfs.registrations(served.address, deadline=within(0.2))


def test_an_address_without_a_host_is_no_answer_or_unreachable(healthy: Ganesha) -> None:
    nobody = Endpoint(rpc.resolve("10.77.0.99"), Ganesha.NFS_PORT, TCP)
    with pytest.raises((rpc_errors.NoAnswer, rpc_errors.HostUnreachable)):
        nfs.null(nobody, nfs.NFS, 3, deadline=within(0.2))


# The server of the tests itself


def test_a_command_inside_has_its_output_and_status(served: Ganesha) -> None:
    done = served.run(["sh", "-c", "ip -o -4 address show dev nfs0; echo trouble >&2; exit 3"])
    assert (done.returncode, done.stderr) == (3, "trouble\n") and f"{Ganesha.ADDRESS}/24" in done.stdout


def test_nothing_runs_after_the_end_even_when_it_was_stopped(tmp_path: Path) -> None:
    with Ganesha(tmp_path) as ganesha:
        ganesha.start()
        os.kill(ganesha.process("ganesha"), signal.SIGSTOP)
        processes = [ganesha.process("ganesha"), ganesha.process("rpcbind")]
    assert not [process for process in processes if Path(f"/proc/{process}").exists()]
