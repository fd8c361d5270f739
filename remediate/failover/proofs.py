"""Which of the other node's copies have to be proven now, and having it done (`verification.proving`).

Imported by what runs, wherever it began; what compares is loaded where there is something to compare.
"""

from __future__ import annotations

from collections.abc import Sequence

from checks.probes.unproven import UnprovenCopy
from remediate.context import Context
from remediate.failover.unproven import known
from remediate.state import ledger


def to_be_proven(context: Context) -> list[str]:
    """The resources whose other copy may lack something that was not found to differ yet. Raises nothing."""
    return list(_waiting(context))


def soon_compared(context: Context) -> list[str]:
    """Those of them of which it is known what has to be compared, so that it is done in seconds. Raises nothing."""
    return [name for name, each in _waiting(context).items() if each.extents is not None]


def compared_whole(context: Context) -> list[str]:
    """The others, of which every extent has to be compared: a convergence does not do that at its end. Raises
    nothing."""
    return [name for name, each in _waiting(context).items() if each.extents is None]


def _waiting(context: Context) -> dict[str, UnprovenCopy]:
    if context.peer is None:
        return {}
    pairs = ((name, known(context, name)) for name in ledger.resources(context.store))
    return {name: each for name, each in pairs if each is not None and not each.differ}


def try_to(context: Context, names: Sequence[str], trigger: str) -> None:
    """Have compared what can be now, and tell the other node. An event of hastd that is noted meanwhile finds that a
    message is underway, and is taken up afterwards. Raises nothing."""
    if names:
        from remediate.failover import converge
        from remediate.verification import proving  # rarely needed

        proving.prove_all(context, names, trigger)
        converge.take_up(context)
