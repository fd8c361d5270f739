"""The installer of a release, in a clean root, by the shells of other systems: install, upgrade, back, uninstall."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks import VERSION
from checks.devd import HOOK
from checks.setup.hast_conf import HOOK as HAST_HOOK
from tests.packaging.clean_root import PYTHON, SHELLS, CleanRoot, changed, clean_root, why_not
from tests.state.child import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

INSTALL = "contrib/freebsd/install"
PLACES = ("/usr/local", "/etc", "/var/db", "/run")
HOME = "/usr/local/hastwatch"
STATE = "/var/db/hastwatch/journal.jsonl"
MOMENTS = {
    "[ -d /usr/local/hastwatch-99.0-* ]": VERSION,
    "[ -d /usr/local/hastwatch-99.0-*/lib/psutil ]": VERSION,
    "[ -h /usr/local/hastwatch-99.0-*/previous ]": "",
    "[ /usr/local/hastwatch/bin -ef /usr/local/hastwatch-99.0-*/bin ]": "99.0",
}
"""Of an upgrade to 99.0: its directory, its dependencies, the moment before the one step that counts, and after it;
which version answers then, where only one can."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dependencies, for a host that reaches no network."""
    place = tmp_path_factory.mktemp("wheels")
    asked = subprocess.run(
        [sys.executable, "contrib/packaging/stage.py", "--dependencies"], cwd=ROOT, capture_output=True, text=True
    )
    subprocess.run([PYTHON, "-m", "venv", place / "venv"], check=True)
    pip = f"{place}/venv/bin/pip"
    subprocess.run([pip, "download", "-q", "-d", str(place), *asked.stdout.split()], check=True, capture_output=True)
    return place


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the next version, in which devd's rule has changed."""
    place = tmp_path_factory.mktemp("newer") / "hastwatch"
    given = ("checks", "hooks", "remediate", "simulator", "contrib", "docs")
    for name in given:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, place / name)
    version = place / "checks" / "__init__.py"
    version.write_text(version.read_text().replace(VERSION, "99.0"))
    rule = place / "contrib" / "freebsd" / "devd-hastwatch.conf"
    rule.write_text(rule.read_text() + "# of 99.0\n")
    return place


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return SHELLS[request.param]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[CleanRoot]:
    with clean_root(tmp_path) as root:
        yield root


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """What one installation has made, for the tests of what comes after it."""
    place = tmp_path_factory.mktemp("archive")
    with clean_root(place) as root:
        install(root, wheels)
        root.must("tar", "-cf", str(place / "installed.tar"), "/usr/local", "/etc/rc.conf", "/etc/cron.d")
    return place / "installed.tar"


@pytest.fixture
def installed(root: CleanRoot, archive: Path) -> CleanRoot:
    """A root with this release."""
    root.must("tar", "-C", "/", "-xf", str(archive))
    return root


def install(root: CleanRoot, wheels: Path, *words: str, sources: Path = ROOT) -> str:
    """The output of an installation that has to succeed."""
    return root.must("dash", str(sources / INSTALL), "--wheels", str(wheels), *words)


def uninstall(root: CleanRoot, *words: str) -> subprocess.CompletedProcess[str]:
    return root.run("dash", str(ROOT / INSTALL), "--uninstall", *words)


