"""`hastwatch submit`: run a check, or all of a node, and send the results to monitoring.

    hastwatch submit -- check_hast -r home
    hastwatch submit --to nrdp --service "hast home" --ttl 300 -- check_hast -r home
    hastwatch submit --textfile /var/tmp/node_exporter/hastwatch.prom --all
    hastwatch submit --flush

It works with every plugin. The configuration says where results go, as which user, and under which names: [submit],
[icinga], [nrdp], [nagios] (hastwatch.toml.sample). Certificates are always verified; credentials are read only from a
file that belongs to this user alone. A result is spooled first and removed once it is accepted: while the server is
unreachable it waits in the spool, and is sent, in order, with the next one. A result whose ttl has expired by then is
dropped, with a message. One that the server refuses (no such service) is moved to `refused` in the spool, and blocks no
other.

With --ttl SECONDS Icinga itself reports if no new result arrives within that time.

--all runs the checks that watch the service of this node, all at the same time, instead of one. With --textfile it also
writes what they do not say: the state of each vhid, the role of each resource, and from the journal the failovers, the
last change of role and the repairs by result. For that it has to run as root. check_hast_setup, the audit, is not among
them: give it a file of its own, once an hour.

One line says why a result was not submitted.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable

from checks.plugin.config import PATH, CheckConfig, ConfigError
from checks.plugin.tables import LONGEST
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.node import this_machine
from checks.registry import OF_SERVICE
from remediate import exits, local
from remediate.arguments import Parser, like, seconds
from remediate.config import load
from remediate.console import Console
from remediate.context import LOOK
from remediate.exits import USAGE
from remediate.monitoring import metrics, textfile
from remediate.monitoring.answer import Disposition
from remediate.monitoring.delivery import DeliveryReport, deliver, waiting_in_words
from remediate.monitoring.destination import Destination, destination
from remediate.monitoring.metrics import Sample
from remediate.monitoring.result import CheckResult, ObjectNames, check, named
from remediate.monitoring.submission import NAME, WAYS, Submission
from remediate.state.journal import NAME as JOURNAL
from remediate.state.store import STATE_DIRECTORY, StateError, Store
from remediate.timing import Timing

PROG = "hastwatch submit"
REFUSED, CANNOT_KEEP, WAITS, CONFIG = 65, exits.CANNOT_KEEP, exits.BUSY, exits.CONFIG
"""The first is EX_DATAERR of sysexits(3)."""
EXITS = {
    0: "submitted",
    REFUSED: "the server refuses this result",
    CANNOT_KEEP: "neither submitted nor kept, or the text file was not written",
    WAITS: "not submitted yet, it waits in the spool",
}
CHECK_TIME = 60.0
LONGEST_SAID = 1000


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    words = sys.argv[1:] if words is None else words
    cut = words.index("--") if "--" in words else len(words)
    options = parser().parse_args(words[:cut])
    argv = tuple(words[cut + 1 :])
    wrong = _wrong(options, argv)
    if wrong:
        return _say(f"{wrong} (see {PROG} --help)", USAGE)
    try:
        return _push(options) if options.push else _submit(options, argv)
    except (ConfigError, ProbeError) as error:
        return _say(str(error), CONFIG)
    except Exception as error:
        return _say(Console().internal(error), exits.INTERNAL)


def parser() -> Parser:
    """The command line."""
    name, time = like(NAME, "a name of a host or a service"), seconds(0, LONGEST)
    parser = Parser(
        prog=PROG,
        description=__doc__,
        exits=exits.described(EXITS, (*exits.OF_EVERY_SUBCOMMAND, exits.INTERNAL, exits.CONFIG)),
        usage=(
            "%(prog)s [options] -- CHECK [ARGUMENT ...]\n"
            "       %(prog)s [options] --all\n"
            "       %(prog)s [options] --flush | --push"
        ),
    )
    parser.add_argument("--to", choices=WAYS, help="where results go (default: as configured)")
    parser.add_argument("--host", type=name, metavar="NAME", help="this node's name there (default: as configured)")
    parser.add_argument("--service", type=name, metavar="NAME",
                      help="the check's name there (default: as configured, else the name of the command)")  # fmt: skip
    parser.add_argument("--ttl", type=time, metavar="SECONDS",
                      help="how long the result is valid (default: as configured, else forever)")  # fmt: skip
    parser.add_argument("-t", "--timeout", type=time, default=CHECK_TIME, metavar="SECONDS",
                      help="what the check has; then it is killed, and UNKNOWN (default: %(default)g)")  # fmt: skip
    parser.add_argument("--textfile", metavar="FILE",
                      help="write what was found for the textfile collector of Prometheus's node_exporter; without --to"
                           " it is sent nowhere else")  # fmt: skip
    parser.add_argument("--all", action="store_true", help=(
        f"run the checks that watch the service of this node: {', '.join(each.name for each in OF_SERVICE)}"
    ))  # fmt: skip
    parser.add_argument("--flush", action="store_true", help="run no check, send the spooled results")
    parser.add_argument("--push", action="store_true",
                      help="run the checks of [submit] on_event, as the hooks do on an event")  # fmt: skip
    parser.add_argument("--state-dir", metavar="DIR",
                        help=f"where the journal is, for --push and --all (default: {STATE_DIRECTORY})")  # fmt: skip
    parser.add_argument("--config", metavar="FILE", help=(
        f"configuration, also of the checks of --all (default: {PATH}, which may be absent)"
    ))  # fmt: skip
    return parser


def _wrong(options: argparse.Namespace, argv: tuple[str, ...]) -> str:
    """What is wrong with the options together, if anything."""
    if options.flush and options.push:
        return "--flush and --push are two things"
    instead = "--flush" if options.flush else "--push" if options.push else ""
    if instead and argv:
        return f"{instead} runs no other check"
    if instead and (options.host or options.service or options.textfile or options.ttl is not None):
        return f"{instead} goes with none of --host, --service, --ttl and --textfile"
    if options.push and options.to:
        return "--push goes where the configuration says"
    if options.all and (instead or argv):
        return f"{instead or 'a check'} and --all are two things"
    if options.all and options.service:
        return "--all takes no --service: each check has its own"
    return "" if instead or argv or options.all else "a check is needed, after --, or --all"


def _submit(options: argparse.Namespace, argv: tuple[str, ...]) -> int:
    """Run the checks and send what they say; the exit status. Raises ConfigError."""
    config = load(options.config)
    submission = config.submission or Submission()
    timing = Timing()
    way = options.to or ("" if options.textfile else submission.submit.to)
    if not way and not options.textfile:
        raise ConfigError("where to? Give --to, or `to` in [submit]")
    where = destination(way, submission, timing) if way else None
    if where is not None and options.flush:
        return _told(deliver(where.spool, where.receiver, timing, []))
    results = _checked(options, _lines(options) if options.all else [argv], where, submission, timing)
    written = 0
    if options.textfile:
        samples = [sample for result in results for sample in metrics.of_result(result)]
        counted = _of_node(options, config.checks, samples) if options.all else 0
        written = _written(options.textfile, samples) or counted
    return written if where is None else _told(deliver(where.spool, where.receiver, timing, results)) or written


def _lines(options: argparse.Namespace) -> list[tuple[str, ...]]:
    """The command lines of --all."""
    config = ("--config", options.config) if options.config else ()
    return [(each.name, *config) for each in OF_SERVICE]


def _checked(
    options: argparse.Namespace,
    lines: list[tuple[str, ...]],
    where: Destination | None,
    submission: Submission,
    timing: Timing,
) -> list[CheckResult]:
    """Run the checks, all at the same time. Raises ConfigError."""
    ttl = submission.submit.ttl if options.ttl is None else options.ttl

    def look(argv: tuple[str, ...], names: ObjectNames) -> Callable[[], CheckResult]:
        return lambda: check(argv, names, options.timeout, ttl, timing)

    return timing.together([look(argv, _named(options, argv, where)) for argv in lines])


def _named(options: argparse.Namespace, argv: tuple[str, ...], where: Destination | None) -> ObjectNames:
    """Whose result it will be. Raises ConfigError."""
    of_check = argv[:1] if options.all else argv
    names = named(of_check, where.host if where else "", where.services if where else {})
    names = ObjectNames(options.host or names.host, options.service or names.service)
    if not all(re.fullmatch(NAME, name) and name.isprintable() for name in names):
        raise ConfigError(f"{names.service!r} on {names.host!r} does not name a service: give --host and --service")
    return names


def _of_node(options: argparse.Namespace, config: CheckConfig, samples: list[Sample]) -> int:
    """Add what the node is and what was done on it; the exit status. Raises ConfigError."""
    from remediate.monitoring import journal_metrics, node_metrics

    name = options.host or this_machine()
    node = node_metrics.asked(config, LOOK)
    resources = node_metrics.resources(node)
    samples += node_metrics.samples(node, name, resources)
    store = Store(options.state_dir or STATE_DIRECTORY)
    try:
        counts = journal_metrics.count(store, os.path.join(store.directory, JOURNAL))
    except StateError as error:
        return _say(f"what was done is left out: {error}", CANNOT_KEEP)
    except OSError as error:
        return _say(f"what was done is left out: {error.strerror or error}", CANNOT_KEEP)
    samples += counts.samples(name, resources)
    return 0


def _written(path: str, samples: list[Sample]) -> int:
    try:
        textfile.write(path, samples)
    except OSError as error:
        return _say(f"{path}: {error.strerror or error}", CANNOT_KEEP)
    return 0


def _push(options: argparse.Namespace) -> int:
    """What the hooks do, in the foreground. Raises ConfigError, ProbeError."""
    from remediate.monitoring.push import push

    delivered = push(local.context(local.LocalOptions(config=options.config, state_dir=options.state_dir))).delivered
    return 0 if delivered is None else _told(delivered)


def _told(done: DeliveryReport) -> int:
    """One line where an operator should know something; the exit status."""
    status = 0
    if Disposition.LATER in done.fates or Disposition.LOCKED in done.fates or (not done.fates and done.waiting):
        status = WAITS
    if Disposition.REFUSED in done.fates:
        status = REFUSED
    if not done.kept:
        status = CANNOT_KEEP
    says = [*([waiting_in_words(done.waiting)] if done.waiting else []), *done.says]
    if not says:
        return status
    return _say("; ".join(says), status)


def _say(text: str, status: int) -> int:
    sys.stderr.write(f"{PROG}: {plain(text, LONGEST_SAID)}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
