"""What this node was when it was last seen to serve while the other node was not heard, for each resource.

It is kept after the service was given up: if both copies turn out to have writes of their own, it tells which of the
two nodes had the clients (`failover.survivor`). It is of one separation, as it is forgotten when the nodes are
connected; `resuid` and `remotecnt` of the own disk show that too where a synchronisation has changed them
(sbin/hastd/primary.c, sync_thread()). And it is of one boot. `at` is `Timing.now`, which no step of the clock moves.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.boot_time import same_boot
from checks.probes.carp_demotion import DemotionCause
from checks.probes.hast import Metadata
from remediate.state.quiet import Count
from remediate.state.store import StateUnreadable, Store, Values

NAME = "served_apart.json"


class ServedApart(NamedTuple):
    """`causes`: why it held back while it served (`DemotionCause`, of PARTED). `is_over`: it was found not to serve any
    more while the other node was still not heard, or served. `began`: when it was first seen to serve apart. `counted`:
    what hastd had counted when what clients wrote before was on the disk, None until then. `written`: clients may have
    written here since. `to_the_end`: that was looked at again when the service was given up."""

    causes: frozenset[DemotionCause]
    at: float
    is_over: bool = False
    began: float = 0.0
    counted: Count | None = None
    written: bool = False
    to_the_end: bool = False


def note(store: Store, name: str, boot: str, mine: Metadata, served: ServedApart) -> None:
    """Keep it; what was known before is replaced. Raises StateNotKept."""
    values = {
        "boot": boot,
        "resuid": mine.resuid,
        "remotecnt": mine.remotecnt,
        "causes": sorted(cause.value for cause in served.causes),
        "at": served.at,
        "over": served.is_over,
        "began": served.began,
        "counted": served.counted,
        "written": served.written,
        "to_the_end": served.to_the_end,
    }
    store.update(NAME, lambda before: {**_others(before, name), "version": 1, name: values}, instead=_begun_anew)


def is_kept(store: Store, name: str) -> bool:
    """Whether anything is. Raises nothing."""
    try:
        return name in store.read(NAME)
    except StateUnreadable:
        return False


def forget(store: Store, name: str) -> None:
    """The nodes are connected. Raises StateNotKept."""
    if is_kept(store, name):
        store.update(NAME, lambda before: _left(_others(before, name)), instead=_begun_anew)


def known(store: Store, name: str, boot: str, mine: Metadata) -> ServedApart | None:
    """What is kept of this separation, in this boot, of a node with `mine` on its disk; None where nothing is, or it
    cannot be read. Raises nothing."""
    try:
        return _from_values(store.read(NAME).get(name), boot, mine)
    except (StateUnreadable, ValueError, KeyError, TypeError):
        return None


def is_not_known(store: Store, name: str, boot: str, mine: Metadata) -> bool:
    """Whether this node served apart in this separation, and what is kept of it is of another boot or version, or
    cannot be read. Raises nothing."""
    try:
        values = store.read(NAME).get(name)
        if values is None:
            return False
        return not isinstance(values, dict) or (_is_of(values, mine) and known(store, name, boot, mine) is None)
    except (StateUnreadable, KeyError):
        return True


def _is_of(values: Values, mine: Metadata) -> bool:
    """Raises KeyError and TypeError where it is none."""
    return (values["resuid"], values["remotecnt"]) == (mine.resuid, mine.remotecnt)


def _from_values(values: object, boot: str, mine: Metadata) -> ServedApart | None:
    """Raises ValueError, KeyError and TypeError where it is none."""
    if not isinstance(values, dict) or not same_boot(str(values["boot"]), boot) or not _is_of(values, mine):
        return None
    causes, at, over = values["causes"], values["at"], values["over"]
    began, counted, written = values["began"], values["counted"], values["written"]
    to_the_end = values["to_the_end"]
    if not isinstance(causes, list) or not isinstance(at, float) or not isinstance(over, bool):
        raise TypeError("not of version 1")
    if not isinstance(began, float) or not isinstance(written, bool) or not isinstance(to_the_end, bool):
        raise TypeError("not of version 1")
    if not isinstance(counted, list | None):
        raise TypeError("not of version 1")
    seen = None if counted is None else Count(*counted)
    return ServedApart(frozenset(map(DemotionCause, causes)), at, over, began, seen, written, to_the_end)


def _others(values: Values, name: str) -> Values:
    return {key: value for key, value in values.items() if key != name}


def _left(values: Values) -> Values | None:
    return values if values.keys() - {"version"} else None


def _begun_anew(error: StateUnreadable) -> Values:
    """A damaged note says nothing."""
    return {}
