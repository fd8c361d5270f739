"""A round of a campaign as it is drawn: the cause of a failover, disturbances about that time, requests of monitoring.

What there is to draw from is data: `disturbances.py` and `hostile.py`. Everything in a round is fixed when it is drawn,
so that it can be played again, and again with a part of it left out (`shrink.py`).
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tests.campaign.repair_requests import Ask, asked_after, asked_wrongly

if TYPE_CHECKING:
    from simulator.node import Node
    from tests.campaign.campaign_pair import CampaignPair

Happens = Callable[["CampaignPair", "Node"], None]


class Kind(NamedTuple):
    """A cause of a failover. `planned`: nothing may be lost as long as the link is up and nothing else dies."""

    name: str
    happens: Happens
    planned: bool = False
    weight: int = 4
    """How often it is drawn."""
    not_with: frozenset[str] = frozenset()
    """Disturbances that it is not drawn together with."""


class Disturbance(NamedTuple):
    """Something else that happens about that time. `ends`: what puts it right after a while, None where nothing has to
    or only an operator does. `harmless`: a planned handover must lose nothing all the same."""

    name: str
    begins: Callable[[CampaignPair, Node, random.Random], None]
    ends: Happens | None = None
    harmless: bool = False


class Event(NamedTuple):
    """A disturbance as it was drawn: when it begins (seconds from the cause of the failover), on which node (0 the
    active one), for how long, and the seed of what it decides by chance."""

    disturbance: Disturbance
    at: float
    node: int
    seconds: float
    seed: int = 0


class Round(NamedTuple):
    """One failover as it was drawn."""

    kind: Kind
    events: tuple[Event, ...]
    pause: float
    """Seconds before anything happens."""
    watched: float
    """Seconds from the cause until it is all put right."""
    asks: tuple[Ask, ...] = ()
    """None of them may do any harm, whenever it comes."""
    order: int = 0
    """The seed of the order in which all is put right."""

    @property
    def lossless(self) -> bool:
        """A planned handover with the link up and nobody dying."""
        return self.kind.planned and all(event.disturbance.harmless for event in self.events)

    def __str__(self) -> str:
        events = [f"{each.disturbance.name} at {each.at:+.1f} s on {'ab'[each.node]}" for each in self.events]
        asks = [f"{' '.join(each.request.words)} at {each.at:+.1f} s on {'ab'[each.node]}" for each in self.asks]
        return ", ".join([self.kind.name, *events, *asks])


BEGINS = operator.attrgetter("at")
RARELY = 0.02
"""How often one of the rare disturbances is drawn."""
AIMED = 0.25
"""How often one of those that strike in the middle of a step is."""


def drawn(
    chance: random.Random,
    kinds: Sequence[Kind],
    disturbances: Sequence[Disturbance],
    ill: Sequence[Disturbance],
    rare: Sequence[Disturbance],
    aimed: Sequence[Disturbance],
) -> Round:
    """A round by chance: three of eight undisturbed, the others by up to three things; and in most of them monitoring
    asks for repairs, rightly (after one of `ill`) or not, also while everything is put right. What is `rare` is drawn
    after all that, and what is `aimed` last, so that a round without them is the same as ever."""
    kind = chance.choices(kinds, [kind.weight for kind in kinds])[0]
    number = chance.choice((0, 0, 0, 1, 1, 1, 2, 3))
    events = [
        Event(
            disturbance,
            chance.uniform(-3, 12),
            chance.randrange(2),
            chance.choice((1.0, 5.0, 20.0, 50.0)),
            chance.getrandbits(32),
        )
        for disturbance in chance.sample(disturbances, number)
    ]
    asks = asked_wrongly(chance)
    if asks and chance.random() < 0.5:
        at, node = chance.uniform(-3, 60), chance.randrange(2)
        events.append(Event(chance.choice(ill), at, node, 50.0, chance.getrandbits(32)))
        asks += asked_after(chance, at, node)
    pause, watched, order = chance.uniform(5, 40), chance.uniform(45, 75), chance.getrandbits(32)
    if chance.random() < RARELY:
        at, node, seed = chance.uniform(-3, 12), chance.randrange(2), chance.getrandbits(32)
        events.append(Event(chance.choice(rare), at, node, 0.0, seed))
    if chance.random() < AIMED:
        at, node, seconds = chance.uniform(-3, 6), chance.randrange(2), chance.choice((5.0, 20.0, 50.0))
        events.append(Event(chance.choice(aimed), at, node, seconds, chance.getrandbits(32)))
    return Round(
        kind,
        tuple(sorted((event for event in events if event.disturbance.name not in kind.not_with), key=BEGINS)),
        pause,
        watched,
        tuple(sorted(asks, key=lambda ask: ask.at)),
        order,
    )
