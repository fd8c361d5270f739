"""The port, by its own Makefile: what it stages, what its packing list says, and what a package of it leaves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from checks import VERSION
from checks.devd import HOOK
from checks.setup.hast_conf import HOOK as HAST_HOOK
from remediate.rehearsal.new_pair import PUT as ACTIVE
from tests.packaging.package import Package, delete, install, package, upgrade
from tests.state.child import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("bmake"), reason="bmake is not installed"),
]

PORT = ROOT / "contrib" / "freebsd" / "port"
MK = Path(__file__).parent / "mk"
NAMED = re.compile(r"/usr/local/[A-Za-z0-9_./*+-]*[A-Za-z0-9_*+]")
PYTHONS = {f"/usr/local/bin/python3.{minor}" for minor in (9, *range(11, 16))}
ADMINISTRATORS = {
    "/usr/local/etc/hastwatch",  # -NODE.pub
    "/usr/local/etc/cron.d",
    "/usr/local/etc/cron.d/hastwatch",
    "/usr/local/etc/devd/hastwatch.conf",
    "/usr/local/etc/doas.conf",
    "/usr/local/etc/hastwatch-addresses",
    "/usr/local/etc/hastwatch-ca.crt",
    "/usr/local/etc/hastwatch.credentials",
    "/usr/local/etc/hastwatch.toml",
    "/usr/local/etc/man.d",
    "/usr/local/etc/man.d/hastwatch.conf",
    "/usr/local/etc/nagios/hastwatch-pair.cfg",
    "/usr/local/etc/newsyslog.conf.d/hastwatch.conf",
    "/usr/local/etc/nrpe.d",
    "/usr/local/etc/nrpe.d/hastwatch.cfg",
    "/usr/local/etc/rc.conf.d",
    "/usr/local/etc/rc.conf.d/mountd",
    "/usr/local/etc/rc.conf.d/nfsd",
    "/usr/local/etc/sudoers.d/hastwatch",
    "/usr/local/etc/zabbix6/zabbix_agentd.conf.d/hastwatch.conf",
}
"""What a text names and the administrator makes, or a sample becomes."""
OTHERS = {
    "/usr/local/etc/icingaweb2/modules/graphite/templates": "of a module of Icinga Web",
    "/usr/local/etc/rc.d/*": "the scripts of all ports, for rcorder(8)",
    "/usr/local/etc/zabbix6/zabbix_agentd.conf.d": "of Zabbix's own port",
    "/usr/local/etc/zabbix6/zabbix_agentd.conf.d/*.conf": "the same",
    "/usr/local/hastwatch-VERSION": "a release that the installer has put there",
    "/usr/local/hastwatch/pyvenv.cfg": "a virtual environment, which an installation may be in",
    "/usr/local/libexec/nagios/check_nrpe": "the plugin of NRPE's own port",
    "/usr/local/nagios/libexec/check_nrpe": "the same, where it was built by hand",
    "/usr/local/sbin/carp-hast-old": "the documented hook, on the simulated pair",
    "/usr/local/sbin/carp-log": "a hook of somebody else",
}


class StagedPort(NamedTuple):
    """What `make stage` has made below the prefix."""

    root: Path
    plist: str

    @property
    def package(self) -> Package:
        return package(self.root, self.plist)


def staged(directory: Path, prefix: str = "/usr/local", port: Path = PORT, sources: Path = ROOT) -> StagedPort:
    """The port, staged from these sources."""
    work = directory / "work"
    work.mkdir(parents=True)
    variables = {"WRKDIR": work, "WRKSRC": sources, "STAGEDIR": directory / "stage", "PREFIX": prefix}
    words = [f"{name}={value}" for name, value in {**variables, "PYTHON_CMD": sys.executable}.items()]
    done = subprocess.run(
        ["bmake", "-r", "-m", MK, "-C", port, *words, "stage"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return StagedPort(directory / "stage" / prefix.lstrip("/"), (work / ".PLIST.mktmp").read_text())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> StagedPort:
    return staged(tmp_path_factory.mktemp("port"))


def below(root: Path) -> set[str]:
    """Every file and link."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_the_packing_list_is_what_is_staged(port: StagedPort) -> None:
    assert sorted(port.package.files) == sorted(below(port.root))
    ours = [name for name in port.package.files if not name.startswith("etc/rc.d/")]  # those are bsd.port.mk's
    assert ours == sorted(ours)
    assert port.package.samples == ("etc/hastwatch.toml.sample", "etc/newsyslog.conf.d/hastwatch.conf.sample")


def test_the_hooks_are_where_the_samples_name_them(port: StagedPort) -> None:
    for path in (HOOK, HAST_HOOK, "/usr/local/sbin/hastwatch"):
        assert os.access(port.root / path.removeprefix("/usr/local/"), os.X_OK), path


