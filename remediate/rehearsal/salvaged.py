"""Which of the writes that clients miss are kept: read back from the salvages, as an operator would restore them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from remediate.recovery.targets import FILES
from simulator.account.accounting import serving_mount

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.account.writes import Write
    from simulator.pair import Pair


def kept(pair: Pair, salvages: Path | None, missing: Iterable[Write]) -> frozenset[int]:
    """The numbers of those writes of which a salvage below `salvages` has the file with the same content, or the mount
    that clients reach: a client that got no answer sends a write again, and the other node may have had it already."""
    wanted = list(missing)
    contents: dict[tuple[str, str], set[str]] = {}
    for resource in {write.resource for write in wanted}:
        for path in sorted(salvages.glob(f"{resource}-*/{FILES}")) if salvages else ():
            for name, text in _files(path):
                contents.setdefault((resource, name), set()).add(text)
        serving = serving_mount(pair, resource)
        for name, stored in (serving[1].files if serving else {}).items():
            contents.setdefault((resource, name), set()).add(stored.text)
    return frozenset(write.number for write in wanted if write.text in contents.get((write.resource, write.file), ()))


def _files(path: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content.read().decode(errors="replace")
