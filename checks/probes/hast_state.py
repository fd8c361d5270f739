"""What hastd and the disk say of a resource, as states: what cannot be said is a state too, and no exception.

`read_node` reads the rest of a node.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes import hast
from checks.probes.errors import ProbeError
from checks.probes.hast import Cause, Metadata, Resource
from checks.probes.node import Node


class HastRole(enum.Enum):
    """The role of the resource, that there is no hastd to have one, or that hastd does not say."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    INIT = "init"
    DOWN = "hastd down"
    NOT_KNOWN = "role not known"


class HastState(NamedTuple):
    """What hastd says of a resource. Where it gives no state there is no `resource`, and `says` tells why: for a
    `cause`, or because nothing can be said about hastd."""

    role: HastRole
    resource: Resource | None = None
    cause: Cause | None = None
    says: str = ""


class Dump(NamedTuple):
    """What is on the disk below a resource; `lost` is why there is no metadata, or empty."""

    metadata: Metadata | None
    lost: str = ""
    blank: bool = False
    """The disk can be opened, and has no HAST metadata (freebsd-facts: no-metadata-exits-255)."""


def hast_state(node: Node, name: str) -> HastState:
    """What hastd says of a resource now. Raises ProbeError where nothing can be said about hastd."""
    try:
        resource = hast.resource(node, name)
    except hast.NoState as error:
        role = HastRole.DOWN if error.cause is Cause.DOWN else HastRole.NOT_KNOWN
        return HastState(role, None, error.cause, str(error))
    return HastState(HastRole(resource.role.value), resource)


def hast_state_or_unknown(node: Node, name: str) -> HastState:
    """The same; where nothing can be said about hastd the role is not known either. Raises nothing."""
    try:
        return hast_state(node, name)
    except ProbeError as error:
        return HastState(HastRole.NOT_KNOWN, says=str(error))


def hast_dump(node: Node, name: str) -> Dump:
    """What is on the disk below a resource. Raises ProbeError where that cannot be told."""
    try:
        return Dump(hast.metadata(node, name))
    except hast.MetadataUnreadable as error:
        return Dump(None, str(error), error.blank)
