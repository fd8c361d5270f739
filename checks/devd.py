"""check_devd: whether devd lives, reads events, and would call the failover hook for every CARP event of this node."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from checks.devd_resource import DevdHealth, DevdOfNode, HookFile
from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import Judgement, OverallJudge, Threshold, always, judges
from checks.plugin.nagios import Context, Metric
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list, plain
from checks.probes import carp, devd, processes, program
from checks.probes.node import Node

if TYPE_CHECKING:
    from checks.probes.devd_wiring import DevdWiring

TABLE = Table(
    Row("devd-not-running", CRITICAL, "no devd among the processes", "a change of CARP has no effect: no failover",
        "on {node}: `hastwatch repair devd`; it starts devd and converges"),
    Row("devd-stopped", CRITICAL, "devd is stopped, or a zombie", "a change of CARP has no effect: no failover",
        "on {node}: `hastwatch repair devd`; it ends the stopped devd, starts another, and converges"),
    Row("devd-no-socket", CRITICAL, "there is no event socket of devd", "it does not read events",
        "on {node}: `hastwatch repair devd`; it starts a devd that reads events, and converges"),
    Row("devd-waits", CRITICAL, "devd has waited for one action for more than 30 s",
        "every event waits meanwhile, the next change of CARP too",
        "on {node}: `ps -axww -o pid,ppid,etime,command`; end what the finding names, then `hastwatch converge`"),
    Row("devd-hook-missing", CRITICAL, "no rule calls the hook", "a change of CARP has no effect: no failover",
        "on {node}: put devd-hastwatch.conf into /usr/local/etc/devd, `service devd restart`, `hastwatch self-test`"),
    Row("devd-hook-unmatched", CRITICAL, "the rule does not match every CARP event of this node",
        "what it misses has no effect: no failover",
        "on {node}: use the patterns of devd-hastwatch.conf, `service devd restart`, `hastwatch self-test`"),
    Row("devd-hook-shadowed", CRITICAL, "another rule of the same or a higher priority matches too",
        "devd runs one rule per event, and it may be the other one",
        "on {node}: remove the rule that the finding names, `service devd restart`, `hastwatch self-test`"),
    Row("devd-hook-arguments", CRITICAL, "the rule calls the hook, but not with `VHID@IFACE STATE`",
        "the hook refuses the arguments and does nothing: no failover",
        "on {node}: use the action of devd-hastwatch.conf, `service devd restart`, `hastwatch self-test`"),
    Row("devd-configuration-refused", CRITICAL, "devd does not start with the files it has",
        "no devd after the next restart or boot: no failover",
        "on {node}: correct the file that the finding names before devd is restarted; then `hastwatch self-test`"),
    Row("devd-hook-cannot-start", CRITICAL, "the interpreter of the hook is missing, or it is mounted noexec",
        "a change of CARP has no effect: no failover",
        "on {node}: run /usr/local/sbin/carp-hast-switch to see why; install hastwatch anew, then `hastwatch"
        " self-test`"),
    Row("devd-hook-not-executable", CRITICAL, "the program that the rule calls is missing or not executable",
        "a change of CARP has no effect: no failover",
        "on {node}: `ls -lL /usr/local/sbin/carp-hast-switch`; link it or `chmod 755`, then `hastwatch self-test`"),
    Row("devd-cpu-critical", CRITICAL, "CPU use outside -c", "devd spins: events may wait",
        "on {node}: the end of `dmesg`: a flood of events? If not: `service devd restart`, then `hastwatch converge`"),
    Row("devd-spinning", WARNING, "CPU use outside -w", "devd spins: events may wait",
        "on {node}: the end of `dmesg`: a flood of events? If not: `service devd restart`, then `hastwatch converge`"),
    Row("devd-pid-file", WARNING, "the pid file is missing or names another process", "rc(8) cannot stop devd",
        "on {node}: `kill` the devd that the finding names, `service devd onestart`, then `hastwatch converge`"),
    Row("devd-hook-unclear", UNKNOWN, "whether the rule runs the hook depends on something unknown",
        "a change of CARP may have no effect",
        "on {node}: let the action call the hook alone, `service devd restart`, then `hastwatch self-test`"),
    Row("devd-hook-writable", WARNING, "users other than root may write the hook",
        "their code runs as root at the next change of CARP",
        "on {node}: `ls -lL` the hook; has it been changed? Then `chown root:wheel` and `chmod 755`"),
    Row("devd-no-vhid", WARNING, "no vhid on this node to match the rule against", "whether the rule fits is unknown",
        "on {node}: `grep vhid /etc/rc.conf`; `hastwatch explain carp-no-vhid` leads on"),
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    parser.add_argument(
        "--hook", default=HOOK, metavar="PATH", help=f"the program the rule must call (default: {HOOK})"
    )
    parser.add_argument("--rules", action="append", default=[], metavar="FILE", help=(
        "a file of devd rules; may be repeated (default: devd.conf, and *.conf in its directories)"
    ))  # fmt: skip
    add_thresholds(parser, "per cent of a processor that devd uses", sizes=False, warning="50")


def judge_process(fares: DevdHealth) -> Judgement:
    """Whether devd lives and comes to its events."""
    daemon, state = fares.devd, fares.state
    if not daemon:
        yield "devd-not-running", "devd is not running"
        return
    if fares.written != daemon.pid:
        names = "is missing" if fares.written is None else f"names process {fares.written}"
        yield "devd-pid-file", f"{devd.PID_FILE} {names}, devd is process {daemon.pid}"
    if state is None or state.halted:
        yield "devd-stopped", f"devd (process {daemon.pid}) is {state.halted if state else 'gone'}"
    if fares.action and fares.waited > LONG:
        what = f"process {fares.action.pid} ({plain(fares.action.comm)})"
        yield "devd-waits", f"devd has waited for {what} for {fares.waited:.0f} s"


def judge_socket(is_there: bool) -> Judgement:
    """Whether devd reads events."""
    if not is_there:
        yield "devd-no-socket", f"no socket {devd.SOCKET}"


def judge_vhids(vhids: tuple[carp.Vhid, ...]) -> Judgement:
    """Whether there is something to hold the rules against."""
    if not vhids:
        yield "devd-no-vhid", "no vhid on any interface"


def judge_rules(path: str, wired: DevdWiring) -> Judgement:
    """Whether every event of CARP reaches the hook at `path`."""
    if not wired.file:
        yield "devd-hook-missing", f"no rule calls {path}; rules for CARP call: {_each_once(wired.others)}"
    if wired.missed:
        yield "devd-hook-unmatched", f"the rule misses {name_list(list(wired.missed))}; it stands in {wired.file}"
    if wired.before:
        yield "devd-hook-shadowed", f"runs instead: {_each_once(wired.before)}"
    if wired.wrong:
        says = (
            f"the rule in {wired.file} does not call it with VHID@IFACE STATE; it calls it with"
            f" {_each_once(wired.wrong)}; devd quotes $subsystem and $type itself: without braces, outside of quotes"
        )
        yield "devd-hook-arguments", says
    if wired.unclear:
        yield "devd-hook-unclear", f"the rule in {wired.file}: {_each_once(wired.unclear)}"


def judge_hook(hook: HookFile) -> Judgement:
    """Whether the hook can be run, and is root's alone."""
    if hook.missing:
        yield "devd-hook-not-executable", hook.missing
    if hook.writer:
        yield "devd-hook-writable", f"{hook.writer} may write {hook.path}"
    if hook.trouble:
        yield "devd-hook-cannot-start", hook.trouble