def test_what_is_installed_answers_is_there_once_and_goes_without_a_trace(
    root: CleanRoot, shell: tuple[str, ...], wheels: Path
) -> None:
    before = root.files(*PLACES)
    installer = (*shell, str(ROOT / INSTALL))
    first = root.must(*installer, "--wheels", str(wheels))
    assert "service devd restart" in first
    for program in ("hastwatch", "carp-hast-switch"):
        assert root.must(f"/usr/local/sbin/{program}", "--version") == f"{program} {VERSION}\n"
    root.shell(f"test -x {HAST_HOOK}")
    assert root.run(f"{HOME}/bin/check_carp").returncode == 3
    assert root.must("hastwatch", "explain", "devd-hook-missing").count("\n") > 10, "no runbook"
    assert 'hastwatch_hold_enable="YES"' in root.shell("cat /etc/rc.conf")

    once = root.files(*PLACES)
    assert "installed already" in root.must(*installer, "--wheels", str(wheels))
    assert not changed(once, root.files(*PLACES))

    root.write(STATE, "{}\n")
    root.must(*installer, "--uninstall")
    assert changed(before, root.files(*PLACES)) == {
        "/var/db/hastwatch",
        STATE,
        "/usr/local/etc/hastwatch.toml",
        *(f"/usr/local/etc/rc.conf.d{name}" for name in ("", "/mountd", "/nfsd")),
        "/run/service",
    }
    assert root.shell("cat /run/service") == "devd restart\n"
    root.must(*installer, "--uninstall", "--purge")
    assert changed(before, root.files(*PLACES)) == {"/run/service"}


def test_a_dry_run_does_nothing(root: CleanRoot, shell: tuple[str, ...]) -> None:
    before = root.files(*PLACES)
    said = root.must(*shell, str(ROOT / INSTALL), "--dry-run")
    assert "would: copy" in said and "/etc/cron.d/hastwatch, mode 644" in said
    assert not changed(before, root.files(*PLACES))


def test_an_upgrade_takes_over_what_nobody_has_changed_and_can_be_taken_back(
    installed: CleanRoot, wheels: Path, newer: Path
) -> None:
    installed.write("/usr/local/etc/hastwatch.toml", 'peer = "ssh nfs002"\n')
    installed.write("/etc/cron.d/hastwatch", "# mine\n")
    installed.write(STATE, "{}\n")
    said = install(installed, wheels, sources=newer)
    assert installed.must(HOOK, "--version") == "carp-hast-switch 99.0\n"
    assert "# of 99.0" in installed.shell("cat /usr/local/etc/devd/hastwatch.conf")
    assert installed.shell("cat /etc/cron.d/hastwatch") == "# mine\n"
    assert "it is not as hastwatch has it: /etc/cron.d/hastwatch" in said
    assert installed.shell("cat /usr/local/etc/hastwatch.toml") == 'peer = "ssh nfs002"\n'
    assert len(list(installed.path("/usr/local").glob("hastwatch-*"))) == 2

    installed.must("dash", str(newer / INSTALL), "--back")
    assert installed.must(HOOK, "--version") == f"carp-hast-switch {VERSION}\n"
    assert "# of 99.0" not in installed.shell("cat /usr/local/etc/devd/hastwatch.conf")
    assert installed.shell(f"cat {STATE}") == "{}\n"

    done = uninstall(installed)
    assert done.returncode == 0 and "kept, it is not as hastwatch has it: /etc/cron.d/hastwatch" in done.stdout
    assert installed.shell("ls /usr/local; cat /etc/cron.d/hastwatch") == "bin\netc\nsbin\n# mine\n"


def test_a_version_that_does_not_start_changes_nothing(installed: CleanRoot, wheels: Path, newer: Path) -> None:
    before = installed.files(*PLACES)
    hook = newer / "hooks" / "carp_hast_switch.py"
    text = hook.read_text()
    hook.write_text(f"import nothing_of_the_kind\n{text}")
    try:
        done = installed.run("dash", str(newer / INSTALL), "--wheels", str(wheels))
    finally:
        hook.write_text(text)
    assert done.returncode == 1 and "nothing was changed" in done.stdout and "nothing_of_the_kind" in done.stdout
    assert not changed(before, installed.files(*PLACES))


def test_without_its_dependencies_nothing_is_changed(root: CleanRoot, tmp_path: Path) -> None:
    before = root.files(*PLACES)
    done = root.run("dash", str(ROOT / INSTALL), "--wheels", str(tmp_path))
    assert done.returncode == 1 and "pip cannot install the dependencies" in done.stdout
    assert not changed(before, root.files(*PLACES))


