"""`manifest.json` of a salvage: what was kept of a losing copy and why, one line for each file.

A path is text, and beside it base64 where it is not UTF-8: then only that is the path. Times are nanoseconds since
1970.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.text import plain
from remediate.failover.errors import StepFailed
from remediate.recovery.items import DIRECTORY, FILE, OTHER, SYMLINK, Item

VERSION = 1
LARGEST, HASH = 256 << 20, 66
"""Bytes of a manifest at most, some 700,000 files, and of a hash in it."""
KINDS = (FILE, DIRECTORY, SYMLINK, OTHER)
LOSING, WINNER = "losing", "winner"
"""The sides that have a file of that name."""
NUMBERS = ("size", "mtime_ns", "ctime_ns", "mode", "uid", "gid", "nlink")


class SavedItem(NamedTuple):
    """One item that was kept. `link`: the path of an earlier one with the same inode, whose content it has. Of special
    files there is nothing but this."""

    item: Item
    why: tuple[str, ...]
    on_winner: bool
    sha256: str = ""
    link: bytes = b""

    @property
    def stored(self) -> bool:
        """It is in the archive."""
        return self.item.kind != OTHER

    @property
    def has_content(self) -> bool:
        """Its bytes stand in the archive under its own name."""
        return self.item.kind == FILE and not self.link


class Manifest(NamedTuple):
    """A salvage. `since` is None where it is not known when the copies parted; `where`: see `targets.SalvageTarget`."""

    resource: str
    incident: str
    node: str
    since: float | None
    files: tuple[SavedItem, ...]
    where: str = ""

    def __str__(self) -> str:
        return f"{len(self.files)} files of {self.resource} at {self.where}"


def lines(manifest: Manifest) -> Iterator[bytes]:
    """The manifest as JSON, pure ASCII."""
    since = manifest.since if manifest.since is not None and math.isfinite(manifest.since) else None
    head = {"version": VERSION, **manifest._replace(files=(), since=since)._asdict()}
    del head["files"], head["where"]
    yield json.dumps(head, allow_nan=False)[:-1].encode() + b', "files": [\n'
    for number, item in enumerate(manifest.files, 1):
        comma = b",\n" if number < len(manifest.files) else b"\n"
        yield json.dumps(_values(item)).encode() + comma
    yield b"]}\n"


def parse(raw: bytes, where: str) -> Manifest:
    """The manifest. Raises StepFailed."""
    try:
        values = json.loads(raw)
        if values["version"] != VERSION:
            raise StepFailed(f"{where}: a manifest of version {plain(str(values['version']), 20)}")
        resource, incident, node = (values[name] for name in ("resource", "incident", "node"))
        since = None if values["since"] is None else float(values["since"])
        if not all(isinstance(text, str) for text in (resource, incident, node)):
            raise ValueError
        return Manifest(resource, incident, node, since, tuple(map(_kept, values["files"])), where)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StepFailed(f"{where}: its manifest is not one") from None


def _values(saved: SavedItem) -> dict[str, object]:
    item = saved.item
    return {
        **_path("path", item.path),
        "kind": item.kind,
        **{name: getattr(item, name) for name in NUMBERS},
        **(_path("target", item.target) if item.kind == SYMLINK else {}),
        **(_path("hard_link_to", saved.link) if saved.link else {}),
        "sha256": saved.sha256 or None,
        "sides": [LOSING, WINNER] if saved.on_winner else [LOSING],
        "why": list(saved.why),
        "stored": saved.stored,
    }


def _path(name: str, path: bytes) -> dict[str, str]:
    try:
        return {name: path.decode()}
    except UnicodeDecodeError:
        return {name: path.decode(errors="backslashreplace"), f"{name}_base64": b64encode(path).decode()}


def _kept(values: dict[str, object]) -> SavedItem:
    """Raises ValueError, KeyError, TypeError, AttributeError."""
    kind, why, sha256, numbers = values["kind"], values["why"], values["sha256"] or "", [values[n] for n in NUMBERS]
    if (
        kind not in KINDS
        or not isinstance(why, list)
        or not isinstance(sha256, str)
        or not all(type(number) is int for number in numbers)
    ):
        raise ValueError
    size, mtime, ctime, mode, uid, gid, nlink = (int(str(number)) for number in numbers)
    target = _bytes(values, "target") if kind == SYMLINK else b""
    item = Item(_bytes(values, "path"), str(kind), size, mtime, ctime, mode, uid, gid, nlink, target)
    link = _bytes(values, "hard_link_to") if "hard_link_to" in values else b""
    sides = values["sides"]
    return SavedItem(item, tuple(map(str, why)), isinstance(sides, list) and WINNER in sides, sha256, link)


def _bytes(values: dict[str, object], name: str) -> bytes:
    if f"{name}_base64" in values:
        return b64decode(str(values[f"{name}_base64"]), validate=True)
    text = values[name]
    if not isinstance(text, str):
        raise ValueError
    return text.encode()
