"""The files of a simulated mount as a tree (`recovery.items`): a file holds what cat(1) prints of it.

A simulated file system has no directories but its root, no links, and one owner. That a name is made or removed does
not show in the times of the root: a new file shows in its own, and a removal is not simulated on one side only.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from remediate.failover.errors import StepFailed
from remediate.recovery.items import DIRECTORY, FILE, Item

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.storage.mounts import Mount


class MountTree:
    """What is mounted at a point of a node now."""

    def __init__(self, node: Node, point: str) -> None:
        self._node, self._point, self.vanished = node, point, 0

    def walk(self) -> Iterator[Item]:
        """See Tree."""
        return self.after(None)

    def after(self, last: bytes | None) -> Iterator[Item]:
        """See Paged."""
        return (item for item in self._items() if last is None or item.path > last)

    def _items(self) -> Iterator[Item]:
        files = self._files()
        yield Item(b"", DIRECTORY, 0, 0, 0, 0o755, 0, 0, 2)
        for name in sorted(files, key=str.encode):
            text, changed = files[name]
            yield Item(name.encode(), FILE, len(text), changed, changed, 0o644, 0, 0, 1)

    def chunks(self, path: bytes) -> Iterator[bytes]:
        """See Tree."""
        files = self._files()
        if path.decode() not in files:
            raise FileNotFoundError(errno.ENOENT, "no such file any more")
        yield files[path.decode()][0]

    def digests(self, items: Sequence[Item]) -> Iterator[str]:
        """See Tree."""
        files = self._files()
        for item in items:
            name = item.path.decode()
            yield hashlib.sha256(files[name][0]).hexdigest() if name in files else ""

    @contextmanager
    def laid_out(self, directory: Path) -> Iterator[None]:
        """The files in a directory of this machine for as long as something is written there; at the end what is new or
        other in it is written to the mount, and is on its device. Raises StepFailed."""
        before = {name: content for name, (content, _) in self._files().items()}
        for name, content in before.items():
            (directory / name).write_bytes(content)
        yield
        mount = self._mount()
        for path in sorted(path for path in directory.iterdir() if path.is_file()):
            content = path.read_bytes()
            if before.get(path.name) == content:
                continue
            try:
                self._node.clock.wait(mount.write(path.name, content.decode(), commit=True)[1])
            except (OSError, UnicodeDecodeError) as error:
                raise StepFailed(f"{path.name} cannot be written: {error}") from None

    def _files(self) -> dict[str, tuple[bytes, int]]:
        """Name: content, and when it was changed. Raises StepFailed."""
        files = self._mount().files.items()
        return {name: (file.text.encode(), round(file.changed * 1e9)) for name, file in files}

    def _mount(self) -> Mount:
        """Raises StepFailed."""
        mount = self._node.filesystems.mounts.get(self._point)
        if not self._node.on or mount is None:
            raise StepFailed(f"nothing is mounted at {self._point} of {self._node.name}")
        return mount
