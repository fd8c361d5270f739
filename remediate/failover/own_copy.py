"""What is known in this boot of this node's own copy, and what becomes known of it.

What was recorded in another boot counts as after a start of hastd (`ledger.in_boot`), also where nobody could write
down that it was started: the state directory may have been read-only then.
"""

from __future__ import annotations

from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from remediate.context import Context
from remediate.failover import hast_of
from remediate.failover.this_boot import known_boot, this_boot
from remediate.state import ledger
from remediate.state.ledger import Ledger, LedgerEvent


def known(context: Context, name: str) -> Ledger:
    """What is known of the copy of a resource. Raises nothing."""
    try:
        boot = known_boot(context)
    except ProbeError:
        boot = ""
    return ledger.in_boot(ledger.read(context.store, name), boot)


def is_primary_apart(context: Context, name: str) -> bool:
    """Whether this node was primary when it was last known, and is apart from the other one. Raises nothing."""
    own = known(context, name)
    apart = own.parted_at is not None or own.unheard_since is not None
    return own.role == Role.PRIMARY.value and apart


def has_counted(context: Context, name: str) -> bool:
    """Whether this node has ever written alone, or that cannot be read: a primary that is not connected raises its
    `localcnt` at the first write (sbin/hastd/primary.c, write_complete()). Raises nothing."""
    metadata = hast_of.metadata(context.here, name)
    return metadata is None or metadata.localcnt > 0


def record(
    context: Context, name: str, event: LedgerEvent, at: float, by: str, says: str = ""
) -> tuple[Ledger, Ledger]:
    """Record what became known; what was known before and is after. Raises StateNotKept."""
    return ledger.record(context.store, name, event, at, by, this_boot(context), says)
