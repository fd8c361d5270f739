"""How long a failover takes, phase by phase: hastwatch against the documented hook, on the same simulated pair.

    python -m tests.bench.failover_time

A planned handover (a human demotes the active node) and a power cut of it, with the costs of hast-facts 27 and 29
(`remediate/rehearsal/costs.py`). The documented hook has the waits of the recorded one: for the secondary's worker,
for a full `fsck -y`, and for five services that are started one after the other through service(8). Each is played
several times, shifted by a part of the client's rhythm; the table shows means, in simulated seconds.

Exit status 1 when hastwatch takes more than a fifth (handover) or a sixth (power cut) of the documented hook's time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from checks.plugin.config import Config
from remediate.rehearsal.client import Answer
from remediate.rehearsal.documented_hook import DEVICE_WAIT, STARTED, STOPPED, WORKER_WAIT
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.node import Node
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.rehearsal.pair import Pair
from remediate.rehearsal.service import RHYTHM, Clients
from remediate.rehearsal.setting import WARM_UP
from remediate.state.journal import NAME
from remediate.state.journal_reading import read

PHASES = ("CARP moves", "waiting for the peer", "role and device", "fsck", "mount", "services", "first write served")
"""One after the other on the node that takes over; their sum is the time without service."""
LETS_GO = "old node lets go"
"""At the same time as the first of them."""
STARTS = 25
"""How often each is played."""
LONGEST = 90.0
"""Seconds within which clients must be served again."""


def handover(pair: Pair) -> None:
    """A human demotes the active node."""
    active = next(iter(pair.nodes.values()))
    active.start_command("sysctl net.inet.carp.demotion=240")


def power_cut(pair: Pair) -> None:
    """The active node loses power."""
    next(iter(pair.nodes.values())).power_off()


class Event(NamedTuple):
    """What is measured."""

    name: str
    happens: Callable[[Pair], None]
    part: float
    """Of the documented hook's time, what hastwatch may take."""
    recorded: float
    """Seconds that the documented hook took on a pair (27)."""
    fsck: str
    """What the fsck of that hook came to: a full check only after the power cut (27)."""


EVENTS = (
    Event("planned handover", handover, 1 / 5, 14.6, "-p"),
    Event("power cut", power_cut, 1 / 6, 39.4, "-y"),
)

Marks = dict[str, float]
"""When a phase ended; of what happens several times, the last."""


class RecordedHook:
    """The documented hook with the waits of the recorded one, and when each of its phases ended on a node."""

    def __init__(self, fsck: str) -> None:
        self.fsck = fsck
        self.marks: dict[str, Marks] = {}

    def __call__(self, node: Node, argv: list[str]) -> int:
        """What devd runs with `VHID@IFACE` and the new state."""
        marks = self.marks.setdefault(node.name, {})
        (resource,) = node.pair.layout.resources
        if argv[2] != "MASTER":
            for service in STOPPED:
                node.run(f"service {service} onestop")
            node.run(f"hastctl role secondary {resource.name}")
            node.run(f"umount -f {resource.mountpoint}")
            marks[LETS_GO] = node.clock.now
            return 0
        _wait(node, f"pgrep -f 'hastd: {resource.name} .secondary.'", 1, WORKER_WAIT)
        marks["waiting for the peer"] = node.clock.now
        node.run(f"hastctl role primary {resource.name}")
        _wait(node, f"test -c {resource.device}", 0, DEVICE_WAIT)
        marks["role and device"] = node.clock.now
        node.run(f"fsck -t ufs {self.fsck} {resource.device}")
        marks["fsck"] = node.clock.now
        node.run(f"mount {resource.device} {resource.mountpoint}")
        marks["mount"] = node.clock.now
        for service in STARTED:
            node.run(f"service {service} onestart")
        marks["services"] = node.clock.now
        return 0


def _wait(node: Node, line: str, status: int, seconds: int) -> None:
    """Once a second, as the hook does."""
    for _ in range(seconds):
        if node.run(line).status == status:
            return
        node.clock.advance(1.0)


STEPS = {
    "become-primary": "role and device",
    "check": "fsck",
    "mount": "mount",
    "start-serving": "services",
}
"""A step of hastwatch's journal, and the phase that ends with it."""


