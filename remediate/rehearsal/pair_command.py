"""`hastwatch pair up|down|exec|fault|state`: a simulated pair for experiments.

    hastwatch pair up --dir /tmp/pair
    hastwatch pair exec --dir /tmp/pair nfs001 'hastctl status home'
    check_hast --via 'hastwatch pair exec --dir /tmp/pair nfs001'
    hastwatch pair fault --dir /tmp/pair power-off nfs001
    hastwatch pair state --dir /tmp/pair
    hastwatch pair down --dir /tmp/pair

The pair that `up` starts is healthy: every check says OK. The exit status of `exec` is the command's. A salvage of
`hastwatch recover RES --to DIR` on a node is kept in DIR of this machine; `hastwatch restore` lists it, and puts no
file back on a simulated node.
"""

from __future__ import annotations

import sys

from remediate import exits
from remediate.rehearsal import exec_client

TYPE_CHECKING = False  # without typing, which imports re: `exec` is started for every command of a probe
if TYPE_CHECKING:
    from remediate.arguments import Parser

SUBCOMMANDS = {
    "up": "start a pair in the background and return when it answers",
    "exec": "run a command line on a node; fits --via and --peer of every check",
    "fault": "break or mend something",
    "state": "show both nodes",
    "down": "end the pair",
}
EXITS = {
    0: "done",
    exits.USAGE: "wrong usage (also a fault that there is not)",
    exits.CANNOT_KEEP: "no pair could be started",
    255: "no pair answers",
}


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; `exec` first, as it must be quick."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["exec"]:
        return exec_client.main(words[1:])
    options_parser = parser()
    arguments = options_parser.parse_args(words)
    if arguments.command == "up":
        from remediate.rehearsal import pair_up

        return pair_up.up(arguments)
    if arguments.command == "down":
        from remediate.rehearsal import pair_up

        return pair_up.down(arguments.dir)
    if arguments.command == "state":
        return exec_client.ask(arguments.dir, ["state", *["--json"] * arguments.json])
    if arguments.list:
        return _list()
    if not arguments.dir or not arguments.words:
        options_parser.error("fault needs --dir DIR FAULT [WORD ...], or --list")
    return exec_client.ask(arguments.dir, ["fault", *arguments.words])


def parser() -> Parser:
    """The command line."""
    from remediate.arguments import Parser
    from remediate.rehearsal.arguments import CONFIG, speed

    parser = Parser(prog="hastwatch pair", description=__doc__, exits=exits.described(EXITS))
    commands = parser.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    each = {name: commands.add_parser(name, help=line, description=line) for name, line in SUBCOMMANDS.items()}
    for name, one in each.items():
        where = "the pair's directory" if name != "up" else "directory of its own, made with mode 0700"
        one.add_argument("--dir", required=name != "fault", metavar="DIR", help=where)
    up = each["up"]
    up.add_argument("--config", metavar="FILE", help=CONFIG)
    up.add_argument("--speed", type=speed, default=1.0, metavar="N",
                    help="simulated seconds per real second (default: %(default)g)")  # fmt: skip
    up.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (default: %(default)s)")
    up.add_argument("--release", default="13.2", metavar="R[,R]",
                    help="of FreeBSD, the second node's after a comma: 13.2, 14.5, 15.0, 15.1, 15.1+D57511 with the"
                    " repair of its hastd, ... (default: %(default)s)")  # fmt: skip
    up.add_argument("--as-recorded", action="store_true",
                    help="kept like the recorded pair: NFS runs on both nodes, devd's rule only logs")  # fmt: skip
    up.add_argument("--blank", action="store_true", help="boot with blank disks, nothing is in service")
    up.add_argument("--carp-hook", metavar="COMMAND", help="what devd runs with VHID@IFACE and TYPE, and waits for")
    up.add_argument("--hast-hook", metavar="COMMAND", help="what hastd runs on its events")
    up.add_argument("--hastwatch", metavar="COMMAND", help="what the other node reaches as `hastwatch`")
    up.add_argument("--automatic", action="store_true",
                    help="hastwatch on both nodes, called by devd and cron; its state in DIR/state/NODE")  # fmt: skip
    up.add_argument("--no-cron", action="store_true",
                    help="with --automatic: cron does not call hastwatch; devd, hastd and monitoring do")  # fmt: skip
    up.add_argument("--foreground", action="store_true", help="do not go into the background")
    each["exec"].add_argument("node", metavar="NODE", help="nfs001 or nfs002")
    each["exec"].add_argument("line", metavar="COMMAND-LINE", nargs="+", help="as a shell takes it")
    each["state"].add_argument("--json", action="store_true", help="for programs")
    each["fault"].add_argument("--list", action="store_true", help="name all faults, one line each")
    each["fault"].add_argument("words", nargs="*", metavar="WORD", help="the fault and its words")
    return parser


def _list() -> int:
    from simulator.faults.faults import listing

    rows = listing()
    width = max(len(usage) for usage, _ in rows)
    sys.stdout.write("".join(f"{usage:<{width}}  {line}\n" for usage, line in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
