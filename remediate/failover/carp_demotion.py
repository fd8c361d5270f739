"""The node's share in CARP's demotion: how a node that must not take the service address holds itself back.

net.inet.carp.demotion is shared: interfaces that are down add to it too. So what was added by us is recorded before
it is added and looked at afterwards; it is there exactly once while there is a reason, and is taken back exactly once.
The counter begins at 0 with every boot, and what was recorded in another boot is void. Where the state directory
takes no record, because its disk is full or read-only, a second directory does (`Store.second`): without any record the
share could neither be taken back nor be told from somebody else's, and would be added again.

A demoted node still takes over when nobody else advertises: holding back costs no service (freebsd-facts:
demoted-node-still-takes-over).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from checks.probes import carp
from checks.probes.boot_time import PATH, same_boot
from checks.probes.carp_demotion import MILD, NAME, DemotionCause, DemotionReason, from_values, share, to_values
from checks.probes.carp_demotion import DemotionRecord as DemotionRecord
from checks.probes.errors import NotUnderstood
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.failover import own_node
from remediate.failover.errors import StepFailed
from remediate.failover.own_node import DEMOTION as OID
from remediate.state.journal import INFO, NOTICE, WARNING
from remediate.state.lock import Lock
from remediate.state.store import StateError, StateNotKept, StateUnreadable, Store

SYSCTL = "/sbin/sysctl"
SHUTDOWN = DemotionCause.SHUTDOWN.value
"""Who calls, for the journal, where the node goes down."""
LOCK = "hold"
SETS = 10.0
"""Seconds for one call of sysctl(8)."""


def current(store: Store, boot: str, demotion: int) -> DemotionRecord:
    """What of ours is in the counter now: the record, held against the counter (`share`). Raises StateUnreadable.

    What is unknown counts as not ours: the node is then held back for too long, which an operator sees, but nobody
    else's share is ever taken away.
    """
    return share(recorded(store), boot, demotion)


def hold(context: Context, boot: str, wanted: Iterable[DemotionReason], amount: int) -> DemotionRecord:
    """Bring our share to `amount` because of the reasons `wanted`, or to nothing where there are none. Does nothing
    where it is so already. One at a time: what two add at once would be recorded once. Where nothing can be written
    down the node is held back all the same, and not let go. Raises StepFailed, and ProbeError where the counter cannot
    be read or set."""
    lock = Lock(context.store, LOCK, _why(wanted := tuple(wanted)), context.timing)
    try:
        if not lock.acquire(2 * SETS):
            raise StepFailed("the demotion of CARP is left as it is: another process has been changing it for too long")
    except StateError:
        return _hold(context, boot, wanted, amount)  # what raises the counter does nothing when it is done twice
    with lock:
        return _hold(context, boot, wanted, amount)


def _hold(context: Context, boot: str, wanted: Iterable[DemotionReason], amount: int) -> DemotionRecord:
    reasons = tuple(sorted(set(wanted), key=str))
    target = amount if reasons else 0
    demotion = own_node.demotion(context)
    if demotion is None:
        if reasons:
            raise StepFailed(f"this node cannot hold itself back: no {OID}: load carp at boot (loader.conf)")
        return DemotionRecord(boot=boot)
    if not boot:
        return _hold_unrecorded(context, reasons, target, demotion, f"{PATH} cannot be read or made")
    try:
        held = _begun(context, boot, demotion)
        if target != held.amount:
            since = utc(context.timing.wall())
            return _change(context, DemotionRecord(reasons, held.amount, target, demotion, boot, since), held.reasons)
        if reasons == held.reasons and not _is_settled(context.store, held):
            with suppress(StateError):  # it is recorded, if not where the checks look, or as one that was begun
                _write(context.store, held)
        if reasons != held.reasons:
            _write(context.store, held._replace(reasons=reasons))
            context.journal.entry("hold", why=_why(reasons), result="the reasons have changed", severity=INFO)
        return held._replace(reasons=reasons)
    except StateError as error:
        return _hold_unrecorded(context, reasons, target, demotion, str(error))


def _begun(context: Context, boot: str, demotion: int) -> DemotionRecord:
    """What of ours is in the counter. A record that cannot be read is begun anew: nothing of what is there is ours.
    Raises StateError where nothing can be recorded."""
    try:
        return current(context.store, boot, demotion)
    except StateUnreadable as error:
        for store in _places(context.store):
            store.remove(NAME)
        left = f"{OID} is {demotion}, and how much of it hastwatch added is unknown; `sysctl {OID}=-N` takes N back"
        context.journal.entry("hold", why=str(error), result=left, severity=WARNING)
        return DemotionRecord(boot=boot)


def _hold_unrecorded(
    context: Context, reasons: tuple[DemotionReason, ...], target: int, demotion: int, why: str
) -> DemotionRecord:
    """Nobody can tell later what of the counter is ours, because it cannot be recorded or the boot has no mark
    (`this_boot`): it is raised to what is wanted, which done twice is as done once, and is never lowered. A node that
    could serve is not held back for that price. Raises StepFailed, and ProbeError."""
    if not reasons:
        if demotion > 0:
            raise StepFailed(f"{OID} is left at {demotion}: how much of it hastwatch added is unknown: {why}")
        return DemotionRecord()
    if all(reason.why in MILD for reason in reasons):
        raise StepFailed(f"{OID} is left at {demotion}, because it cannot be recorded ({_why(reasons)}): {why}")
    if demotion < target:
        _add(context, target - demotion)
        result = f"{OID} is {target}; hastwatch does not subtract that again: {why}"
        context.journal.entry("hold", why=_why(reasons), result=result, severity=WARNING)
    return DemotionRecord(reasons, target, target)


def unreadable(store: Store) -> str:
    """Why it is not known what this node is held back for, as when it shuts down; empty where it is."""
    try:
        recorded(store)
    except StateUnreadable as error:
        return str(error)
    return ""


def reasons(store: Store) -> tuple[DemotionReason, ...]:
    """Why this node holds itself back, as last recorded."""
    try:
        return recorded(store).reasons
    except StateUnreadable:
        return (DemotionReason(DemotionCause.UNREADABLE),)


def shutting_down(store: Store, boot: str) -> bool:
    """Whether this boot of the node is at its end, so that nothing is promoted any more."""
    try:
        held = recorded(store)
    except StateUnreadable:
        return False
    return DemotionReason(DemotionCause.SHUTDOWN) in held.reasons and same_boot(held.boot, boot)


def _change(context: Context, way: DemotionRecord, before: tuple[DemotionReason, ...]) -> DemotionRecord:
    """Record, do, look, record."""
    _write(context.store, way)
    step = way.target - way.amount
    share = _add(context, step)
    with suppress(StateError):  # what was recorded before tells it too, by what the counter is (`share`)
        _write(context.store, way._replace(amount=way.target))
    expected = "" if share == way.before + step else f", not {way.before + step}: others have changed it meanwhile"
    context.journal.entry(
        "hold" if way.target else "release",
        why=_why(way.reasons) if way.target else f"no reason is left ({_why(before)})",
        result=f"{OID} is {share}, {way.target} of it from here{expected}",
        severity=WARNING if expected else NOTICE,
    )
    return way._replace(amount=way.target)


def _add(context: Context, step: int) -> int:
    """What the counter is then: sysctl(8) prints `OID: OLD -> NEW` and reads NEW again for it (sysctl.c, parse()).
    Raises StepFailed, and ProbeError."""
    machine = context.here.machine
    if machine:
        machine.set_integer(OID, step)
        return machine.integer(OID)
    done = context.here.act((SYSCTL, f"{OID}={step}"), SETS)
    if done.status != 0:
        raise StepFailed(f"`sysctl {OID}={step}` exits with {done.status}: {done.words}")
    match = re.fullmatch(rf"{re.escape(OID)}: -?\d+ -> (-?\d+)", done.stdout.strip(), re.ASCII)
    return int(match[1]) if match else carp.settings(context.here.node()).demotion


def _why(reasons: tuple[DemotionReason, ...]) -> str:
    return ", ".join(map(str, reasons)) or "none"


def _places(store: Store) -> list[Store]:
    second = store.second()
    return [store] if second is None else [store, second]


def recorded(store: Store) -> DemotionRecord:
    """The newest record. Raises StateUnreadable."""
    return max(map(_record, _places(store)), key=lambda held: held.number)


def _record(store: Store) -> DemotionRecord:
    values = store.read(NAME)
    try:
        return from_values(values) if values else DemotionRecord()
    except NotUnderstood:
        raise StateUnreadable(NAME, "it is not a record of a known version") from None


def _is_settled(store: Store, held: DemotionRecord) -> bool:
    """Whether it is in its place, as what is so. A change that was begun and killed can be told from what others did
    only while they have not changed the counter. Raises StateUnreadable."""
    record = _record(store)
    return record.number == held.number and record.amount == record.target


def _write(store: Store, held: DemotionRecord) -> None:
    """In the first place that takes it. Raises StateError where none does."""
    values = to_values(held._replace(number=recorded(store).number + 1))
    failed: list[StateNotKept] = []
    for place in _places(store):
        try:
            place.write(NAME, values)
        except StateNotKept as error:
            failed.append(error)
        else:
            return
    raise failed[-1]
