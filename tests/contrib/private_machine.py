"""This machine as a node for one process and its children: in a mount namespace of its own it has the tools of FreeBSD,
played from a recording, and the generated rules of sudo(8), doas(1) and sshd(8). The machine itself stays as it is."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.contrib import authorized_keys, doas, sudoers
from remediate.contrib.placement import Placement
from tests.expected import PLAYER, PYTHON, RECORDINGS
from tests.state.child import ROOT
from tests.waiting import awaited

USER = "nobody"
TOOLS = ("hastctl", "ifconfig", "sysctl", "mount")
"""Those of FreeBSD's /sbin that are played; cat(1) and the like are this machine's own."""
NODE = RECORDINGS / "healthy" / "nfs001"
LIMIT = 60.0
NAMESPACE = """
mount -t tmpfs tmpfs {directory}/layers
for place in etc usr/bin usr/sbin; do
    layer={directory}/layers/$place
    mkdir -p $layer/work
    cp -a {directory}/over/$place $layer/upper
    mount -t overlay overlay -o lowerdir=/$place,upperdir=$layer/upper,workdir=$layer/work /$place
done
mount -t tmpfs tmpfs /run
mkdir -m 0755 /run/sshd
exec "$@"
"""
SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
UsePAM no
PidFile none
PermitRootLogin forced-commands-only
"""


def why_not(*programs: str) -> str:
    """The reason why this can't run here, or nothing."""
    if os.geteuid() != 0:
        return "only root can make a mount namespace"
    missing = [program for program in ("unshare", "setpriv", *programs) if not shutil.which(program)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return "" if subprocess.run(tried, capture_output=True).returncode == 0 else "mount namespaces are not allowed here"


class Machine:
    """A node whose files are in `directory`, which everybody may read."""

    def __init__(self, directory: Path, by: str = "sudo -n") -> None:
        self.directory = directory
        self.placement = Placement(str(directory / "bin"), USER, by)
        self.over = directory / "over"
        for place in ("etc/sudoers.d", "usr/bin", "usr/sbin"):
            (self.over / place).mkdir(parents=True)
        (directory / "layers").mkdir()
        (directory / "bin").mkdir()
        gate = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from checks.ask import main; sys.exit(main())"
        self.write("bin/hastwatch-ask", f"#!{PYTHON} -I\n{gate}\n", 0o755)
        own = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from remediate.command import main; sys.exit(main())"
        self.write("bin/own.py", own)
        answers = f'[ "$1" != answer ] || exec {PYTHON} -I {directory}/bin/own.py "$@"'
        self.write("bin/hastwatch", f'#!/bin/sh\n{answers}\nfor word in "$@"; do echo "[$word]"; done\nenv\n', 0o755)
        tool = f'#!/bin/sh\nexec {PYTHON} -I -S {PLAYER} {NODE} "$(basename $0) $*"\n'
        for path in ("usr/bin/hostname", *(f"usr/sbin/{name}" for name in TOOLS)):
            self.write(f"over/{path}", tool, 0o755)
        self.write("over/etc/hast.conf", (RECORDINGS / "files" / "nfs001" / "etc" / "hast.conf").read_text())
        (directory / "home" / ".ssh").mkdir(parents=True)
        self.write("over/etc/passwd", _passwd(Path("/etc/passwd").read_text(), directory / "home"))
        self.write("over/etc/sudoers.d/aaa", 'Defaults env_keep += "PYTHONPATH EVIL LC_ALL"\n', 0o440)
        self.write("over/etc/sudoers.d/hastwatch", sudoers.text(self.placement), 0o440)
        self.write("over/etc/doas.conf", doas.text(self.placement), 0o400)

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file of it."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def inside(self, *words: str) -> list[str]:
        """The command line that runs `words` as root on this node."""
        script = NAMESPACE.format(directory=shlex.quote(str(self.directory)))
        return ["unshare", "--mount", "sh", "-ec", script, "sh", *words]

    def as_user(self, *words: str) -> list[str]:
        """The words that run `words` as the monitoring user, for `inside` and for a --via."""
        return ["setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups", *words]

    def root_for_user(self, command: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The monitoring user's attempt to run a command of hastwatch, or of the machine, as root."""
        path = command if command.startswith("/") else self.placement.command(command)
        return self.run(*self.as_user(*self.placement.by.split(), path, *words), **environment)

    def _ssh_of_the_user(self, port: int) -> None:
        """What the user who calls the event handler has in ~/.ssh: which key, and whom it knows."""
        place = self.directory / "home" / ".ssh"
        self.write("home/.ssh/config", f"Host 127.0.0.1\n    IdentityFile {place}/repairs\n    IdentitiesOnly yes\n")
        known = " ".join((self.directory / "host.pub").read_text().split()[:2])
        self.write("home/.ssh/known_hosts", f"[127.0.0.1]:{port} {known}\n")
        self.write("home/.ssh/repairs", (self.directory / "repairs").read_text(), 0o600)
        for path in (place.parent, place, *place.iterdir()):
            shutil.chown(path, USER)

    def handle(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The event handler, called by the monitoring user, who may read what only root may: the interpreter and the
        checkout may lie in root's home."""
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from remediate.events.handler import main; "
        able = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        become, *rest = self.as_user(PYTHON, "-I", "-c", f"{code}sys.exit(main())", *words)
        return self.run(become, *able, *rest)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run something on this node as root."""
        return subprocess.run(
            self.inside(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False,
            env={"PATH": os.environ["PATH"], **environment},
        )  # fmt: skip

    @contextmanager
    def reachable(self) -> Iterator[Reached]:
        """With an sshd of its own, which takes three keys."""
        for name in ("host", "checks", "repairs", "peer"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.directory / name)]
            subprocess.run(command, check=True, timeout=LIMIT)
        text = authorized_keys.text(self.placement)
        for name, place in (("checks", authorized_keys.CHECKS_KEY), ("repairs", authorized_keys.REPAIRS_KEY),
                            ("peer", authorized_keys.PEER_KEY)):  # fmt: skip
            text = text.replace(place, (self.directory / f"{name}.pub").read_text().strip())
        self.write("authorized_keys", text)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._ssh_of_the_user(port)
        self.write("sshd_config", SSHD.format(port=port, directory=self.directory))
        words = self.inside("/usr/sbin/sshd", "-D", "-e", "-f", str(self.directory / "sshd_config"))
        with (self.directory / "sshd.log").open("w") as log, subprocess.Popen(words, stderr=log) as sshd:
            try:
                _wait_for(port, sshd)
                yield Reached(self.directory, port)
            finally:
                sshd.terminate()


class Reached:
    """The way to a node's sshd."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port

    def way(self, key: str) -> list[str]:
        """The words of ssh(1) with a key."""
        return [
            "ssh", "-F", "none", "-T", "-p", str(self.port), "-i", str(self.directory / key),
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            f"{'root' if key == 'peer' else USER}@127.0.0.1",
        ]  # fmt: skip

    def ask(self, key: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command line there, or none."""
        return subprocess.run(
            [*self.way(key), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


def _passwd(text: str, home: Path) -> str:
    """passwd(5) in which the monitoring user has a home and a shell."""
    lines = [each.split(":") for each in text.splitlines()]
    return "".join(":".join([*each[:5], str(home), "/bin/sh"] if each[0] == USER else each) + "\n" for each in lines)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    def listens() -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    if not (awaited(lambda: process.poll() is not None or listens(), LIMIT) and process.poll() is None):
        raise RuntimeError("sshd did not start")