def test_the_virtual_environment_of_before_is_followed(root: CleanRoot, wheels: Path) -> None:
    root.shell(f"{PYTHON} -m venv --without-pip {HOME}; echo '#!/bin/sh' >{HOME}/bin/carp-hast-switch")
    root.shell(f"chmod 755 {HOME}/bin/*; ln -s ../hastwatch/bin/carp-hast-switch {HOOK}")
    examples = f"{HOME}/share/examples/hastwatch"
    root.write(f"{examples}/devd-hastwatch.conf", "# of the version before\n")
    root.write("/usr/local/etc/devd/hastwatch.conf", "# of the version before\n")
    install(root, wheels)
    assert root.must(HOOK, "--version") == f"carp-hast-switch {VERSION}\n"
    assert "carp-hast-switch $subsystem" in root.shell("cat /usr/local/etc/devd/hastwatch.conf")
    assert root.path(f"{HOME}.old/pyvenv.cfg").exists()
    uninstall(root)
    assert not list(root.path("/usr/local").glob("hastwatch*"))


def test_the_checks_alone_bring_nothing_of_the_failover(root: CleanRoot, wheels: Path) -> None:
    before = root.files("/etc", "/usr/local/etc")
    install(root, wheels, "--checks")
    etc = "/usr/local/etc"
    wanted = {f"{etc}/hastwatch.toml", f"{etc}/man.d", f"{etc}/man.d/hastwatch.conf"}
    assert changed(before, root.files("/etc", etc)) == wanted
    assert not root.path(HOOK).is_symlink()


def test_the_hook_starts_at_every_moment_of_an_upgrade(installed: CleanRoot, wheels: Path, newer: Path) -> None:
    with installed.meanwhile(f"{HOOK} --version && {HOME}/bin/hastwatch --version"):
        install(installed, wheels, sources=newer)
        installed.must("dash", str(newer / INSTALL), "--back")
    assert installed.path("/run/tried").exists() and not installed.path("/run/failed").exists()


KILLED = """
setsid dash {install} --wheels {wheels} &
until {moment} 2>/dev/null || ! kill -0 $! 2>/dev/null; do :; done
kill -KILL -$!
wait $! || :
"""
"""The installer, killed with all that it has begun as soon as a condition of test(1) holds."""


def test_the_hook_starts_wherever_an_upgrade_is_killed_and_the_next_one_finishes_it(
    installed: CleanRoot, wheels: Path, newer: Path
) -> None:
    installed.write(STATE, "{}\n")
    script = {"install": newer / INSTALL, "wheels": wheels}
    for moment, version in MOMENTS.items():
        killed = installed.run("dash", "-c", KILLED.format(**script, moment=moment))
        answer = installed.must(HOOK, "--version").split()[1]
        assert answer in ({version} if version else {VERSION, "99.0"}), killed.stdout
        for path in ("/usr/local/etc/devd/hastwatch.conf", "/etc/cron.d/hastwatch", HAST_HOOK):
            installed.shell(f"test -s {path}")
        installed.must("/usr/local/sbin/hastwatch", "--version")
        installed.shell("rm -rf /usr/local/.hastwatch-install")
    install(installed, wheels, sources=newer)
    assert installed.shell(f"cat {STATE}") == "{}\n"
    assert uninstall(installed).returncode == 0
    left = installed.path("/usr/local")
    assert not list(left.glob("hastwatch*")) and not list(left.rglob(".hastwatch-new"))
    assert installed.shell(f"cat {STATE}") == "{}\n"


def test_an_installation_that_was_killed_is_finished_by_the_next_one(
    installed: CleanRoot, wheels: Path, newer: Path
) -> None:
    slow = "/usr/local/hastwatch-99.0-0"  # what is left of the directory that was being made
    installed.shell(f"mkdir -p {slow}/bin /usr/local/.hastwatch-install; echo >{slow}/bin/hastwatch")
    done = installed.run("dash", str(newer / INSTALL), "--wheels", str(wheels))
    assert done.returncode == 1 and "rmdir /usr/local/.hastwatch-install" in done.stdout
    assert installed.must(HOOK, "--version") == f"carp-hast-switch {VERSION}\n"
    installed.shell("rmdir /usr/local/.hastwatch-install")
    install(installed, wheels, sources=newer)
    assert installed.must(HOOK, "--version") == "carp-hast-switch 99.0\n"
    assert not installed.path(slow).exists()


