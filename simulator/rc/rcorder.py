"""rcorder(8), as its source has it (sbin/rcorder/rcorder.c): the order of the scripts of rc.d, from what they provide
and require. Scripts of a circle come last, and what closes it is passed over.

The lines of the base system's scripts are those of FreeBSD 15.1, as far as scripts of packages refer to them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from simulator.shell.calls import Call, command

BASE = """
netif: FILESYSTEMS iovctl serial sysctl hostid <
devd: netif ldconfig < NETWORKING mountcritremote
NETWORKING: netif netwait netoptions routing defaultroute resolv bridge <
netwait: devd ipfw pf routing <
routing: netif ppp stf <
defaultroute: devd netif stf <
resolv: netif FILESYSTEMS <
bridge: netif ppp stf <
FILESYSTEMS: root mountcritlocal tmp var <
root: fsck <
mountcritlocal: root hostid_save mdconfig <
hostid_save: hostid root <
hostid: sysctl <
sysctl: <
hostname: FILESYSTEMS < netif
adjkerntz: FILESYSTEMS < netif
ldconfig: FILESYSTEMS < DAEMON
mountcritremote: NETWORKING FILESYSTEMS ipsec netwait <
newsyslog: FILESYSTEMS mountcritremote <
syslogd: mountcritremote FILESYSTEMS newsyslog netif < SERVERS
SERVERS: mountcritremote ldconfig savecore <
hastd: NETWORKING syslogd < DAEMON
ntpdate: NETWORKING syslogd <
rpcbind: NETWORKING ntpdate syslogd <
statd: nfsclient rpcbind < DAEMON
lockd: nfsclient rpcbind statd < DAEMON
mountd: NETWORKING rpcbind quota mountlate <
nfsd: mountcritremote mountd hostname gssd nfsuserd <
DAEMON: NETWORKING SERVERS <
ntpd: DAEMON ntpdate FILESYSTEMS devfs < LOGIN
LOGIN: DAEMON <
cron: LOGIN FILESYSTEMS <
"""
"""NAME: REQUIRE < BEFORE"""
KEYWORD = re.compile(r"# (PROVIDE|REQUIRE|BEFORE)S?:(.*)")


class RcScript(NamedTuple):
    """A file, and what stands in its first block of such lines (crunch_file())."""

    path: str
    provides: tuple[str, ...]
    requires: tuple[str, ...]
    before: tuple[str, ...]


def base() -> list[RcScript]:
    """Those of /etc/rc.d."""
    scripts = []
    for line in BASE.strip().splitlines():
        name, _, rest = line.partition(":")
        requires, _, before = rest.partition("<")
        scripts.append(RcScript(f"/etc/rc.d/{name}", (name,), tuple(requires.split()), tuple(before.split())))
    return scripts


def parsed(path: str, text: str) -> RcScript:
    """A file."""
    words: dict[str, list[str]] = {"PROVIDE": [], "REQUIRE": [], "BEFORE": []}
    seen = False
    for line in text.splitlines():
        keyword = KEYWORD.match(line)
        if keyword:
            words[keyword[1]] += keyword[2].split()
        elif seen and not line.startswith("# KEYWORD"):
            break
        seen = seen or keyword is not None
    return RcScript(path, *(tuple(each) for each in words.values()))


class Ordering:
    """One run: the paths in their order, and what is said of circles."""

    def __init__(self, scripts: list[RcScript]) -> None:
        self.warnings: list[str] = []
        self._scripts = scripts
        self._providers: dict[str, list[RcScript]] = {}
        self._requires = {each.path: list(each.requires) for each in scripts}
        for each in scripts:
            for name in each.provides:
                self._providers.setdefault(name, []).append(each)
        for each in scripts:  # insert_before()
            for name in each.before:
                for later in self._providers.get(name, []):
                    self._requires[later.path].append(f"before {each.path}")
                self._providers.setdefault(f"before {each.path}", [each])
        self._sequence: dict[str, int] = {}
        self._in_progress: list[str] = []
        self._in_circles: set[str] = set()
        for each in scripts:
            self._do(each)

    @property
    def paths(self) -> list[str]:
        """generate_ordering(): by their numbers, what has been in a circle at the end."""
        last = len(self._scripts) + 1
        return sorted(self._sequence, key=lambda path: last if path in self._in_circles else self._sequence[path])

    def _do(self, script: RcScript) -> None:
        if script.path in self._sequence:
            return
        self._in_progress.append(script.path)
        most = 0
        for name in self._requires[script.path]:
            for provider in self._providers.get(name, []):
                if provider.path in self._in_progress:
                    circle = self._in_progress[self._in_progress.index(provider.path) :]
                    self._in_circles |= set(circle)
                    self.warnings.append(f"Circular dependency on provision `{name}': {' -> '.join(circle)}.")
                    continue
                self._do(provider)
                most = max(most, self._sequence[provider.path])
        self._in_progress.pop()
        self._sequence[script.path] = most + 1


@command("rcorder")
def rcorder(call: Call) -> int:
    """rcorder FILES; of /etc/rc.d those of the base system."""
    local = [path for path in call.argv[1:] if not path.startswith("/etc/rc.d/") and call.node.files.exists(path)]
    has_base = any(path.startswith("/etc/rc.d/") for path in call.argv[1:])
    scripts = [*(base() if has_base else []), *(parsed(path, call.node.files.read(path)) for path in local)]
    ordering = Ordering(scripts)
    call.out("".join(f"{path}\n" for path in ordering.paths))
    call.err("".join(f"rcorder: {warning}\n" for warning in ordering.warnings))
    return 1 if ordering.warnings else 0
