"""What hastd and the disk of a node say of a resource, for whoever goes on without it: nothing here raises.

What cannot be had is None, or a state that says why. It is for a user to whom every reason is the same: others ask
`checks.probes.hast`.
"""

from __future__ import annotations

from checks.probes import hast
from checks.probes.errors import ProbeError
from checks.probes.hast import Metadata, Resource
from checks.probes.hast_state import HastRole, HastState, hast_state
from remediate.context import LOOK, Transport


def state(way: Transport, name: str, seconds: float = LOOK) -> HastState:
    """What hastd says; where nothing can be said about it the role is not known, and `says` tells why."""
    try:
        return hast_state(way.node(seconds), name)
    except ProbeError as error:
        return HastState(HastRole.NOT_KNOWN, says=str(error))


def resource(way: Transport, name: str, seconds: float = LOOK) -> Resource | None:
    """The resource as hastd has it, None where it gives no state."""
    return state(way, name, seconds).resource


def metadata(way: Transport, name: str, seconds: float = LOOK) -> Metadata | None:
    """What is on the disk, None where there is none or it cannot be read."""
    try:
        return hast.metadata(way.node(seconds), name)
    except (hast.MetadataUnreadable, ProbeError):
        return None
