"""One resource on one node, as CARP, HAST, mount and the NFS daemons have it: what check_carp_hast judges, and what a
failover changes. `read_node` reads it."""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes.errors import ProbeError
from checks.probes.hast_state import HastRole
from checks.probes.vhid import CarpState


class MountState(enum.Enum):
    """What is mounted at the mount point of the resource."""

    NOTHING = "not mounted"
    WRITABLE = "mounted"
    READ_ONLY = "mounted read-only"
    WRONG = "another device mounted"
    IN_PART = "mounted, only in part from what HAST replicates"
    NOT_KNOWN = "mounted, not known whether from the resource's device"


class MountLook(NamedTuple):
    """What is mounted, as far as a resource goes, and what is to be said of it; `suspended` says why nothing of its
    pool can be read or written, or is empty; `unread` why that is not known."""

    mounted: MountState
    says: str
    suspended: str = ""
    unread: ProbeError | None = None


class NfsState(enum.Enum):
    """The daemons that answer clients. rpcbind, statd and lockd export nothing and may run on a standby."""

    ALL = "NFS runs"
    SOME = "NFS runs in part"
    NONE = "NFS stopped"
    FOR_ANOTHER = "NFS runs for another resource"
    """On a BACKUP, which serves another one that has a vhid of its own."""


class ServiceState(NamedTuple):
    """The whole state. `carp` is None where no vhid speaks for the resource."""

    carp: CarpState | None
    role: HastRole
    mounted: MountState
    nfs: NfsState
    exported: bool

    def __str__(self) -> str:
        return ", ".join((
            f"CARP {self.carp.value}" if self.carp else "no CARP state",
            self.role.value if self.role in (HastRole.DOWN, HastRole.NOT_KNOWN) else f"HAST {self.role.value}",
            self.mounted.value + (", exported" if self.exported else ""),
            self.nfs.value,
        ))  # fmt: skip
