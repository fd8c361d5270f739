"""Whether what this node should remember can be read, and as far as can be seen without writing, be recorded.

Where not, nothing is promoted: what speaks against it may be just what is missing. Nothing else waits for it: a node
that must not serve stops, whatever its state directory is like.
"""

from __future__ import annotations

from checks.probes.maintenance import Maintenance
from remediate.context import Context
from remediate.failover import carp_demotion
from remediate.state import events, failures, maintenance
from remediate.state.store import StateNotKept, StateUnreadable


class RememberedState:
    """What one look at a node finds of it: the maintenance and the block that are in force, and what is wrong. Looks at
    several resources at the same time share it."""

    def __init__(self, context: Context, now: float) -> None:
        self._store = context.store
        self.maintenance: Maintenance | None = None
        self.blocked = ""
        read = (
            failures.unreadable(context.store),
            carp_demotion.unreadable(context.store),
            events.read(context.store).unreadable,
        )
        self._troubles = [why for why in read if why]
        try:
            self.maintenance = maintenance.begun(context.store, now)
        except StateUnreadable as error:
            self._troubles.append(str(error))
        if not self._troubles:
            self.blocked = failures.blocked(context.store, now, context.config.failover.window)

    @property
    def trouble(self) -> str:
        """What is wrong, in a sentence; empty where nothing is known to be."""
        return "; ".join(dict.fromkeys(self._troubles))

    def against_a_promotion(self) -> str:
        """Why nothing may be promoted, whatever is known of the copy; empty where nothing speaks against it."""
        if not self._troubles:
            try:
                self._store.refuse_read_only()
            except StateNotKept as error:
                self._troubles.append(str(error))
        return self.trouble
