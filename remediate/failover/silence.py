"""During a transition NFS clients meet a silent port, not a closed one: segments to closed TCP ports are dropped.

A client whose segment meets a closed port is reset, connects again, is refused, and backs off for seconds (FreeBSD
about 3, Linux 3 and doubling: XS_TCP_INIT_REEST_TO). One whose segment is dropped retransmits it within a second and
goes on as soon as nfsd is there, or is woken (`tickle`; freebsd-facts: closed-port-costs-seconds).

The setting is net.inet.tcp.blackhole, which concerns every closed port of the node, so it holds for as long as a
transition and no longer. The value to be restored is recorded before, and every convergence ends with restoring it,
whoever set it: one that is killed is made good by the next, every minute by cron(8). What is recorded is of one
boot; a boot restores the value itself.

What it does not keep from clients is the FIN of the connections that nfsd closes as it ends (sys/rpc/svc.c,
svcpool_cleanup(): soshutdown()), not even once CARP has moved the address: ip_output() does not look at CARP, and
carp_output() (sys/netinet/ip_carp.c) only replaces a MAC address. To hold it back takes a packet filter, or a route for
each client that a crash would leave behind and that cuts off more than NFS; neither is touched here. Such a client
connects again at once and repeats its SYN after 1, 3 and 7 s (sys/netinet/tcp_timer.c, tcp_backoff; Linux too), so it
goes on with the first of these after the service is back: what counts is to be back within 3 s of nfsd's end.
"""

from __future__ import annotations

import re

from checks.probes.boot_time import same_boot
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.silence import NAME, OID, SILENT, Silence, as_values, from_values
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.this_boot import this_boot
from remediate.state.journal import INFO, WARNING
from remediate.state.store import StateError, StateUnreadable, Store

SYSCTL = "/sbin/sysctl"
SETS = 5.0
"""Seconds for one call of sysctl(8)."""


def begin(context: Context) -> str:
    """Drop segments to closed ports from now on; what was done, for the journal. Does nothing where they are dropped
    already. Raises nothing: a transition is right without it, and only slower for clients."""
    try:
        boot = this_boot(context)
        if not boot:
            return f"not set: this boot has no mark, and {OID} could not be restored by whoever comes next"
        value = _value(context)
        if value == SILENT:
            return f"{OID} is {SILENT} already"
        context.store.update(
            NAME, lambda recorded: as_values(_begun(recorded, value, boot, context.timing.wall())), lambda error: {}
        )
        _set(context, SILENT)
    except (ProbeError, StateError, StepFailed) as error:
        return f"not set: {error}"
    return f"{OID} is {SILENT}, and was {value}"


def end(context: Context) -> str:
    """Restore what `begin` replaced, whichever process called it; why that could not be done, empty where it was, or
    there was nothing to restore. Raises nothing."""
    try:
        record = recorded(context.store)
        if record is None:
            return ""
        outcome = "the value went with the boot that it was set in"
        if same_boot(record.boot, this_boot(context)):
            outcome = _restored(context, record)
        context.store.remove(NAME)
    except (ProbeError, StateError, StepFailed) as error:
        why = f"{OID} is not restored: {error}"
        context.journal.entry("silence", why="the transition is over", result=f"failed: {why}", severity=WARNING)
        return why
    context.journal.entry("silence", why="the transition is over", result=outcome, severity=INFO)
    return ""


def lines() -> list[str]:
    """What `begin` and `end` run, for people."""
    return [f"{SYSCTL} -n {OID}", f"{SYSCTL} {OID}={SILENT}", f"when it is over: {SYSCTL} {OID}=(the value of before)"]


def recorded(store: Store) -> Silence | None:
    """What is recorded; None where nothing is to be restored. Raises StateUnreadable."""
    values = store.read(NAME)
    try:
        return from_values(values) if values else None
    except NotUnderstood:
        raise StateUnreadable(NAME, "it is not a record of version 1") from None


def _begun(record: object, value: int, boot: str, now: float) -> Silence:
    """A record of this boot stays: its value is the one from before hastwatch."""
    try:
        before = from_values(record)
        if same_boot(before.boot, boot):
            return before
    except NotUnderstood:
        pass
    return Silence(value, boot, now)


def _restored(context: Context, record: Silence) -> str:
    """Where somebody has set another value meanwhile, that one stays. Raises StepFailed, ProbeError."""
    value = _value(context)
    if value != SILENT:
        return f"{OID} is {value} already"
    _set(context, record.before)
    return f"{OID} is {record.before} again, since {utc(record.since)} it was {SILENT}"


def _value(context: Context) -> int:
    """Raises StepFailed, ProbeError."""
    if context.here.machine:
        return context.here.machine.integer(OID)
    done = context.here.act((SYSCTL, "-n", OID), SETS)
    if done.status != 0 or not re.fullmatch(r"-?\d{1,10}", done.stdout.strip()):
        raise StepFailed(f"`sysctl -n {OID}` says {done.stdout.strip() or done.words}")
    return int(done.stdout)


def _set(context: Context, value: int) -> None:
    """sysctl(8) prints the value that the kernel has then. Raises StepFailed, ProbeError."""
    machine = context.here.machine
    if machine:
        machine.set_integer(OID, value)
        if machine.integer(OID) != value:
            raise StepFailed(f"{OID} is {machine.integer(OID)}, though it was set to {value}")
        return
    done = context.here.act((SYSCTL, f"{OID}={value}"), SETS)
    if done.status != 0 or not re.search(rf"-> {value}\s*$", done.stdout):
        raise StepFailed(f"`sysctl {OID}={value}` exits with {done.status}: {done.words or done.stdout.strip()}")
