"""`hastwatch answer`: answer the queries and commands of the other node's root, and nothing else.

    restrict,command="exec /usr/local/hastwatch/bin/hastwatch answer" ssh-ed25519 AAAA... root@nfs002

It is the forced command of a key in root's authorized_keys (sshd(8)), and takes the line from SSH_ORIGINAL_COMMAND: one
that the checks run (`hastwatch-ask --list`), or one of the table below (--list), which hastwatch itself needs for a
failover, a recovery and a post-mortem. No shell sees it, and every argument has its pattern. Everything else is refused
and goes to syslog (auth.warning).

It does not change a role, create metadata, start a shell, or read a file that is not in the table. A salvage on the
other node (`salvage_to = "ssh://..."`) needs a key of its own there, for a user who can do nothing else.

Exit status: that of the command; 126: refused; 127: the command does not exist on this node.

It is started for every question of a failover: it imports what the question needs, and no more.
"""

from __future__ import annotations

import os
import signal
import sys

from checks import ask
from checks.ask import LineRefused, Points, Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checks.plugin.config import CheckConfig
    from remediate.arguments import Parser
    from remediate.config import RemediationConfig

READS: Rows = (
    ("/bin/cat", "/etc/exports", "what of a resource clients are given"),
    ("/bin/cat", "/etc/zfs/exports", "the same, as zfs(8) writes it for sharenfs"),
    ("/bin/cat", "/var/db/hastwatch/<name>.json", "what is remembered there: holds, failures, what is known of a copy"),
    ("/bin/cat", "/var/run/hastwatch/<name>.json", "the same, where it could not be written there"),
    ("/bin/ls", "/dev/hast/<name>", "whether it has the device of a primary"),
    ("/bin/ls", "-ldo <point>", "whether an empty mount point takes no files"),
    ("/usr/bin/tail", "-n 400 /var/db/hastwatch/journal.jsonl", "the last entry worth telling (hastwatch status)"),
    ("/usr/sbin/service", "<service> onestatus", "whether a configured service runs"),
)
"""What remediation reads of the other node besides what the checks do."""
SH = "/bin/sh"
RC_CONF = (f"{SH} -c", "<script> sh mountd=<variables>", "rc.conf as rc(8) reads it: which files mountd reads")
"""One command line, to the letter (`probes.rc_conf.SCRIPT`, `failover.exported.ASKED`): no word comes from outside. It
sources what root sources for every `service NAME onestatus`, and runs nothing of a value."""
ORDERS: Rows = (
    ("hastwatch", "--version", "whether it answers: nothing is handed over to a node on which it does not"),
    ("hastwatch", "reach <address> <path>", "whether clients are served there"),
    (
        "hastwatch",
        "ledger <names> --told <copies> --by <node>",
        "receives whether copies here are complete or incomplete",
    ),
    ("hastwatch", "take-over", "to take over what that node hands to this one (hastwatch switchover, a shutdown)"),
    ("hastwatch", "verify <name> --afresh --quiet", "to compare the copies, once that node's was recreated"),
    ("hastwatch", "extents <name>", "hashes of the extents of a copy, for hastwatch verify; receives its result"),
    (
        "hastwatch",
        "clients --told <address> <client>...",
        "receives the clients, which are woken after a failover",
    ),
    ("hastwatch", "journal --json -n 2000", "its part of a post-mortem"),
    ("hastwatch", "tree list <point> --limit <number>", "names, sizes and times of a file system, for a salvage"),
    ("hastwatch", "tree list <point> --limit <number> --after <base64>", "the next page"),
    ("hastwatch", "tree sha256 <point> <base64>...", "the hashes of some of its files"),
)
"""The subcommands of hastwatch that it runs. Five change anything. --told: what this node believes of its own copy, as
the node says that has the other one (and which could as well write to this copy, by HAST), and to which addresses
packets are sent when the service comes here. take-over: this node may become primary, as for an event of CARP, only as
CARP MASTER and where the rules of the failover allow it; that the other node has released the resources is taken from
that node, as the answer to a question is. extents: what came out of a comparison of the copies is what that node says,
for the checks and for people; the hashes tell somebody who knows what a block may hold whether it does, who can read it
on the own disk anyway. verify: as an operator here compares the copies, with the lowest priority and once at a time."""
SESSIONS = ("take-over", "extents")
"""Those that are talked to: they keep their input, and have deadlines of their own."""
PATIENCE = {"list": 330, "sha256": 6 * 3600}
"""Seconds for a subcommand of `tree`, at least what who asks waits (`recovery.remote_tree`); else `ask.PATIENCE`."""
BASE64 = ask.LETTERS - {"_"} | frozenset("+/=-")
MOST_PORTS = 16
"""Of one client (`state.clients`)."""
LONGEST = 64 << 10
"""Bytes of a line: well above `remote_tree.ARGUMENTS`."""
PROG = "hastwatch"


class ConfiguredPoints(Points):
    """The mount points and services of this node, as its configuration has them."""

    def __init__(self, configuration: Callable[[], RemediationConfig]) -> None:
        super().__init__(lambda: configuration().checks)
        self._whole = configuration

    @property
    def services(self) -> tuple[str, ...]:
        """Those besides NFS. Raises LineRefused where the configuration cannot be read."""
        return self._whole().failover.services


def _service(text: str, points: Points) -> bool:
    return isinstance(points, ConfiguredPoints) and text in points.services


def _is_address(text: str) -> bool:
    if not (0 < len(text) <= 45 and ask.ADDRESS.issuperset(text)):
        return False
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_client(text: str) -> bool:
    """ADDRESS[,PORT]..., as `hastwatch clients --told` takes it."""
    address, *ports = text.split(",")
    digits = all(port.isascii() and port.isdigit() and len(port) <= 5 for port in ports)
    return digits and len(ports) <= MOST_PORTS and _is_address(address)


