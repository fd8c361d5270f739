"""`hastwatch status [--watch]`: the status of both nodes: who serves what, and what is wrong.

    hastwatch status
    hastwatch status -x
    hastwatch status --watch
    hastwatch status --json -r home | jq .headline

It runs all checks that look at a node, on both nodes, as they are configured, and shows what they find: what it is,
what it means, and what to do. The exit status is that of the worst finding. -x shows only what is not well, and
nothing where all is. --watch looks at the pair every time, and runs the checks every 30 s and when the service has
changed.

It changes nothing on the nodes, and reports what it could not read; root sees most. ^C ends --watch.

check_nfs_export is not among these checks. It has to ask from where clients are: the calls of the node that serves
never leave that node, so that its answer would be OK with the network of the clients down. Run it on
another host: `check_nfs_export -H ADDRESS --export DIR`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Mapping

from checks.plugin.config import ConfigError
from checks.plugin.finding import Severity
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.process import end_running
from checks.probes.timestamps import utc
from checks.probes.unproven import as_values as unproven_values
from checks.probes.verified import as_values as verified_values
from remediate import exits, local, terminal
from remediate.arguments import Parser, resource_name, seconds
from remediate.console import Console
from remediate.context import Context
from remediate.failover.pair_checks import CheckFinding, checks_of_nodes, run_checks
from remediate.failover.pair_nodes import ask_ahead, opened
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus, look
from remediate.failover.remote_state import RemoteStore
from remediate.failover.status_rules import PairVerdict, serves, verdict
from remediate.failover.sync_progress import NO_PROGRESS, SyncProgress, progress, to_copy
from remediate.invocation import OWN, Invocation
from remediate.subcommands.status_page import page, see, wrong

INTERRUPTED = 130
WRONG_USAGE = Severity.UNKNOWN.value
"""As of the checks: 2 is CRITICAL."""
EVERY = 2.0
"""Seconds between two looks of --watch."""
APART = 1.0
"""Seconds between two looks that show how fast a synchronisation goes."""
CHECKS_EVERY = 30.0
"""Seconds between two runs of the checks in --watch, which cost ten times what a look costs."""
EXITS = {
    0: "OK",
    1: "WARNING",
    2: "CRITICAL",
    3: "UNKNOWN and wrong usage",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    if why := invocation.no_node(local.where(options)):
        return _refuse(invocation.console, why)
    try:
        context = invocation.context(local.where(options))
    except (ConfigError, ProbeError) as error:
        return _refuse(invocation.console, str(error))
    if options.via and not options.state_dir:
        context = context._replace(store=RemoteStore(context.here))
    try:
        return shown(context, options)
    except KeyboardInterrupt:
        return _leave(INTERRUPTED)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch status", description=__doc__, exits=exits.described(EXITS))
    parser.wrong_usage = WRONG_USAGE
    parser.add_argument("-r", "--resource", action="append", default=[], type=resource_name, metavar="RES",
                      help="a HAST resource; may be repeated (default: every resource in hast.conf)")  # fmt: skip
    parser.add_argument("-x", "--only-wrong", action="store_true", help="only what is not well; nothing where all is")
    parser.add_argument("--watch", nargs="?", type=seconds(0.1, 3600), const=EVERY, metavar="SECONDS",
                      help=f"refresh, by default every {EVERY:g} s, until interrupted")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object on one line, times in UTC")
    local.add_options(parser)
    return parser


def shown(context: Context, options: argparse.Namespace) -> int:
    """Show the status as the options say; the exit status."""
    try:
        return watch(context, options) if options.watch else show(Looks(context, options))
    except (ConfigError, NoSuchResource) as error:
        return _refuse(context.console, str(error))


class NoSuchResource(Exception):
    """A resource that was asked for is on no node."""


class Looks:
    """One look after the other; the checks are run at the first one, then after CHECKS_EVERY seconds, and at once where
    what is served by whom has changed."""

    def __init__(self, context: Context, options: argparse.Namespace) -> None:
        self.context, self.options = context, options
        self._findings: tuple[CheckFinding, ...] = ()
        self._run_at: float | None = None
        self._headline = ""
        self._before: PairStatus | None = None
        self.progress: Mapping[str, SyncProgress] = NO_PROGRESS
        """Of what is being synchronised, since the look before."""

    def look(self) -> tuple[PairStatus, PairVerdict]:
        """What is seen now, and what it amounts to. Raises ConfigError, NoSuchResource."""
        context, names, timing = self.context, tuple(self.options.resource), self.context.timing
        checks = checks_of_nodes()
        nodes, is_due = opened(context), self._run_at is None or timing.now() - self._run_at >= CHECKS_EVERY
        ask_ahead(context, nodes.nodes, names, checks if is_due else ())
        pair = look(context, names, nodes)
        if missing := _missing(pair, names):
            raise NoSuchResource(f"hast.conf has no resource {missing}")
        headline = verdict(pair).headline
        if is_due or headline != self._headline:
            if not is_due:
                ask_ahead(context, nodes.nodes, names, checks)
            self._findings = run_checks(context, names, nodes)
            self._run_at, self._headline = timing.now(), headline
        self.progress = progress(self._before, pair) if self._before is not None else NO_PROGRESS
        self._before = pair
        return pair, verdict(pair, self._findings)


def show(looks: Looks) -> int:
    """Look once and write it to standard output; the exit status. Raises ConfigError, NoSuchResource."""
    pair, judged = looks.look()
    if not looks.options.watch and to_copy(pair):
        looks.context.timing.sleep(APART)
        pair, judged = looks.look()
    _write(looks, pair, judged)
    return judged.severity.value


def watch(context: Context, options: argparse.Namespace) -> int:
    """Look again and again; the exit status is that of the last look. Raises ConfigError, NoSuchResource."""
    ends, looks = Severity.UNKNOWN.value, Looks(context, options)
    try:
        if not context.console.is_terminal or options.json:
            out = context.console.out
            while True:
                ends = show(looks)
                out.write("" if options.json else "\n")
                out.flush()
                context.timing.sleep(options.watch)
        with terminal.Screen() as screen:
            while True:
                pair, judged = looks.look()
                ends = judged.severity.value
                _draw(screen, pair, judged, looks)
                again = context.timing.now() + options.watch
                while (left := again - context.timing.now()) > 0:
                    if screen.wait(left):
                        _draw(screen, pair, judged, looks)
    except KeyboardInterrupt:
        return _leave(ends)


def as_values(
    pair: PairStatus, judged: PairVerdict, progress: Mapping[str, SyncProgress] = NO_PROGRESS
) -> dict[str, object]:
    """A look for programs; `progress` of what is being synchronised: bytes per second, and seconds left."""
    return {
        "time": utc(pair.now),
        "headline": judged.headline,
        "state": judged.severity.name,
        "exit_status": judged.severity.value,
        "served": judged.served,
        "synchronising": {name: progress[name]._asdict() if name in progress else None for name in to_copy(pair)},
        "findings": [_finding(each) for each in judged.findings],
        "troubles": [{"level": trouble.level.name.lower(), "says": trouble.says} for trouble in judged.troubles],
        "nodes": [_node(node) for node in pair.nodes],
        "unread": list(pair.unread),
    }


def _finding(each: CheckFinding) -> dict[str, object]:
    finding = each.finding
    return {"check": each.check, **finding._asdict(), "severity": finding.severity.name, "see": see(finding)}


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


def _write(looks: Looks, pair: PairStatus, judged: PairVerdict) -> None:
    console, options = looks.context.console, looks.options
    if options.json:
        import json

        lines = [json.dumps(as_values(pair, judged, looks.progress))]
    elif options.only_wrong:
        lines = wrong(pair, judged, console.columns, console.is_coloured)
    else:
        lines = page(pair, judged, console.columns, console.is_coloured, progress=looks.progress)
    console.out.write("".join(f"{line}\n" for line in lines))
    console.out.flush()


def _draw(screen: terminal.Screen, pair: PairStatus, judged: PairVerdict, looks: Looks) -> None:
    clock, width = time.strftime("%H:%M:%S", time.localtime(pair.now)), terminal.size()[0]
    coloured = terminal.is_coloured()
    if looks.options.only_wrong:
        screen.draw(wrong(pair, judged, width, coloured))
    else:
        screen.draw(page(pair, judged, width, coloured, clock, looks.progress))


def _missing(pair: PairStatus, wanted: tuple[str, ...]) -> str:
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


def _refuse(console: Console, why: str) -> int:
    console.err.write(f"hastwatch status: {plain(why)}\n")
    return WRONG_USAGE


if __name__ == "__main__":
    sys.exit(main())
