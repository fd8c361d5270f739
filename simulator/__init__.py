"""A pair of FreeBSD nodes in Python, with HAST, CARP, devd and NFS, that answers command lines."""
