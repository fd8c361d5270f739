"""A pair of FreeBSD nodes in Python, with HAST, CARP, devd and NFS, that answers command lines.

Start reading at `pair.py` and `node.py`. Time is `clock`, what a step costs `costs`, how the pair is configured
`layout`, what differs by the release of FreeBSD `release`. Everything else lies with its subject: `host`, `network`,
`hastd`, `storage`, `nfs`, `rc`; `shell` reads a command line and `commands` answers it; `faults` breaks things by name;
`account` knows where every write is.

It is never kinder than FreeBSD: where the sources leave a choice it takes the worst. What it says is held against
recordings of a real pair (`tests/simulator/test_conformance.py`, `test_conformance_15.py`). It imports nothing of the
rest of the program, so that a misreading in the checks is not repeated in what they are tested on.
"""
