"""`hastwatch-event-handler`: what Nagios and Icinga call when the state of a service changes.

    hastwatch-event-handler --check check_devd --state CRITICAL --type HARD --attempt 3 --downtime 0
        --output 'DEVD CRITICAL - nfs001: devd is not running [devd-not-running]' --by 'sudo -n'

A table decides which repair the finding needs, if any (--table prints it). The handler requests that repair on this
node as another user (--by), or on another node through NRPE (--nrpe) or ssh (--ssh). The request is one of a few fixed
command lines, `hastwatch repair NAME --detach`; nothing that the engine or the check says is part of it. The node
checks for itself whether the repair is needed, so an event that is late, repeated or forged does no harm. A service of
check_hast_pair calls for what the services of its checks would, by the reasons on its status line; that may be several
repairs.

SOFT attempt 1 requests only the step-down in a split-brain; OK and UNKNOWN request nothing. During a downtime or
flapping the node only records the event in its journal. One line on standard output and in syslog reports the decision.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from checks.plugin.config import ConfigError, prefix_words
from checks.plugin.finding import Severity
from checks.plugin.output import see
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.node import quoted
from checks.probes.process import CompletedCommand, run
from checks.registry import COMBINED, PREFIX
from remediate import exits
from remediate.arguments import Parser, like
from remediate.events.decision import EngineEvent, RepairDecision, decide_each
from remediate.events.repair_request import HASTWATCH, RepairRequest
from remediate.events.table import BY_FINDING, CHECKS, TABLE, Since
from remediate.exits import UNAVAILABLE, USAGE
from remediate.printing import printed
from remediate.state.journal import NOTICE, WARNING, one_line, system_syslog

PROG = "hastwatch-event-handler"
DEADLINE = 25.0
"""Seconds for the node to take the request; Nagios ends a handler after 30 (nagios.cfg, event_handler_timeout)."""
REFUSED = 1
EXITS = {
    0: "nothing to ask for, or asked for",
    REFUSED: "the node refused, and says why",
    USAGE: "wrong usage, also a macro that the engine left empty: nothing was asked for",
    UNAVAILABLE: "the node was not reached",
}
FLAPS = 20.0
"""Per cent of change from which on a service of Nagios flaps (nagios.cfg, high_service_flap_threshold), which has no
macro for flapping itself."""
CHECK_NRPE = (
    "/usr/local/libexec/nagios/check_nrpe",
    "/usr/lib/nagios/plugins/check_nrpe",
    "/usr/lib64/nagios/plugins/check_nrpe",
    "/usr/local/nagios/libexec/check_nrpe",
)
"""Where FreeBSD's port, Debian, Fedora and NRPE's own `make install` have it."""
SSH = ("/usr/bin/ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-T")
USER = r"([A-Za-z0-9_][A-Za-z0-9_.-]*@)?"
HOST = r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*"
"""A name, or an address of either IP, with its zone; nothing that a program would take for an option."""
ADDRESS = like(HOST, "an address or a name")
DESTINATION = like(
    rf"{USER}{HOST}|ssh://{USER}([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?",
    "[USER@]HOST or ssh://[USER@]HOST[:PORT]",
)
"""What ssh(1) takes as its destination."""
NRPE_UNKNOWN = 3
"""What check_nrpe(8) ends with where it could not ask (-u, and `:3` after the seconds); no command of ours does."""


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    return printed(lambda: called(words))


def called(words: list[str] | None) -> int:
    """The same, without a look at whether standard output takes what is printed."""
    options_parser = parser()
    options = options_parser.parse_args(words)
    ends = time.monotonic() + DEADLINE
    said = [_done(options, check, decision, ends) for check, decision in decide_each(event(options))]
    return _say("; ".join(text for text, _ in said), max(status for _, status in said))


def _done(options: argparse.Namespace, check: str, decision: RepairDecision, ends: float) -> tuple[str, int]:
    """Ask for what was decided; what became of it, in words, and the exit status."""
    subject = f"{options.host or 'a node'}/{options.service or options.check}"
    reason = f" [{decision.reason}]" if decision.reason else ""
    message = f"{subject} {options.state.name} {options.type} {options.attempt}{reason}: "
    if decision.request is None:
        return f"{message}nothing is asked for: {decision.why}{_next_step(check, decision)}", 0
    try:
        argv = command(options, decision.request)
        done = run(argv, ends, shown=argv[0])
    except (ProbeError, ConfigError) as error:
        left = _left_to_operator(check, decision.reason)
        return f"{message}{asked(decision.request)} could not be asked for: {error}{left}", UNAVAILABLE
    status = status_of(done, options)
    tells = status != 0 or decision.request.held is not None
    answer = f": {done.words}" if tells and (done.stdout + done.stderr).strip() else ""
    how = {0: "is asked for", UNAVAILABLE: "could not be asked for"}.get(status, f"was refused ({done.status})")
    what = f"{asked(decision.request)} {how}"
    left = _left_to_operator(check, decision.reason) if status != 0 else ""
    return f"{message}{what}, because {decision.why}{answer}{left}", status


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, (exits.NOT_PRINTED,)))
    parser.add_argument("--table", action=_Table, help="print which finding calls for what, and end")
    parser.add_argument("--check", required=True, type=_check, choices=(*CHECKS, *COMBINED), metavar="NAME", help=(
        "the check: check_devd, ..., or the name of its command in Icinga: devd, ..."
    ))  # fmt: skip
    parser.add_argument("--state", required=True, type=_state, metavar="STATE", help="OK, WARNING, CRITICAL or UNKNOWN")
    parser.add_argument("--type", required=True, type=str.upper, choices=("SOFT", "HARD"), metavar="TYPE",
                      help="the type of the state: SOFT or HARD")  # fmt: skip
    parser.add_argument("--attempt", required=True, type=_count, metavar="N", help="the number of the check attempt")
    parser.add_argument("--downtime", required=True, type=_count, metavar="DEPTH", help="how many downtimes it is in")
    flapping = parser.add_mutually_exclusive_group()
    flapping.add_argument("--flapping", type=_truth, default=False, metavar="0|1", help="whether it flaps (Icinga)")
    flapping.add_argument("--state-change", type=_flaps, dest="flapping", metavar="PERCENT", help=(
        f"the change of its state, which from {FLAPS:g} on is flapping (Nagios)"
    ))  # fmt: skip
    parser.add_argument("--output", default="", metavar="TEXT", help="the status line of the check")
    parser.add_argument("--host", default="", metavar="NAME", help="the host, for messages")
    parser.add_argument("--service", default="", metavar="NAME", help="the service, for messages")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--by", default="", metavar="WORDS", help="how to become root here: 'sudo -n', doas")
    way.add_argument("--nrpe", type=ADDRESS, metavar="ADDRESS", help="ask the node through its NRPE")
    way.add_argument("--ssh", type=DESTINATION, metavar="DESTINATION", help=(
        "ask the node through ssh(1): [USER@]HOST or ssh://[USER@]HOST[:PORT]; which key is used, and all else that "
        "ssh has to know, stands in ~/.ssh/config of the user who runs this"
    ))  # fmt: skip
    parser.add_argument("--nrpe-port", type=_count, default=5666, metavar="PORT", help="of NRPE (default: 5666)")
    parser.add_argument("--hastwatch", default=HASTWATCH, metavar="PATH", help=f"the command (default: {HASTWATCH})")
    return parser


def event(options: argparse.Namespace) -> EngineEvent:
    """What the options say."""
    hard = options.type == "HARD"
    return EngineEvent(options.check, options.state, hard, options.attempt, options.downtime, options.flapping,
                 options.output)  # fmt: skip


def command(options: argparse.Namespace, request: RepairRequest) -> tuple[str, ...]:
    """The command line that brings a request to where it is done. Raises ConfigError."""
    if options.nrpe:
        return (_check_nrpe(), "-H", options.nrpe, "-p", str(options.nrpe_port), "-u", "-t", f"{DEADLINE - 1:g}:3",
                "-c", request.nrpe)  # fmt: skip
    words = (options.hastwatch, *request.words)
    if options.ssh:
        return (*SSH, options.ssh, quoted(words))
    return (*prefix_words(options.by), *words)


def status_of(done: CompletedCommand, options: argparse.Namespace) -> int:
    """Our exit status."""
    if done.status == 0:
        return 0
    lost = {"nrpe": NRPE_UNKNOWN, "ssh": 255}.get("nrpe" if options.nrpe else "ssh" if options.ssh else "")
    return UNAVAILABLE if done.status == lost else REFUSED


def asked(request: RepairRequest) -> str:
    """A request in words."""
    repair = f"the repair `{request.remedy.value}`"
    return f"{repair}, held back by the engine's {request.held.value}," if request.held else repair


def table() -> str:
    """The table, for people."""
    lines = []
    for check in CHECKS:
        lines.append(f"{check}:")
        for row in TABLE:
            if row.check == check:
                what = f"{row.remedy.value}, from {STAGES[row.since]}" if row.remedy else "nothing"
                lines.append(f"  {row.reason:<28} {what:<26} {row.why}")
                action = "" if row.remedy else action_of(check, row.reason)
                lines += [f"  {'':<28} -> {action}"] if action else []
    for check in COMBINED:
        lines.append(
            f"{check}:\n  each finding of the checks above that it runs, as there; several repairs in one event"
        )
    return "\n".join(lines) + "\n"


def action_of(check: str, reason: str) -> str:
    """What an operator does about a finding, in the words of the check's table."""
    from checks.registry import REGISTRY

    row = next(each for each in REGISTRY if each.name == check).load().table.by_reason.get(reason)
    return row.words if row else ""


