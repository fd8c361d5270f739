"""What a node sets at its next boot: sysctl.conf(5), loader.conf(5), and which modules its kernel has (kldstat(8)).

rc.d/sysctl reads /etc/sysctl.conf and /etc/sysctl.conf.local with `sysctl -f`, in this order; the loader reads the
files of `loader_conf_files` and `loader_conf_dirs` of /boot/defaults/loader.conf before it starts the kernel.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.probes.node import Node

SYSCTL_FILES = ("/etc/sysctl.conf", "/etc/sysctl.conf.local")
LOADER_FILES = ("/boot/loader.conf", "/boot/loader.conf.local")
LOADER_DIRECTORY = "/boot/loader.conf.d"
KERNEL = "kernel"
SETTING = re.compile(r"\s*(?P<name>[\w.%-]+)\s*[=:]\s*(?P<value>.*?)\s*")
"""sysctl.c parse(): `=` or `:`, blanks around it."""
ASSIGNED = re.compile(r"\s*(?P<name>[\w.-]+)\s*=\s*\"?(?P<value>[^\"#]*?)\"?\s*(#.*)?")
LISTED = re.compile(r"\s*\d+\s+\d+\s+0x[0-9a-f]+\s+[0-9a-f]+\s+(?P<file>[^\s(]+)(\s+\(.*\))?")
CONTAINED = re.compile(r"\s*\d+\s+(?P<module>\S+)")


class KernelModules(NamedTuple):
    """The modules that are compiled into the kernel, and those of files that were loaded."""

    built_in: frozenset[str]
    loaded: frozenset[str]


def sysctls(node: Node, names: tuple[str, ...]) -> dict[str, str]:
    """The values now, of those names that the kernel has. Raises ProbeError."""
    done = node.run("sysctl", "-i", *names)
    if done.status != 0:
        raise CommandFailed(f"`sysctl -i` exits with {done.status}: {done.words}")
    values = {}
    for line in done.stdout.splitlines():
        name, colon, value = line.partition(": ")
        if not colon or name not in names:
            raise NotUnderstood("sysctl", line)
        values[name] = value.strip()
    return values


def at_boot(node: Node) -> dict[str, str]:
    """What sysctl.conf(5) sets; of a name that stands there twice the last value. Raises ProbeError."""
    values: dict[str, str] = {}
    for path in SYSCTL_FILES:
        for line in _lines(node, path):
            if match := SETTING.fullmatch(_without_comment(line)):
                values[match["name"]] = match["value"].strip("'\"")
    return values


def loader(node: Node) -> dict[str, str]:
    """What loader.conf(5) sets. Raises ProbeError."""
    listed = node.run("ls", LOADER_DIRECTORY)
    names = sorted(listed.stdout.splitlines()) if listed.status == 0 else []
    more = [f"{LOADER_DIRECTORY}/{name}" for name in names if name.endswith(".conf")]
    values: dict[str, str] = {}
    for path in (*LOADER_FILES, *more):
        for line in _lines(node, path):
            if match := ASSIGNED.fullmatch(line):
                values[match["name"]] = match["value"].strip()
    return values


def modules(node: Node) -> KernelModules:
    """What `kldstat -v` lists. Raises ProbeError."""
    done = node.run("kldstat", "-v")
    if done.status != 0:
        raise CommandFailed(f"`kldstat -v` exits with {done.status}: {done.words}")
    return parse_modules(done.stdout)


def parse_modules(text: str) -> KernelModules:
    """Out of `kldstat -v`: a line for each file, below it the modules in that. Raises NotUnderstood."""
    inside: dict[str, set[str]] = {}
    file = ""
    for line in text.splitlines():
        if listed := LISTED.fullmatch(line):
            file = listed["file"]
            inside[file] = set()
        elif file and (contained := CONTAINED.fullmatch(line)):
            inside[file].add(contained["module"].rpartition("/")[2])
    if KERNEL not in inside:
        raise NotUnderstood("kldstat -v", text[:160] or "(empty)")
    built_in = inside.pop(KERNEL)
    return KernelModules(frozenset(built_in), frozenset(name for names in inside.values() for name in names))


def _lines(node: Node, path: str) -> list[str]:
    """The lines of a file, none where there is no such file. Raises ProbeError."""
    try:
        return node.read(path).splitlines()
    except NotFound:
        return []


def _without_comment(line: str) -> str:
    """sysctl.c parsefile(): `#` begins a comment, but not within quotes and not behind a backslash."""
    return re.sub(r"(?<!\\)#.*", "", line) if not re.search(r"['\"].*#", line) else line
