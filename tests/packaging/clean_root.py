"""A clean FreeBSD-like root for an installation: this machine in a mount namespace of its own, in which /usr/local,
/var/db, /var/run and the Python modules of the system's packages are empty, and /etc is a copy. `service` and `sysrc`
stand in for FreeBSD's: one notes what it was asked, the other one edits its file."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PYTHON = Path("/usr/bin/python3").resolve()
"""That of the system: the one of the tests may itself be below /usr/local, or in somebody's home."""
LIMIT = 300.0
SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh")}
LOOKED_AT = ("/usr/local", "/etc", "/var/db", "/var/run", "/usr/share", "/usr/bin", "/usr/lib/nagios")
SETUP = """
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
for place in /usr/local /var/db /run /usr/lib/python3/dist-packages; do
    mkdir -p $place
    mount -t tmpfs tmpfs $place
done
mkdir -p /usr/local/bin /usr/local/sbin /usr/local/etc/rc.d /etc/cron.d
ln -s {python} /usr/local/bin/{name}
ln -s {name} /usr/local/bin/python3
: >/etc/rc.conf
mount --bind {tools}/service /usr/sbin/service
cp {tools}/sysrc /usr/local/bin/sysrc
cd /
echo ready
exec sleep 3600
"""
SERVICE = '#!/bin/sh\necho "$*" >>/run/service\n'
SYSRC = """\
#!/bin/sh
# sysrc -f FILE NAME=VALUE ... | -x NAME ...
file=$2
shift 2
if [ "$1" = -x ]; then
    shift
    for name; do
        grep -q "^$name=" "$file" || { echo "sysrc: unknown variable '$name'" >&2; exit 1; }
        sed -i "/^$name=/d" "$file"
    done
    exit 0
fi
for setting; do
    sed -i "/^${setting%%=*}=/d" "$file"
    echo "${setting%%=*}=\\"${setting#*=}\\"" >>"$file"
done
"""


class Entry(NamedTuple):
    """What is at a path."""

    mode: str
    content: str
    """A digest, or where a link leads to."""


def why_not() -> str:
    """Why there can be no clean root here, empty where there can."""
    if os.geteuid() != 0:
        return "only root can make a mount namespace"
    missing = [name for name in ("unshare", "nsenter", "dash", "busybox") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


class CleanRoot:
    """A root in which this process runs programs."""

    def __init__(self, process: int) -> None:
        self.process = process

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A program in it, as root; its output and errors together."""
        return subprocess.run(
            ["nsenter", f"--target={self.process}", "--mount", "--root", "--wd", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin", **environment},
            timeout=LIMIT, check=False,
        )  # fmt: skip

    @contextmanager
    def meanwhile(self, script: str) -> Iterator[None]:
        """A script of sh(1) again and again, as long as the context lasts; each failure is a line of /run/failed."""
        loop = f"while :; do {{ {script}; }} >/dev/null 2>&1 || date >>/run/failed; : >/run/tried; done"
        words = ["nsenter", f"--target={self.process}", "--mount", "--root", "--wd", "sh", "-c", loop]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def must(self, *words: str) -> str:
        """The output of a program that has to succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def shell(self, script: str) -> str:
        """That of a script of sh(1)."""
        return self.must("sh", "-euc", script)

    def path(self, path: str) -> Path:
        """A path in it, for this process."""
        return Path(f"/proc/{self.process}/root{path}")

    def write(self, path: str, text: str) -> None:
        """A file in it, with its directory."""
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def files(self, *below: str) -> dict[str, Entry]:
        """Everything that is there."""
        return {path: entry for place in below for path, entry in self._below(place)}

    def _below(self, place: str) -> Iterator[tuple[str, Entry]]:
        for directory, folders, names in os.walk(self.path(place)):
            for name in (*folders, *names):
                path = os.path.join(directory, name)
                status = os.lstat(path)
                content = ""
                if stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISREG(status.st_mode):
                    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
                inside = path.removeprefix(f"/proc/{self.process}/root")
                yield inside, Entry(stat.filemode(status.st_mode), content)


def changed(before: dict[str, Entry], after: dict[str, Entry]) -> set[str]:
    """The paths that are not what they were."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@contextmanager
def clean_root(directory: Path) -> Iterator[CleanRoot]:
    """A clean root, as long as the context lasts; `directory` takes the stand-ins."""
    for name, text in (("service", SERVICE), ("sysrc", SYSRC)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    with entered(SETUP.format(python=PYTHON, name=PYTHON.name, tools=directory)) as root:
        yield root


@contextmanager
def entered(script: str) -> Iterator[CleanRoot]:
    """The mount namespace that a script sets up, which says `ready` and waits, as long as the context lasts."""
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield CleanRoot(process.pid)
    finally:
        process.kill()
        process.wait()
