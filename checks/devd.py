"""check_devd: whether devd lives, reads events, and would call the failover hook for every CARP event of this node."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import name_list, plain
from checks.plugin.threshold import outside
from checks.plugin.yielded import yielded
from checks.probes import carp, devd, devd_conf, hook, log_time, processes, program
from checks.probes.carp import STATES
from checks.probes.devd_conf import Configuration, Event, Rule
from checks.probes.hook import Does, Seen
from checks.probes.node import Node
from checks.probes.processes import Process, ProcessState
from checks.probes.shell_calls import SEARCH_PATH

TABLE = Table(
    Row("devd-not-running", CRITICAL, "no devd among the processes", "a change of CARP changes nothing: no failover"),
    Row("devd-stopped", CRITICAL, "devd is stopped, or a zombie", "a change of CARP changes nothing: no failover"),
    Row("devd-no-socket", CRITICAL, "there is no event socket of devd", "it has not come to reading events"),
    Row("devd-waits", CRITICAL, "devd has waited for one action for more than 30 s",
        "every event waits meanwhile, the next change of CARP too"),
    Row("devd-hook-missing", CRITICAL, "no rule calls the hook", "a change of CARP changes nothing: no failover"),
    Row("devd-hook-unmatched", CRITICAL, "the rule does not match every CARP event of this node",
        "a change of CARP that it misses changes nothing: no failover"),
    Row("devd-hook-shadowed", CRITICAL, "another rule of the same or a higher priority matches too",
        "devd runs one rule per event, and it may be the other one"),
    Row("devd-hook-arguments", CRITICAL, "the rule calls the hook, but not with `VHID@IFACE STATE`",
        "the hook refuses the arguments and does nothing: no failover"),
    Row("devd-configuration-refused", CRITICAL, "devd does not start with the files it has",
        "after the next restart or boot there is no devd: no failover"),
    Row("devd-hook-cannot-start", CRITICAL, "the interpreter of the hook is missing, or it is mounted noexec",
        "a change of CARP changes nothing: no failover"),
    Row("devd-hook-not-executable", CRITICAL, "the program that the rule calls is missing or not executable",
        "a change of CARP changes nothing: no failover"),
    Row("devd-cpu-critical", CRITICAL, "CPU use outside -c", "devd spins: events may wait"),
    Row("devd-spinning", WARNING, "CPU use outside -w", "devd spins: events may wait"),
    Row("devd-pid-file", WARNING, "the pid file is missing or names another process", "rc(8) cannot stop devd"),
    Row("devd-hook-unclear", UNKNOWN, "whether the rule runs the hook hangs on what is not known",
        "a change of CARP may change nothing"),
    Row("devd-hook-writable", WARNING, "others than root may write the hook",
        "they are root at the next change of CARP"),
    Row("devd-no-vhid", WARNING, "no vhid on this node to hold the rule against", "whether the rule fits is not known"),
    Row("devd-well", OK, "devd runs, its rule fits every vhid, the hook can be run",
        "a change of CARP reaches the hook"),
)  # fmt: skip

PERFDATA = (("devd_cpu", "per cent of a processor, decaying average of the last minute (ps %cpu), with -w and -c"),)

LONG = 30.0
"""Seconds that devd may wait for one action: a hook has to hand over and return at once, and rc(8), which devd starts
for a new interface, may take some."""

HOOK = "/usr/local/sbin/carp-hast-switch"

ABOUT = """\
Looks at devd's pid file, its process (`ps`: not stopped, not a zombie, not spinning, not waiting for an action),
whether there is its event socket (/var/run/devd.pipe, in what netstat lists: no client connects), and at its rules,
read as devd reads them: the file it was started with (-f) and the directories that this names. A `notify` rule must
match CARP, every vhid of `ifconfig -a` (2@vlan0.100 too) and the types MASTER, BACKUP and INIT; no other rule may come
before it; its action must, for sh(1), run the hook with `$subsystem $type`; and the hook must be there, executable,
root's alone, and its interpreter as well."""


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    made.add_argument("--hook", default=HOOK, metavar="PATH", help=f"the program the rule must call (default: {HOOK})")
    made.add_argument("--rules", action="append", default=[], metavar="FILE", help=(
        "a file of devd rules; may be repeated (default: devd.conf, and *.conf in its directories)"
    ))  # fmt: skip
    add_thresholds(made, "per cent of a processor that devd uses", "default: 50", sizes=False)