def test_the_disk_of_another_machine_is_installed_from_here(root: CleanRoot, wheels: Path) -> None:
    disk = "/mnt/disk"
    root.shell(
        f"mkdir -p {disk}/etc; cd {disk}; ln -s usr/bin usr/lib usr/lib64 usr/sbin .; mkdir usr;"
        f"mount --bind /usr usr; mount -t tmpfs tmpfs usr/local; cp -a /usr/local/bin usr/local/; : >etc/rc.conf"
    )
    here = root.files(*PLACES)
    before = root.files(f"{disk}/usr/local", f"{disk}/etc")
    install(root, wheels, "--root", disk)
    assert root.must("chroot", disk, HOOK, "--version") == f"carp-hast-switch {VERSION}\n"
    assert "hastwatch_enable" in root.shell(f"cat {disk}/etc/rc.conf")
    assert not changed(here, root.files(*PLACES))
    done = uninstall(root, "--root", disk, "--purge")
    assert done.returncode == 0, done.stdout
    left = changed(before, root.files(f"{disk}/usr/local", f"{disk}/etc"))
    assert left <= {f"{disk}/etc/cron.d", *(f"{disk}/usr/local/{name}" for name in ("etc", "etc/rc.d", "sbin"))}
    assert not changed(here, root.files(*PLACES)), "devd of this machine was restarted"


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("/etc/hast.conf", f"timeout 10\nexec {HAST_HOOK}\n", "/etc/hast.conf has"),
        ("/var/db/hastwatch/hold.json", "{}", "hold.json"),
        ("/usr/local/etc/devd/hastwatch.conf", "# mine\n", "remove the rule"),
    ],
)
def test_what_the_node_still_needs_is_not_uninstalled(installed: CleanRoot, path: str, text: str, reason: str) -> None:
    installed.write(path, text)
    before = installed.files(*PLACES)
    done = uninstall(installed)
    assert done.returncode == 1 and reason in done.stdout
    assert not changed(before, installed.files(*PLACES))


def test_another_python_runs_the_hook_where_its_own_is_gone(installed: CleanRoot) -> None:
    installed.shell(f"mv /usr/local/bin/{PYTHON.name} /usr/local/bin/python3.14")
    before = installed.files("/usr/local")
    assert installed.must(HOOK, "--version") == f"carp-hast-switch {VERSION}\n"
    assert installed.run(f"{HOME}/bin/check_carp").returncode == 3
    assert not changed(before, installed.files("/usr/local")), "bytecode is left"
    installed.shell("rm /usr/local/bin/python3.14")
    done = installed.run(f"{HOME}/bin/check_carp")
    assert (done.returncode, done.stdout[:9]) == (3, "UNKNOWN -")
    assert installed.run(HOOK, "2@em0", "MASTER").returncode == 127


def test_a_python_without_the_dependencies_is_unknown_and_no_warning(installed: CleanRoot) -> None:
    installed.shell(f"rm -r {HOME}/lib/nagiosplugin")
    done = installed.run(f"{HOME}/bin/check_carp")
    assert done.returncode == 3 and "nagiosplugin" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--purge"], "--purge belongs to --uninstall"),
        (["--back", "--uninstall"], "exclude each other"),
        (["--root", "here"], "needs an absolute path"),
        (["--wheels"], "needs a value"),
        (["now"], "unknown argument now"),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], message: str) -> None:
    done = subprocess.run(["dash", ROOT / INSTALL, *words], capture_output=True, text=True)
    assert done.returncode == 64 and message in done.stderr and done.stderr.count("\n") == 1