KINDS: Mapping[str, Callable[[str, Points], bool]] = {
    **ask.KINDS,
    "address": lambda text, points: _is_address(text),
    "base64": lambda text, points: len(text) > 0 and BASE64.issuperset(text) and not text.startswith("--"),
    "client": lambda text, points: _is_client(text),
    "copies": lambda text, points: set(text.split(",")) <= {"complete", "incomplete"},
    "names": lambda text, points: all(map(ask.is_name, text.split(","))),
    "node": lambda text, points: ask.is_name(text),
    "number": lambda text, points: text.isascii() and text.isdigit() and len(text) <= 7,
    "path": lambda text, points: text.startswith("/"),
    "service": _service,
}


def main(words: list[str] | None = None) -> int:
    """Answer SSH_ORIGINAL_COMMAND; the exit status."""
    words = sys.argv[1:] if words is None else words
    if words and parser().parse_args(words).list:
        sys.stdout.write(listing())
        return 0
    line = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    argv = [PROG]
    try:
        if questions := ask.several(_refuse_long(line)):
            from checks import batch

            return batch.answer(questions, lambda one: _read_only(admitted(one, own_configuration)))
        argv = admitted(line, own_configuration)
        if argv[0] != PROG:
            ask.execute(argv)
        return _order(argv[1:])
    except LineRefused as error:
        return ask.refuse(str(error), line)
    except FileNotFoundError:
        return ask.say(f"{argv[0]}: not found", ask.NOT_FOUND)
    except OSError as error:
        return ask.say(f"{argv[0]}: {error.strerror}", ask.REFUSED)


def parser() -> Parser:
    """The command line."""
    from remediate.arguments import Parser

    parser = Parser(prog="hastwatch answer", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print what is answered")
    return parser


def admitted(line: str, configuration: Callable[[], RemediationConfig]) -> list[str]:
    """The program and the arguments of a line; PROG for hastwatch itself. Raises LineRefused."""
    _refuse_long(line)
    if line.startswith(" ".join([*ask.ENV_C, SH])):
        return _rc_conf(line)
    try:
        return ask.admitted(line, _without_leave_to_write(configuration))
    except LineRefused:
        words = line.split(" ")
    if not ask.PLAIN.issuperset(line) or words[:2] != ask.ENV_C:
        raise LineRefused("not a command line as hastwatch makes it")
    argv, node = words[2:], ConfiguredPoints(configuration)
    if any(ask.fits(argv, row, node, KINDS) for row in READS):
        return argv
    program = argv[0] if argv else ""
    if program.startswith("/") and program.endswith(f"/{PROG}"):  # where it is on this node, this node knows best
        own = [PROG, *argv[1:]]
        if any(ask.fits(own, _as_long_as(own, row), node, KINDS) for row in ORDERS):
            return own
    raise LineRefused("not among what hastwatch asks of the other node (see hastwatch answer --list)")


def _rc_conf(line: str) -> list[str]:
    """The one command line for sh(1). Raises LineRefused."""
    from checks.probes import rc_conf
    from checks.probes.node import quoted
    from remediate.failover.exported import ASKED

    argv = (SH, "-c", rc_conf.SCRIPT, "sh", *rc_conf.arguments(ASKED))
    if line != quoted((*ask.ENV_C, *argv)):
        raise LineRefused("not the question to rc.conf that hastwatch asks of the other node")
    return list(argv)


def _refuse_long(line: str) -> str:
    """The line, where it is no longer than any of ours. Raises LineRefused."""
    if len(line) > LONGEST:
        raise LineRefused("longer than any line of hastwatch")
    return line


def _read_only(argv: list[str]) -> list[str]:
    """A question among several; an order comes by itself. Raises LineRefused."""
    if argv[0] == PROG:
        raise LineRefused("an order is not one of several questions")
    return argv


def listing() -> str:
    """The table, for people."""
    lines = ["what the checks run (hastwatch-ask --list), and\n"]
    lines += [
        f"{f'{program} {arguments}'.strip():<72} {what}\n" for program, arguments, what in (*READS, RC_CONF, *ORDERS)
    ]
    return "".join(lines)


def own_configuration() -> RemediationConfig:
    """This node's configuration. Raises LineRefused."""
    from checks.plugin.config import ConfigError
    from remediate.config import load

    try:
        return load(None)
    except ConfigError as error:
        raise LineRefused(str(error)) from None


def _without_leave_to_write(configuration: Callable[[], RemediationConfig]) -> Callable[[], CheckConfig]:
    """`ask_write` is for the monitoring user of this node."""
    return lambda: configuration().checks._replace(ask_write=False)


def _as_long_as(argv: list[str], row: tuple[str, str, str]) -> tuple[str, str, str]:
    """A row that ends with `...` takes its last word as often as there are arguments, once at least."""
    program, pattern, what = row
    if not pattern.endswith("..."):
        return row
    *words, last = pattern.removesuffix("...").split()
    return program, " ".join([*words, *[last] * max(len(argv) - 1 - len(words), 1)]), what


def _order(words: list[str]) -> int:
    """Run a subcommand in this process: no input, nothing of the caller's environment or signals."""
    from remediate import command

    os.chdir("/")
    os.environ.clear()
    os.environ.update(ask.ENVIRONMENT)
    if words[0] in SESSIONS:
        return command.main(words)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if words[0] != "verify":  # which reads a whole disk, and can be stopped
        signal.alarm(PATIENCE.get(words[1] if words[0] == "tree" else "", ask.PATIENCE))
    return command.main(words)


if __name__ == "__main__":
    sys.exit(main())
