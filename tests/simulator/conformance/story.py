"""The recordings replayed: their own sequences of commands, merged by time, run on a simulated pair.

`sequence.txt` of the recordings says what was typed on which node and when; `unrecorded.txt` beside this module adds in
the same notation what the recorder did in between (with the evidence for it), and the points at which a state was
captured. An era begins with a fresh pair, as the recorded machines did.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.network.link import Traffic
from simulator.node import Node
from simulator.pair import Pair
from simulator.shell.output import Output

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
DAY = calendar.timegm(time.strptime("2026-11-22", "%Y-%m-%d"))
ENTRY = re.compile(r"\[(\w+) (\d\d):(\d\d):(\d\d)\] (.*)")

BETWEEN_NODES = frozenset({Traffic.CARP, Traffic.HAST, Traffic.CLIENT})


@dataclass(frozen=True)
class Entry:
    """One line of a sequence: who (a node, host, or capture), when, what, and what the real pair answered."""

    source: str
    who: str
    at: float
    what: str
    output: str | None
    status: int


@dataclass(frozen=True)
class Comparison:
    """A recorded output beside the simulated one."""

    name: str
    command: str
    recorded: str
    simulated: str
    recorded_status: int
    status: int


def entries(path: Path, source: str) -> Iterator[Entry]:
    """The entries of one sequence file; a here-document belongs to its command."""
    lines = path.read_text(errors="surrogateescape").split("\n")
    at = 0
    while at < len(lines):
        match = ENTRY.match(lines[at])
        at += 1
        if match is None:
            continue
        who, hour, minute, second, what = match.groups()
        when = DAY + int(hour) * 3600 + int(minute) * 60 + int(second)
        if not what.startswith("$ "):
            yield Entry(source, who, when, what, None, 0)
            continue
        command = what[2:]
        if (document := re.search(r"<<(\w+)", command)) is not None:
            while lines[at] != document.group(1):
                command += "\n" + lines[at]
                at += 1
            command += "\n" + lines[at] + "\n" + lines[at + 1]
            at += 2
        output: list[str] = []
        while at < len(lines) and not ENTRY.match(lines[at]) and not lines[at].startswith("# "):
            output.append(lines[at])
            at += 1
        while output and not re.fullmatch(r"exit \d+", output[-1]):
            output.pop()
        status = int(output.pop()[5:])
        yield Entry(source, who, when, command, "\n".join(output), status)


def era(number: int) -> tuple[list[Entry], dict[tuple[str, float], float]]:
    """All entries of one era, by time; those of one moment in the order of the files, `unrecorded.txt` first."""
    within: list[Entry] = []
    begins: dict[tuple[str, float], float] = {}
    current = 0
    text = (HERE / "unrecorded.txt").read_text()
    for line in text.split("\n"):
        if line.startswith("era "):
            current = int(line.split()[1])
        elif current == number and line and not line.startswith("#"):
            match = ENTRY.match(line)
            assert match is not None, line
            who, hour, minute, second, what = match.groups()
            when = DAY + int(hour) * 3600 + int(minute) * 60 + int(second)
            if who == "begin":
                source, stamp = what.split()
                parts = zip(stamp.split(":"), (3600, 60, 1), strict=True)
                begins[source, DAY + sum(int(number) * unit for number, unit in parts)] = when
                continue
            within.append(Entry("unrecorded", who, when, what.removeprefix("$ "), None, 0))
    begin, end = min(each.at for each in within), max(each.at for each in within)
    for path in sorted(RECORDINGS.glob("*/sequence.txt")):
        within += [each for each in entries(path, path.parent.name) if begin <= each.at <= end]
    # The recorder stamped what took long when it ended; `begin` says when it began.
    return sorted(within, key=lambda each: begins.get((each.source, each.at), each.at)), begins


class Story:
    """One era being replayed."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.comparisons: list[Comparison] = []
        self.events: list[tuple[str, float, str]] = []
        """Every devd event: node, time, text."""

    def replay(self, number: int) -> list[Comparison]:
        """Run it from beginning to end."""
        sequence, begins = era(number)
        for entry in sequence:
            self.pair.clock.advance_to(begins.get((entry.source, entry.at), entry.at))
            if entry.who == "host":
                self.host(entry.what)
            elif entry.who == "capture":
                self.capture(*entry.what.split())
            elif entry.who == "client":
                self.client(entry)
            else:
                self.command(entry)
        return self.comparisons

    def host(self, what: str) -> None:
        """What was done to a machine from outside."""
        verb, name = what.split()
        node = self.pair.nodes[name]
        peer = self.pair.peer(node).name
        if verb == "cut":
            for one, other in ((name, peer), (name, self.pair.layout.client)):
                self.pair.link.cut(one, other)
                self.pair.link.cut(other, one)
        elif verb == "uncut":
            self.pair.link.heal()
        elif verb in ("linkdown", "linkup"):
            node.network.set_carrier("vtnet1", verb == "linkup")
        elif verb == "kill":
            node.power_off()
        elif verb == "boot":
            # The recorded machines boot from a fresh copy of their root disk: no logs of the time before.
            for path in [path for path in node.files.files if path.startswith("/var/log/")]:
                node.files.remove(path)
            node.power_on()
            node.devd.listeners.append(lambda event: self.tap(node, event))
        elif verb == "bad-disk":
            disk = node.disks["/dev/vtbd1"]
            disk.bad_reads[102], disk.bad_writes[107] = 420000, 440000
        else:
            raise AssertionError(what)

    def tap(self, node: Node, event: str) -> None:
        """The recorder's own reader of devd's events."""
        line = f"{time.strftime('%H:%M:%S', time.gmtime(node.now))} {event}\n"
        node.files.write("/var/log/devd-tap.log", line, node.now, append=True)
        self.events.append((node.name, self.pair.clock.now, event))

    def client(self, entry: Entry) -> None:
        """A mount attempt of the third host."""
        if entry.what.startswith("write "):
            self.pair.client().write_now(entry.what.split()[1], "x" * 29)
        if "trymount" not in entry.what:
            return
        self.pair.clock.advance(1)
        trouble = self.pair.client().mount()
        if entry.output is None:
            return
        recorded = entry.output.replace("\nexit 1", "")
        first = recorded.split("\n")[0]
        simulated = "client mount exit 0" if trouble is None else f"{trouble}\nclient mount exit 1"
        recorded = first if trouble is None else recorded
        name = f"{entry.source} {time.strftime('%H:%M:%S', time.gmtime(entry.at))} client"
        self.comparisons.append(Comparison(name, entry.what, recorded, simulated, entry.status, entry.status))

    def command(self, entry: Entry) -> None:
        """A command of a sequence."""
        node = self.pair.nodes[entry.who]
        output = Output()
        line = self.here_document(node, entry.what)
        process = node.start_command(line, output)
        if not self.pair.clock.wait(process, 60):
            process.kill()
        if entry.output is not None:
            name = f"{entry.source} {time.strftime('%H:%M:%S', time.gmtime(entry.at))} {entry.who}"
            status = process.value if process.value is not None else 124
            simulated = output.text("out", "err")
            self.comparisons.append(Comparison(name, entry.what, entry.output, simulated, entry.status, status))

    def here_document(self, node: Node, line: str) -> str:
        """`cat >> FILE <<X … X` done by hand, as the simulated sh has no here-documents."""
        match = re.match(r"(.*?)cat >> (\S+) <<(\w+)\n(.*?)\n\3\n(.*)", line, re.S)
        if match is None:
            return line
        before, path, _, text, after = match.groups()
        node.files.write(path, text + "\n", node.now, append=True)
        return f"{before}{after}"

    def capture(self, state: str, name: str, *only: str) -> None:
        """Every recorded command of a state on one node, or some of them in a given order."""
        folder = RECORDINGS / state / name
        for path in [folder / f"{each}.txt" for each in only] or sorted(folder.glob("*.txt")):
            lines = path.read_text(errors="surrogateescape").rstrip("\n").split("\n")
            command, recorded, status = lines[0][2:], lines[1:-1], int(lines[-1][5:])
            errors = path.with_suffix(".stderr")
            wrong = errors.read_text().rstrip("\n").split("\n") if errors.exists() else []
            for line in wrong:
                if line in recorded:
                    recorded.remove(line)
            result = self.pair.nodes[name].run(command, user="nobody" if state == "l-denied" else "root")
            text = "\n".join([*recorded, "--- standard error", *wrong])
            simulated = f"{result.out.rstrip(chr(10))}\n--- standard error\n{result.err}".lstrip("\n")
            name_of = f"{state}/{name}/{path.stem}"
            self.comparisons.append(Comparison(name_of, command, text, simulated, status, result.status))
