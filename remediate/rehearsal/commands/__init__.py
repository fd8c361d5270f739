"""The commands a node knows, by subject. Importing this registers all of them (`shell.py`)."""

from remediate.rehearsal.commands import (
    checking,
    flags,
    hast,
    listing,
    network,
    nfs,
    processes,
    providers,
    reaching,
    sockets,
    storage,
    system,
    text,
    users,
    zfs,
    zpool,
)

__all__ = [
    "checking",
    "flags",
    "hast",
    "listing",
    "network",
    "nfs",
    "processes",
    "providers",
    "reaching",
    "sockets",
    "storage",
    "system",
    "text",
    "users",
    "zfs",
    "zpool",
]
