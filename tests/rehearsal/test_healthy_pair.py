"""The pair that `hastwatch pair up` starts is well to the installed checks, and each of them sees one fault of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.registry import OF_SERVICE

INSTALLED = Path(sys.executable).parent
CHECKS = [each.name for each in OF_SERVICE]
OTHER = {"nfs001": "nfs002", "nfs002": "nfs001"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (INSTALLED / "hastwatch").exists(), reason="hastwatch is not installed"),
]


def hastwatch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(INSTALLED / "hastwatch"), "pair", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def ask(check: str, directory: Path, node: str, *options: str) -> tuple[int, str]:
    """Exit status and output of an installed check on a node, with the other as its peer."""
    way = f"{INSTALLED / 'hastwatch'} pair exec --dir {directory}"
    words = [
        "--via",
        f"{way} {node}",
        "--peer",
        f"{way} {OTHER[node]}",
        "--state-dir",
        str(directory / f"kept-{node}"),
        *options,
    ]
    done = subprocess.run(
        [str(INSTALLED / check), *words], capture_output=True, text=True, timeout=30, check=False, cwd=directory
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running(tmp_path_factory.mktemp("healthy") / "d") as place:
        yield place


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    with running(tmp_path / "d") as place:
        yield place


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Path]:
    """A pair that is up."""
    up = hastwatch("up", "--dir", str(directory), *options)
    assert (up.returncode, up.stdout, up.stderr) == (0, "", "")
    try:
        yield directory
    finally:
        assert hastwatch("down", "--dir", str(directory)).returncode == 0


@pytest.mark.parametrize("node", OTHER)
@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_ok_on_both_nodes_of_a_fresh_pair(healthy: Path, check: str, node: str) -> None:
    status, output = ask(check, healthy, node)
    assert status == 0, output


@pytest.mark.parametrize(
    ("check", "node", "fault", "reason"),
    [
        ("check_hast", "nfs002", "kill nfs002 hastd", "hastd-down"),
        ("check_hast_splitbrain", "nfs002", "disk-errors nfs002", "metadata-missing"),
        ("check_carp", "nfs001", "carrier-off nfs001", "carp-init"),
        ("check_carp_hast", "nfs001", "kill nfs001 nfsd", "carp-master-nfs-stopped"),
        ("check_devd", "nfs001", "kill nfs001 devd", "devd-not-running"),
        ("check_hast_mount", "nfs001", "disk-full nfs001", "mount-full-critical"),
    ],
)
def test_a_check_is_not_ok_after_its_fault(directory: Path, check: str, node: str, fault: str, reason: str) -> None:
    broken = hastwatch("fault", "--dir", str(directory), *fault.split())
    assert (broken.returncode, broken.stderr) == (0, "")
    status, output = ask(check, directory, node)
    assert status != 0
    assert f"[{reason}]" in output


def test_the_pair_as_recorded_is_one_that_the_checks_object_to(tmp_path: Path) -> None:
    with running(tmp_path / "d", "--as-recorded") as directory:
        assert "[carp-backup-nfs-running]" in ask("check_carp_hast", directory, "nfs002")[1]
        assert "carp-log" in ask("check_devd", directory, "nfs001")[1]


def test_a_pair_is_built_from_the_users_configuration(tmp_path: Path) -> None:
    config = tmp_path / "hastwatch.toml"
    config.write_text(
        "[resource.mail]\nvhid = '7@em0'\nmount_point = '/srv/mail'\nservice_address = '192.0.2.7'\n"
        "[resource.www]\nvhid = '8@em1'\nservice_address = 'www.example.org'\n"
    )
    config.chmod(0o600)
    with running(tmp_path / "d", "--config", str(config)) as directory:
        for check in CHECKS:
            status, output = ask(check, directory, "nfs001", "--config", str(config))
            assert status == 0, output
        shown = hastwatch("exec", "--dir", str(directory), "nfs001", "mount; ifconfig em0").stdout
        assert "/dev/hast/mail on /srv/mail" in shown
        assert "inet 192.0.2.7 " in shown


def test_a_full_second_of_silence_of_devd_ends_nc(healthy: Path) -> None:
    began = time.monotonic()
    asked = hastwatch("exec", "--dir", str(healthy), "nfs001", "nc -U -w 1 /var/run/devd.pipe")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")
    assert 1 <= time.monotonic() - began < 5
