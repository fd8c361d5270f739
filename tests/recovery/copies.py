"""Two copies of a file system as real directories, and a node of this machine that keeps one of them."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.context import Context, Transport
from remediate.recovery.items import FILE, SYMLINK, Item
from remediate.recovery.remote_tree import RemoteTree
from remediate.recovery.trees import DirectoryTree
from remediate.state.journal import Journal
from remediate.state.store import Store
from remediate.subcommands import tree
from remediate.timing import Timing

UNKNOWN = float("inf")
"""When the copies parted, where that is not known: then all contents are compared."""


class Link(NamedTuple):
    """A symbolic link in a copy."""

    target: bytes


Content = bytes | Link | None
"""Of a file, of a link, or None: a directory."""

ODD = (b"a", b"b", b"a.b", b"\n", b"\xff", b"\xc3\xa4", b" ", b"-f", b"a\\b", b"x" * 120, b"*", b"\x1b[2J")
"""Names that something once stumbled over."""


def _name(raw: bytes) -> bytes:
    return raw.translate(bytes.maketrans(b"/\0", b"__"))


NAMES = st.one_of(st.binary(min_size=1, max_size=6).map(_name), st.sampled_from(ODD)).filter(
    lambda name: name not in (b".", b"..")
)
CONTENTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", b"one", b"two", b"x" * 5000]),
    st.just(None),
    st.sampled_from([b"a", b"../a", b"/etc/passwd", b"\xff"]).map(Link),
)
COPIES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), CONTENTS, max_size=8)


def in_memory() -> tempfile.TemporaryDirectory[str]:
    """An empty directory, in memory where the machine has such: what is kept is synced to the disk."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def make(root: Path, copy: Mapping[bytes, Content]) -> DirectoryTree:
    """A copy in a new directory. What would need a file to be a directory is left out."""
    root.mkdir()
    top = os.fsencode(root)
    for path, content in sorted(copy.items()):
        whole = top + b"/" + path
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError, FileNotFoundError):
            if any(
                os.path.islink(top + b"/" + b"/".join(path.split(b"/")[:n])) for n in range(1, path.count(b"/") + 1)
            ):
                continue
            os.makedirs(whole if content is None else os.path.dirname(whole), exist_ok=True)
            if isinstance(content, Link):
                os.symlink(content.target, whole)
            elif content is not None:
                with open(whole, "xb") as file:
                    file.write(content)
    return DirectoryTree(str(root))


def content_of(tree: DirectoryTree, item: Item) -> object:
    """What makes two items the same, whatever their times."""
    body = b"".join(tree.chunks(item.path)) if item.kind == FILE else b""
    return item.kind, body, item.target, item.mode, item.uid, item.gid


def in_archive(directory: Path) -> dict[bytes, tuple[str, bytes, bytes]]:
    """Path: kind, content and link, as tar itself reads an archive."""
    members = {}
    kinds = {tarfile.REGTYPE: FILE, tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: SYMLINK, tarfile.LNKTYPE: "hard link"}
    with tarfile.open(directory / "files.tar", encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            body = file.read() if file is not None else b""
            link = member.linkname.encode("utf-8", "surrogateescape")
            members[member.name.encode("utf-8", "surrogateescape")] = (kinds[member.type], body, link)
    return members


def local_context(state: Path) -> Context:
    """This machine as a node, with its state in a directory."""
    memory = Memory(None)
    journal = Journal(str(state / "journal.jsonl"), "nfs001", Timing(), lambda level, line: None)
    return Context(Transport((), memory), None, RemediationConfig(), Store(str(state)), journal, Timing())


class OwnProgram(Transport):
    """A way to a node on which `hastwatch tree` is this program, without the time that a process takes to start."""

    def __init__(self) -> None:
        super().__init__((), Memory(None))
        self.asked: list[tuple[str, ...]] = []
        self.longest = 0

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """As a way does."""
        self.asked.append(argv)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = tree.main(list(argv[2:]))
        self.longest = max(self.longest, len(out.getvalue()))
        return CompletedCommand(argv, status, out.getvalue(), err.getvalue(), 0.0)


def remote(root: Path, page: int = 3) -> RemoteTree:
    """A directory, read as that of the other node."""
    return RemoteTree(OwnProgram(), "hastwatch", str(root), page)


def ssh(directory: Path, line: str = 'exec /bin/sh -c "$last"') -> tuple[str, ...]:
    """A program that does here what ssh would do there; `$last` is the command line."""
    script = directory / "ssh"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {directory}/ssh.log\nfor last; do :; done\n{line}\n')
    script.chmod(0o755)
    return (str(script), "-o", "BatchMode=yes")
