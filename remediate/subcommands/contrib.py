"""`hastwatch contrib`: configuration for monitoring engines and for least privilege, generated from the code.

    hastwatch contrib sudoers --user icinga > /root/hastwatch.sudoers
    hastwatch contrib nrpe > /usr/local/etc/nrpe.d/hastwatch.cfg

It prints to standard output and writes no file. The files in contrib/ are its output with the defaults. Install rules
for sudo or doas only after `visudo -c -f FILE` or `doas -C FILE` has accepted them: a truncated file (a full disk)
locks everybody out.
"""

from __future__ import annotations

import sys
from importlib import import_module

from checks.plugin.config import URL
from remediate import exits
from remediate.arguments import Parser, like
from remediate.contrib.placement import Placement
from remediate.invocation import OWN, Invocation

PROG = "hastwatch contrib"
PATH = like(r"(?a)/[A-Za-z0-9_./-]+", "an absolute path of plain characters")
NAME = like(r"(?a)[:%]?[A-Za-z0-9_][A-Za-z0-9_.-]*", "a name of plain characters")
WORDS = like(r"(?a)[A-Za-z0-9_./ =-]*", "words of plain characters")
DOCS = like(f"({URL})?", "a URL of plain characters that begins with https:// or http://")
"""What may stand in a generated file, unquoted."""
GENERATED = {
    "sudoers": ("sudo/hastwatch", "what the monitoring user may run as root, for sudo(8)"),
    "doas": ("doas/doas.conf", "the same for doas(1)"),
    "authorized-keys": ("ssh/authorized_keys", "the same for sshd(8), forced commands"),
    "nrpe": ("nrpe/hastwatch.cfg", "NRPE: the commands of a node, checks and repairs"),
    "zabbix": ("zabbix/hastwatch.conf", "Zabbix's agent: the checks of a node, as JSON"),
    "nagios": ("nagios/hastwatch-commands.cfg", "Nagios: the commands of the monitoring host"),
    "icinga2": ("icinga2/hastwatch-commands.conf", "Icinga 2: CheckCommands and EventCommands"),
    "director": ("icinga2/director-basket.json", "Icinga Director: the same commands and the services as a basket"),
}
"""Name: its file below contrib/, one line; the module of the same name in `remediate.contrib` has its `text`."""
OF_A_GROUP = {"sudoers": "%", "doas": ":"}
"""What stands before the name of a group where the rules may be for one: sudoers(5), doas.conf(5)."""
EXITS = {
    0: "printed",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    command_line = parser()
    options = command_line.parse(words, invocation.console)
    if options.user[0] in OF_A_GROUP.values() and options.user[0] != OF_A_GROUP.get(options.what):
        command_line.error(
            f"argument --user: {options.user!r} is no user; a group is %NAME for sudoers, :NAME for doas"
        )
    placement = Placement(options.directory.rstrip("/"), options.user, options.by, options.docs.rstrip("/"))
    invocation.console.out.write(text(options.what, placement))
    return 0


def parser() -> Parser:
    """The command line."""
    default = Placement()
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS))
    choices = "; ".join(f"{name}: {line}" for name, (_, line) in GENERATED.items())
    parser.add_argument("what", choices=GENERATED, metavar="WHAT", help=choices)
    parser.add_argument("--directory", type=PATH, default=default.directory, metavar="DIR",
                      help=f"where the commands are (default: {default.directory})")  # fmt: skip
    parser.add_argument("--user", type=NAME, default=default.user, metavar="NAME",
                      help=(
        f"who runs the checks (default: {default.user}); a group is %%NAME for sudoers, :NAME for doas"
    ))  # fmt: skip
    parser.add_argument("--by", type=WORDS, default=default.by, metavar="WORDS",
                      help=f"how that user becomes root; nothing where it is root (default: {default.by})")  # fmt: skip
    parser.add_argument("--docs", type=DOCS, default=default.docs, metavar="URL", help=(
        "director: where your copy of the documentation is, for a link from every service to the page of its check "
        "(default: no link)"
    ))  # fmt: skip
    return parser


def text(what: str, placement: Placement = Placement()) -> str:  # noqa: B008 - never changed
    """What is printed."""
    output: str = import_module(f"remediate.contrib.{what.replace('-', '_')}").text(placement)
    return output


if __name__ == "__main__":
    sys.exit(main())
