"""ls(1) and find(1), on the root file system and on mounted ones."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from simulator.host.files import HOME, File, absolute
from simulator.host.log import stamp
from simulator.shell.calls import Call, command


class DirectoryEntry(NamedTuple):
    """One line of ls."""

    name: str
    file: File


def _directory(call: Call, path: str) -> list[DirectoryEntry] | None:
    """What is in a directory, None when the path isn't one."""
    node, mounted = call.node, call.node.filesystems.under(absolute(path))
    if mounted is None:
        if not node.files.exists(path) or node.files.find(path).kind != "d":
            return None
        return [DirectoryEntry(name, node.files.find(posixpath.join(path, name))) for name in node.files.names(path)]
    mount, below = mounted
    if below:
        return None
    entries = [DirectoryEntry(name, file) for name, file in mount.own_files().items()]
    for name, file in mount.files.items():
        entries.append(DirectoryEntry(name, File("x" * file.size, changed=file.changed)))
    return sorted(entries, key=lambda entry: entry.name)


def single(call: Call, path: str) -> File | None:
    """What is at a path that is no directory, or a directory itself; None when nothing is."""
    mounted = call.node.filesystems.under(absolute(path))
    if mounted is None:
        return call.node.files.find(path) if call.node.files.exists(path) else None
    mount, name = mounted
    if not name:
        created = mount.disk.superblock.made if mount.disk.superblock is not None else 0.0
        return File(kind="d", mode="rwxr-xr-x", changed=created, links=3, immutable=mount.root_immutable)
    file = mount.files.get(name)
    return File("x" * file.size, changed=file.changed) if file is not None else None


@command("ls")
def ls(call: Call) -> int:
    """ls(1) with -l, -o, -A, -a, -1, -d."""
    options = "".join(word[1:] for word in call.argv[1:] if word.startswith("-"))
    paths = [word for word in call.argv[1:] if not word.startswith("-")] or [HOME]
    status = 0
    files: list[DirectoryEntry] = []
    directories: list[tuple[str, list[DirectoryEntry]]] = []
    for path in paths:
        entries = None if "d" in options else _directory(call, path)
        if entries is not None:
            shown = [each for each in entries if not each.name.startswith(".") or "a" in options or "A" in options]
            directories.append((path, shown if call.user != "root" else entries))
        elif (file := single(call, path)) is not None:
            files.append(DirectoryEntry(path, file))
        else:
            call.err(f"ls: {path}: No such file or directory\n")
            status = 1
    call.out(_listing(files, options))
    for index, (path, entries) in enumerate(directories):
        if len(paths) > 1:
            call.out(("\n" if files or index else "") + f"{path}:\n")
        if "l" in options:
            call.out(f"total {sum(_blocks(entry.file) for entry in entries)}\n")
        call.out(_listing(entries, options))
    return status


def _blocks(file: File) -> int:
    if file.kind in "cs" or file.size == 0:
        return 0
    return -(-file.size // 4096) * 4 + (32 if file.size > 12 * 32768 else 0)


def _listing(entries: list[DirectoryEntry], options: str) -> str:
    if "l" not in options:
        return "".join(f"{entry.name}\n" for entry in entries)
    if not entries:
        return ""
    owner = max(len(entry.file.owner) for entry in entries)
    group = max(len(entry.file.group) for entry in entries)
    sizes = [entry.file.device or str(entry.file.size) for entry in entries]
    width = max(len(size) for size in sizes)
    flags = max(len(_flags(entry.file)) for entry in entries)
    lines = []
    for entry, size in zip(entries, sizes, strict=True):
        file = entry.file
        text = f"{file.kind}{file.mode}  {file.links} {file.owner:<{owner}}  {file.group:<{group}}  "
        text += f"{_flags(file):<{flags}} " if "o" in options else ""
        lines.append(f"{text}{size:>{width}} {stamp(file.changed)[:-3]} {entry.name}\n")
    return "".join(lines)


def _flags(file: File) -> str:
    """ls(1) -o: the flags of chflags(1), `-` where there are none."""
    return "schg" if file.immutable else "-"


@command("find")
def find(call: Call) -> int:
    """find(1) PATH with tests and `-exec cat {} ;`: one file of root's, by its path."""
    path, tests = call.argv[1], call.argv[2:]
    try:
        text = call.node.read_file(path)
    except OSError as error:
        call.err(f"find: {path}: {error.strerror}\n")
        return 1
    call.out(text if tests[-4:-2] == ["-exec", "/bin/cat"] else f"{path}\n")
    return 0
