"""check_nfs_export: every row against a scripted server, and the whole command against a real one."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.nfs_export import CHECK, TABLE
from checks.plugin.finding import COULD_NOT_LOOK
from tests.probes.faulty_nfs_server import (
    Answer,
    FaultyServer,
    Hold,
    Octets,
    Script,
    accepted,
    denied,
    success,
    text,
    words,
)
from tests.probes.ganesha import Ganesha, why_not

NFS, MOUNT, LOCK, STATUS, PORTMAP = 100003, 100005, 100021, 100024, 100000
DUMP, NULL3, NULL2, MOUNTD = (PORTMAP, 2, 4), (NFS, 3, 0), (NFS, 2, 0), (MOUNT, 3, 0)
EXPORT, MNT, UMNT, GETATTR, FSSTAT = (MOUNT, 3, 5), (MOUNT, 3, 1), (MOUNT, 3, 3), (NFS, 3, 1), (NFS, 3, 18)
TCP, UDP = 6, 17
Scripts = dict[tuple[int, int, int], Script]


def registered(port: int, *programs: tuple[int, int, int]) -> Answer:
    """The portmapper's list."""
    return success(b"".join(words(1, *program, port) for program in programs) + words(0))


ALL = ((NFS, 3, TCP), (NFS, 3, UDP), (MOUNT, 3, TCP), (LOCK, 4, TCP), (STATUS, 1, TCP))


def listed(*exports: tuple[bytes, tuple[bytes, ...]]) -> Answer:
    """An export list."""
    entries = b""
    for directory, groups in exports:
        entries += words(1) + text(directory) + b"".join(words(1) + text(group) for group in groups) + words(0)
    return success(entries + words(0))


HOME = (b"/hast/home", (b"10.1.101.0",))


def well(port: int) -> Scripts:
    """A server that is as it has to be."""
    null = (success(),)
    space = words(0, 0) + struct.pack(">6Q", 1 << 30, 1 << 29, 1 << 28, 100, 50, 50) + words(0)
    return {
        DUMP: (registered(port, *ALL),),
        NULL3: null,
        NULL2: (accepted(2, 3, 4),),
        MOUNTD: null,
        (LOCK, 4, 0): null,
        (STATUS, 1, 0): null,
        EXPORT: (listed(HOME),),
        MNT: (success(words(0) + text(b"handle") + words(1, 1)),),
        UMNT: null,
        GETATTR: (success(words(0, 2) + bytes(80)),),
        FSSTAT: (success(space),),
    }


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(accepted(1)) as scripted:
        scripted.scripts.update(well(scripted.port))
        yield scripted


def findings(server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path, *words: str) -> dict[str, str]:
    """What the check finds of /hast/home, reason and severity."""
    ask = ["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home=10.1.101.0/24"]
    CHECK.main(["--json", "--state-dir", str(tmp_path / "kept"), *ask, *words])
    return {one["reason"]: one["severity"] for one in json.loads(capfd.readouterr().out)["findings"]}


