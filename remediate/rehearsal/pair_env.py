"""`hastwatch pair env` and `run`: the checks and hastwatch of this machine, as if it were a node of a running pair.

`env` writes a small sh(1) script for each command into DIR/bin and prints the lines that put this directory first in
PATH, which sh, bash and zsh take alike. Each script is a call of `run`.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from checks.plugin.text import plain
from checks.registry import REGISTRY
from remediate.exits import CANNOT_KEEP, USAGE
from remediate.rehearsal import exec_client

SCRIPTS, MEMORY = "bin", "checks"
"""Below the pair's directory: the scripts, and what the checks remember between runs."""
OF_THIS_MACHINE = ("contrib", "explain", "pair", "rehearse", "submit")
"""Subcommands of hastwatch that concern no node."""
CHECKS = {each.name: each for each in REGISTRY}
UNKNOWN = 3


def env(directory: str, node: str | None) -> int:
    """Write the scripts and print what a shell is to evaluate; the exit status."""
    place = os.path.abspath(directory)
    if _names(place, node or exec_client.ACTIVE) is None:
        return exec_client.NO_PAIR
    try:
        scripts = _write_scripts(Path(place))
    except OSError as error:
        sys.stderr.write(f"hastwatch pair: {plain(str(error.filename))}: {error.strerror}\n")
        return CANNOT_KEEP
    pinned = f"export {exec_client.NODE_VARIABLE}={shlex.quote(node)}" if node else f"unset {exec_client.NODE_VARIABLE}"
    sys.stdout.write(f"export {exec_client.DIRECTORY_VARIABLE}={shlex.quote(place)}\n{pinned}\n")
    sys.stdout.write(f'export PATH={shlex.quote(str(scripts))}:"$PATH"\nhash -r\n')
    return 0


def run(directory: str, node: str | None, words: list[str]) -> int:
    """Run a check or hastwatch against the pair; the exit status. The node is named by a first option `--node NODE` of
    the command, by the caller, or in the environment; else it is the active one."""
    place, command, options = os.path.abspath(directory), words[0], words[1:]
    if options[:1] == ["--node"] and len(options) > 1:
        node, options = options[1], options[2:]
    node = node or os.environ.get(exec_client.NODE_VARIABLE) or exec_client.ACTIVE
    if command == "hastwatch":
        return _hastwatch(place, node, options)
    if command in CHECKS:
        return _check(place, node, command, options)
    sys.stderr.write(f"hastwatch pair: {plain(command)} is neither hastwatch nor one of its checks\n")
    return USAGE


def _hastwatch(place: str, node: str, words: list[str]) -> int:
    """On the node, but for what concerns none."""
    if not words or words[0] in OF_THIS_MACHINE or _is_asked_about(words):
        from remediate import command

        return command.main(words)
    if words[0] == "init":
        return _init(place, node, words[1:])
    return exec_client.ask(place, ["exec", node, shlex.join(["hastwatch", *words])])


def _init(place: str, node: str, words: list[str]) -> int:
    """In this process, which writes a directory of this machine and looks at the first node of the pair and at the
    other one. What the user gives comes later, and wins."""
    from remediate import command

    names = _names(place, node)
    if names is None:
        return exec_client.NO_PAIR
    here, peer = (shlex.join([*HASTWATCH, "pair", "exec", "--dir", place, each]) for each in sorted(names))
    return command.main(["init", "--via", here, "--peer", peer, *words])


def _check(place: str, node: str, name: str, words: list[str]) -> int:
    """In this process; both nodes stay the same while it runs. What the user gives comes later, and wins."""
    if _is_asked_about(words):
        return CHECKS[name].load().main(words)
    if not CHECKS[name].on_node:
        sys.stdout.write(f"{name}: no socket of this machine reaches the simulated NFS: see hastwatch rehearse\n")
        return UNKNOWN
    names = _names(place, node)
    if names is None:
        return UNKNOWN
    here, peer = (shlex.join([*HASTWATCH, "pair", "exec", "--dir", place, each]) for each in names)
    memory = os.path.join(place, MEMORY)
    return CHECKS[name].load().main(["--via", here, "--peer", peer, "--state-dir", memory, *words])


ROOT = Path(__file__).resolve().parents[2]
HASTWATCH = ("/usr/bin/env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "remediate.command")
"""The command `hastwatch` of this installation, wherever its packages are."""


def _is_asked_about(words: list[str]) -> bool:
    """Whether a command is to say something of itself, and do nothing."""
    return not {"-h", "--help", "-V", "--version"}.isdisjoint(words)


def _names(place: str, node: str) -> list[str] | None:
    """The name of a node and that of the other one. None where no pair answers, or has no such node, which is said."""
    answer: dict[bytes, bytes] = {b"o": b"", b"e": b""}

    def keep(kind: bytes, text: bytes) -> int:
        answer[kind] += text
        return 0

    try:
        status = exec_client.answered(place, ["names", node], keep)
    except OSError as error:
        exec_client.no_pair(place, error)
        return None
    sys.stderr.write(answer[b"e"].decode())
    return answer[b"o"].decode().split() if status == 0 else None


def _write_scripts(place: Path) -> Path:
    """One for each command; the directory. Raises OSError."""
    scripts = place / SCRIPTS
    scripts.mkdir(mode=0o700, exist_ok=True)
    for name in ("hastwatch", *CHECKS):
        words = shlex.join([*HASTWATCH, "pair", "run", "--dir", str(place), name])
        script = scripts / name
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o700)
    return scripts