def look(session: Session) -> Iterator[Finding | Number]:
    """Judge the process, the socket and the rules, each for itself."""
    node = session.here
    daemon = cache(partial(_daemon, node))
    found: list[Finding] = []
    for part in (_process(session, node, daemon), _socket(node), _rules(session, node, daemon)):
        for seen in session.guarded(node.label, part):
            if isinstance(seen, Finding):
                found.append(seen)
            yield seen
    if not found:
        yield TABLE.finding("devd-well", node.label, f"devd runs, {session.options.hook} is wired in")


class Daemon(NamedTuple):
    """All processes, devd among them, and how it fares."""

    running: tuple[Process, ...]
    devd: Process | None
    state: ProcessState | None


def _daemon(node: Node) -> Daemon:
    """Raises ProbeError."""
    running = processes.processes(node)
    daemon = devd.find(running)
    return Daemon(running, daemon, processes.state(node, daemon.pid) if daemon else None)


def _process(session: Session, node: Node, look: Callable[[], Daemon]) -> Iterator[Finding | Number]:
    running, daemon, state = look()
    if not daemon:
        yield TABLE.finding("devd-not-running", node.label, "devd is not running")
        return
    written = devd.pid_in_file(node)
    if written != daemon.pid:
        names = "is missing" if written is None else f"names process {written}"
        yield TABLE.finding("devd-pid-file", node.label, f"{devd.PID_FILE} {names}, devd is process {daemon.pid}")
    if state is None or state.halted:
        how = state.halted if state else "gone"
        yield TABLE.finding("devd-stopped", node.label, f"devd (process {daemon.pid}) is {how}")
        return
    yield from _waits(node, devd.action(running, daemon))
    warning, critical = session.options.warning or "50", session.options.critical or ""
    yield Number("devd_cpu", state.cpu, "%", warning, critical, 0)
    if outside(state.cpu, critical) or outside(state.cpu, warning):
        reason = "devd-cpu-critical" if outside(state.cpu, critical) else "devd-spinning"
        yield TABLE.finding(reason, node.label, f"devd uses {state.cpu:g} % of a processor")


def _waits(node: Node, action: Process | None) -> Iterator[Finding]:
    """The clock of the node is asked only where there is an action."""
    begun = action and action.begun
    if action is None or begun is None or (now := log_time.now(node)) is None:
        return
    seconds = (now - begun).total_seconds()
    if seconds > LONG:
        what = f"process {action.pid} ({plain(action.comm)})"
        yield TABLE.finding("devd-waits", node.label, f"devd has waited for {what} for {seconds:.0f} s")


def _socket(node: Node) -> Iterator[Finding]:
    if not devd.has_socket(node):
        yield TABLE.finding("devd-no-socket", node.label, f"no socket {devd.SOCKET}")


def _rules(session: Session, node: Node, look: Callable[[], Daemon]) -> Iterator[Finding]:
    path = session.options.hook
    try:
        configuration = _configuration(session, node, look)
    except (devd_conf.Wrong, devd_conf.NotThere) as error:
        yield TABLE.finding("devd-configuration-refused", node.label, f"devd does not start with {error}")
        return
    found = carp.vhids(node)
    vhids = [vhid.name for vhid in found if vhid.number]
    rules = _Rules(configuration, path, vhids)
    if not rules.ours:
        others = name_list(sorted({_program(rule) for rule in rules.of_carp}))
        yield TABLE.finding("devd-hook-missing", node.label, f"no rule calls {path} (rules for CARP call: {others})")
        return
    if not found:
        yield TABLE.finding("devd-no-vhid", node.label, "no vhid on any interface")
    if vhids:
        yield from rules.findings(node.label)
    yield from _hook(node, path, rules.path)


