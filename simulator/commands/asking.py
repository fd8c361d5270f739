"""What `hastwatch-ask --as-primary` answers on a simulated node: its kernel, and which hastd it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.probes.as_primary import Facts, to_text
from simulator.shell.shell import Call, command

if TYPE_CHECKING:
    from simulator.node import Node


def facts(node: Node) -> Facts:
    """The facts of a node."""
    kernel, daemon = node.kernel.release, node.hastd
    runs = daemon.program == node.installed if daemon.running else None
    ends = not kernel.reads_past_control
    return Facts(f"{kernel.osrelease} LAB", ends, f"hastd of {node.installed.name}", runs)


@command("hastwatch-ask")
def ask(call: Call) -> int:
    """hastwatch-ask --as-primary"""
    if call.argv[1:] != ["--as-primary"]:
        return 126
    call.out(to_text(facts(call.node)))
    return 0
