"""What `hastwatch-ask --setup NONCE` says of the node it runs on: the facts of every group, as one JSON object.

    {"version": 1, "groups": {"rc": {"facts": {...}}, "kernel": {"reason": "command-failed", "says": "..."}}}

A group that cannot be read says why, and the others are there. NONCE are 32 hexadecimal digits of the asker's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from checks.plugin.finding import COULD_NOT_LOOK
from checks.plugin.tables import TableError, made
from checks.probes.errors import CommandFailed, NotUnderstood, ProbeError
from checks.probes.node import Deadline, Node
from checks.setup.group import AuditedNode, SetupGroup
from checks.setup.groups import GROUPS

VERSION = 1
NONCE = r"[0-9a-f]{32}"
SECONDS = 15.0
"""For all groups together. check_hast_setup waits 18 s for it, 40 % of its time (`checks.probes.node.SHARE`): what was
read by then is told, and the groups that were not are named."""
QUESTION = ("hastwatch-ask", "--setup")
LONGEST = 300
"""Characters of why a group was not read."""


class GroupUnread(ProbeError):
    """A group could not be read on its node; the reason is the one that it was there."""

    def __init__(self, reason: str, says: str) -> None:
        super().__init__(says)
        self.reason = reason


def answer(nonce: str) -> str:
    """The facts of this machine. Raises nothing."""
    from checks.probes.hung_commands import GivenUpCommands
    from checks.probes.state_cache import Memory

    directory = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return of_node(Node((), Deadline(SECONDS), GivenUpCommands(Memory())), nonce, directory)


def of_node(node: Node, nonce: str, programs: str = "") -> str:
    """The facts of the node that this runs on, with `programs`, the directory that its modules are in. Raises
    nothing."""
    import json

    audited = AuditedNode(node, nonce, programs)
    return (
        json.dumps({"version": VERSION, "groups": {group.name: _of_group(group, audited) for group in GROUPS}}) + "\n"
    )


def _of_group(group: SetupGroup, audited: AuditedNode) -> dict[str, object]:
    try:
        return {"facts": group.read(audited)._asdict()}
    except ProbeError as error:
        return {"reason": error.reason, "says": str(error)[:LONGEST]}
    except Exception as error:  # the other groups are not to be lost for it
        return {"reason": "check-failed", "says": f"{type(error).__name__}: {error}"[:LONGEST]}


def facts(node: Node, nonce: str) -> dict[str, Any]:
    """From each group to its facts on a node, or to the ProbeError for which there are none. Raises ProbeError where
    nothing was answered."""
    done = node.run(*QUESTION, nonce)
    if done.status != 0:
        raise CommandFailed(f"`{' '.join(QUESTION)}` exits with {done.status}: {done.words}")
    return parse(done.stdout)


def parse(text: str) -> dict[str, Any]:
    """Out of an answer. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
        if values["version"] != VERSION:
            raise ValueError("not of version 1")
        groups = values["groups"]
        return {group.name: _parsed(group, groups.get(group.name)) for group in GROUPS}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotUnderstood("the answer to " + " ".join(QUESTION), text) from None


def _parsed(group: SetupGroup, values: Mapping[str, object] | None) -> object:
    """The facts of a group, or why there are none."""
    if values is None:
        return GroupUnread("output-not-understood", "the hastwatch of this node does not know of it: another version")
    if "facts" not in values:
        known = {row.reason for row in COULD_NOT_LOOK} & {str(values["reason"])}
        return GroupUnread(min(known, default="check-failed"), str(values["says"])[:LONGEST])
    try:
        return made(group.facts, values["facts"], group.name)  # type: ignore[arg-type]  # TableError where it is none
    except TableError as error:
        return GroupUnread("output-not-understood", f"its answer: {error}")
