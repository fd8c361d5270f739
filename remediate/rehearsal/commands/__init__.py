"""The commands a node knows, by subject. Importing this registers all of them (`shell.py`)."""

from remediate.rehearsal.commands import (
    checking,
    hast,
    listing,
    network,
    nfs,
    processes,
    storage,
    system,
    text,
)

__all__ = ["checking", "hast", "listing", "network", "nfs", "processes", "storage", "system", "text"]
