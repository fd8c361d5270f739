"""Whether an event of the kernel arrives at hastwatch, and whether the node is set up as hastwatch needs it.

    kernel -> devd(8) -> rule of devd.conf(5) -> hook -> state directory

A loopback interface that is made and unmade is an event like any other, harmless, and told by the same devd to the same
hook: where it arrives a change of CARP arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from checks.devd import HOOK
from checks.probes import carp, devd, hook, processes, program
from checks.probes.carp import STATES
from checks.probes.devd_conf import DevdConfError, DevdConfMissing
from checks.probes.errors import ProbeError
from checks.probes.hook import HookUse
from checks.probes.node import Node
from checks.probes.shell_calls import SEARCH_PATH
from checks.setup.groups import GROUPS
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.pair_checks import NOT_READ, audit_of
from remediate.state import events
from remediate.state.store import StateError

INTERFACE = "lo9123"
"""Far above what anybody numbers loopback interfaces by hand."""
EVENT = {"system": "IFNET", "subsystem": INTERFACE, "type": "ATTACH"}
IFCONFIG, NC = "/sbin/ifconfig", "/usr/bin/nc"
LOOKS = 15.0
"""Seconds for one command at most; no more than `timeout` of the configuration."""
FIRES, EVERY = 2.0, 0.5
"""Seconds in which the event is fired again and again while devd's own stream is read, and between two of them."""
POLL = 0.05


class WiringCheck(NamedTuple):
    """A link of the chain, or a point of the set-up: whether it holds, and what was seen."""

    name: str
    holds: bool
    says: str


class ExpectedWiring(NamedTuple):
    """What the chain is expected to be."""

    hook: str = HOOK
    seconds: float | None = None
    """How long the event may take; `timeout` of the configuration where None."""


def chain(context: Context, expected: ExpectedWiring) -> Iterator[WiringCheck]:
    """Look at each link, then send an event through all of them; ends at the first that is known to be broken. Raises
    ProbeError, StepFailed."""
    node = context.here.node(context.config.checks.timeout)
    if node.run("ifconfig", INTERFACE).status == 0:
        raise StepFailed(
            f"there is an interface {INTERFACE} already; `ifconfig {INTERFACE} destroy` where it is left over"
        )
    for look in (_devd, _rule, _hook):
        link = look(node, expected)
        yield link
        if not link.holds:
            return
    try:
        context.store.ready()
    except StateError as error:
        yield WiringCheck("state", False, str(error))
        return
    yield from _fired(context, expected)


def _devd(node: Node, expected: ExpectedWiring) -> WiringCheck:
    daemon = devd.find(processes.processes(node))
    if daemon is None:
        return WiringCheck("devd", False, "devd is not running (service devd start)")
    reads = devd.has_socket(node)
    return WiringCheck(
        "devd", reads, f"process {daemon.pid}" if reads else f"there is no {devd.SOCKET}: it reads no events yet"
    )


def _rule(node: Node, expected: ExpectedWiring) -> WiringCheck:
    """devd runs one rule for an event: it has to be ours, for the self-test and for every event of CARP."""
    try:
        configuration = devd.configured(node, devd.find(processes.processes(node)))
    except (DevdConfError, DevdConfMissing) as error:
        return WiringCheck("rule", False, f"devd does not start with {error}")
    wanted = [EVENT]
    for vhid in (each for each in carp.vhids(node) if each.number):
        wanted += [{"system": "CARP", "subsystem": vhid.name, "type": state.value} for state in STATES]
    for event in wanted:
        rules = configuration.first(event)
        does = [hook.seen(configuration, rule, event, expected.hook) for rule in rules]
        wrong = next((each for each in does if each.does is not HookUse.RUNS), None)
        if wrong or not does:
            called = f"{' '.join(event.values())} calls {expected.hook}"
            says = f" with its arguments: {wrong.says}" if wrong and wrong.says else ""
            return WiringCheck("rule", False, f"no rule that devd would run for {called}{says}")
    return WiringCheck("rule", True, ", ".join(dict.fromkeys(rule.file for rule in configuration.first(EVENT))))


def _hook(node: Node, expected: ExpectedWiring) -> WiringCheck:
    link = _program(node, "hook", expected.hook)
    trouble = program.cannot_start(node, expected.hook, SEARCH_PATH) if link.holds else ""
    return WiringCheck("hook", False, trouble) if trouble else link


def _program(node: Node, name: str, path: str) -> WiringCheck:
    missing = program.why_not(node, path)
    return WiringCheck(name, not missing, missing or path)