def test_a_server_as_it_has_to_be_is_well(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert findings(server, capfd, tmp_path) == {"nfs-well": "OK"}


def without(port: int, *missing: tuple[int, int, int]) -> Answer:
    return registered(port, *[program for program in ALL if program not in missing])


DEAF: Script = (Hold(),)
ROWS: dict[str, tuple[dict[tuple[int, int, int], Script], tuple[str, ...]]] = {
    "nfs-dead": ({NULL3: DEAF}, ("-t", "1")),
    "nfs-portmapper": ({DUMP: (Octets(b"HTTP/1.1 400 Bad Request\r\n\r\n"),)}, ()),
    "nfs-export-missing": ({EXPORT: (listed(),)}, ()),
    "nfs-export-network": ({EXPORT: (listed((b"/hast/home", (b"192.0.2.0",))),)}, ()),
    "nfs-export-everyone": ({EXPORT: (listed((b"/hast/home", ())),)}, ()),
    "nfs-export-outside": ({EXPORT: (listed(HOME, (b"/", (b"10.1.101.0",))),)}, ()),
    "nfs-mount-refused": ({MNT: (success(words(13)),)}, ()),
    "nfs-stale": ({GETATTR: (success(words(70)),)}, ()),
    "nfs-v2": ({NULL2: (success(),)}, ()),
    "nfs-v4-missing": ({(NFS, 4, 1): (accepted(2, 3, 3),)}, ("--nfs4",)),
    "nfs-locking": ({(LOCK, 4, 0): (accepted(1),)}, ()),
    "nfs-udp": ({}, ()),
    "nfs-udp-unbound": ({}, ()),
    "nfs-not-registered": ({}, ()),
    "nfs-slow": ({}, ("-w", "0")),
    "nfs-slow-critical": ({}, ("-c", "0")),
    "nfs-reserved-port": ({MNT: (denied(1, 5),)}, ()),
}  # fmt: skip
OF_THE_PAGE = (None, "nfs-v2", "nfs-stale")
"""The rows of the examples in docs/notes/check_nfs_export.md, in their order."""
UNREGISTERED = {"nfs-udp": (NFS, 3, UDP), "nfs-not-registered": (NFS, 3, TCP)}


def test_the_examples_on_its_page_are_what_it_prints(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "notes" / "check_nfs_export.md").read_text()
    printed = []
    for row in OF_THE_PAGE:
        server.scripts.update({**well(server.port), **(ROWS[row][0] if row else {})})
        ask = ["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home=10.1.101.0/24"]
        CHECK.main(["--state-dir", str(tmp_path / "kept"), *ask])
        printed.append(capfd.readouterr().out.partition(" | ")[0].replace("127.0.0.1", "10.1.101.5"))
    assert re.findall(r"^NFS EXPORT .*$", page, re.MULTILINE) == printed


@pytest.mark.slow
@pytest.mark.parametrize("reason", [reason for reason in ROWS if reason != "nfs-reserved-port"])
def test_a_row_is_found_with_its_severity(
    reason: str, server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scripts, options = ROWS[reason]
    server.scripts.update(scripts)
    if reason in UNREGISTERED:
        server.scripts[DUMP] = (without(server.port, UNREGISTERED[reason]),)
    if reason == "nfs-udp-unbound":
        server.answers_from = "127.0.0.2"
    reported = findings(server, capfd, tmp_path, *options)
    assert reported.get(reason) == TABLE.by_reason[reason].severity.name


LESS = ("setpriv", "--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service")
"""Root without CAP_NET_BIND_SERVICE asks from an ordinary port, as a monitoring user does."""
WEAK = (denied(1, 5),)
FREEBSD = {
    "mountd without -n, 13": {MNT: WEAK},
    "mountd without -n, 15": {MNT: WEAK, GETATTR: WEAK, FSSTAT: WEAK, (NFS, 4, 1): WEAK},
    "mountd -n, 15": {GETATTR: WEAK, FSSTAT: WEAK, (NFS, 4, 1): WEAK},
}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="needs root and setpriv(1)")
@pytest.mark.parametrize("answers", FREEBSD.values(), ids=FREEBSD)
def test_a_server_that_wants_a_reserved_port_is_unknown_to_who_may_not_have_one(
    answers: dict[tuple[int, int, int], Script], server: FaultyServer, tmp_path: Path
) -> None:
    """NULL and the export list are answered, all else is refused (nfssvc_program(), mntsrv())."""
    server.scripts.update(answers)
    command = str(Path(sys.executable).with_name("check_nfs_export"))
    ask = ["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home"]
    nfs4 = ["--nfs4"] if (NFS, 4, 1) in answers else []
    done = subprocess.run([*LESS, command, *ask, *nfs4], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert set(re.findall(r"\[(nfs-[\w-]+)\]", done.stdout)) == {"nfs-reserved-port"}
    for remedy in ("as root", "CAP_NET_BIND_SERVICE", "mountd -n and nfs_reserved_port_only=NO"):
        assert remedy in done.stdout


@pytest.mark.slow
def test_the_address_that_answers_instead_is_named(server: FaultyServer, capfd: pytest.CaptureFixture[str]) -> None:
    server.answers_from = "127.0.0.2"
    CHECK.main(["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home"])
    output = capfd.readouterr().out
    assert "NFS v3 over UDP is answered from 127.0.0.2" in output and "[nfs-udp]" not in output


def test_a_host_without_an_address_is_unknown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["-H", "no-such-host.invalid", "--export", "/hast/home", "--state-dir", str(tmp_path / "kept")]
    assert CHECK.main(words) == 3
    assert "[nfs-host-unknown]" in capfd.readouterr().out


def test_a_stale_handle_is_said_with_the_word_that_users_read(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.scripts[FSSTAT] = (success(words(70, 0)),)
    CHECK.main(["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home"])
    assert "FSSTAT gives NFS3ERR_STALE (Stale NFS file handle)" in capfd.readouterr().out


def test_with_the_portmapper_dead_known_ports_are_still_asked(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.scripts[DUMP] = (accepted(5),)
    ports = ("--nfs-port", str(server.port), "--mount-port", str(server.port))
    assert set(findings(server, capfd, tmp_path, *ports)) == {"nfs-portmapper"}


def test_an_export_list_with_hostile_names_stays_inside_its_line(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.scripts[EXPORT] = (listed(HOME, (b"/x|\x1b[2J\n'\xff", ())),)
    status = CHECK.main(["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home"])
    first, *others = (output := capfd.readouterr().out).rstrip("\n").split("\n")
    assert status == 1 and first.isprintable() and "\\x1b[2J\\x0a'" in first
    assert "\x1b" not in output and not any("/x" in line for line in others)
    assert output.count("|") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-H", "127.0.0.1"],
        ["--export", "/hast/home"],
        ["-H", "h", "--export", "hast"],
        ["-H", "h", "--nfs-port", "0"],
    ],
    ids=" ".join,
)
def test_what_is_not_said_is_a_usage_error(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    try:
        status = CHECK.main(words)
    except SystemExit as ended:
        status = int(str(ended.code))
    output = capfd.readouterr().out
    assert status == 3 and output.startswith("NFS EXPORT UNKNOWN - usage: ") and output.count("\n") == 1


def test_the_configuration_can_say_it_all(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text("[resource.home]\nservice_address = '127.0.0.1'\n")
    words = ["--config", str(tmp_path / "c.toml"), "--portmap-port", str(server.port)]
    assert CHECK.main(words) == 0
    assert "/hast/home mounts and answers" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("directory", "groups"),
    [
        (b"/hast/home", (b"10.0.0.0",)),
        (b"/hast/home", (b"10.1.101.5",)),
        (b"/hast/home", (b"cis-net",)),
        (b"/hast/home/", (b"10.1.101.0/255.255.255.0",)),
        (b"/hast", (b"10.1.101.0",)),
        (b"/hast/home", (b"192.0.2.0/24", b"::ffff:10.1.0.0/112")),
    ],
    ids=["wider", "host bits", "networks(5)", "slash and mask", "alldirs", "mapped"],
)
def test_what_the_export_list_cannot_prove_is_not_said(
    directory: bytes,
    groups: tuple[bytes, ...],
    server: FaultyServer,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    server.scripts[EXPORT] = (listed((directory, groups)),)
    assert findings(server, capfd, tmp_path) == {"nfs-well": "OK"}


def test_where_the_list_does_not_tell_mnt_decides(
    server: FaultyServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.scripts[EXPORT] = (listed((b"/hast", (b"10.0.0.0",))),)
    CHECK.main(["-H", "127.0.0.1", "--portmap-port", str(server.port), "--export", "/hast/home=10.1.101.0/24"])
    assert "whether /hast/home is exported to 10.1.101.0/24 the list does not tell" in capfd.readouterr().out
    server.scripts[MNT] = (success(words(13)),)
    assert findings(server, capfd, tmp_path) == {"nfs-mount-refused": "CRITICAL"}


def test_every_row_has_a_case() -> None:
    assert {row.reason for row in TABLE.own} == set(ROWS) | {"nfs-well", "nfs-host-unknown"}
    assert not set(ROWS) & {row.reason for row in COULD_NOT_LOOK}


# The installed command against nfs-ganesha and rpcbind

WHY_NOT = why_not()
real = pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")


@pytest.fixture
def ganesha(tmp_path: Path) -> Iterator[Ganesha]:
    with Ganesha(tmp_path) as started:
        started.start()
        yield started


def ask(ganesha: Ganesha, *words: str, by: tuple[str, ...] = ()) -> tuple[int, str]:
    """The installed command inside the server's network: its status and its line, with the times taken out."""
    command = str(Path(sys.executable).with_name("check_nfs_export"))
    common = ["-H", ganesha.ADDRESS, "--below", str(ganesha.directory), "--state-dir", str(ganesha.directory / "kept")]
    done = ganesha.run([*by, command, *common, *words])
    assert done.stderr == ""
    return done.returncode, re.sub(r"=[0-9.e-]+s", "=Ns", done.stdout)


@pytest.mark.slow
@real
def test_a_real_server_is_well_but_for_statd_and_says_what_is_free(ganesha: Ganesha) -> None:
    status, line = ask(ganesha, "--export", str(ganesha.volume), "--nfs4", "--severity", "nfs-locking=ok")
    assert status == 0
    assert line.startswith(
        f"NFS EXPORT OK - NFS on {ganesha.ADDRESS}: statd (NSM v1) is not registered [nfs-locking] | "
    )
    assert "portmap=Ns;;;0" in line and "nfs_tcp=Ns;;;0" in line and "nfs_udp=Ns;;;0" in line
    assert re.search(rf"'{re.escape(str(ganesha.volume))}_available'=[1-9][0-9]*B;;;0", line)


@pytest.mark.slow
@real
def test_an_export_that_is_taken_away_is_missed(ganesha: Ganesha) -> None:
    ganesha.unexport(ganesha.volume)
    ganesha.reload()
    status, line = ask(ganesha, "--export", str(ganesha.volume))
    assert status == 2
    assert f"{ganesha.volume} is not exported" in line and "[nfs-export-missing]" in line


@pytest.mark.slow
@real
def test_a_directory_below_an_export_is_not_missed_where_it_can_be_mounted(ganesha: Ganesha) -> None:
    """nfs-ganesha admits mounts below an export, as FreeBSD does with -alldirs; the list does not say so."""
    ganesha.export(ganesha.directory)
    ganesha.unexport(ganesha.volume)
    ganesha.reload()
    status, line = ask(ganesha, "--export", str(ganesha.volume), "--severity", "nfs-locking=ok")
    assert status == 0 and "[nfs-export-missing]" not in line


@pytest.mark.slow
@real
def test_a_killed_server_is_dead_although_it_is_registered(ganesha: Ganesha) -> None:
    ganesha.kill("ganesha", signal.SIGKILL)
    status, line = ask(ganesha, "--export", str(ganesha.volume))
    assert status == 2
    assert "[nfs-dead]" in line and "[nfs-portmapper]" not in line and "[nfs-not-registered]" not in line


@pytest.mark.slow
@real
def test_a_stopped_server_ends_the_check_in_its_time(ganesha: Ganesha) -> None:
    with ganesha.stopped("ganesha"):
        status, line = ask(ganesha, "--export", str(ganesha.volume), "-t", "5")
    assert status == 2 and "[nfs-dead]" in line


@pytest.mark.slow
@real
def test_with_rpcbind_killed_the_server_is_still_reached_at_known_ports(ganesha: Ganesha) -> None:
    ganesha.kill("rpcbind", signal.SIGKILL)
    ports = ("--nfs-port", str(ganesha.NFS_PORT), "--mount-port", str(ganesha.MOUNT_PORT))
    status, line = ask(ganesha, "--export", str(ganesha.volume), *ports)
    assert status == 2
    assert line.count("[") == 1 and "[nfs-portmapper]" in line


@pytest.mark.slow
@real
def test_a_real_server_that_wants_a_reserved_port_answers_who_has_the_capability(
    ganesha: Ganesha, tmp_path: Path
) -> None:
    export = tmp_path / "privileged"
    export.mkdir()
    ganesha.export(export, more="PrivilegedPort = true;")
    ganesha.reload()
    words = ("--export", str(export), "--below", str(tmp_path), "--severity", "nfs-locking=ok")
    user = ("setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps", "-all")
    status, line = ask(ganesha, *words, by=user)
    assert status == 3 and "[nfs-reserved-port]" in line and "CAP_NET_BIND_SERVICE" in line
    bound = (*user[:-2], "--inh-caps", "-all,+net_bind_service", "--ambient-caps", "+net_bind_service")
    status, line = ask(ganesha, *words, by=bound)
    assert status == 0, line
