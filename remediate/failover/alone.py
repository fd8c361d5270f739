"""A node that was promoted without a word of the other one may not be the only one that serves.

Where it meets the other again as MASTER, it gives way to the one that had the clients before. While nobody else is
heard it stays MASTER all the same. It ends when the nodes are connected, or the other one says that it is no primary.
Which resources those are is written down before the promotion begins, so that one that was killed ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from checks.probes.hast import Status
from checks.probes.hold import APART
from remediate.failover import peer
from remediate.failover.facts import Peer
from remediate.failover.observe import Seen
from remediate.site import Site
from remediate.state import alone
from remediate.state.journal import WARNING
from remediate.state.store import StateError


def begins(site: Site, seen: Seen, names: Collection[str]) -> None:
    """Before the promotion of these begins. Raises nothing."""
    unheard = [name for name in names if not seen.facts.said[name].peer_asked]
    _kept(site, names, partial(alone.note, site.store, seen.facts.boot_id, names, unheard))


def joined(site: Site, boot: str, names: Collection[str]) -> None:
    """The nodes have heard of each other. Raises nothing."""
    _kept(site, names, partial(alone.note, site.store, boot, names, ()))


def reasons(site: Site, seen: Seen) -> set[str]:
    """Why a node that serves holds back all the same. Raises nothing."""
    promoted = alone.promoted(site.store, seen.facts.boot_id)
    active = [name for name, state in seen.facts.resources.items() if state.active and name in promoted]
    heard = [name for name in active if _is_joined(site, seen, name)]
    joined(site, seen.facts.boot_id, heard)
    return {f"{name}: {APART}" for name in active if name not in heard}


def _is_joined(site: Site, seen: Seen, name: str) -> bool:
    if name in seen.resources and seen.resources[name].status is Status.COMPLETE:
        return True
    asked = peer.ask(site, seen.places[name])
    return asked is not None and asked.peer is Peer.LET_GO


def _kept(site: Site, names: Collection[str], write: Callable[[], None]) -> None:
    """It only decides an election after a cut: the service does not wait for it."""
    try:
        write()
    except StateError as error:
        result = f"that it was promoted alone, or no longer is, is not written down: {error}"
        site.journal.entry("alone", resource=", ".join(names), result=result, severity=WARNING)
