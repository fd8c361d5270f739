"""A scenario as a timeline: what both simulated nodes were, read without a command, and when clients waited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from remediate.rehearsal.brief import TOLD
from remediate.rehearsal.story import InjectedFault, JournalAction, NodeReaction, TypedCommand
from remediate.timeline.model import OF_A_NODE, Bar, BarKind, EventMark, Lane, LaneGroup, LaneWriter, Timeline
from simulator.hastd.metadata import Role
from simulator.network.carp import CarpState

if TYPE_CHECKING:
    from remediate.rehearsal.scenario import ScenarioOutcome
    from remediate.rehearsal.service import Clients
    from simulator.clock import Steps
    from simulator.node import Node
    from simulator.pair import Pair

SAMPLE = 0.2
"""Simulated seconds between two looks."""
MOST_MARKS = 12


class Recorder:
    """Looks at a pair from now on."""

    def __init__(self, pair: Pair, clients: Clients) -> None:
        self._pair, self._clients, self._began = pair, clients, pair.clock.now
        self._lanes = {(name, kind): LaneWriter() for name in pair.nodes for kind in OF_A_NODE}
        pair.clock.start(self._looking())

    def timeline(self, title: str, outcome: ScenarioOutcome) -> Timeline:
        """What was seen until now."""
        end = self._pair.clock.now - self._began
        groups = [
            LaneGroup(name, tuple(self._lanes[name, kind].lane(kind.value, end) for kind in OF_A_NODE))
            for name in self._pair.nodes
        ]
        waits = [(begin - self._began, until - self._began) for begin, until in self._clients.waits()]
        bars = tuple(Bar(max(begin, 0.0), until, BarKind.WAITING) for begin, until in waits if until > 0)
        marks = tuple(_marks(outcome))
        notes = (f"{len(marks) - MOST_MARKS} more events are in the story",) if len(marks) > MOST_MARKS else ()
        clients = LaneGroup("clients wait", (Lane("", bars),))
        return Timeline(title, end, (*groups, clients), marks[:MOST_MARKS], notes)

    def _looking(self) -> Steps[None]:
        while True:
            at = self._pair.clock.now - self._began
            for name, node in self._pair.nodes.items():
                now = states(node)
                for kind in OF_A_NODE:
                    self._lanes[name, kind].is_now(kind if kind in now else None if node.on else BarKind.OFF, at)
            yield SAMPLE


def states(node: Node) -> set[BarKind]:
    """What a simulated node is now, for any of its vhids and resources."""
    resources = node.pair.layout.resources
    names = {mount.resource.name for mount in node.filesystems.mounts.values()}
    mounted = [each.name for each in resources if each.name in names]
    seen = {
        BarKind.MASTER: any(vhid.state is CarpState.MASTER for vhid in node.network.vhids()),
        BarKind.PRIMARY: any(resource.role is Role.PRIMARY for resource in node.hastd.resources.values()),
        BarKind.MOUNTED: bool(mounted),
        BarKind.SERVING: node.nfs.answers("nfsd") and any(node.nfs.serves(name) == "ok" for name in mounted),
    }
    return {kind for kind, is_so in seen.items() if is_so and node.on}


def _marks(outcome: ScenarioOutcome) -> Iterator[EventMark]:
    """What a reader needs to understand the bars; of commands typed one after the other on a node the first."""
    typing = ""
    for entry in outcome.entries:
        if isinstance(entry, TypedCommand):
            if entry.node != typing and not entry.words.startswith("until it shows"):
                yield EventMark(entry.at, f"{entry.node}# {entry.line}")
            typing = entry.node
        elif isinstance(entry, InjectedFault):
            typing = ""
            yield EventMark(entry.at, f"fault: {entry.words}")
        elif isinstance(entry, NodeReaction) and entry.text.startswith("monitoring: "):
            yield EventMark(entry.at, entry.text)
        elif isinstance(entry, JournalAction) and entry.event in TOLD:
            yield EventMark(entry.at, f"{entry.node}> {entry.text}")
