"""Starting and ending a pair that runs by itself, for `pair_command.py`."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from remediate.rehearsal import exec_client
from remediate.rehearsal.layout import PairLayout
from remediate.rehearsal.pair import CARP_HOOK, HAST_HOOK, Pair
from remediate.rehearsal.server import AlreadyRunning, Server, prepare

START_LIMIT = 30.0
"""Real seconds that a pair may take to answer."""

CANNOT = 73
"""EX_CANTCREAT: no pair could be started."""


def _layout(arguments: argparse.Namespace) -> PairLayout:
    layout = replace(PairLayout(), seed=arguments.seed)
    if arguments.carp_hook:
        layout = replace(layout, devd_action=f"{CARP_HOOK} $subsystem $type")
    if arguments.hast_hook:
        layout = replace(layout, hast_exec=HAST_HOOK)
    return layout


def foreground(arguments: argparse.Namespace) -> int:
    """Run the pair in this process until it is told to end."""
    pair = Pair(_layout(arguments))
    if arguments.blank:
        pair.power_on()
    else:
        pair.bring_up()
    try:
        server = Server(pair, Path(arguments.dir).absolute(), arguments.speed)
    except (AlreadyRunning, OSError) as error:
        print(f"pair: {error}", file=sys.stderr)
        return CANNOT
    carp, hast = (shlex.split(text) if text else None for text in (arguments.carp_hook, arguments.hast_hook))
    server.install_hooks(carp, hast)
    try:
        server.serve()
    except KeyboardInterrupt:
        return 130
    return 0


def background(arguments: argparse.Namespace, words: list[str]) -> int:
    """Start this command again in the background and wait until it answers."""
    directory = Path(arguments.dir).absolute()
    try:
        prepare(directory)
    except (AlreadyRunning, OSError) as error:
        print(f"pair: {error}", file=sys.stderr)
        return CANNOT
    with (directory / "pair.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "remediate.rehearsal.pair_command", *words, "--foreground"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and child.poll() is None:
        if (directory / exec_client.SOCKET).exists() and _answers(directory):
            return 0
        time.sleep(0.02)
    if child.poll() is None:
        child.kill()
    print(f"pair: did not start: {(directory / 'pair.log').read_text().strip()}", file=sys.stderr)
    return CANNOT


def _answers(directory: Path) -> bool:
    out = BytesIO()
    return exec_client.ask(str(directory), ["ping"], out, BytesIO()) == 0


def down(directory: str) -> int:
    """End a pair and wait until its socket is gone."""
    status = exec_client.ask(directory, ["down"])
    deadline = time.monotonic() + START_LIMIT
    while status == 0 and (Path(directory) / exec_client.SOCKET).exists():
        if time.monotonic() > deadline:
            print(f"pair: {directory}: still there", file=sys.stderr)
            return 1
        time.sleep(0.01)
    return status
