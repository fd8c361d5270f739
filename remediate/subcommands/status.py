"""`hastwatch status [--watch]`: the status of both nodes: who serves what, and what is wrong.

    hastwatch status
    hastwatch status --watch
    hastwatch status --json -r home | jq .headline

It changes nothing, and reports what it could not read; root sees most. ^C ends --watch.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.hast import RESOURCE_NAME
from checks.probes.process import end_running
from checks.probes.timestamps import utc
from checks.probes.unproven import as_values as unproven_values
from checks.probes.verified import as_values as verified_values
from remediate import exits, local, terminal
from remediate.arguments import Parser, like, seconds
from remediate.console import Console
from remediate.context import Context
from remediate.exits import USAGE
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus, look
from remediate.failover.remote_state import RemoteStore
from remediate.failover.status_rules import PairVerdict, serves, verdict
from remediate.invocation import OWN, Invocation
from remediate.subcommands.status_page import page

SERVED, NOT_SERVED, NOTHING_READ, INTERRUPTED = 0, 1, 3, 130
RESOURCE = like(RESOURCE_NAME, "the name of a HAST resource")
EVERY = 2.0
"""Seconds between two looks of --watch."""
EXITS = {
    0: "each resource is served by one node",
    1: "not so or not known",
    3: "nothing could be read",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    try:
        context = invocation.context(local.where(options))
    except (ConfigError, ProbeError) as error:
        return _refuse(invocation.console, str(error))
    if options.via and not options.state_dir:
        context = context._replace(store=RemoteStore(context.here))
    try:
        return watch(context, options) if options.watch else show(context, options)
    except KeyboardInterrupt:
        return _leave(INTERRUPTED)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch status", description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("-r", "--resource", action="append", default=[], type=RESOURCE, metavar="RES",
                      help="a HAST resource; may be repeated (default: every resource in hast.conf)")  # fmt: skip
    parser.add_argument("--watch", nargs="?", type=seconds(0.1, 3600), const=EVERY, metavar="SECONDS",
                      help=f"refresh, by default every {EVERY:g} s, until interrupted")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object on one line, times in UTC")
    local.add_options(parser)
    return parser


def show(context: Context, options: argparse.Namespace) -> int:
    """Look once and write it to standard output."""
    pair, judged = seen(context, options)
    if missing := _missing(pair, options.resource):
        return _refuse_missing(context.console, missing)
    _write(context.console, pair, judged, options)
    return status(pair, judged)


def watch(context: Context, options: argparse.Namespace) -> int:
    """Look again and again; the exit status is that of the last look."""
    ends = NOTHING_READ
    try:
        if not context.console.is_terminal or options.json:
            out = context.console.out
            while True:
                ends = show(context, options)
                if ends == USAGE:
                    return ends
                out.write("" if options.json else "\n")
                out.flush()
                context.timing.sleep(options.watch)
        with terminal.Screen() as screen:
            while True:
                pair, judged = seen(context, options)
                ends = status(pair, judged)
                if missing := _missing(pair, options.resource):
                    break
                _draw(screen, pair, judged)
                again = context.timing.now() + options.watch
                while (left := again - context.timing.now()) > 0:
                    if screen.wait(left):
                        _draw(screen, pair, judged)
        return _refuse_missing(context.console, missing)
    except KeyboardInterrupt:
        return _leave(ends)


def seen(context: Context, options: argparse.Namespace) -> tuple[PairStatus, PairVerdict]:
    """One look, and what it amounts to."""
    pair = look(context, tuple(options.resource))
    return pair, verdict(pair)


def status(pair: PairStatus, judged: PairVerdict) -> int:
    """The exit status of a look."""
    if all(node.trouble for node in pair.nodes):
        return NOTHING_READ
    return SERVED if judged.well else NOT_SERVED


def as_values(pair: PairStatus, judged: PairVerdict) -> dict[str, object]:
    """A look for programs."""
    return {
        "time": utc(pair.now),
        "headline": judged.headline,
        "exit_status": status(pair, judged),
        "served": judged.served,
        "troubles": [{"level": trouble.level.name.lower(), "says": trouble.says} for trouble in judged.troubles],
        "nodes": [_node(node) for node in pair.nodes],
        "unread": list(pair.unread),
    }


def _node(node: NodeStatus) -> dict[str, object]:
    until = node.maintenance.until if node.maintenance else None
    return {
        "name": node.name,
        "trouble": node.trouble,
        "uptime": None if node.uptime is None else round(node.uptime),
        "carp": None if node.vhids is None else [
            {"vhid": vhid.name, "state": vhid.state.value, "advbase": vhid.advbase, "advskew": vhid.advskew}
            for vhid in node.vhids
        ],
        "carp_loaded": node.carp_loaded,
        "demotion": node.demotion,
        "held": {"amount": node.held.amount, "reasons": list(map(str, node.held.reasons)), "since": node.held.since},
        "hastd": node.hastd,
        "nfs": None if node.daemons is None else sorted(node.daemons),
        "services": None if node.services is None else sorted(node.services),
        "maintenance": None if node.maintenance is None else {
            "since": utc(node.maintenance.since), "until": None if until is None else utc(until),
            "reason": node.maintenance.reason, "who": node.maintenance.who,
        },
        "blocked": node.blocked,
        "resources": {name: _resource_values(node, resource) for name, resource in node.resources.items()},
        "last": None if node.last is None else {
            **node.last._asdict(), "time": utc(node.last.time), "severity": node.last.severity.name.lower(),
            "evidence": list(node.last.evidence),
        },
        "unread": list(node.unread),
    }  # fmt: skip


def _resource_values(node: NodeStatus, resource: ResourceStatus) -> dict[str, object]:
    copy, split = resource.copy, resource.split
    return {
        "carp": resource.carp.value if resource.carp else None,
        "role": resource.role.value,
        "status": resource.status.value if resource.status else None,
        "dirty": resource.dirty,
        "mount_point": resource.place.point,
        "mounted": resource.mounted.value if resource.mounted else None,
        "exported": resource.exported,
        "protected": resource.protected,
        "peer_rejected": resource.rejects,
        "serves": serves(node, resource),
        "copy": {"copy": copy.copy.value, "since": utc(copy.since) if copy.since else None, "why": copy.why},
        "verified": None if resource.verified is None else dict(verified_values(resource.verified)),
        "unproven": None if resource.unproven is None else dict(unproven_values(resource.unproven)),
        "split_brain": None if split is None else {
            "losing": split.losing, "first": utc(split.first), "last": utc(split.last), "events": split.events,
            "unreadable": split.unreadable,
        },
    }  # fmt: skip


def _write(console: Console, pair: PairStatus, judged: PairVerdict, options: argparse.Namespace) -> None:
    if options.json:
        import json

        lines = [json.dumps(as_values(pair, judged))]
    else:
        lines = page(pair, judged, console.columns, console.is_coloured)
    console.out.write("".join(f"{line}\n" for line in lines))
    console.out.flush()


def _draw(screen: terminal.Screen, pair: PairStatus, judged: PairVerdict) -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(pair.now))
    screen.draw(page(pair, judged, terminal.size()[0], terminal.is_coloured(), clock))


def _missing(pair: PairStatus, wanted: list[str]) -> str:
    """A resource that was asked for and is on no node, where a node could say so."""
    if all(node.trouble for node in pair.nodes):
        return ""
    return next((name for name in wanted if name not in pair.names), "")


def _leave(status: int) -> int:
    """After ^C: what still asks a node is not waited for."""
    end_running()
    if threading.active_count() > 1:
        sys.stdout.flush()
        os._exit(status)
    return status


def _refuse_missing(console: Console, name: str) -> int:
    return _refuse(console, f"hast.conf has no resource {name}")


def _refuse(console: Console, why: str) -> int:
    console.err.write(f"hastwatch status: {plain(why)}\n")
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