def test_its_version_and_its_rc_scripts_are_those_of_the_sources() -> None:
    assert f"DISTVERSION=\t{VERSION}\n" in (PORT / "Makefile").read_text()
    done = subprocess.run([sys.executable, ROOT / "contrib" / "packaging" / "port.py", "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_nothing_of_a_package_acts_before_it_is_enabled(port: StagedPort) -> None:
    """cron(8) reads every file of cron.d, devd(8) every *.conf, and rc.d scripts have their variable."""
    assert not (port.root / "etc" / "cron.d").exists()
    assert not list((port.root / "etc" / "devd").glob("*.conf"))
    assert not (port.root / "etc" / "rc.conf.d").exists()
    for name in ("hastwatch", "hastwatch_hold"):
        script = (port.root / "etc" / "rc.d" / name).read_text()
        assert f': ${{{name}_enable:="NO"}}' in script and "%%" not in script


def test_the_message_of_the_package_says_what_activates_it(port: StagedPort, tmp_path: Path) -> None:
    message = (PORT / "files" / "pkg-message.in").read_text().partition("type: upgrade")[0]
    lines = re.findall(r"(?m)^    (\S.*)$", message)
    typed = [line for line in lines if not line.startswith(("sysrc ", "service ", "hastwatch "))]
    root = tmp_path / "root"
    shutil.copytree(port.root, root, symlinks=True)
    (tmp_path / "cron.d").mkdir()
    script = "\n".join(typed).replace("%%PREFIX%%", str(root)).replace("/etc/cron.d", f"{tmp_path}/cron.d")
    subprocess.run(["sh", "-euc", script], check=True)
    examples = root / "share" / "examples" / "hastwatch"
    for place, example in ACTIVE.items():
        made = (
            tmp_path / place.removeprefix("/etc/") if place.startswith("/etc/") else root / place[len("/usr/local/") :]
        )
        assert made.read_bytes() == (examples / example).read_bytes(), place
    assert "sysrc hastwatch_enable=YES hastwatch_hold_enable=YES" in lines
    assert "service devd restart && service hastd reload" in lines
    page = (ROOT / "docs" / "failover.md").read_text()
    assert all(f"/{name}" in page for name in ("cron.d/hastwatch", "devd/hastwatch.conf", "rc.conf.d"))


def test_every_path_that_a_text_names_is_in_the_package_or_the_administrators_own(port: StagedPort) -> None:
    lost: dict[str, str] = {}
    for name in port.package.files:
        path = port.root / name
        if path.is_symlink() or path.suffix in (".pyc", ".gz") or "/lib/simulator/" in name:
            continue
        for named in NAMED.findall(path.read_text()):
            there = os.path.lexists(port.root / named.removeprefix("/usr/local/"))
            if not there and named not in ADMINISTRATORS | OTHERS.keys() | PYTHONS:
                lost.setdefault(named, name)
    assert not lost, "\n".join(f"{named}: {name}" for named, name in lost.items())


def test_an_upgrade_keeps_state_and_configuration_and_a_deletion_leaves_nothing_else(
    port: StagedPort, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    for name in ("checks", "hooks", "remediate", "simulator", "contrib", "docs"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, sources / name)
    (sources / "checks" / "new.py").write_text("")
    (sources / "checks" / "carp_hearing.py").unlink()
    newer = staged(tmp_path / "newer", sources=sources)

    root = tmp_path / "root"
    root.mkdir()
    install(port.package, root)
    (root / "etc" / "hastwatch.toml").write_text('peer = "ssh nfs002"\n')
    upgrade(port.package, newer.package, root)
    home = root / "hastwatch" / "lib" / "checks"
    assert (home / "new.py").exists() and not (home / "carp_hearing.py").exists()
    assert not list((home / "__pycache__").glob("carp_hearing.*"))
    assert (root / "etc" / "hastwatch.toml").read_text() == 'peer = "ssh nfs002"\n'
    delete(newer.package, root)
    assert below(root) == {"etc/hastwatch.toml"}
    assert {path.name for path in root.rglob("*") if path.is_dir()} == {"etc"}


def test_another_prefix_is_in_everything_that_is_ours(tmp_path: Path) -> None:
    elsewhere = staged(tmp_path, prefix="/opt/pkg")
    ours = re.compile(r"/usr/local/(?:hastwatch|sbin/(?:carp-hast-switch|hastwatch)|etc/(?:hastwatch|devd/hastwatch))")
    for name in elsewhere.package.files:
        path = elsewhere.root / name
        if not path.is_symlink() and path.suffix in (".py", ".conf", ".md", ".sample", ""):
            assert not ours.search(path.read_text()), name
    assert "/opt/pkg/lib/hastwatch/lib/start.py" in (elsewhere.root / "sbin" / "carp-hast-switch").read_text()


def test_a_module_is_not_compiled_anew_whatever_its_time_becomes(port: StagedPort) -> None:
    (compiled,) = (port.root / "lib/hastwatch/lib/hooks/__pycache__").glob("carp_hast_switch.*.pyc")
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", "PEP 552: by the hash of its source, unchecked"


@pytest.mark.parametrize(("there", "status"), [("link", 0), ("directory", 1), ("other link", 1), ("nothing", 0)])
def test_a_release_that_was_installed_by_hand_is_not_overwritten(tmp_path: Path, there: str, status: int) -> None:
    home = tmp_path / "usr" / "local" / "hastwatch"
    home.parent.mkdir(parents=True)
    if there == "directory":
        home.mkdir()
    elif there != "nothing":
        target = home.parent / "lib" / "hastwatch" if there == "link" else home.parent / "hastwatch-0.1.0-1a2b3c4d"
        target.mkdir(parents=True)
        home.symlink_to(os.path.relpath(target, home.parent))
    script = tmp_path / "pkg-install"
    script.write_text((PORT / "files" / "pkg-install.in").read_text().replace("%%PREFIX%%", "/usr/local"))
    done = subprocess.run(["sh", script, "hastwatch-0.1.0", "PRE-INSTALL"], env={"PKG_ROOTDIR": str(tmp_path)})
    assert done.returncode == status
