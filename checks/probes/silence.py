"""Whether a node drops segments to closed TCP ports because hastwatch set it so, for the time of a transition.

`remediate.failover.silence` leaves a file in the state directory while it does, one JSON object

    {"version": 1, "before": 0, "boot": "9f86d081884c7d659a2feaa0c55ad015", "since": "2026-11-22T08:46:35Z"}

written before net.inet.tcp.blackhole is set and removed after that has its value back. sysctl(8) values don't outlive a
boot, so what was recorded in another boot is void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes.errors import NotFound, NotUnderstood
from checks.probes.timestamps import since_1970, utc

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "silence.json"
PATH = f"/var/db/hastwatch/{NAME}"
OID = "net.inet.tcp.blackhole"
SILENT = 2
"""Every segment to a closed port is dropped: `== 2` in 13 (sys/netinet/tcp_input.c, tcp_input()), `> 1` in 15
(tcp_input_with_port()), where 3 also drops those that fit no connection of an open port, and so keeps a tickle from
having its effect. 1 drops only SYN. In 15 segments from the machine's own addresses are answered all the same, unless
net.inet.tcp.blackhole_local is set; in 13 they are dropped like others."""


class Silence(NamedTuple):
    """The value to be restored, of which boot, and since when it is replaced (seconds since 1970)."""

    before: int
    boot: str
    since: float


def read(node: Node) -> Silence | None:
    """What a node has recorded; None where there is no file. Raises ProbeError."""
    try:
        return parse(node.read(PATH))
    except NotFound:
        return None


def parse(text: str) -> Silence:
    """A record out of its file. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood(NAME, text) from None
    return from_values(values)


def from_values(values: object) -> Silence:
    """A record out of the object in its file. Raises NotUnderstood."""
    try:
        if not isinstance(values, dict) or values["version"] != 1 or type(values["before"]) is not int:
            raise ValueError("not an object of version 1")
        return Silence(values["before"], str(values["boot"]), since_1970(values["since"]))
    except (ValueError, KeyError):
        raise NotUnderstood(NAME, repr(values)) from None


def as_values(record: Silence) -> dict[str, object]:
    """The object in its file."""
    return {"version": 1, "before": record.before, "boot": record.boot, "since": utc(record.since)}
