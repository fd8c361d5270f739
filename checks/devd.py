"""check_devd: whether devd lives, reads events, and would call the failover hook for every CARP event of this node."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from checks.plugin.command import CheckCommand, Session, add_thresholds
from checks.plugin.finding import CRITICAL, OK, WARNING, Finding, Number, Row, Table
from checks.plugin.text import name_list, plain
from checks.plugin.threshold import outside
from checks.probes import carp, devd, log_time, processes
from checks.probes.carp import STATES
from checks.probes.devd import Rule
from checks.probes.errors import NotFound
from checks.probes.node import Node
from checks.probes.processes import Process

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
    Row("devd-hook-not-executable", CRITICAL, "the program that the rule calls is missing or not executable",
        "a change of CARP changes nothing: no failover"),
    Row("devd-cpu-critical", CRITICAL, "CPU use outside -c", "devd spins: events may wait"),
    Row("devd-spinning", WARNING, "CPU use outside -w", "devd spins: events may wait"),
    Row("devd-pid-file", WARNING, "the pid file is missing or names another process", "rc(8) cannot stop devd"),
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
whether there is its event socket (/var/run/devd.pipe, in what netstat lists: no client connects), and at its rules: a
`notify` rule in /etc/devd.conf, /etc/devd or /usr/local/etc/devd must call the hook, its patterns must match CARP,
every vhid of `ifconfig -a` (2@vlan0.100 too) and the types MASTER, BACKUP and INIT, no other rule may come before it,
and the program must be there and executable."""


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
    found: list[Finding] = []
    for part in (_process(session, node), _socket(node), _rules(session, node)):
        for seen in session.guarded(node.label, part):
            if isinstance(seen, Finding):
                found.append(seen)
            yield seen
    if not found:
        yield TABLE.finding("devd-well", node.label, f"devd runs, {session.options.hook} is wired in")


def _process(session: Session, node: Node) -> Iterator[Finding | Number]:
    running = processes.processes(node)
    daemon = devd.find(running)
    if not daemon:
        yield TABLE.finding("devd-not-running", node.label, "devd is not running")
        return
    written = devd.pid_in_file(node)
    if written != daemon.pid:
        names = "is missing" if written is None else f"names process {written}"
        yield TABLE.finding("devd-pid-file", node.label, f"{devd.PID_FILE} {names}, devd is process {daemon.pid}")
    state = processes.state(node, daemon.pid)
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


def _rules(session: Session, node: Node) -> Iterator[Finding]:
    hook = session.options.hook
    files = tuple(session.options.rules) or devd.rule_files(node)
    rules = tuple(rule for file in files for rule in devd.parse(_text(node, file), file))
    ours = tuple(rule for rule in rules if hook in rule.words)
    if not ours:
        others = name_list(sorted({rule.words[0] for rule in rules if rule.matches.get("system") == "CARP"}))
        yield TABLE.finding("devd-hook-missing", node.label, f"no rule calls {hook} (rules for CARP call: {others})")
        return
    vhids = carp.vhids(node)
    if not vhids:
        yield TABLE.finding("devd-no-vhid", node.label, "no vhid on any interface")
    yield from _events(rules, ours, [vhid.name for vhid in vhids if vhid.number], node.label)
    yield from _program(node, hook)


def _text(node: Node, file: str) -> str:
    """A file of rules; devd.conf itself need not be there."""
    try:
        return node.read(file)
    except NotFound:
        if file != devd.MAIN_FILE:
            raise
        return ""


def _events(rules: tuple[Rule, ...], ours: tuple[Rule, ...], vhids: list[str], label: str) -> Iterator[Finding]:
    """Hold the rules against every event that CARP of this node can send."""
    unmatched, shadowed = [], []
    for vhid in vhids:
        for state in STATES:
            event = {"system": "CARP", "subsystem": vhid, "type": state.value}
            first = devd.rule_for(rules, event)
            if not any(rule.fits(event) for rule in ours):
                unmatched.append(f"{vhid} {state.value}")
            elif not set(map(id, first)) <= set(map(id, ours)):
                shadowed += [f"{rule.words[0]} in {rule.file}" for rule in first if rule not in ours]
    if unmatched:
        yield TABLE.finding("devd-hook-unmatched", label, f"the rule in {ours[0].file} misses {name_list(unmatched)}")
    if shadowed:
        yield TABLE.finding("devd-hook-shadowed", label, f"runs instead: {name_list(list(dict.fromkeys(shadowed)))}")


def _program(node: Node, program: str) -> Iterator[Finding]:
    try:
        if not devd.executable(node, program):
            yield TABLE.finding("devd-hook-not-executable", node.label, f"{program} is not an executable file")
    except NotFound:
        yield TABLE.finding("devd-hook-not-executable", node.label, f"{program} does not exist")


QUESTIONS = (
    ("ps", "-axww", "-o", processes.COLUMNS),
    ("cat", devd.PID_FILE),
    devd.SOCKETS,
    *(("ls", directory) for directory in devd.DIRECTORIES),
    ("cat", "/etc/devd.conf"),
    ("ifconfig", "-a"),
)

CHECK = CheckCommand("check_devd", "DEVD", ABOUT, TABLE, PERFDATA, look, add_options, questions=QUESTIONS)
main = CHECK.main
