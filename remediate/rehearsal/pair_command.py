"""`hastwatch pair up|shell|env|run|exec|type|fault|state|down`: a simulated pair for experiments.

    hastwatch pair up --automatic
    hastwatch pair shell nfs001
    eval "$(hastwatch pair env)"
    check_carp_hast; hastwatch status; hastwatch --node nfs002 journal
    hastwatch pair fault isolate nfs001
    hastwatch pair state
    hastwatch pair down

The pair that `up` starts is healthy: every check says OK. With --automatic hastwatch is installed on both nodes.

`shell` is a prompt on a node, where ^C ends a command, and ^D or `exit` leave; it also reads commands from a pipe.
`exec` runs one command line, and is a prefix for --via and --peer of every check. After `env` a shell finds commands
in DIR/bin that ask the pair: the checks by themselves, `hastwatch` as a command of a node. The node is the one of a
first option --node, else that of `env --node` or $HASTWATCH_PAIR_NODE, else the one that serves at that time. `run` is
what these commands call. The exit status of `shell`, `run` and `exec` is the command's.

With --new both nodes are to be set up, with --old-hook the pair is to be adopted: `hastwatch init`, after `env`, looks
at both nodes and writes its directory on this machine, and `type` types what its README.md has.

A node has no terminal: what asks for a confirmation needs --yes. A salvage of `hastwatch recover RES --to DIR` on a
node is kept in DIR of this machine, where `hastwatch restore` reads it. Any other file that a command is to write, such
as that of `hastwatch journal --timeline`, is in the node's file system: `hastwatch pair exec NODE cat FILE`.
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
    "shell": "a prompt on a node, or the commands of standard input",
    "env": "print lines for eval: checks and hastwatch of this shell reach the pair",
    "run": "run a check or hastwatch against the pair",
    "exec": "run a command line on a node; fits --via and --peer of every check",
    "type": "type the commands of a README.md of `hastwatch init` on the nodes",
    "fault": "break or mend something",
    "state": "show both nodes",
    "down": "end the pair",
}
EXITS = {
    0: "done",
    exits.USAGE: "wrong usage, or no such fault",
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
    arguments.dir = exec_client.directory(arguments.dir)
    if arguments.command in ("up", "down"):
        from remediate.rehearsal import pair_up

        return pair_up.up(arguments) if arguments.command == "up" else pair_up.down(arguments.dir)
    if arguments.command == "state":
        return exec_client.ask(arguments.dir, ["state", *["--json"] * arguments.json])
    if arguments.command == "shell":
        from remediate.rehearsal import pair_shell

        return pair_shell.shell(arguments.dir, arguments.node)
    if arguments.command == "type":
        from remediate.rehearsal import pair_type

        return pair_type.type_page(arguments.dir, arguments.page)
    if arguments.command in ("env", "run"):
        from remediate.rehearsal import pair_env

        if arguments.command == "env":
            return pair_env.env(arguments.dir, arguments.node)
        return pair_env.run(arguments.dir, arguments.node, [arguments.name, *arguments.words])
    if arguments.list:
        return _list()
    if not arguments.words:
        options_parser.error("fault needs a FAULT and its words, or --list")
    return exec_client.ask(arguments.dir, ["fault", *arguments.words])


def parser() -> Parser:
    """The command line."""
    from argparse import REMAINDER

    from remediate.arguments import Parser
    from remediate.rehearsal.arguments import CONFIG, speed

    parser = Parser(prog="hastwatch pair", description=__doc__, exits=exits.described(EXITS))
    commands = parser.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    each = {name: commands.add_parser(name, help=line, description=line) for name, line in SUBCOMMANDS.items()}
    for name, one in each.items():
        where = "the pair's directory" if name != "up" else "directory of its own, made with mode 0700"
        one.add_argument("--dir", metavar="DIR", help=f"{where} {exec_client.DEFAULT}")
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
    up.add_argument(
        "--new",
        action="store_true",
        help="two hosts as FreeBSD leaves them, with a blank disk each, for `hastwatch init`",
    )
    up.add_argument(
        "--old-hook", action="store_true", help="in service by the documented hook, for `hastwatch init --adopt`"
    )
    up.add_argument("--carp-hook", metavar="COMMAND", help="what devd runs with VHID@IFACE and TYPE, and waits for")
    up.add_argument("--hast-hook", metavar="COMMAND", help="what hastd runs on its events")
    up.add_argument("--hastwatch", metavar="COMMAND", help="what the other node reaches as `hastwatch`")
    up.add_argument("--automatic", action="store_true",
                    help="hastwatch on both nodes, called by devd and cron; its state in DIR/state/NODE")  # fmt: skip
    up.add_argument("--no-cron", action="store_true",
                    help="with --automatic: cron does not call hastwatch; devd, hastd and monitoring do")  # fmt: skip
    up.add_argument("--foreground", action="store_true", help="do not go into the background")
    node = "nfs001 or nfs002, or active for the one that serves"
    each["shell"].add_argument("node", metavar="NODE", help=node)
    for name in ("env", "run"):
        each[name].add_argument("--node", metavar="NODE", help=f"{node} (default: active, at the time of each call)")
    each["type"].add_argument("page", metavar="FILE", help="the README.md")
    each["run"].add_argument("name", metavar="COMMAND", help="hastwatch or a check")
    each["run"].add_argument("words", metavar="WORD", nargs=REMAINDER, help="what the command is given")
    each["exec"].add_argument("node", metavar="NODE", help=node)
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
