"""Whether a program on a node can start: it, and the interpreter that its first line names.

execve(2) follows `#!` (sys/kern/imgact_shell.c exec_shell_imgact()): the path up to a blank, the rest one argument.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.probes.filesystem import refuse_missing
from checks.probes.node import Node

LISTED = re.compile(
    r"(?P<mode>[-a-z][-a-zA-Z]{9})[+@ ] *\d+ +(?P<owner>\S+) +(?P<group>\S+) +(?P<size>\d+)[, ]", re.ASCII
)
"""A line of `ls -lL`."""
WRAPPED = re.compile(r"\nfor python in (?P<pythons>/\S+(?: /\S+)*); do\n", re.ASCII)
"""A line of hastwatch's own wrapper (contrib/packaging/stage.py): the first Python of these that there is runs it."""
LARGEST = 1 << 18
"""Bytes above which a file is not read to look for its interpreter."""
MOUNTED = re.compile(r"(?m)^.* on (?P<point>/.*) \((?P<options>[^()]*)\)$")
"""A line of mount(8)."""


class FileStatus(NamedTuple):
    """A file, links followed."""

    mode: str
    owner: str
    group: str
    size: int

    @property
    def executable(self) -> bool:
        """Whether root may execute it."""
        return self.mode[0] == "-" and any(bit in "xst" for bit in self.mode[3:10:3])

    @property
    def writer(self) -> str:
        """Who besides root may change it, empty where nobody may. wheel is the group of those who may become root."""
        if self.mode[8] == "w":
            return "everybody"
        if self.mode[5] == "w" and self.group not in ("wheel", "0"):
            return f"the group {self.group}"
        return self.owner if self.owner not in ("root", "0", "toor") else ""


def look(node: Node, path: str) -> FileStatus:
    """The file at `path`. Raises NotFound and ProbeError."""
    completed = node.run("ls", "-lL", path)
    refuse_missing(completed, path)
    listed = LISTED.match(completed.stdout)
    if completed.status != 0 or not listed:
        raise CommandFailed(f"`ls -lL {path}` exits with {completed.status}: {completed.words}")
    return FileStatus(listed["mode"], listed["owner"], listed["group"], int(listed["size"]))


def why_not(node: Node, path: str) -> str:
    """Why `path` is no program that root can execute, empty where it is one. Raises ProbeError."""
    try:
        return "" if look(node, path).executable else f"{path} is not an executable file"
    except NotFound:
        return f"{path} does not exist"


def cannot_start(node: Node, path: str, search: str) -> str:
    """Why a program that exists cannot start, empty where it can. `search` is the PATH it is given. Raises
    ProbeError."""
    if point := _no_exec(node, path):
        return f"{point} is mounted noexec"
    if look(node, path).size > LARGEST:
        raise NotUnderstood(f"{path}, which is too large for a script", "")
    text = node.read(path)
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return ""  # a program of its own, or a script that sh(1) runs where execve(2) refuses it
    interpreter, _, argument = first[2:].strip(" \t").partition(" ")
    interpreter, tab, rest = interpreter.partition("\t")
    if interpreter.endswith("\r"):
        return f"{path} has line ends of DOS: there is no {interpreter.strip()!r} with one"
    if missing := why_not(node, interpreter):
        return f"the interpreter of {path} cannot run; {missing}"
    if posixpath.basename(interpreter) == "env":
        return _looked_for(node, path, f"{rest}{tab}{argument}".split(), search)
    if wrapped := WRAPPED.search(text):
        pythons = wrapped["pythons"].split()
        lacks = all(why_not(node, each) for each in pythons)
        return f"no Python that {path} looks for is there; {', '.join(pythons)}" if lacks else ""
    return _environment(node, path, interpreter)


def of_interpreter(text: str) -> list[tuple[str, ...]]:
    """What `cannot_start` asks of the interpreter that the first line of a script names."""
    first = text.partition("\n")[0]
    named = first[2:].split()[:1] if first.startswith("#!") else []
    questions: list[tuple[str, ...]] = [("ls", "-lL", path) for path in named]
    if named and posixpath.basename(named[0]).startswith("python"):
        questions.append(("cat", _venv(named[0])))
    return questions


def _venv(interpreter: str) -> str:
    """The file that makes a virtual environment of the directory above that of an interpreter (PEP 405)."""
    return posixpath.join(posixpath.dirname(posixpath.dirname(interpreter)), "pyvenv.cfg")


def _no_exec(node: Node, path: str) -> str:
    """The mount point above `path` where it is mounted noexec. Raises ProbeError."""
    completed = node.run("mount")
    if completed.status != 0:
        raise CommandFailed(f"`mount` exits with {completed.status}: {completed.words}")
    above = [
        each for each in MOUNTED.finditer(completed.stdout) if f"{path}/".startswith(each["point"].rstrip("/") + "/")
    ]
    nearest = max(reversed(above), key=lambda each: len(each["point"]), default=None)
    return nearest["point"] if nearest and "noexec" in nearest["options"].split(", ") else ""


def _looked_for(node: Node, path: str, words: list[str], search: str) -> str:
    """env(1) with the words of a first line: the program in the search path. Raises ProbeError."""
    while words and (words[0].startswith("-") or "=" in words[0]):
        name, equals, value = words.pop(0).partition("=")
        search = value if equals and name == "PATH" else search
    if not words or "/" in words[0]:
        return why_not(node, words[0]) if words else f"the first line of {path} names no program for env"
    for directory in search.split(":"):
        if not why_not(node, posixpath.join(directory, words[0])):
            return ""
    return f"the interpreter of {path} cannot run; env finds no {words[0]} in {search}"


def _environment(node: Node, path: str, interpreter: str) -> str:
    """A virtual environment of Python works with the version it was made for (PEP 405, `home` and `version`): a link in
    it may lead to another one meanwhile, which has not its modules. Raises ProbeError."""
    if not posixpath.basename(interpreter).startswith("python"):
        return ""
    try:
        written = node.read(_venv(interpreter))
    except NotFound:
        return ""
    values = dict(re.findall(r"(?m)^\s*(\w+)\s*=\s*(.*?)\s*$", written))
    version = re.match(r"\d+\.\d+", values.get("version") or values.get("version_info", ""))
    if not version or "home" not in values:
        return ""
    missing = why_not(node, f"{values['home']}/python{version.group()}")
    return f"the interpreter of {path} was made for another Python; {missing}" if missing else ""
