"""How what only the losing copy has is kept before it is destroyed, or proven not to be there.

Everything here reads the copy through a read-only provider behind HAST's metadata (`readonly`): it is not promoted, and
nothing is replicated. A copy may be destroyed only after one of these has returned.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable

from checks.probes.hast import Metadata
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace
from remediate.recovery import readonly, salvage
from remediate.recovery.differing_files import DifferingFiles, compared
from remediate.recovery.items import Tree
from remediate.recovery.remote_tree import RemoteTree

MARGIN = 60.0
"""Seconds before the copies parted from which on a change counts as one that the other copy may lack: UFS writes it up
to 45 s later (freebsd-facts: delays-bound-the-loss), and the hook of the lost connection starts late on a busy
machine. The clock of the copy's own node has set both times (`own_copy.parted_at`)."""


class Mode(enum.Enum):
    """What is done before the copy is destroyed."""

    RESYNC = "resync"
    """Nothing is kept: only where it is proven that there is nothing to keep."""
    SALVAGE = "salvage"
    IMAGE = "image"


class Keeper:
    """Keeps a losing copy at a target."""

    def __init__(self, mode: Mode, target: str = "") -> None:
        self.mode, self.target = mode, target
        self.differing: DifferingFiles | None = None
        """What differed between the copies when this one was salvaged."""
        self.kept_at = ""
        """Where the files are that were saved and read back."""

    def winner(self, context: Context, place: ResourcePlace) -> RemoteTree:
        """The other copy, mounted where clients are served from. Raises StepFailed."""
        if context.peer is None:
            raise StepFailed("how to reach the other node is not known (`peer` in the configuration, or --peer)")
        return RemoteTree(context.peer, context.config.failover.peer_hastwatch, place.point)

    def make_ready(self, context: Context, name: str) -> None:
        """Make the place where it is to be kept, before anything else is done. Raises StepFailed where nothing can be
        kept there."""
        if self.mode is not Mode.RESYNC:
            salvage.make_ready(context, name, self.target)

    def keep(
        self, context: Context, place: ResourcePlace, metadata: Metadata, since: float | None, incident: str,
        watch: Callable[[str], None],
    ) -> str:  # fmt: skip
        """Keep it and read it back; a sentence that says where it is, or why there is nothing to keep. `since`: when
        the copies parted, where that is known. Raises StepFailed, ProbeError."""
        if self.mode is Mode.IMAGE:
            return salvage.image(context, place, metadata, self.target, incident, watch)
        with readonly.opened(context, place, metadata) as point:
            losing = context.here.tree(point)
            if self.mode is Mode.RESYNC:
                return self.prove(context, place, losing, since, readonly.unclean(context, place))
            winner, differing = self.winner(context, place), DifferingFiles()
            manifest = salvage.salvage(
                context, place.name, losing, winner, _apart(since), self.target, incident, watch, differing=differing
            )
        self.differing = differing
        verified = salvage.verify(context, manifest)
        self.kept_at = manifest.where
        return f"{verified} at {manifest.where}"

    def compare(
        self, context: Context, place: ResourcePlace, metadata: Metadata, since: float | None
    ) -> DifferingFiles:
        """What differs between this copy and the other one, for an operator; nothing is kept, and nothing of it stays
        on the node. `since` as in `keep`. Raises InUse, StepFailed, ProbeError."""
        context.here.tree(readonly.POINTS)  # is refused before anything is mounted, where this process is elsewhere
        with readonly.opened(context, place, metadata) as point:
            losing, winner = context.here.tree(point), self.winner(context, place)
            return compared(losing, winner, _apart(since), context.timing)

    def prove(self, context: Context, place: ResourcePlace, losing: Tree, since: float | None, unclean: str) -> str:
        """Prove that this copy holds nothing that a client was told was safe and that the other copy lacks: either no
        inode of it was changed since the copies parted, or every file of it is the same on the other node. The times
        of inodes prove nothing on a file system that was not unmounted cleanly (`unclean`: why, or empty). The proof,
        in a sentence. Raises StepFailed with what speaks against it."""
        changed = unclean or "since when the copies are apart is not known, or the clock was set meanwhile"
        if since is not None and not unclean:
            changed = salvage.unchanged_since(losing, since, MARGIN)
            if not changed:
                return (
                    f"proven: nothing on this copy was changed since {utc(since - MARGIN)}, before the copies diverged"
                )
        different = salvage.first_difference(losing, self.winner(context, place))
        if different:
            raise StepFailed(f"this copy may hold what the other one lacks: {changed}; {different}: salvage it")
        return "proven: every file of this copy is the same on the other node"


def _apart(since: float | None) -> float:
    """From when on a change counts as one that the other copy may lack, infinite where that is not known."""
    return math.inf if since is None else since - MARGIN
