"""Which machine a node is: its host name, kern.hostuuid and kern.hostid, as hastd(8) knows it by them.

The names in hast.conf's `on` are compared as `sbin/hastd/parse.y isitme()` does; rc.d/hostid derives the host ID from
the host UUID.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import NotTheOther, NotUnderstood, ProbeError
from checks.probes.node import Node

UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
HOST_ID = r"hostid(?P<number>\d{1,20})"


class HostIds(NamedTuple):
    """kern.hostuuid in small letters, and kern.hostid as sysctl(8) prints it."""

    uuid: str
    hostid: str


def host_ids(node: Node) -> HostIds:
    """Raises NotUnderstood and the errors of `Node.run`."""
    printed = node.run("sysctl", "-n", "kern.hostuuid", "kern.hostid").stdout
    values = [line.strip() for line in printed.splitlines()]
    if len(values) != 2 or not re.fullmatch(r"[\x21-\x7e]{1,63}", values[0]) or not re.fullmatch(r"(?a)\d+", values[1]):
        raise NotUnderstood("kern.hostuuid and kern.hostid", printed)
    return HostIds(values[0].lower(), values[1])


def tell_apart(here: Node, there: Node) -> None:
    """Raise NotTheOther where the way to the other node leads to this one. Other host names prove that it does not: a
    machine has one. Nodes of the same name are told apart by the host UUID (which machines cloned from one image share,
    until `service hostid reset`), and the other one is called by both from then on; where only the first part of their
    host names is the same, by the whole host name if the UUID cannot be asked. Raises ProbeError."""
    if there.name != here.name:
        return
    try:
        uuid = host_ids(there).uuid
    except ProbeError:
        if there.host_name == here.host_name:
            raise
        there.known_as(there.host_name, there.host_name.rstrip(".").replace(".", "-"))
        return
    if uuid == host_ids(here).uuid and there.host_name == here.host_name:
        raise NotTheOther(
            f"the way to the other node leads to {here.host_name} itself (host name and kern.hostuuid are the same):"
            " correct `peer`; or, if it is a clone, give it a host name of its own, or another host UUID with"
            " `service hostid reset` and a reboot"
        )
    there.known_as(there.host_name, f"{there.name}-{uuid[:8]}")


def same_name(one: str, other: str) -> bool:
    """Whether two words of hast.conf mean the same host: of a UUID letters count alike (`isitme()`, strcasecmp(3))."""
    return one == other or (re.fullmatch(UUID, one) is not None and one.lower() == other.lower())


def host_id_of(name: str) -> int | None:
    """The kern.hostid of the host that hast.conf names by its host ID or host UUID (rc.d/hostid, hostid_set(): the
    first four bytes of the UUID's MD5); None of a host name."""
    if match := re.fullmatch(HOST_ID, name):
        return int(match["number"])
    if re.fullmatch(UUID, name):
        import hashlib

        return int(hashlib.md5(name.lower().encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return None
