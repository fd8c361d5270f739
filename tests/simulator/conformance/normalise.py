"""What may differ between a recording and the simulation: times, pids, ports, counters, and nothing else.

Lines that a log repeats every ten seconds count once: how often they came is a matter of durations, which the recorded
(emulated, slow) machines have only in proportion.
"""

from __future__ import annotations

import re

STAMP = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d"

SUBSTITUTIONS: tuple[tuple[str, str], ...] = (
    (rf"^{STAMP}:\d\d ", "TIME "),
    (r"^\d\d:\d\d:\d\d ", "TIME "),
    (rf"( +\d+) ({STAMP}) (/var/run/\S+\.pid)", r" SIZE TIME \3"),
    (STAMP, "TIME"),
    (r"\[\d+\]:", "[PID]:"),
    (r"pid=\d+", "pid=PID"),
    (r"pid: \d+", "pid: PID"),
    (r"as pid [\d ]+\.", "as pid PID."),
    (r"PIDS: \d+", "PIDS: PID"),
    (r"(tcp://[\d.]+):(?!8457)\d+", r"\1:PORT"),
    (r"resuid: [1-9]\d*", "resuid: RESUID"),
    (r"(reads|writes|activemap updates): \d+", r"\1: N"),
    (r"recv: \d, done: 0, idle: 25[45]", "recv: N, done: 0, idle: N"),
    (r"dirty: [1-9]\d* \(.*\)", "dirty: NOT ZERO"),
    (r"request_space_used_highest: \d+", "request_space_used_highest: N"),
    (r"^(/dev/gpt/rootfs +4053308) .*%", r"\1 N"),
    (r"^( +100\d\d\d +\d +(?:udp|tcp)) +(?!2049|111 )\d+  (\w+)$", r"\1 PORT \2"),
    (r"^( +100\d\d\d +\d +(?:udp|tcp)6?  *)(0\.0\.0\.0|::)\.(?!0\.111|8\.1)[\d.]+ +", r"\1ADDRESS "),
    (r"TSC-low\" frequency \d+", 'TSC-low" frequency N'),
    (r"\d+ journal records in \d+ bytes for [\d.]+%", "N journal records in N bytes for N%"),
    (r"Freed \d+ inodes \(0 dirs\) 0 blocks, and \d+ frags", "Freed N inodes (0 dirs) 0 blocks, and N frags"),
    (r"clean, \d+ free \(\d+ frags, \d+ blocks", "clean, N free (N frags, N blocks"),
    (r"bytes transferred in .*", "bytes transferred in T"),
)

RECORDER = re.compile(r"devd-tap|\bnc -U|sshd: root@|timeout \d|\bsh$|sh -c|\bps -axww|grep ")
"""Processes that belong to the recording."""

NOISE = re.compile(r"kernel: (arp: |in_scrubprefix|arc4random|\.$)|last message repeated")
"""Kernel lines about ARP and routes, which have nothing to do with what is simulated."""


LOG_LINE = re.compile(r"^TIME (nfs00\d |argc=)")


def normalise(command: str, text: str) -> list[str]:
    """The lines of an output that must be equal."""
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if "ps -axww" in command:
        lines = [line for line in lines if not RECORDER.search(line)]
        lines = [re.sub(r"^ *(?!100\d\d\d )\d+ +\d+ ", "PID PPID ", line) for line in lines]
        lines = [line.lstrip() if "PID" in line else line for line in lines]
    if "pgrep -lf" in command:
        lines = [re.sub(r"^\d+ (?=/|hastd|nfsd)", "PID ", line) for line in lines]
        lines = sorted_runs(lines, "PID ")
    for pattern, replacement in SUBSTITUTIONS:
        lines = [re.sub(pattern, replacement, line) for line in lines]
    if command.startswith("sockstat"):
        lines = [re.sub(r"^(\S+ +\S+ +)\d+ +", r"\1PID ", line) for line in lines]
        lines = sorted(re.sub(r"\*:(?!8457|2049|22 |111 )\d+ +", "*:PORT ", line) for line in lines)
    if command.startswith("pgrep"):
        lines = sorted(lines)
    return unordered_hooks([line for line in lines if not NOISE.search(line)])


def sorted_runs(lines: list[str], prefix: str) -> list[str]:
    """Lines with this prefix that follow each other, sorted: pgrep prints in the order of the kernel's hash table."""
    remaining: list[str] = []
    for line in lines:
        at = len(remaining)
        while line.startswith(prefix) and at and remaining[at - 1].startswith(prefix) and remaining[at - 1] > line:
            at -= 1
        remaining.insert(at, line)
    return remaining


def unordered_hooks(lines: list[str]) -> list[str]:
    """hastd's hooks run concurrently: the order of connect, syncstart and syncdone is not information (freebsd-facts:
    events-come-in-any-order)."""
    remaining: list[str] = []
    for line in lines:
        at = len(remaining)
        if re.search(r"\[(connect|syncstart|syncdone)\]", line):
            while at and re.search(r"\[(connect|syncstart|syncdone)\]", remaining[at - 1]) and remaining[at - 1] > line:
                at -= 1
        remaining.insert(at, line)
    return remaining


def collapse(lines: list[str]) -> list[str]:
    """A line, or a group of up to four lines, that is repeated at once counts once."""
    for size in (1, 2, 3, 4):
        remaining: list[str] = []
        for line in lines:
            remaining.append(line)
            if len(remaining) >= 2 * size and remaining[-size:] == remaining[-2 * size : -size]:
                del remaining[-size:]
        lines = remaining
    return lines


def by_program(lines: list[str]) -> dict[str, list[str]]:
    """Log lines of each program, repetitions counted once: syslogd's order between two programs is chance."""
    programs: dict[str, list[str]] = {}
    for line in lines:
        words = line.split()
        programs.setdefault(words[2].split("[")[0] if LOG_LINE.match(line) else words[1], []).append(line)
    return {program: lines if program == "kernel:" else collapse(lines) for program, lines in programs.items()}


def same(command: str, recorded: str, simulated: str) -> bool:
    """Equal after normalising; of logs each program by itself, and of the end of a log what both have of it."""
    ours, theirs = normalise(command, simulated), normalise(command, recorded)
    if "log" not in command:
        return ours == theirs
    if [line for line in ours if not LOG_LINE.match(line)] != [line for line in theirs if not LOG_LINE.match(line)]:
        return False
    our_logs = by_program([line for line in ours if LOG_LINE.match(line)])
    their_logs = by_program([line for line in theirs if LOG_LINE.match(line)])
    if "tail" not in command:
        return our_logs == their_logs
    for program in our_logs.keys() & their_logs.keys():
        length = min(len(our_logs[program]), len(their_logs[program]))
        if our_logs[program][-length:] != their_logs[program][-length:]:
            return False
    return bool(our_logs) is bool(their_logs)
