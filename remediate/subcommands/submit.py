"""`hastwatch submit`: run a check, or all of a node, and send the results to monitoring.

    hastwatch submit -- check_hast -r home
    hastwatch submit --to nrdp --service "hast home" --ttl 300 -- check_hast -r home
    hastwatch submit --textfile /var/tmp/node_exporter/hastwatch.prom --all
    hastwatch submit --list /usr/local/etc/hastwatch-addresses
    hastwatch submit --flush

It works with every plugin. The configuration says where results go, as which user, and under which names: [submit],
[icinga], [nrdp], [nagios] (hastwatch.toml.sample). Certificates are always verified; credentials are read only from a
file that belongs to this user alone. A result is spooled first and removed once it is accepted: while the server is
unreachable it waits in the spool, and is sent, in order, with the next one. A result whose ttl has expired by then is
dropped, with a message. One that the server refuses (no such service) is moved to `refused` in the spool, and blocks no
other.

With --ttl SECONDS Icinga itself reports if no new result arrives within that time.

--all runs the checks that watch the service of this node in one look, as check_hast_pair does, and sends the result of
each as that of a service of its own; after -- stands check_hast_pair with its options, if it needs any. With --textfile
it also writes what they do not say: the state of each vhid, the role of each resource, and from the journal the
failovers, the last change of role and the repairs by result. For that it has to run as root. check_hast_setup, the
audit, is not among them: give it a file of its own, once an hour.

On a monitoring host --list looks at many service addresses in one process. Each line of its file is the name of a host
and a command line of check_nfs_export, with the quotes of a shell, which it does not run:

    nfs check_nfs_export -H 10.1.101.5 --export /hast/home=10.1.101.0/24

One line says why a result was not submitted.
"""

from __future__ import annotations

import argparse
import os
import re
import sys

from checks.plugin.config import PATH, CheckConfig, ConfigError
from checks.plugin.tables import LONGEST
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.node import this_machine
from checks.registry import COMBINED, OF_SERVICE
from remediate import exits, local
from remediate.arguments import Parser, like, seconds
from remediate.config import load
from remediate.console import Console
from remediate.context import LOOK
from remediate.exits import USAGE
from remediate.monitoring import metrics, textfile
from remediate.monitoring.answer import Disposition
from remediate.monitoring.delivery import DeliveryReport, deliver, deliver_all, waiting_in_words
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
            "       %(prog)s [options] --all [-- check_hast_pair ARGUMENT ...]\n"
            "       %(prog)s [options] --list FILE | --flush | --push"
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
    parser.add_argument("--list", metavar="FILE", help="look at the service addresses of a file, in one process")
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
    many = [f"--{name}" for name in ("all", "list") if getattr(options, name)]
    if len(many) + bool(instead) > 1:
        return f"{(instead or many[1])} and {many[0]} are two things"
    if many and options.service:
        return f"{many[0]} takes no --service: each check has its own"
    if options.all and argv and os.path.basename(argv[0]) != COMBINED[0]:
        return f"--all runs {COMBINED[0]}, not {plain(argv[0])}"
    if options.list and (argv or options.host or options.textfile):
        return "--list runs no other check" if argv else "--list goes with neither --host nor --textfile"
    return "" if instead or argv or many else "a check is needed, after --, or --all"


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
    results = _checked(options, argv, where, submission, timing)
    written = 0
    if options.textfile:
        samples = [sample for result in results for sample in metrics.of_result(result)]
        counted = _of_node(options, config.checks, samples) if options.all else 0
        written = _written(options.textfile, samples) or counted
    return written if where is None else _told(deliver_all(where.spool, where.receiver, timing, results)) or written


def _checked(
    options: argparse.Namespace,
    argv: tuple[str, ...],
    where: Destination | None,
    submission: Submission,
    timing: Timing,
) -> list[CheckResult]:
    """Run the check, or the checks of --all or --list. Raises ConfigError."""
    ttl = submission.submit.ttl if options.ttl is None else options.ttl
    if options.list:
        from remediate.monitoring import addresses

        lines, services = addresses.read(options.list), where.services if where else {}
        return addresses.looked(lines, load(options.config).checks, services, options.timeout, ttl, timing)
    if options.all:
        from remediate.monitoring import one_look

        look = (*(argv or COMBINED), *(("--config", options.config) if options.config else ()))
        names = [_named(options, (each.name,), where) for each in OF_SERVICE]
        return one_look.results(look, names, options.timeout, ttl, timing)
    return [check(argv, _named(options, argv, where), options.timeout, ttl, timing)]


def _named(options: argparse.Namespace, argv: tuple[str, ...], where: Destination | None) -> ObjectNames:
    """Whose result it will be. Raises ConfigError."""
    names = named(argv, where.host if where else "", where.services if where else {})
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
