"""The clients of a rehearsal: one NFS client per resource that writes every second, and what it got.

Each write is a new file, as a mail spool has one file per message: the name of a new file is what UFS writes late
(`writes.py`), so this is the client that loses most. The times without service are those between two acknowledgements
that lie further apart than the client's own rhythm and the retry of one lost request.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from remediate.rehearsal.salvaged import kept
from simulator.account.accounting import places
from simulator.account.writes import LossCause, WriteFate
from simulator.nfs.client import Client, OperationResult

if TYPE_CHECKING:
    from simulator.clock import Steps
    from simulator.pair import Pair

RHYTHM = 1.0
"""Seconds from the answer to one write to the next write."""
NOTICED = 1.0
"""Seconds beyond the rhythm from which on a time without an acknowledgement counts as one without service."""
PATIENCE = 3600.0
"""Seconds that a `hard` mount waits for an answer in a rehearsal: longer than any of them."""


class LostWrites(NamedTuple):
    """Acknowledged writes of one resource that clients do not see, by their numbers, and whose doing that is."""

    resource: str
    fate: WriteFate
    cause: LossCause
    numbers: tuple[int, ...]
    kept: tuple[int, ...] = ()
    """Those of them that a salvage has, or that clients read in a copy of the same file."""


class Account(NamedTuple):
    """What the clients got, and what has become of it."""

    acknowledged: int
    served: int
    losses: tuple[LostWrites, ...]
    outages: tuple[float, ...]
    """Seconds of each time without service, in order; the last one may not be over."""
    errors: dict[str, int]
    """What the client was told instead of an acknowledgement, and how often."""

    @property
    def without_service(self) -> float:
        """Seconds altogether."""
        return sum(self.outages)

    @property
    def missing(self) -> int:
        """How many acknowledged writes clients do not see."""
        return sum(len(loss.numbers) for loss in self.losses)

    @property
    def kept(self) -> int:
        """How many of those can be restored."""
        return sum(len(loss.kept) for loss in self.losses)

    @property
    def lost(self) -> int:
        """How many of them nobody can restore."""
        return self.missing - self.kept


class Clients:
    """One writing client per resource, from now on."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.began = pair.clock.now
        self.clients = {each.name: pair.client(each.name) for each in pair.layout.resources if each.exported}
        self._writing_now = [pair.clock.start(self._writing(client)) for client in self.clients.values()]

    def stop(self) -> None:
        """Nothing more is written."""
        for each in self._writing_now:
            each.kill()

    def _writing(self, client: Client) -> Steps[None]:
        number = 0
        while True:
            number += 1
            yield client.write(f"new-{number:05d}", patience=PATIENCE)
            yield RHYTHM

    def silent_for(self) -> float:
        """Seconds since the client that waits longest had its last acknowledgement."""
        return max((self.pair.clock.now - _good(self.began, client)[-1] for client in self.clients.values()), default=0)

    def unanswered_for(self) -> float:
        """Seconds since the client that waits longest had its last answer, whatever it was."""
        last = [client.operations[-1].ended if client.operations else self.began for client in self.clients.values()]
        return max((self.pair.clock.now - at for at in last), default=0.0)

    def waits(self) -> tuple[tuple[float, float], ...]:
        """From when to when there was no service, up to now; of several resources, of the one that had least of it."""
        by_client: list[list[tuple[float, float]]] = []
        for client in self.clients.values():
            ends = [*_good(self.began, client), self.pair.clock.now]
            waits = [(before + RHYTHM, after) for before, after in pairwise(ends)]
            by_client.append([(begin, end) for begin, end in waits if end - begin > NOTICED])
        return tuple(max(by_client, key=lambda waits: sum(end - begin for begin, end in waits), default=[]))

    def outages(self) -> tuple[float, ...]:
        """Seconds of each of them."""
        return tuple(end - begin for begin, end in self.waits())

    def account(self, salvages: Path | None = None) -> Account:
        """What the clients got, and what has become of it, now. `salvages`: where hastwatch keeps them."""
        known = [each for name in self.clients for each in places(self.pair, name)]
        grouped: dict[tuple[str, WriteFate, LossCause], list[int]] = {}
        for each in known:
            if each.fate is not WriteFate.SERVED:
                key = each.write.resource, each.fate, each.cause or LossCause.REPLICATION
                grouped.setdefault(key, []).append(each.write.number)
        wrong = Counter(
            operation.answer.value
            for client in self.clients.values()
            for operation in client.operations
            if operation.answer is not OperationResult.OK
        )
        safe = kept(self.pair, salvages, [each.write for each in known if each.fate is not WriteFate.SERVED])
        losses = tuple(
            LostWrites(*key, tuple(sorted(numbers)), tuple(sorted(safe.intersection(numbers))))
            for key, numbers in grouped.items()
        )
        missing = sum(len(loss.numbers) for loss in losses)
        return Account(len(known), len(known) - missing, losses, self.outages(), dict(wrong))


def _good(began: float, client: Client) -> list[float]:
    """When there was an acknowledgement, with the beginning."""
    return [began, *(operation.ended for operation in client.operations if operation.answer is OperationResult.OK)]