def _configuration(session: Session, node: Node, look: Callable[[], Daemon]) -> Configuration:
    if session.options.rules:
        return devd.read_files(node, session.options.rules)
    _, daemon, state = look()
    return devd.configured(node, daemon if state and not state.dead else None)


def _program(rule: Rule) -> str:
    return next(iter(" ".join(rule.actions).split()), "nothing")


class _Rules:
    """The rules, held against every event that CARP of this node can send."""

    def __init__(self, configuration: Configuration, path: str, vhids: list[str]) -> None:
        self.configuration, self.program = configuration, path
        self.events = [
            {"system": "CARP", "subsystem": vhid, "type": state.value}
            for vhid in vhids or ["1@lo0"]
            for state in STATES
        ]
        self.ours = [rule for rule in configuration.rules if any(self._seen(rule, event) for event in self.events)]
        self.path = SEARCH_PATH

    @property
    def of_carp(self) -> list[Rule]:
        """Those that fit an event of CARP. Raises NotUnderstood."""
        variables = [self.configuration.variables_of(event) for event in self.events]
        return [rule for rule in self.configuration.rules if any(rule.fits(each) for each in variables)]

    def _seen(self, rule: Rule, event: Event) -> Seen | None:
        """What a rule does with the hook, None where it does not call it."""
        found = hook.seen(self.configuration, rule, event, self.program)
        return None if found.does is Does.NEVER else found

    def findings(self, label: str) -> Iterator[Finding]:
        """What is wrong with them. Raises NotUnderstood."""
        missed, before, wrong, unclear = [], [], [], []
        for event in self.events:
            name = f"{event['subsystem']} {event['type']}"
            first = self.configuration.first(event)
            variables = self.configuration.variables_of(event)
            seen = [self._seen(rule, event) for rule in first]
            if not any(rule.fits(variables) for rule in self.ours):
                missed.append(name)
            elif others := [rule for rule in first if rule not in self.ours]:
                before += [f"{_program(rule)} in {rule.file}" for rule in others]
            elif None in seen:
                missed.append(name)
            for each in filter(None, seen):
                wrong += [each.says] if each.does is Does.OTHER_ARGUMENTS else []
                unclear += [each.says] if each.does is Does.UNCLEAR else []
                self.path = each.path
        if missed:
            yield TABLE.finding(
                "devd-hook-unmatched", label, f"the rule in {self.ours[0].file} misses {name_list(missed)}"
            )
        if before:
            yield TABLE.finding("devd-hook-shadowed", label, f"runs instead: {name_list(list(dict.fromkeys(before)))}")
        if wrong:
            says = (
                f"the rule in {self.ours[0].file} calls it with {name_list(list(dict.fromkeys(wrong)))}, not with"
                " VHID@IFACE STATE (devd quotes $subsystem and $type itself: without braces, outside of quotes)"
            )
            yield TABLE.finding("devd-hook-arguments", label, says)
        if unclear:
            says = f"the rule in {self.ours[0].file}: {name_list(list(dict.fromkeys(unclear)))}"
            yield TABLE.finding("devd-hook-unclear", label, says)


def _hook(node: Node, path: str, search: str) -> Iterator[Finding]:
    if missing := program.why_not(node, path):
        yield TABLE.finding("devd-hook-not-executable", node.label, missing)
        return
    if writer := program.look(node, path).writer:
        yield TABLE.finding("devd-hook-writable", node.label, f"{writer} may write {path}")
    if trouble := program.cannot_start(node, path, search):
        yield TABLE.finding("devd-hook-cannot-start", node.label, trouble)


QUESTIONS = (
    ("ps", "-axww", "-o", processes.COLUMNS),
    ("cat", devd.PID_FILE),
    devd.SOCKETS,
    *(("ls", directory) for directory in devd.DIRECTORIES),
    ("cat", "/etc/devd.conf"),
    ("ifconfig", "-a"),
    ("ls", "-lL", HOOK),
    ("cat", HOOK),
    ("mount",),
)

CHECK = CheckCommand(
    "check_devd",
    "DEVD",
    ABOUT,
    TABLE,
    PERFDATA,
    yielded(look, TABLE),
    add_options,
    questions=QUESTIONS,
)
main = CHECK.main
