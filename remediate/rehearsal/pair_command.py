"""`hastwatch pair up|down|exec|fault|state`: a simulated pair to try things on.

`up` starts the pair in the background and returns when it answers; `exec` runs a command line on a node and is a valid
`--via` prefix; `fault` breaks something; `state` shows both nodes; `down` ends it.

    hastwatch pair up --dir /tmp/pair
    hastwatch pair exec --dir /tmp/pair nfs001 'hastctl status home'
    hastwatch pair fault --dir /tmp/pair power-off nfs001
    hastwatch pair state --dir /tmp/pair
    hastwatch pair down --dir /tmp/pair
"""

import sys

from remediate.rehearsal import exec_client


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; `exec` first, as it must be quick."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["exec"]:
        return exec_client.main(words[1:])
    import argparse

    parser = argparse.ArgumentParser(
        prog="hastwatch pair", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a pair in the background and return when it answers")
    up.add_argument("--dir", required=True, help="directory of its own, made with mode 0700")
    up.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second (default: %(default)s)")
    up.add_argument("--seed", type=int, default=1, help="seed of everything random (default: %(default)s)")
    up.add_argument("--blank", action="store_true", help="boot with blank disks instead of the healthy pair")
    up.add_argument("--carp-hook", metavar="COMMAND", help="what devd runs with VHID@IFACE and TYPE, and waits for")
    up.add_argument("--hast-hook", metavar="COMMAND", help="what hastd runs on its events")
    up.add_argument("--foreground", action="store_true", help="do not go into the background")
    commands.add_parser("exec", help="run a command line on a node: --dir DIR NODE COMMAND-LINE", add_help=False)
    for name, text in (("down", "end the pair"), ("state", "show both nodes"), ("fault", "break or mend something")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--dir", required=name != "fault", default="", help="the pair's directory")
        if name == "state":
            command.add_argument("--json", action="store_true")
        if name == "fault":
            command.add_argument("--list", action="store_true", help="name all faults, one line each")
            command.add_argument("words", nargs="*", help="the fault and its words")
    arguments = parser.parse_args(words)
    if arguments.command == "up":
        from remediate.rehearsal import pair_up

        return pair_up.foreground(arguments) if arguments.foreground else pair_up.background(arguments, words)
    if arguments.command == "state":
        return exec_client.ask(arguments.dir, ["state", *["--json"] * arguments.json])
    if arguments.command == "fault":
        return _fault(arguments.dir, arguments.list, arguments.words)
    from remediate.rehearsal import pair_up

    return pair_up.down(arguments.dir)


def _fault(directory: str, listed: bool, words: list[str]) -> int:
    if listed:
        from remediate.rehearsal.faults import listing

        for usage, line in listing():
            print(f"{usage:<42} {line}")
        return 0
    if not directory or not words:
        sys.stderr.write("usage: hastwatch pair fault --dir DIRECTORY FAULT [WORD ...], or --list\n")
        return 64
    return exec_client.ask(directory, ["fault", *words])


if __name__ == "__main__":
    sys.exit(main())
