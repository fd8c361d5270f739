"""The Debian package of a monitoring server in a clean Debian 12: install, use, upgrade, remove and purge.

The root is made once by debootstrap, with the dependencies and nothing else, and stays in /var/tmp; each test has a
layer of its own over it, which goes with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks import VERSION
from checks.registry import REGISTRY
from tests.packaging.clean_root import CleanRoot, Entry, changed, entered
from tests.state.child import ROOT

BASE = Path("/var/tmp/hastwatch-bookworm")
DEPENDENCIES = ("python3", "python3-nagiosplugin", "python3-psutil", "python3-requests")
PLACES = ("/etc", "/usr", "/opt", "/srv", "/var/lib", "/var/tmp", "/root")
OF_DPKG = ("/var/lib/dpkg", "/etc/ld.so.cache")
PLUGINS = "/usr/lib/nagios/plugins"
CONFIGURATION = "/etc/nagios-plugins/config/hastwatch.cfg"
OF_BEFORE = "/usr/share/hastwatch/lib/checks/of_before.py"
SETUP = """
mount --make-rprivate /
mount -t tmpfs tmpfs {layer}
mkdir {layer}/upper {layer}/work {layer}/root
mount -t overlay overlay -o lowerdir={base},upperdir={layer}/upper,workdir={layer}/work {layer}/root
mount --rbind /dev {layer}/root/dev
mount -t proc proc {layer}/root/proc
mount --bind {packages} {layer}/root/media
cd {layer}/root
pivot_root . mnt
cd /
umount --lazy /mnt
echo ready
exec sleep 3600
"""


def why_not() -> str:
    """Why this cannot run here, empty where it can."""
    if os.geteuid() != 0:
        return "only root can make a mount namespace"
    missing = [name for name in ("debootstrap", "dpkg-buildpackage", "dh", "lintian") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture(scope="module")
def base() -> Path:
    """Debian 12 with the dependencies."""
    if not (BASE / "made").exists():
        shutil.rmtree(BASE, ignore_errors=True)
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(DEPENDENCIES)}", "bookworm", str(BASE)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        (BASE / "made").touch()
    return BASE


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this version, and one of an older version that has a module more."""
    place = tmp_path_factory.mktemp("packages")
    subprocess.run(["sh", ROOT / "contrib" / "debian" / "build", place], check=True, capture_output=True)
    older = place / "older"
    subprocess.run(["dpkg-deb", "-R", place / f"hastwatch_{VERSION}_all.deb", older], check=True)
    control = older / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}", "Version: 0.0.1"))
    (older / OF_BEFORE.lstrip("/")).write_text("")
    subprocess.run(["dpkg-deb", "-b", older, place / "hastwatch_0.0.1_all.deb"], check=True, capture_output=True)
    return place


@contextmanager
def debian(base: Path, packages: Path, layer: Path) -> Iterator[CleanRoot]:
    """A machine with Debian 12 and the packages in /media."""
    with entered(SETUP.format(base=base, packages=packages, layer=layer)) as root:
        yield root


@pytest.fixture
def server(base: Path, packages: Path, tmp_path: Path) -> Iterator[CleanRoot]:
    with debian(base, packages, tmp_path) as server:
        yield server


def add(server: CleanRoot, version: str = VERSION) -> None:
    server.must("dpkg", "--install", f"/media/hastwatch_{version}_all.deb")


def test_it_comes_is_upgraded_and_goes_without_a_trace(server: CleanRoot) -> None:
    def left(before: dict[str, Entry]) -> set[str]:
        now = server.files(*PLACES)
        return {path for path in changed(before, now) if not path.startswith(OF_DPKG)}

    before = server.files(*PLACES)
    add(server, "0.0.1")
    assert server.must("dpkg-query", "-W", "-f", "${Version}", "hastwatch") == "0.0.1"
    assert server.path(OF_BEFORE).exists()
    server.write(CONFIGURATION, "# mine\n")
    add(server)
    assert server.shell(f"cat {CONFIGURATION}") == "# mine\n"
    assert server.must("hastwatch", "--version") == f"hastwatch {VERSION}\n"
    assert not [path for path in server.files("/usr/share/hastwatch") if "of_before" in path]
    server.must("dpkg", "--remove", "hastwatch")
    assert {path for path in left(before) if not path.startswith("/etc/nagios-plugins")} == set()
    server.must("dpkg", "--purge", "hastwatch")
    assert left(before) == set()


def test_it_does_not_come_where_nagios_would_have_its_commands_twice(server: CleanRoot) -> None:
    mine = "/etc/nagios4/conf.d/hastwatch-commands.cfg"
    server.write(mine, (ROOT / "contrib/nagios/hastwatch-commands.cfg").read_text())
    done = server.run("dpkg", "--install", f"/media/hastwatch_{VERSION}_all.deb")
    assert done.returncode != 0 and mine in done.stdout
    assert not server.path(CONFIGURATION).exists() and not server.path("/usr/bin/hastwatch").is_symlink()


def test_every_command_answers_with_the_nagiosplugin_of_debian(server: CleanRoot) -> None:
    add(server)
    for check in REGISTRY:
        assert server.must(f"{PLUGINS}/{check.name}", "--version") == f"{check.name} {VERSION}\n"
    done = server.run(f"{PLUGINS}/check_nfs_export", "-H", "127.0.0.1", "--export", "/hast/home", "-t", "3")
    assert done.returncode in (2, 3) and done.stdout.startswith("NFS EXPORT ")
    done = server.run(f"{PLUGINS}/check_carp")
    assert done.returncode == 3 and done.stdout.startswith("CARP UNKNOWN"), done.stdout
    assert server.must("hastwatch-event-handler", "--version") == f"hastwatch-event-handler {VERSION}\n"
    assert server.must("hastwatch", "explain", "nfs-dead").count("\n") > 10, "no runbook"
    assert "/usr/share/hastwatch/bin/check_nfs_export" in server.shell(f"cat {CONFIGURATION}")


def test_bytecode_is_made_at_installation_and_never_by_a_command(server: CleanRoot) -> None:
    add(server)
    before = server.files("/usr")
    assert "/usr/share/hastwatch/lib/checks/__pycache__/nfs_export.cpython-311.pyc" in before
    server.must("hastwatch", "contrib", "nagios")
    assert not changed(before, server.files("/usr"))


def test_lintian_has_no_error(packages: Path) -> None:
    package = packages / f"hastwatch_{VERSION}_all.deb"
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", str(package)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_build_without_a_directory_is_refused() -> None:
    done = subprocess.run(["sh", ROOT / "contrib" / "debian" / "build"], capture_output=True, text=True)
    assert done.returncode == 64 and done.stdout.startswith("usage: ")


def test_the_checks_pass_their_tests_with_the_nagiosplugin_of_debian(base: Path, tmp_path: Path) -> None:
    """Not only `--version`: the recordings' lines are the same."""
    shutil.copytree(base / "usr/lib/python3/dist-packages/nagiosplugin", tmp_path / "nagiosplugin")
    words = ["-q", "-n", "0", "-m", "not slow", "-p", "no:cacheprovider", "tests/plugin", "tests/test_hast.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
