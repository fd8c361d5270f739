"""Whether the service is brought to a node on which it cannot run: FreeBSD bug 292322 (`checks.probes.bug_292322`).

A planned move is refused. A promotion that CARP asks for is tried once all the same, as there is nothing to lose, and
says what is to be expected. Where its device does not come, while the worker lives and is connected to nobody, it is
named, and recorded with the kernel and the hastd that it was seen of (`checks.probes.as_primary`): it is not tried
again until an operator says so (`hastwatch clear`), or one of the two is another one. Where the other node is known to
be gone it is tried all the same: connections to it are rejected then (`peer_route`), so hastd hands none over (`hastd.c
connection_migrate()`), and the device comes. That a primary works is recorded too: it has its device, and is
connected, so it has received a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.probes import as_primary, bug_292322
from checks.probes.as_primary import HastdObservation, PrimaryKnowledge, judge
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.hast import Resource, Role, Status
from checks.probes.node import Node
from remediate.context import Context
from remediate.failover import hast_of
from remediate.failover.errors import StepFailed
from remediate.failover.peer import ASK
from remediate.state.errors import StateError, StateUnreadable
from remediate.state.journal import CRIT, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checks.probes.as_primary import HastdBuild

AS_PRIMARY = "as primary it had its device and was connected"
NO_DEVICE = "as primary its device did not come, with its worker alive and degraded"


def known(context: Context) -> PrimaryKnowledge:
    """What is known of this node's hastd. Raises nothing."""
    repaired, machine = context.config.checks.hastd_repaired, context.here.machine
    if repaired:
        return judge("", True, None, None)
    try:
        release = machine.release() if machine else bug_292322.release(context.here.node())
        if as_primary.is_older(release):
            return judge(release, False, None, None)
        facts = _facts(context)
    except ProbeError as error:
        return PrimaryKnowledge(AsPrimary.NOT_KNOWN, False, str(error))
    was = _kept(context)
    judged = judge(release, False, facts, was)
    if machine is not None and judged.as_primary is not AsPrimary.WORKS:
        judged = judge(release, False, facts._replace(ends=machine.ends_reads()), was)
    return judged


def seen_to_fail(context: Context) -> PrimaryKnowledge | None:
    """What was seen of a hastd here that did not work as primary, where it is still that one. Raises nothing."""
    was = _kept(context)
    if was is None or was.works:
        return None
    bug = known(context)
    return bug if bug.seen and bug.as_primary is AsPrimary.FAILS else None


def here(context: Context) -> str:
    """What is to be said before this node becomes primary; empty where nothing is. Raises nothing."""
    bug = known(context)
    return warning(context.journal.node_name, bug) if bug.as_primary is AsPrimary.FAILS else ""


def warning(name: str, bug: PrimaryKnowledge) -> str:
    """What to say of a node whose hastd does not work as primary."""
    return f"{bug_292322.warning(name)} ({bug.why})"


def of_other(context: Context, node: Node) -> PrimaryKnowledge:
    """What is known of the hastd of the other node. Raises nothing."""
    try:
        return as_primary.known(node, context.config.checks.hastd_repaired)
    except ProbeError as error:
        return PrimaryKnowledge(AsPrimary.NOT_KNOWN, False, str(error))


def could_be_primary(context: Context) -> bool:
    """Whether hastd of the other node is not known for it. Raises nothing."""
    if context.peer is None:
        return True
    try:
        return of_other(context, context.peer.node(ASK)).as_primary is not AsPrimary.FAILS
    except ProbeError:
        return True


def refuse(context: Context, node: Node) -> None:
    """Raise StepFailed where a node could not serve what is moved to it."""
    bug = of_other(context, node)
    if bug.as_primary is AsPrimary.FAILS:
        raise StepFailed(f"refused: {warning(node.name, bug)}")


def note(context: Context, names: list[str], run: str) -> None:
    """Before a promotion: record what is to be expected of it."""
    warnings = here(context) if names else ""
    if warnings:
        context.journal.entry("known-bug", resource=", ".join(names), result=warnings, run=run, severity=CRIT)


def is_why(context: Context, name: str) -> bool:
    """Whether the device of a primary that was waited for does not come because of the bug: hastd is not known to work,
    the worker lives, and is connected to nobody. Raises nothing."""
    if known(context).as_primary is not AsPrimary.FAILS:
        return False
    resource = hast_of.resource(context.here, name)
    if resource is None or resource.role is not Role.PRIMARY:
        return False
    return resource.workerpid is not None and resource.status is Status.DEGRADED


def note_seen(context: Context, works: bool, how: str) -> str:
    """Record what was seen of this node's hastd; why that could not be, or nothing. Raises nothing."""
    try:
        sighting = HastdObservation(works, how, context.timing.wall(), _facts(context).known_as)
        context.store.write(as_primary.NAME, as_primary.to_values(sighting))
    except (ProbeError, StateError) as error:
        context.journal.entry("as-primary", result=f"{how}; not recorded: {error}", severity=WARNING)
        return str(error)
    context.journal.entry("as-primary", result=how, severity=INFO if works else CRIT)
    return ""


def note_works(context: Context, resources: Iterable[Resource]) -> None:
    """Record, once, that a primary of this node works, where its release is one of which that is to be known.
    Raises nothing."""
    connected = [each for each in resources if each.role is Role.PRIMARY and each.status is Status.COMPLETE]
    machine = context.here.machine
    if machine is None or not connected or as_primary.is_older(machine.release()):
        return
    hastd, was = machine.hastd(), _kept(context)
    is_new = was is None or not was.works or was.known_as != hastd.known_as
    if is_new and hastd.runs and any(machine.exists(f"{bug_292322.DEVICES}/{each.name}") for each in connected):
        note_seen(context, True, AS_PRIMARY)


def forget(context: Context) -> bool:
    """Forget that hastd was seen not to work as primary; whether that was known. Raises StateNotKept."""
    was = _kept(context)
    return was is not None and not was.works and context.store.remove(as_primary.NAME)


def _facts(context: Context) -> HastdBuild:
    """Raises ProbeError."""
    return context.here.machine.hastd() if context.here.machine else as_primary.facts(context.here.node())


def _kept(context: Context) -> HastdObservation | None:
    """What was seen and recorded; nothing where that cannot be read."""
    try:
        return as_primary.from_values(context.store.read(as_primary.NAME))
    except (StateUnreadable, NotUnderstood):
        return None
