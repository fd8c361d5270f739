"""The commands a node knows, by subject. Importing this registers all of them (`shell.py`)."""

from remediate.rehearsal.commands import (
    hast,
    network,
    nfs,
    processes,
    storage,
    system,
    text,
)

__all__ = ["hast", "network", "nfs", "processes", "storage", "system", "text"]