def _fired(context: Context, expected: ExpectedWiring) -> Iterator[WiringCheck]:
    """Fire the event and wait for its arrival; where it does not arrive, say which half of the way it was lost on."""
    before = events.read(context.store).self_tests
    seconds = context.config.checks.timeout if expected.seconds is None else expected.seconds
    began = context.timing.now()

    def arrived() -> bool:
        return events.read(context.store).self_tests != before

    _make(context)
    try:
        well = context.timing.until(arrived, seconds, POLL)
    finally:
        _unmake(context)
    if well:
        yield WiringCheck(
            "event",
            True,
            f"{INTERFACE} was noted in {context.store.directory} after {context.timing.now() - began:.2f} s",
        )
    elif not _devd_hears(context):
        yield WiringCheck(
            "event", False, "devd did not receive the event of a new interface: the kernel's event does not reach it"
        )
    else:
        yield WiringCheck("event", False,
            f"devd received the event of {INTERFACE}, but nothing was noted in {context.store.directory} "
                   f"in {seconds:g} s: has devd read the rule (service devd restart)? What says `{expected.hook} "
                   f"{INTERFACE} self-test`?")  # fmt: skip


def _make(context: Context) -> None:
    try:
        done = context.here.act((IFCONFIG, INTERFACE, "create"), _limit(context))
    except ProbeError:
        _unmake(context)  # it may have been made all the same
        raise
    if done.status != 0:
        raise StepFailed(f"`ifconfig {INTERFACE} create` exits with {done.status}: {done.words}")


def _unmake(context: Context) -> None:
    """Whether it is there or not."""
    context.here.act((IFCONFIG, INTERFACE, "destroy"), LOOKS)


def _limit(context: Context) -> float:
    """Seconds for one command."""
    return min(LOOKS, context.config.checks.timeout)


def _devd_hears(context: Context) -> bool:
    """Whether the event shows in devd's own stream, which is read while the event is fired a few times. This is the
    one place that connects to devd, which then logs a client that went; and only where an event did not arrive."""
    heard = [""]

    def listen() -> None:
        heard[0] = context.here.act((NC, "-U", "-w", "1", devd.SOCKET), _limit(context)).stdout

    def fire() -> None:
        def once() -> bool:
            _make(context)
            _unmake(context)
            return False

        context.timing.until(once, FIRES, EVERY)

    context.timing.together([listen, fire])
    return INTERFACE in heard[0]


POINTS: Mapping[str, tuple[str, ...]] = {
    "carp": (
        "setup-no-vhid", "setup-vhid-not-running", "setup-vhid-not-at-boot", "setup-preempt-off",
        "setup-carp-forbidden",
    ),
    "loader": ("setup-carp-at-boot",),
    "rc.conf": (
        "setup-service-disabled", "setup-nfs-at-boot", "setup-rc-script", "setup-rc-order", "setup-boot-order",
    ),
    "hast.conf": ("setup-hast-conf-refused", "setup-hast-exec-missing", "setup-hast-exec-broken"),
}  # fmt: skip
"""What of the audit (check_hast_setup) an event depends on, by the name of its line."""


def setup(context: Context) -> Iterator[WiringCheck]:
    """The points of the set-up, by the findings of the audit of this node. Raises ConfigError where the configuration
    accepts what is no finding; what cannot be looked at does not hold, and says so."""
    findings = [each.finding for each in audit_of(context) if not each.is_well]
    groups = {row.reason: group.name for group in GROUPS for row in group.rows}
    for name, reasons in POINTS.items():
        unread = {groups[reason] for reason in reasons}
        says = [
            f"{each.text} [{each.reason}]"
            for each in findings
            if each.reason in reasons or (each.reason in NOT_READ and each.subject.partition(" on ")[0] in unread)
        ]
        says += [each.text for each in findings if each.reason in NOT_READ and " on " not in each.subject]
        yield WiringCheck(name, not says, "; ".join(says) or "as documented")
    if context.peer is not None:
        yield _peer(context)


def _peer(context: Context) -> WiringCheck:
    assert context.peer is not None
    command = context.config.failover.peer_hastwatch
    try:
        done = context.peer.act((command, "--version"), _limit(context))
    except ProbeError as error:
        return WiringCheck("peer", False, str(error))
    says = f"{command} there exits with {done.status}: {done.words}"
    return WiringCheck("peer", done.status == 0, f"{command} there answers" if done.status == 0 else says)