def judge_well(path: str) -> Judgement:
    """All of it."""
    yield "devd-well", f"devd runs, {path} is wired in"


def _each_once(words: tuple[str, ...]) -> str:
    return name_list(list(dict.fromkeys(words)))


def _say_cpu(metric: Metric, context: Context) -> str:
    return f"devd uses {metric.value:g} % of a processor"


def parts(session: Session) -> Iterator[Part]:
    """devd, and how it is judged."""
    ranges = (session.options.warning or "50", session.options.critical or "")
    yield from judges(
        TABLE, process=judge_process, socket=judge_socket, vhids=judge_vhids, hook=judge_hook,
        rules=partial(judge_rules, session.options.hook), refused=always("devd-configuration-refused"),
    )  # fmt: skip
    yield Threshold("cpu", TABLE, ("devd-spinning", "devd-cpu-critical"), ranges, _say_cpu, 2)
    yield OverallJudge("well", TABLE, judge_well)
    yield DevdOfNode(session)


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


def led_to(node: Node) -> list[tuple[str, ...]]:
    """The process that the pid file names, the files of rules that there are, and the hook's interpreter. Raises
    ProbeError."""
    questions: list[tuple[str, ...]] = [
        ("cat", path) for directory in devd.DIRECTORIES for path in devd.files(node, directory)
    ]
    pid = devd.pid_in_file(node)
    if pid is not None:
        questions += [processes.state_of(pid), processes.title_of(pid)]
    return questions + program.of_interpreter(node.read(HOOK))


CHECK = CheckCommand(
    "check_devd",
    "DEVD",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    add_options,
    questions=QUESTIONS,
    led_to=led_to,
)
main = CHECK.main
