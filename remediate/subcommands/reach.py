"""`hastwatch reach`: whether clients are served: MNT and GETATTR at an address, as a client asks them.

    hastwatch reach 10.1.101.5 /hast/home

The export list is no proof: it also names exports that are stale or not served at all. `hastwatch switchover` on the
other node calls this command here.
"""

from __future__ import annotations

import argparse
import sys

from checks.plugin.text import plain
from remediate import exits
from remediate.arguments import Parser
from remediate.failover.reach import DENIED, Reachability, answer
from remediate.timing import Timing

EXITS = {
    0: "served",
    1: "not served, and the reason is reported in one line",
    DENIED: "the service answers, but does not admit this node",
}


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse_args(words)
    result = answer(options.address, options.path, Timing())
    if result.served is Reachability.YES:
        sys.stdout.write(f"{result.why}\n" if result.why else "")
        return 0
    sys.stderr.write(f"{plain(result.says)}\n")  # without a name in front: the other node shows these words
    return DENIED if result.served is Reachability.DENIED else 1


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch reach", description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("address", metavar="ADDRESS", help="the service address")
    parser.add_argument("path", type=_path, metavar="PATH", help="an exported directory")
    return parser


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or len(text.encode()) > 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not the path of a directory")
    return text


if __name__ == "__main__":
    sys.exit(main())
