"""Whether a write failed on this node's copy: looked for at every look at the node, and recorded before a worker
of hastd ends, whose counters end with it.

`state.damage` says what ends it again, `probes.damage` what proves it. A read that failed damages nothing here: the
other copy has answered it (primary.c, local_send_thread()).
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from checks.probes import damage, hast, log_time
from checks.probes.damage import FailedWrite
from checks.probes.damage_record import RecreationStage
from checks.probes.hast import Resource, Role
from checks.probes.node import Node
from remediate.context import Context
from remediate.failover import devices, hast_of, log_lines, own_copy
from remediate.failover.errors import StepFailed
from remediate.failover.log_lines import LogExcerpt
from remediate.state.journal import CRIT, NOTICE, WARNING
from remediate.state.ledger import Ledger, LedgerEvent
from remediate.state.store import StateError

WITHIN = 1.0
"""Seconds of a time in a log, which has none below."""


class DamageEvidence(NamedTuple):
    """What proves now that a write failed on this copy, and is not in its ledger yet, empty where nothing does; and the
    logs that were read and prove nothing new."""

    failed: str = ""
    done_with: LogExcerpt | None = None


def look(context: Context, node: Node, resource: Resource, ledger: Ledger) -> DamageEvidence:
    """Look at the counters and the logs. Raises nothing: a log that cannot be read proves nothing, and the counters are
    looked at all the same."""
    if ledger.damage is not None and ledger.damage.anew is RecreationStage.NO:
        return DamageEvidence()
    counted = damage.by_counters(resource) if _are_of_this_copy(ledger) else ""
    logs = log_lines.read(context, node, resource.name, ledger.boot)
    new = _new(context, node, resource, ledger, logs.lines)
    if new and logs.is_doubted:
        said = _new(context, node, resource, ledger, log_lines.said_by_the_kernel(context, logs.lines))
        logs, new = logs._replace(forged=len(said) < len(new)), said
    return DamageEvidence("; ".join(filter(None, (counted, damage.summary(new)))), None if new else logs)


def _are_of_this_copy(ledger: Ledger) -> bool:
    """Whether the worker that counts has begun after the copy was recreated: one that runs while the copy is created
    goes on (freebsd-facts: create-asks-nobody), until the next connection."""
    return ledger.damage is None or ledger.damage.anew is not RecreationStage.BLANK


def _new(context: Context, node: Node, resource: Resource, ledger: Ledger, lines: list[str]) -> list[FailedWrite]:
    """What the lines of the log prove, and is of after the copy was sound last, as far as that is known."""
    if not lines:
        return []
    lines = log_time.of_host(lines, node)
    providers = damage.providers_of(lambda: devices.graph_of(context), resource.localpath)
    failed = list(damage.failed_writes(lines, resource.name, providers))
    if not failed:
        return []
    now, offset = log_time.now(node), log_time.offset(node, lines)
    since = ledger.damage.anew_at if ledger.damage is not None else ledger.sound_since
    new = []
    for each in failed:
        when = log_time.of_line(each.line, now, offset)
        at = None if now is None or when is None else context.timing.wall() - (now - when).total_seconds()
        if since is None or (at is not None and at + WITHIN > since):
            new.append(each)
    return new


def at_an_event(context: Context, resource: Resource) -> str:
    """Look and record, at an event of hastd and before a promotion: what has become known now. Raises nothing."""
    failed, done_with = look(context, context.here.node(), resource, own_copy.known(context, resource.name))
    if done_with is not None:
        log_lines.note(context, resource.name, done_with)
    try:
        note(context, resource.name, resource.role, failed)
    except StateError as error:
        context.journal.entry("ledger", resource=resource.name, result=f"not written: {error}", severity=WARNING)
    return failed


def declare_intact(context: Context, name: str, who: str) -> None:
    """An operator says that this copy is sound. Raises StepFailed where the running worker still counts failed writes,
    which would say the same again, and StateError, ProbeError."""
    with suppress(hast.NoState):
        resource = hast.resource(context.here.node(), name)
        if sentence := damage.by_counters(resource):
            raise StepFailed(f"{sentence}: these counters end with the worker, at the next change of the role")
    before, _ = own_copy.record(context, name, LedgerEvent.TOLD_SOUND, context.timing.wall(), context.journal.node_name)
    was = before.damage.sentence if before.damage is not None else "it was not known to be damaged"
    context.journal.entry("damaged", resource=name, why=f"human {who}", result=f"declared intact; before: {was}",
                          severity=NOTICE)  # fmt: skip


def note(context: Context, name: str, role: Role, says: str) -> None:
    """Record that a write has failed, or how far a damaged copy has been recreated. Raises StateNotKept."""
    now, by = context.timing.wall(), context.journal.node_name
    if says:
        before, _ = own_copy.record(context, name, LedgerEvent.WRITE_FAILED, now, by, says)
        if before.damage is None or before.damage.anew is not RecreationStage.NO:
            result = "this copy is damaged until it is recreated and filled from an intact one (hastwatch ledger)"
            context.journal.entry("damaged", resource=name, why=says, result=result, severity=CRIT)
    known = own_copy.known(context, name).damage
    if known is None or role is Role.PRIMARY or says or known.anew is RecreationStage.FILLS:
        return  # a primary's worker writes its own metadata over those of a create (freebsd-facts: create-asks-nobody)
    metadata = hast_of.metadata(context.here, name)
    blank = metadata is not None and metadata.resuid == 0
    if metadata is None or (known.anew is RecreationStage.NO and not blank):
        return
    before, after = own_copy.record(context, name, LedgerEvent.CREATED if blank else LedgerEvent.FILLS, now, by)
    if before.damage != after.damage:
        context.journal.entry("damaged", resource=name, result=after.why, severity=NOTICE)
