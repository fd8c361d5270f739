"""ps, pgrep, pkill, kill, service, and the daemons started directly."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from simulator.clock import Steps
from simulator.host.devd import DevdRefusal
from simulator.host.processes import SIGNALS, SIGTERM, RunningProcess
from simulator.rc.services import REFUSAL, SCRIPTS, instances, service, start_daemon
from simulator.shell.calls import Call, command

command("service")(service)

COLUMNS: dict[str, tuple[str, bool, Callable[[Call, RunningProcess], str]]] = {
    "pid": ("PID", True, lambda call, process: str(process.pid)),
    "ppid": ("PPID", True, lambda call, process: str(process.ppid)),
    "jid": ("JID", True, lambda call, process: str(process.jid)),
    "ruid": ("RUID", True, lambda call, process: str(process.ruid)),
    "uid": ("UID", True, lambda call, process: str(process.uid)),
    "lstart": ("STARTED", False, lambda call, process: _started(call, process)),
    "user": ("USER", False, lambda call, process: process.user),
    "stat": ("STAT", False, lambda call, process: "T" if process.stopped else "DL" if process.kernel else "Ss"),
    "state": ("STAT", False, lambda call, process: "T" if process.stopped else "Ss"),
    "pcpu": ("%CPU", True, lambda call, process: "0.0"),
    "%cpu": ("%CPU", True, lambda call, process: "0.0"),
    "pmem": ("%MEM", True, lambda call, process: "0.1"),
    "rss": ("RSS", True, lambda call, process: "2400"),
    "vsz": ("VSZ", True, lambda call, process: "12800"),
    "etimes": ("ELAPSED", True, lambda call, process: str(int(call.node.clock.now - process.started))),
    "comm": ("COMMAND", False, lambda call, process: process.comm),
    "ucomm": ("UCOMM", False, lambda call, process: process.comm),
    "command": ("COMMAND", False, lambda call, process: process.command),
    "args": ("COMMAND", False, lambda call, process: process.command),
}
"""Keyword of ps -o: header, right-aligned or not, value."""


def _started(call: Call, process: RunningProcess) -> str:
    """strftime(3)'s %c; the kernel adds it to the time of the boot, which a step of the clock moves."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(process.started + call.node.now - call.node.clock.now))


WIDTHS = {"PPID": 4, "ELAPSED": 7}
"""Columns that are wider than their header at least, as recorded."""


@command("ps")
def ps(call: Call) -> int:
    """ps(1) -axww -o columns, or -p PIDS."""
    words, columns, pids = call.argv[1:], ["pid", "stat", "command"], None
    for index, word in enumerate(words[:-1]):
        if word.startswith("-") and word.endswith("o"):
            columns = words[index + 1].split(",")
        elif word == "-p":
            pids = {int(pid) for pid in words[index + 1].split(",") if pid.isdigit()}
    if call.node.installed.all_means_all and any(re.fullmatch(r"-[xwHj]*[aA]\w*", word) for word in words):
        pids = None
    unknown = [name for name in columns if name.rstrip("=") not in COLUMNS]
    if unknown:
        call.err(f"ps: {unknown[0]}: keyword not found\n")
        return 1
    headless = all(name.endswith("=") for name in columns)
    specs = [COLUMNS[name.rstrip("=")] for name in columns]
    chosen = [process for process in call.node.processes.listed() if pids is None or process.pid in pids]
    rows = [[value(call, process) for _, _, value in specs] for process in chosen]
    widths = [
        max([len(header), WIDTHS.get(header, 0), *(len(row[index]) for row in rows)])
        for index, (header, _, _) in enumerate(specs)
    ]
    for row in ([] if headless else [[header for header, _, _ in specs]]) + rows:
        cells = []
        for index, (_, right, _) in enumerate(specs):
            last = index == len(specs) - 1
            cells.append(row[index].rjust(widths[index]) if right else row[index].ljust(0 if last else widths[index]))
        call.out(" ".join(cells) + "\n")
    return 0 if rows else 1


def _matching(call: Call, options: str, pattern: str) -> list[RunningProcess]:
    matching = []
    for process in sorted(call.node.processes.by_pid.values(), key=lambda process: process.pid):
        text = process.title if "f" in options else process.comm
        matches = re.fullmatch(pattern, text) if "x" in options else re.search(pattern, text)
        if matches and not process.kernel:
            matching.append(process)
    return matching


@command("pgrep")
def pgrep(call: Call) -> int:
    """pgrep(1) with -l, -f, -x."""
    options = "".join(word[1:] for word in call.argv[1:-1] if word.startswith("-"))
    # pgrep -l without -f matches the program's name, as -lf matches the title.
    matching = _matching(call, options, call.argv[-1])
    for process in matching:
        name = process.title if "f" in options else process.comm
        call.out(f"{process.pid} {name}\n" if "l" in options else f"{process.pid}\n")
    return 0 if matching else 1


def _signal_number(word: str) -> int:
    name = word.lstrip("-").removeprefix("SIG")
    return int(name) if name.isdigit() else SIGNALS.get(name.upper(), 0)


@command("pkill", "killall")
def pkill(call: Call) -> int:
    """pkill(1): a signal to all that match."""
    number, options = SIGTERM, ""
    for word in call.argv[1:-1]:
        if word.startswith("-") and (word[1:].isdigit() or word[1:].removeprefix("SIG") in SIGNALS):
            number = _signal_number(word)
        else:
            options += word.lstrip("-")
    matching = _matching(call, options, call.argv[-1])
    for process in matching:
        call.node.processes.signal(process, number)
    return 0 if matching else 1


@command("kill")
def kill(call: Call) -> int:
    """kill(1): -SIGNAL PID …; -0 only looks."""
    words, number, status = call.argv[1:], SIGTERM, 0
    if words and words[0] == "-s" and len(words) > 1:
        number, words = _signal_number(words[1]), words[2:]
    elif words and words[0].startswith("-"):
        number, words = _signal_number(words[0]), words[1:]
    for word in words:
        process = call.node.processes.by_pid.get(int(word)) if word.isdigit() else None
        if process is not None and number:
            for tell in call.node.pair.on_kill:
                tell(call.node, process)
        if process is not None and process.pid == 1 and number:
            call.node.clock.after(0, call.node.power_off)  # init(8) takes SIGTERM for a change to single-user mode
        elif process is None or process.kernel:
            call.err(f"kill: {word}: No such process\n")
            status = 1
        elif number:
            call.node.processes.signal(process, number)
    return status


def _daemon(name: str) -> None:
    script = SCRIPTS[name]

    def start(call: Call) -> Steps[int]:
        if instances(call.node, script):
            call.err(f"{script.comm}: another instance is running\n")
            return 1
        yield call.node.processor.use(call.node.pair.layout.costs.daemon_start)
        if name in call.node.trouble.failing_services:
            call.err(f"{script.comm}: {REFUSAL}\n")
            return 1
        try:
            start_daemon(call.node, name, title=" ".join(call.argv))
        except DevdRefusal as error:
            call.err(f"{error}\n")
            return 1
        return 0

    command(script.comm)(start)


for _name in ("devd", "rpcbind", "statd", "lockd", "mountd", "nfsd", "syslogd"):
    _daemon(_name)
