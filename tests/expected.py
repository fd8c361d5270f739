"""What every check prints for every recording: `STATE/NODE.expected` beside the node's folder.

    python tests/expected.py            rewrite the files from what the commands print now; the reviewer reads the diff
    python tests/expected.py --check    change nothing, exit 1 where a file would change
    python tests/expected.py split-brain/nfs001 healthy    only these

A file has one block for each command line, in the form of a transcript. The commands of a file are kept, so a block is
added by writing its `$ check_hast --role primary` and `exit 0`. A recording gets a block for each check that its file
lacks; a state whose name begins with `made-` only where it has no file, because it is made for some checks.
`--peer` alone means: the other node's folder of the same state. `hastwatch.toml` of a state is its configuration.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from checks.plugin.command import CheckCommand
from checks.registry import OF_SERVICE, ON_NODE

TESTS = Path(__file__).resolve().parent
RECORDINGS = TESTS / "recordings"
PLAYER = TESTS / "player.py"
PYTHON = os.path.abspath(sys.executable)
WORKERS = 2
PATIENCE = 60
VARYING = (
    (re.compile(r"timed out after \d+\.\d s"), "timed out after N s"),
    (re.compile(r"_answer=\d+(\.\d+)?s"), "_answer=Ns"),
)
"""What differs from run to run, and what stands for it."""
NEXT_STEP = re.compile(r"^(  -> |     see: ).*\n?", re.MULTILINE)
"""What to do next follows from the reason (tests/plugin/test_action.py), and is left out."""


class Block(NamedTuple):
    """One command line, what it prints, and its exit status."""

    command: str
    output: str
    status: int


class OutOfOrder(Exception):
    """An expected file that is not as `read` wants it; the text says where."""


def checks() -> dict[str, CheckCommand]:
    """The checks that every recording is played to, by name: those of a node that watch the service. One from outside
    speaks to the network itself and has servers of its own to be tested with."""
    return {each.name: each.load() for each in OF_SERVICE}


def played() -> dict[str, CheckCommand]:
    """The same and the audit, which asks a node one question; `tests.setup.recorded` makes states with its answer."""
    return {each.name: each.load() for each in ON_NODE}


def nodes() -> list[Path]:
    """The node folders of all states."""
    states = [state for state in RECORDINGS.iterdir() if state.is_dir() and state.name != "files"]
    return sorted(node for state in states for node in nodes_of(state))


def nodes_of(state: Path) -> list[Path]:
    """The node folders of a state."""
    return sorted(node for node in state.iterdir() if node.is_dir() and node.name != "files")


def expected_file(node: Path) -> Path:
    """Where the expectations of a node's folder stand."""
    return node.parent / f"{node.name}.expected"


def other_node(node: Path) -> Path | None:
    """The folder of the other node of the same state."""
    return next((other for other in nodes_of(node.parent) if other != node), None)


def read(path: Path) -> list[Block]:
    """The blocks of an expected file. Raises OutOfOrder."""
    lines = []
    for text in path.read_text().split("\n\n"):
        first, *output, last = text.strip("\n").split("\n") if text.count("\n") else (text, "")
        status = re.fullmatch(r"exit ([0-3])", last)
        if not first.startswith("$ check_") or not status:
            raise OutOfOrder(f"{path.name}: not a block: {text!r}")
        lines.append(Block(first[2:], "\n".join(output), int(status[1])))
    if len({block.command for block in lines}) != len(lines):
        raise OutOfOrder(f"{path.name}: a command stands there twice")
    return lines


def written(blocks: Iterable[Block]) -> str:
    """The text of an expected file."""
    return "\n".join(f"$ {block.command}\n{block.output}\nexit {block.status}\n" for block in blocks)


def way_words(node: Path) -> tuple[str, ...]:
    """The prefix that makes a check ask a node's folder."""
    return PYTHON, "-I", "-S", str(PLAYER), str(node)


def via(node: Path) -> str:
    """The same as the value of an option."""
    return shlex.join(way_words(node))


def script(name: str) -> Path:
    """The installed command of that name."""
    return Path(PYTHON).parent / name


def play_options(node: Path, words: list[str], directory: Path) -> list[str]:
    """The options of a check that looks at a node's folder, with those of a command line in it, and keeps what it
    remembers in an empty directory. Raises OutOfOrder."""
    config = node.parent / "hastwatch.toml"
    if not config.exists():
        config = directory / "none.toml"
        config.touch()
    if "--peer" in words:
        other = other_node(node)
        if not other:
            raise OutOfOrder(f"{node.parent.name}: --peer, but only one node")
        words = [f"--peer={via(other)}" if word == "--peer" else word for word in words]
    return [*words, "--via", via(node), "--state-dir", str(directory), "--config", str(config)]


def run(node: Path, command: str) -> Block:
    """Run a command line as if on `node`, without anything remembered from earlier runs. Raises OutOfOrder."""
    name, *words = shlex.split(command)
    with tempfile.TemporaryDirectory(prefix="hastwatch-") as directory:
        completed = subprocess.run(
            [script(name), *play_options(node, words, Path(directory))],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    return block_of(command, completed.stdout + completed.stderr, completed.returncode)


def block_of(command: str, output: bytes, status: int) -> Block:
    """The block of a command line that has printed this and ended so."""
    text = same_everywhere(output.decode("utf-8", "backslashreplace"))
    return Block(command, text.removesuffix("\n"), status)


def same_everywhere(output: str) -> str:
    """The output without what depends on the machine and the moment, and without what to do next."""
    output = NEXT_STEP.sub("", output)
    output = output.replace(str(TESTS), "tests").replace(PYTHON, "python")
    for pattern, replacement in VARYING:
        output = pattern.sub(replacement, output)
    return output


def commands(node: Path) -> list[str]:
    """The command lines of a node: those of its file, and of the checks that it lacks."""
    path = expected_file(node)
    there = [block.command for block in read(path)] if path.exists() else []
    named = {command.split()[0] for command in there}
    if there and node.parent.name.startswith("made-"):
        return there
    for name, check in checks().items():
        if name not in named:
            there.append(name)
            there += [f"{name} --peer"] if check.uses_peer and other_node(node) else []
    return [command for command in there if command.split()[0] in played()]


def main() -> int:
    """Rewrite or check the expected files; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="STATE[/NODE]", help="only these (default: all)")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 where a file would change")
    options = parser.parse_args()
    chosen = [node for node in nodes() if not options.only or _named(node) & set(options.only)]
    asked = [(node, command) for node in chosen for command in commands(node)]
    with ThreadPoolExecutor(WORKERS) as pool:
        blocks = list(pool.map(lambda one: run(*one), asked))
    changed = 0
    for node in chosen:
        text = written(block for (of, _), block in zip(asked, blocks, strict=True) if of == node)
        path = expected_file(node)
        if not path.exists() or path.read_text() != text:
            changed += 1
            sys.stdout.write(f"{'differs' if options.check else 'written'}: {path.relative_to(RECORDINGS)}\n")
            if not options.check:
                path.write_text(text)
    sys.stdout.write(f"{len(blocks)} blocks of {len(chosen)} nodes, {changed} files differ\n")
    return int(options.check and changed > 0)


def _named(node: Path) -> set[str]:
    return {node.parent.name, f"{node.parent.name}/{node.name}"}


if __name__ == "__main__":
    sys.exit(main())
