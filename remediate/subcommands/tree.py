"""`hastwatch tree`: the files of a mounted file system, for the recovery that runs on the other node. Internal.

    hastwatch tree list POINT [--after PATH] [--limit N]
    hastwatch tree sha256 POINT PATH ...

It only reads. Paths are base64, `-` is the empty path. Each line of output is a JSON array; the output of `list` ends
with a line that says whether there is more (`recovery/remote_tree.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from checks.plugin.text import plain
from remediate import exits
from remediate.arguments import Parser
from remediate.failover.errors import StepFailed
from remediate.invocation import OWN, Invocation
from remediate.recovery.items import PagedTree, digest
from remediate.recovery.remote_tree import PAGE, PAGE_BYTES, decoded, ending, row

UNREADABLE = 1
EXITS = {
    0: "answered",
    1: "the files can't be read",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    console = invocation.console
    options = parser().parse(words, console)
    answers = {"list": _list, "sha256": _sha256}
    try:
        for line in answers[options.command](invocation.tree(options.point), options):
            console.out.write(line)
        console.out.flush()
    except StepFailed as error:
        console.err.write(f"hastwatch tree: {plain(str(error))}\n")
        return UNREADABLE
    return 0


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch tree", description=__doc__, exits=exits.described(EXITS))
    commands = parser.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    lines = {"list": "every file below a directory", "sha256": "what some files hold"}
    each = {name: commands.add_parser(name, help=line, description=line) for name, line in lines.items()}
    for one in each.values():
        one.add_argument("point", metavar="POINT", help="the directory")
    each["list"].add_argument("--after", type=_path, metavar="PATH", help="only paths after this one")
    each["list"].add_argument("--limit", type=int, default=PAGE, metavar="N", help="items (default: %(default)s)")
    each["sha256"].add_argument("paths", nargs="+", type=_path, metavar="PATH", help="the files")
    return parser


def _list(tree: PagedTree, options: argparse.Namespace) -> Iterator[str]:
    count = length = 0
    for item in tree.after(options.after):
        if count >= max(options.limit, 1) or length >= PAGE_BYTES:
            yield _line(ending(True, tree.vanished))
            return
        line = _line(row(item))
        count, length = count + 1, length + len(line)
        yield line
    yield _line(ending(False, tree.vanished))


def _sha256(tree: PagedTree, options: argparse.Namespace) -> Iterator[str]:
    for path in options.paths:
        yield _line([digest(tree, path)])


def _line(values: list[object]) -> str:
    return json.dumps(values, separators=(",", ":")) + "\n"


def _path(word: str) -> bytes:
    try:
        path = decoded(word)
    except StepFailed as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if path.startswith(b"/") or b"\0" in path or any(name in (b"", b".", b"..") for name in path.split(b"/") if path):
        raise argparse.ArgumentTypeError("it leads out of the directory")
    return path


if __name__ == "__main__":
    sys.exit(main())
