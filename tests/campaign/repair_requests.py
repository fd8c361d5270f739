"""What monitoring asks for in a round of a campaign: any repair of either node at any moment, rightly or not."""

from __future__ import annotations

import random
from typing import NamedTuple

from remediate.events.repair_request import REQUESTS, Remedy, RepairRequest

FIRST, LAST = -3.0, 120.0
"""Seconds from the cause of a failover until the first request, and until the last one: then all is being put right."""
SOON = 20.0
"""Seconds after something broke in which it is asked for."""


class Ask(NamedTuple):
    """A request: for what, when (seconds from the cause of the failover), and of which node (0 the active one)."""

    request: RepairRequest
    at: float
    node: int


def asked_wrongly(chance: random.Random) -> list[Ask]:
    """Requests that nothing gives rise to; three of four are to be done, the others only recorded."""
    return [_ask(chance) for _ in range(chance.choice((0, 1, 2, 4)))]


def asked_after(chance: random.Random, at: float, node: int) -> list[Ask]:
    """Requests after something broke on a node, one of which may be the right one."""
    return [
        Ask(RepairRequest(remedy), at + chance.uniform(0, SOON), node) for remedy in chance.sample(tuple(Remedy), 3)
    ]


def _ask(chance: random.Random) -> Ask:
    wanted = chance.random() < 0.75
    request = chance.choice([request for request in REQUESTS if (request.held is None) is wanted])
    return Ask(request, chance.uniform(FIRST, LAST), chance.randrange(2))
