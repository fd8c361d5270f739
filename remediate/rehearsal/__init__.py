"""A simulated pair of FreeBSD nodes with HAST, CARP, devd and NFS, and everything that can be broken on it.

Start reading at `pair.py`; `clock.py` explains how time passes, `shell.py` how a command line is answered.
"""
