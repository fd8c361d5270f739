"""The three nights: what happens to a pair before monitoring rings, and what must be true in the morning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from remediate.rehearsal.cron import start_cron
from simulator.account.writes import LossCause
from tests.failover.installed_pair import InstalledPair, installed_pair
from tests.nights.administrator import Administrator, Judgement

SALVAGE = "/var/salvage"
"""The directory in the examples of runbooks."""
FILE = "invoice"
"""What a process of the losing node has written while the link was cut."""
NOTICED = 75.0
"""Seconds until monitoring has looked and somebody has read it."""


class Night(NamedTuple):
    """A night. `happens` breaks the pair; `reads` is the judgement for its runbooks; `causes` are those of writes that
    the fault itself takes away, whatever anybody does."""

    title: str
    text: str
    happens: Callable[[InstalledPair], None]
    reads: Callable[[str], str | None] = lambda text: None
    causes: frozenset[LossCause] = frozenset()


class Morning(NamedTuple):
    """What came of a night."""

    pair: InstalledPair
    administrator: Administrator
    all_is_well: bool
    salvage: Path


def _devd_and_power(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "devd")
    pair.passes(10)
    pair.breaks("power-off", "nfs001")
    pair.passes(NOTICED)


def _cut(pair: InstalledPair) -> None:
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(60)
    pair.active.run(f"echo 'the only copy' > /hast/home/{FILE}")
    pair.passes(NOTICED)


def _disk(pair: InstalledPair) -> None:
    pair.breaks("disk-errors", "nfs002")
    pair.passes(NOTICED)


def _of_the_cut(text: str) -> str | None:
    """The clients reach nfs002, which took the address last: so nfs001 is the other node."""
    if "does not answer" in text or "On a client" in text or "Give files back" in text:
        return None
    return "nfs001"


NIGHTS = {
    "devd-and-power": Night(
        "devd is dead on the standby, and the active node loses power",
        "Nobody has seen that devd has died on nfs002. Then the power supply of nfs001 fails. CARP moves the address in"
        " the kernel, and nothing tells hastwatch.",
        _devd_and_power,
        causes=frozenset((LossCause.UFS_DELAY,)),
    ),
    "cut": Night(
        "The link is cut, and both nodes are written to",
        "The switch between the nodes fails, for replication, CARP and management alike. Each node takes the other one"
        " for dead. The clients reach nfs002, which has taken the address last; a job on nfs001 writes a file there.",
        _cut,
        _of_the_cut,
    ),
    "disk": Night(
        "The standby's disk fails, and is replaced",
        "The disk below HAST in nfs002 answers every request with an error. The clients notice nothing.",
        _disk,
    ),
}  # fmt: skip


def played(night: Night, state: Path) -> Morning:
    """The night, until everything is OK or nothing that is printed is left to do."""
    pair = installed_pair(state)
    start_cron(pair.installed)
    salvage = state / "salvage"
    places = ((SALVAGE, str(salvage)), ("DIR", str(salvage)), ("PATTERN", FILE))
    administrator = Administrator(pair, Judgement(places, night.reads))
    assert not administrator.looks()
    night.happens(pair)
    return Morning(pair, administrator, administrator.gets_through(), salvage)
