"""How fast a copy is read and hashed, as ratios against cmp(1) and sha256sum(1) of the same file, measured in one run.

    python -m tests.bench.verify [MIB]

A file of so many MiB (default 512) is made in the directory for temporary files, so that it is in the cache. Each
program reads it on the same processor, where that can be chosen, and the best of ROUNDS counts. What is measured is
processor time: up to that rate a run waits for the disk, and not for the processor. cmp(1) compares the file with a
copy of it, as verify does with both nodes, each of which reads one disk. A ratio above 1 is faster than the program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from remediate.verification.extents import CopyLocation, LocalExtents

ROUNDS = 5
EXTENT, OFFSET = 2 << 20, 4608
BATCH = 16
"""Extents for one message, as `hastwatch verify` asks for them."""
SHA256SUM = ("sha256sum", "shasum -a 256", "sha256")


def hashed(path: Path) -> None:
    """The whole file, as the one node of a pair reads its copy."""
    where = CopyLocation(str(path), OFFSET, path.stat().st_size - OFFSET, EXTENT)
    with LocalExtents(where) as extents:
        for begin in range(0, where.extents, BATCH):
            extents.digests(range(begin, min(begin + BATCH, where.extents)))


def fastest(call: Callable[[], object]) -> float:
    """Seconds of the processor in the best round, those of programs that are started among them."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = spent()
        call()
        best = min(best, spent() - began)
    return best


def spent() -> float:
    """Seconds of the processor so far."""
    return sum(os.times()[:4])


def main(mib: int) -> None:
    """Measure, and print."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    program = next(words.split() for words in SHA256SUM if shutil.which(words.split()[0]))
    with tempfile.TemporaryDirectory() as directory:
        path, other = Path(directory, "disk"), Path(directory, "copy")
        with path.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
            file.write(bytes(OFFSET))
        shutil.copyfile(path, other)
        others = {
            "cmp": ["cmp", str(path), str(other)],
            program[0]: [*program, str(path)],
            "cat": ["cat", str(path)],
        }
        own = fastest(lambda: hashed(path))
        print(f"verify      {mib / own:7.0f} MiB/s  of one core")
        for name, argv in others.items():
            took = fastest(lambda argv=argv: subprocess.run(argv, stdout=subprocess.DEVNULL, check=True))  # type: ignore[misc]
            print(f"{name:<11} {mib / took:7.0f} MiB/s  verify is {took / own:.2f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
