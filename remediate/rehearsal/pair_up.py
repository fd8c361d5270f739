"""Starting and ending a pair that runs by itself, for `pair_command.py`."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from remediate.config import RemediationConfig, load
from remediate.exits import CANNOT_KEEP, USAGE
from remediate.rehearsal import exec_client
from remediate.rehearsal.own_pair import healthy_pair, layout_of, new, with_resources
from remediate.rehearsal.server import Server
from simulator.layout import PairLayout
from simulator.pair import HAST_HOOK, Pair

STATE = "state"
"""Below the pair's directory: what hastwatch remembers, a directory for each node."""
END_LIMIT = 30.0
"""Real seconds that a pair may take to end."""
NOT_ENDED = 1


def up(arguments: argparse.Namespace) -> int:
    """Start a pair, in the background unless told otherwise; the exit status."""
    try:
        commands = [_words(text or "") for text in (arguments.carp_hook, arguments.hast_hook, arguments.hastwatch)]
        states = [arguments.new, arguments.old_hook, arguments.automatic, arguments.blank, arguments.as_recorded]
        if (arguments.new or arguments.old_hook) and (states.count(True) > 1 or any(commands)):
            raise ConfigError("--new and --old-hook leave the rest to `hastwatch init`: no other option about the pair")
        if arguments.automatic and any(commands):
            raise ConfigError("--automatic brings hooks and hastwatch of its own: name no others")
        pair = _pair(arguments, _layout(arguments))
    except ConfigError as error:
        return _said(str(error), USAGE)
    directory = Path(arguments.dir).absolute()
    try:
        server = Server(pair, directory, arguments.speed)
        server.install_hooks(*commands)
        _install(pair, directory / STATE, arguments)
        if arguments.foreground:
            server.serve()
            return 0
        return _in_the_background(server, directory / "pair.log")
    except OSError as error:
        return _said(f"{error.filename or directory}: {error.strerror or error}", CANNOT_KEEP)
    except KeyboardInterrupt:
        return 130


def _install(pair: Pair, state: Path, arguments: argparse.Namespace) -> None:
    """Let the state directories of both nodes lie in the pair's, where commands of this machine find them, and install
    hastwatch itself where it is asked for, and its line of crontab(5) but with `--no-cron`; then it is at work for
    a while. Raises ConfigError, OSError."""
    for node in pair.nodes.values():
        for old in (state / node.name, state / f"{node.name}.run"):
            shutil.rmtree(old, ignore_errors=True)  # another pair's, which was in this directory before
        node.keep_state_in(state / node.name)
        (state / node.name).chmod(0o755)
    if arguments.new or arguments.old_hook:
        from remediate.rehearsal.cron import start_cron
        from remediate.rehearsal.new_pair import Unwired

        start_cron(Unwired(pair, state))
    if arguments.automatic:
        from remediate.failover.converge import ConvergeRequest
        from remediate.rehearsal.cron import start_cron
        from remediate.rehearsal.installed import Installed

        config = _config(arguments)
        installed = Installed(pair, state, config)
        for node in pair.nodes.values():
            installed.start_worker(node, ConvergeRequest("boot"))
        pair.clock.advance(config.failover.boot_window)
        if not arguments.no_cron:
            start_cron(installed)  # not before: a call that is underway would not survive the fork


def _config(arguments: argparse.Namespace) -> RemediationConfig:
    return load(arguments.config) if arguments.config is not None else RemediationConfig()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"{command!r} is not a command: {error}") from None


def _layout(arguments: argparse.Namespace) -> PairLayout:
    """Raises ConfigError."""
    config = _config(arguments)
    if arguments.as_recorded:
        layout = with_resources(PairLayout(seed=arguments.seed), config)
    else:
        layout = layout_of(config, arguments.seed)
    try:
        layout = layout.running(arguments.release)
    except ValueError as error:
        raise ConfigError(f"--release {error}") from None
    if arguments.new:
        return new(layout)
    return replace(layout, hast_exec=HAST_HOOK) if arguments.hast_hook else layout


def _pair(arguments: argparse.Namespace, layout: PairLayout) -> Pair:
    if arguments.old_hook:
        from remediate.rehearsal.new_pair import documented_pair

        return documented_pair(layout)
    if not (arguments.blank or arguments.new or arguments.as_recorded):
        return healthy_pair(layout, hooked=False)
    pair = Pair(layout)
    if arguments.blank or arguments.new:
        pair.power_on()
    else:
        pair.bring_up()
    return pair


def _in_the_background(server: Server, log: Path) -> int:
    """Serve in a process of its own that has no terminal; its last words, if any, are in `log`. Raises OSError."""
    try:
        written = log.open("wb")
    except OSError:
        server.close()
        raise
    with written:
        if os.fork():
            return 0
        status = 1
        try:
            os.setsid()
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), sys.stdin.fileno())
            os.dup2(written.fileno(), 1)
            os.dup2(written.fileno(), 2)
            server.serve()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)


def down(directory: str) -> int:
    """End a pair and wait until its socket is gone."""
    status = exec_client.ask(directory, ["down"])
    deadline = time.monotonic() + END_LIMIT
    while status == 0 and (Path(directory) / exec_client.SOCKET).exists():
        if time.monotonic() > deadline:
            return _said(f"{directory}: still there", NOT_ENDED)
        time.sleep(0.01)
    return status


def _said(text: str, status: int) -> int:
    sys.stderr.write(f"hastwatch pair: {plain(text)}\n")
    return status