def _next_step(check: str, decision: RepairDecision) -> str:
    """What is left to an operator where the finding calls for no repair."""
    rule = BY_FINDING.get((check, decision.reason))
    return "" if rule is None or rule.remedy else _left_to_operator(check, rule.reason)


def _left_to_operator(check: str, reason: str) -> str:
    """What to do about a finding that is not repaired, and where to read more."""
    action = action_of(check, reason)
    return f"{f'; next: {action}' if action else ''}; see: {see(reason)}"


STAGES = {Since.FIRST: "SOFT 1", Since.SOFT: "SOFT 2", Since.HARD: "HARD"}


class _Table(argparse.Action):
    """--table, which needs none of the other options."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: object, **more: object) -> None:
        sys.stdout.write(table())
        parser.exit()


def _say(text: str, status: int) -> int:
    line = one_line(text)
    system_syslog(WARNING if status else NOTICE, f"event: {line}")
    sys.stdout.write(f"{line}\n")
    return status


def _check_nrpe() -> str:
    for path in CHECK_NRPE:
        if os.access(path, os.X_OK):
            return path
    raise ConfigError(f"check_nrpe is not installed: looked for {', '.join(CHECK_NRPE)}")


def _check(text: str) -> str:
    """The check, also where Icinga's command is named, which is without `check_`."""
    return text if text in (*CHECKS, *COMBINED) else f"{PREFIX}{text}"


def _state(text: str) -> Severity:
    if text.upper() not in Severity.__members__:
        raise argparse.ArgumentTypeError(f"{plain(text)!r} is not OK, WARNING, CRITICAL or UNKNOWN")
    return Severity[text.upper()]


def _count(text: str) -> int:
    number = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else -1.0  # Icinga says 0.000000 too
    if number != int(number) or not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{plain(text)!r} is not a count")
    return int(number)


def _truth(text: str) -> bool:
    known = {"0": False, "false": False, "1": True, "true": True}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{plain(text)!r} is not 0, 1, true or false")
    return known[text.lower()]


def _flaps(text: str) -> bool:
    try:
        change = float(text)
    except ValueError:
        change = -1.0
    if not 0 <= change <= 100:
        raise argparse.ArgumentTypeError(f"{plain(text)!r} is not a percentage")
    return change >= FLAPS


if __name__ == "__main__":
    sys.exit(main())