def marks_of_journal(path: Path) -> Marks:
    """When the phases ended, out of the journal of the node that took over."""
    marks: Marks = {}
    for entry in read(str(path)):
        if entry.event == "step" and (phase := STEPS.get(entry.step.partition(" ")[0])):
            marks[phase] = entry.time
            if phase == "role and device":
                marks["waiting for the peer"] = entry.time - (entry.seconds or 0.0)
    return marks


def measured(event: Event, automatic: bool, shift: float) -> dict[str, float]:
    """Seconds of each phase of one failover, and of LETS_GO where the old node lives."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as state:
        hook = RecordedHook(event.fsck)
        pair = healthy_pair(layout_of(Config(), seed=1), hooked=False)
        if automatic:
            Installed(pair, Path(state), Config())
        else:
            pair.on_carp_event(hook)
        old, new = pair.nodes.values()
        if not automatic:  # its BACKUP branch has stopped them when the node became a standby
            for service in STOPPED:
                new.run(f"service {service} onestop")
        pair.clock.advance(Config().failover.boot_window + shift)
        clients = Clients(pair)
        pair.clock.advance(WARM_UP + 3 * shift)
        began, noted = pair.clock.now, len(pair.notes)
        event.happens(pair)
        served = _served(pair, clients, began)
        marks = marks_of_journal(Path(state) / new.name / NAME) if automatic else dict(hook.marks[new.name])
        gave_up = {note.at for note in pair.notes[noted:] if note.node == old.name and "primary secondary" in note.text}
    carp = [note.at for note in pair.notes[noted:] if note.node == new.name and note.text.endswith("MASTER")]
    ends = [carp[0], *(marks[phase] for phase in PHASES[1:-1]), served]
    begins = [began, *ends[:-1]]
    found = {phase: end - begin for phase, begin, end in zip(PHASES, begins, ends, strict=True)}
    return found | ({LETS_GO: min(gave_up) - began} if gave_up else {})


def _served(pair: Pair, clients: Clients, began: float) -> float:
    """When the first write was acknowledged that was begun after the event."""
    (client,) = clients.clients.values()
    ends = pair.clock.now + LONGEST
    while pair.clock.now < ends:
        for operation in client.operations:
            if operation.answer is Answer.OK and operation.ended > began + RHYTHM / 2 and operation.write:
                node = pair.nodes[operation.write.node]
                if node is not next(iter(pair.nodes.values())):
                    return operation.ended
        pair.clock.advance(0.5)
    raise RuntimeError(f"clients are not served {LONGEST:g} s after the event")


def means(event: Event, automatic: bool) -> dict[str, float]:
    """Of several starts, within the rhythm of the client."""
    runs = [measured(event, automatic, shift=RHYTHM * number / STARTS) for number in range(STARTS)]
    return {phase: fmean(run[phase] for run in runs) for phase in runs[0]}


def table(event: Event, theirs: dict[str, float], ours: dict[str, float]) -> Iterator[str]:
    """The lines of one event."""
    yield f"{event.name:<22} {'documented hook':>16} {'hastwatch':>10} {'part':>7}"
    for phase in PHASES:
        part = f"{ours[phase] / theirs[phase]:.2f}" if theirs[phase] > 0.005 else "-"
        yield f"  {phase:<20} {theirs[phase]:>14.2f} s {ours[phase]:>8.2f} s {part:>7}"
    whole, own = total(theirs), total(ours)
    yield f"  {'together':<20} {whole:>14.2f} s {own:>8.2f} s {own / whole:>7.2f}   aim: {event.part:.2f}"
    if LETS_GO in theirs:
        yield f"  ({LETS_GO} after {theirs[LETS_GO]:.2f} s and {ours[LETS_GO]:.2f} s)"
    yield f"  (recorded of the documented hook: {event.recorded:.1f} s, simulated {whole / event.recorded:.2f} of that)"


def total(phases: dict[str, float]) -> float:
    """Seconds without service."""
    return sum(phases[phase] for phase in PHASES)


def main() -> int:
    """Play, print, judge."""
    missed = 0
    for event in EVENTS:
        theirs, ours = means(event, automatic=False), means(event, automatic=True)
        print("\n".join([*table(event, theirs, ours), ""]))
        missed += total(ours) > event.part * total(theirs)
    print("both aims are met" if not missed else f"{missed} of {len(EVENTS)} aims are missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
