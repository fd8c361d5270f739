"""`hastwatch pair shell NODE`: a prompt on a node of a running pair.

Each line is run as `hastwatch pair exec` runs it, in a shell of its own: nothing of it, such as a variable, is left for
the next one. Where standard input is no terminal its lines are run without a prompt.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress

from remediate.rehearsal import exec_client

LEAVING = ("exit", "logout")


def shell(directory: str, node: str) -> int:
    """Run the lines of standard input on a node; the exit status of the last one, or what `exit N` says."""
    status = 0
    try:
        known = exec_client.answered(directory, ["exec", node, "true"])
        if known != 0:
            return known
        for line in _typed(node) if sys.stdin.isatty() else sys.stdin:
            words = line.split()
            if words[:1] and words[0] in LEAVING:
                return int(words[1]) % 256 if words[1:] and words[1].isdecimal() else status
            if words and not words[0].startswith("#"):
                status = exec_client.answered(directory, ["exec", node, line.rstrip("\n")])
    except OSError as error:
        return exec_client.no_pair(directory, error)
    except KeyboardInterrupt:
        return exec_client.INTERRUPTED
    return status


def _typed(node: str) -> Iterator[str]:
    """The lines that an operator types, until the end of the file (^D). ^C begins another one."""
    with suppress(ImportError):  # a Python that was built without it
        import readline  # noqa: F401  (input() uses it)
    while True:
        try:
            yield input(f"root@{node}:~ # ")
        except EOFError:
            sys.stdout.write("\n")
            return
        except KeyboardInterrupt:
            sys.stdout.write("\n")
