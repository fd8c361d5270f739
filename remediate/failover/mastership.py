"""Since when CARP is MASTER here, and for how long the other node is proven to have been it before.

Proven by looks (`events.BackupPeriod`): a vhid is BACKUP only while a master is heard. The kernel's line in the log
narrows when that ended; without one it is not known to have lasted longer than until the last look.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import carp, carp_log
from checks.probes.boot_time import boot_mark, same_boot
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.state import events, wall_clock
from remediate.state.events import ROUNDED, BackupPeriod, CarpHistory, CarpLook
from remediate.state.store import StateNotKept, Store
from remediate.state.wall_clock import moved


class Mastership(NamedTuple):
    """Since when the vhids of a resource are MASTER, the youngest of them, at the latest, by the clock as it is now;
    and the looks that saw all of them BACKUP before, where there were any."""

    since: float
    heard: BackupPeriod | None


def look(context: Context, vhids: tuple[Vhid, ...], boot: str) -> CarpLook:
    """A look at CARP that saw these vhids now, in the boot with this mark. Raises nothing."""
    now = context.timing.wall()
    states = {vhid.name: vhid.state.value for vhid in vhids if vhid.is_read}
    return CarpLook(events.read(context.store), states, now, boot, now - context.timing.now())


def record(store: Store, carp: CarpLook) -> None:
    """Record what a look at CARP saw. Raises StateNotKept where a vhid is newly MASTER: where that cannot be
    recorded, what the other node told of this copy was not either, and nothing is promoted. Otherwise what cannot
    be recorded is not known later, and nothing here depends on it. In a boot that has no mark nothing is written:
    no look would ever find the note of the one before."""
    if not carp.boot_id:
        return
    try:
        events.record(store, carp)
    except StateNotKept:
        known = events.read(store)
        masters = [name for name, state in carp.states.items() if state == CarpState.MASTER.value]
        if not all(_is_known(known, name, carp) for name in masters):
            raise


def note(context: Context) -> None:
    """Look at CARP alone, and write it down. Raises ProbeError, StateNotKept."""
    node = context.here.node()
    record(context.store, look(context, carp.vhids(node), boot_mark(node)))


def _is_known(known: CarpHistory, name: str, carp: CarpLook) -> bool:
    vhid = known.vhids.get(name)
    return (
        vhid is not None
        and vhid.state == carp.states[name]
        and same_boot(vhid.boot_id, carp.boot_id)
        and vhid.since_by(carp.clock) <= carp.at + ROUNDED
    )


def mastership(known: CarpHistory, vhids: list[Vhid], now: float, clock: float) -> Mastership:
    """What is known of these vhids, all of them MASTER, after a look at them. `clock`: as in `BackupPeriod`."""
    histories = [known.vhids[vhid.name] for vhid in vhids]
    heard = [vhid.heard.by(clock) for vhid in histories if vhid.heard is not None]
    since = max((vhid.since_by(clock) for vhid in histories), default=now)
    if not heard or len(heard) < len(histories):
        return Mastership(since, None)
    return Mastership(since, BackupPeriod(max(one.first for one in heard), min(one.last for one in heard), clock))


def heard_until(context: Context, vhids: list[Vhid], master: Mastership) -> BackupPeriod | None:
    """The span in which the other node is proven to have been MASTER, None where none is, as nobody looked. The
    kernel's lines of all the vhids make it longer, where each is from after the last look and from before the change
    was known."""
    if master.heard is None:
        return None
    now, ahead = wall_clock.read(context.timing)
    heard, since = master.heard.by(ahead), master.since + moved(master.heard.clock, ahead)
    try:
        ended = [carp_log.became_master(context.here.node(), vhid.name) for vhid in vhids]
    except ProbeError:
        return heard
    times = [now - ago for ago in ended if ago is not None]
    fits = len(times) == len(vhids) and all(heard.last <= at <= since for at in times)
    return heard._replace(last=min(times)) if fits else heard
