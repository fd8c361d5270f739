"""Options of nc(1) and mount(8) that the checks use and no recording has: `nc -U -w SECONDS`, `mount -v`.

Importing this module puts them in front of the commands of `commands/`, which keep everything else.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import remediate.rehearsal.commands  # noqa: F401  (registers the commands that are extended here)
from remediate.rehearsal.devd import PIPES
from remediate.rehearsal.shell import COMMANDS, Call, Output, command

if TYPE_CHECKING:
    from remediate.rehearsal.clock import Steps
    from remediate.rehearsal.node import Node

_nc, _mount = COMMANDS["nc"], COMMANDS["mount"]


@command("nc")
def nc(call: Call) -> Steps[int]:
    """`-U PATH -w SECONDS`: connected, and nothing came for so long: exit 0 (nc(1), -w). No event is passed on."""
    words = call.argv[1:]
    if "-U" in words and "-w" in words and words[-1] in PIPES and call.node.devd.process is not None:
        yield float(words[words.index("-w") + 1])
        return 0
    return (yield from _steps(_nc(call)))


@command("mount")
def mount(call: Call) -> Steps[int]:
    """`-v`: the list with the identity of each file system (mount(8)), which a replicated one keeps on both nodes."""
    if call.argv[1:] != ["-v"]:
        return (yield from _steps(_mount(call)))
    listed = Output()
    plain = Call(call.node, call.argv[:1], call.stdin, call.user, call.environment, listed.write)
    status = yield from _steps(_mount(plain))
    for line in listed.text("out").splitlines():
        call.out(f"{line.removesuffix(')')}, fsid {_fsid(call.node, line.split(' ')[0])})\n")
    return status


def _fsid(node: Node, device: str) -> str:
    """Sixteen hexadecimal digits: newfs(8) puts its time and a random number into the superblock."""
    for mounted in node.filesystems.mounts.values():
        if mounted.resource.device == device and mounted.disk.superblock is not None:
            return f"{int(mounted.disk.superblock.made):08x}{sum(mounted.resource.name.encode()):08x}"
    return f"{node.layout.hostid:08x}00000001"


def _steps(outcome: int | Steps[int]) -> Steps[int]:
    return (yield from outcome) if isinstance(outcome, Generator) else outcome
