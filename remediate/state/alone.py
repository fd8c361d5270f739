"""Resources that this node was promoted for in this boot without a word of the other node, which may serve them too.

Written down before such a promotion begins, so that one that was killed is known for what it was; forgotten when the
nodes are connected, or the other one says that it is no primary.
"""

from __future__ import annotations

from collections.abc import Collection

from checks.probes.boot_time import same_boot
from remediate.state.store import StateUnreadable, Store, Values

NAME = "alone.json"


def promoted(store: Store, boot: str) -> frozenset[str]:
    """Their names; none where that is not known. Raises nothing."""
    try:
        return _names(store.read(NAME), boot)
    except StateUnreadable:
        return frozenset()


def note(store: Store, boot: str, begun: Collection[str], unheard: Collection[str]) -> None:
    """The promotion of `begun` begins, and of these `unheard` without a word of the other node. Without `unheard`: the
    nodes have heard of each other. Writes nothing where that is known already. Raises StateNotKept."""
    known = promoted(store, boot)
    if known.difference(begun).union(unheard) == known:
        return

    def noted(values: Values) -> Values | None:
        names = _names(values, boot).difference(begun).union(unheard)
        return {"version": 1, "boot": boot, "resources": sorted(names)} if names else None

    store.update(NAME, noted, instead=lambda error: {})


def _names(values: Values, boot: str) -> frozenset[str]:
    names = values.get("resources")
    if values.get("version") != 1 or not same_boot(str(values.get("boot")), boot) or not isinstance(names, list):
        return frozenset()
    return frozenset(map(str, names))
