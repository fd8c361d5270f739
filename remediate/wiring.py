"""Whether an event of the kernel arrives at hastwatch, and whether the node is set up as hastwatch needs it.

    kernel -> devd(8) -> rule of devd.conf(5) -> hook -> state directory

A loopback interface that is made and unmade is an event like any other, harmless, and told by the same devd to the same
hook: where it arrives a change of CARP arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from checks.devd import HOOK
from checks.probes import carp, devd, hast_conf, hook, processes, program
from checks.probes.carp import STATES
from checks.probes.devd_conf import DevdConfError, DevdConfMissing
from checks.probes.errors import CommandFailed, NotFound, ProbeError
from checks.probes.hook import HookUse
from checks.probes.node import Node
from checks.probes.shell_calls import SEARCH_PATH
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.state import events
from remediate.state.store import StateError

HAST_HOOK = "/usr/local/sbin/hastwatch-hast-event"
"""What hast.conf(5) names in `exec`."""
INTERFACE = "lo9123"
"""Far above what anybody numbers loopback interfaces by hand."""
EVENT = {"system": "IFNET", "subsystem": INTERFACE, "type": "ATTACH"}
IFCONFIG, SERVICE, NC, KLDSTAT = "/sbin/ifconfig", "/usr/sbin/service", "/usr/bin/nc", "/sbin/kldstat"
LOOKS = 15.0
"""Seconds for one command at most; no more than `timeout` of the configuration."""
FIRES, EVERY = 2.0, 0.5
"""Seconds in which the event is fired again and again while devd's own stream is read, and between two of them."""
POLL = 0.05
LOADER = "/boot/loader.conf"
NEEDED = ("devd", "hastd", "hastwatch_hold", "hastwatch")
OURS_TO_START = ("mountd", "nfsd")
"""rc(8) starts them on the node without the mount too, where they export the root file system (freebsd-facts:
root-is-exported-instead)."""


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


def _text(node: Node, file: str) -> str:
    try:
        return node.read(file)
    except NotFound:
        return ""


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


def setup(context: Context, hast_hook: str = HAST_HOOK) -> Iterator[WiringCheck]:
    """The documented set-up, point by point. Raises nothing: what cannot be looked at does not hold, and says so."""
    looks: tuple[tuple[str, Callable[[Node], WiringCheck]], ...] = (
        ("carp", _carp),
        ("loader", _loader),
        ("rc.conf", lambda node: _services(context)),
        ("hast.conf", lambda node: _exec(node, hast_hook)),
    )
    for name, look in looks:
        try:
            yield look(context.here.node(context.config.checks.timeout))
        except (ProbeError, carp.CarpNotLoaded) as error:
            yield WiringCheck(name, False, str(error))
    if context.peer is not None:
        yield _peer(context)


def _carp(node: Node) -> WiringCheck:
    settings = carp.settings(node)
    if not settings.preempt or not settings.allow:
        oid = "preempt" if not settings.preempt else "allow"
        return WiringCheck("carp", False, f"net.inet.carp.{oid} is 0 (sysctl.conf: net.inet.carp.{oid}=1)")
    return WiringCheck("carp", True, "net.inet.carp.preempt and allow are 1")


def _loader(node: Node) -> WiringCheck:
    """The demotion can be set before the network is there only when CARP is (freebsd-facts:
    carp-before-the-network)."""
    if re.search(r'(?m)^\s*carp_load="?YES"?', _text(node, LOADER)):
        return WiringCheck("loader", True, f'{LOADER} has carp_load="YES"')
    until = node.deadline.for_one_command()[0]
    there = node.execute((KLDSTAT, "-q", "-m", "carp"), until, "kldstat").status == 0
    compiled_in = there and node.execute((KLDSTAT, "-q", "-n", "carp"), until, "kldstat").status != 0
    says = "CARP is compiled into the kernel" if compiled_in else f'{LOADER} lacks carp_load="YES": at boot this node '
    return WiringCheck(
        "loader", compiled_in, says if compiled_in else says + "cannot hold itself back before the network is up"
    )


def _services(context: Context) -> WiringCheck:
    """What rc(8) starts at boot, /etc/rc.conf.d included: each script says so itself, all at the same time. `service
    -e` would start every script of the machine one after the other (freebsd-facts: service-e-starts-every-script)."""
    names = (*NEEDED, *OURS_TO_START)
    answers = context.timing.together([partial(_is_enabled, context, name) for name in names])
    enabled = {name for name, answer in zip(names, answers, strict=True) if answer}
    lacking = [name for name in NEEDED if name not in enabled]
    wrong = [name for name in OURS_TO_START if name in enabled]
    says = [f"not enabled: {', '.join(lacking)}"] if lacking else []
    says += [f"enabled, and hastwatch starts it where the mount is: {', '.join(wrong)}"] if wrong else []
    return WiringCheck(
        "rc.conf", not says, "; ".join(says) or f"{', '.join(NEEDED)} enabled, {' and '.join(OURS_TO_START)} not"
    )


def _is_enabled(context: Context, name: str) -> bool:
    """Whether a script is enabled (rc.subr(8), run_rc_command(), `enabled`); one that is not there is not. Raises
    ProbeError, where it does not answer too: a script without rc.subr(8) says nothing of it."""
    status = context.here.act((SERVICE, name, "enabled"), _limit(context)).status
    if status not in (0, 1):
        raise CommandFailed(f"`service {name} enabled` exits with {status}")
    return status == 0


def _exec(node: Node, hook: str) -> WiringCheck:
    others = {name: each.hook for name, each in hast_conf.configured(node).items() if each.hook != hook}
    if others:
        first = next(iter(others))
        return WiringCheck("hast.conf", False, f"`exec` of {first} is {others[first] or 'not set'}, not {hook}")
    return _program(node, "hast.conf", hook)


def _peer(context: Context) -> WiringCheck:
    assert context.peer is not None
    command = context.config.failover.peer_hastwatch
    try:
        done = context.peer.act((command, "--version"), _limit(context))
    except ProbeError as error:
        return WiringCheck("peer", False, str(error))
    says = f"{command} there exits with {done.status}: {done.words}"
    return WiringCheck("peer", done.status == 0, f"{command} there answers" if done.status == 0 else says)
