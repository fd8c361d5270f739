"""A package of pkg(8) out of a stage and its packing list, with what pkg does with it: install, upgrade, delete.

As far as the port needs it (pkg-create(8), Porter's Handbook, @sample): a file that is not listed is not in the
package; a directory that a package has made goes when it is empty; the administrator's copy of a sample is made where
there is none, and follows or goes only as long as it is what the sample was."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

KEYWORD = re.compile(r"@(?P<keyword>\([^)]*\)|[a-z]+) (?P<path>.+)")
SAMPLE = ".sample"


class Package(NamedTuple):
    """The files below the prefix, and which of them are samples."""

    stage: Path
    files: tuple[str, ...]
    samples: tuple[str, ...]


def package(stage: Path, plist: str) -> Package:
    """The package of a stage, from the prefix on."""
    files, samples = [], []
    for line in plist.splitlines():
        match = KEYWORD.fullmatch(line)
        path = match["path"] if match else line
        if match and match["keyword"] == "sample":
            samples.append(path)
        files.append(path)
    return Package(stage, tuple(files), tuple(samples))


def install(new: Package, root: Path) -> None:
    """`pkg add` below a prefix."""
    for name in new.files:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        shutil.copy2(new.stage / name, place, follow_symlinks=False)
    for name in new.samples:
        own = root / name.removesuffix(SAMPLE)
        if not own.exists():
            shutil.copy2(root / name, own)


def delete(old: Package, root: Path) -> None:
    """`pkg delete`."""
    for name in old.samples:
        own = root / name.removesuffix(SAMPLE)
        if own.exists() and own.read_bytes() == (root / name).read_bytes():
            own.unlink()
    for name in old.files:
        (root / name).unlink()
        for directory in (root / name).parents:
            if directory == root or any(directory.iterdir()):
                break
            directory.rmdir()


def upgrade(old: Package, new: Package, root: Path) -> None:
    """`pkg upgrade`."""
    delete(old, root)
    install(new, root)
