"""A salvage in a process of its own, to be killed or to run out of room: `child.py MODE DIR`.

DIR holds `losing` and `winner`; the salvage goes to DIR/kept. `stopped`: says `writing` when a part of the first
content is written, and goes on when a line comes. `full`: no file may grow beyond a megabyte.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from remediate.failover.errors import StepFailed
from remediate.recovery.salvage import salvage
from remediate.recovery.trees import DirectoryTree
from tests.recovery.copies import UNKNOWN, local_context


class Stopping(DirectoryTree):
    """A tree that stops in the middle of each content."""

    def chunks(self, path: bytes) -> Iterator[bytes]:
        """See Tree."""
        for number, chunk in enumerate(super().chunks(path)):
            if number == 2:
                sys.stdout.write("writing\n")
                sys.stdout.flush()
                sys.stdin.readline()
            yield chunk


def main() -> int:
    mode, place = sys.argv[1], Path(sys.argv[2])
    losing = (Stopping if mode == "stopped" else DirectoryTree)(str(place / "losing"))
    if mode == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    winner = DirectoryTree(str(place / "winner"))
    try:
        manifest = salvage(local_context(place / "state"), "home", losing, winner, UNKNOWN, str(place / "kept"), "i1")
    except StepFailed as error:
        sys.stdout.write(f"failed: {error}\n")
        return 1
    sys.stdout.write(f"{manifest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
