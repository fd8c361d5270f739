"""The NFS server of a node and the client that writes to it."""
