"""What CARP asks of a resource's node: the one place that maps a resource to its virtual host."""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.carp import CarpState, Vhid


class Asked(NamedTuple):
    """The CARP state that counts for a resource; None with the reason `why` where there is none."""

    state: CarpState | None
    why: str


def asked(vhids: tuple[Vhid, ...], mapped: str) -> Asked:
    """The state of the vhid that the configuration names (`2@vtnet1`); without one all vhids of the node must agree."""
    if mapped:
        number = mapped.partition("@")[0]
        found = [vhid for vhid in vhids if vhid.name == mapped] or [
            vhid
            for vhid in vhids
            if str(vhid.number) == number  # the interface may have another name on the other node
        ]
        return Asked(found[0].state, "") if len(found) == 1 else Asked(None, f"no vhid {mapped} on this node")
    states = {vhid.state for vhid in vhids}
    if len(states) == 1:
        return Asked(states.pop(), "")
    if not states:
        return Asked(None, "no vhid on this node")
    return Asked(None, "the vhids disagree: " + ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in vhids))
