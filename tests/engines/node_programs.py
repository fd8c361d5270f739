"""hastwatch as a node of a running pair has it: its commands in a directory of its own, each about that node."""

from __future__ import annotations

import sys
from pathlib import Path

from checks.registry import REGISTRY
from tests.state.child import ROOT
from tests.subcommands.running_pair import OTHER, RunningPair

HASTWATCH = """#!/bin/sh
subcommand=$1
shift
case $subcommand in
repair|converge|journal|maintenance) exec {python} -m remediate.command "$subcommand" {options} "$@" ;;
*) exec {python} -m remediate.command "$subcommand" "$@" ;;
esac
"""


def install(pair: RunningPair, node: str, directory: Path, configuration: str = "") -> Path:
    """Write the commands of a node to `directory`, and its configuration (more of it: `configuration`) beside them.
    Returns the directory of the commands."""
    commands = directory / node / "bin"
    commands.mkdir(parents=True)
    way = f"{sys.executable} {ROOT / 'remediate' / 'command.py'} pair exec --dir {pair.directory}"
    config = directory / node / "hastwatch.toml"
    remembered = directory / node / "memory"
    config.write_text(
        f'via = "{way} {node}"\npeer = "{way} {OTHER[node]}"\nstate_dir = "{remembered}"\n{configuration}'
    )
    python = f"env PYTHONPATH={ROOT} {sys.executable}"
    for check in REGISTRY:
        start = f"import sys; from {check.module} import main; sys.exit(main())"
        _write(commands / check.name, f"#!/bin/sh\nexec {python} -c '{start}' --config {config} \"$@\"\n")
    options = f"--via '{way} {node}' --config {config} --state-dir {pair.state(node)}"
    _write(commands / "hastwatch", HASTWATCH.format(python=python, options=options))
    handler = f'#!/bin/sh\nexec {python} -m remediate.events.handler --hastwatch {commands}/hastwatch "$@"\n'
    _write(commands / "hastwatch-event-handler", handler)
    return commands


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
