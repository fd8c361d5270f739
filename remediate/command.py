"""The console script `hastwatch`: finds the module of a subcommand and nothing else.

Every subcommand is imported only when it is asked for, and `pair exec`, which stands in a `--via` prefix and is started
for every probe command, before anything else. Exit status 2: no such subcommand; 74: standard output is full or
closed; 130: interrupted from the keyboard; otherwise that of the subcommand.
"""

import sys

SUBCOMMANDS = {
    "status": ("remediate.subcommands.status", "both nodes at a glance"),
    "converge": ("remediate.subcommands.converge", "bring this node to what CARP says"),
    "switchover": ("remediate.subcommands.switchover", "move the service to the other node"),
    "take-over": ("remediate.subcommands.take_over", "take over from the other node, which runs this itself"),
    "promote": ("remediate.subcommands.promote", "bring the service up here, as a human decides"),
    "maintenance": ("remediate.subcommands.maintenance", "suspend automatic action: on, off, status"),
    "recover": ("remediate.subcommands.recover", "recover from a split-brain, on the node whose copy is given up"),
    "restore": ("remediate.subcommands.restore", "look into a salvage, and give files of it back"),
    "verify": ("remediate.subcommands.verify", "compare both copies extent by extent, while clients are served"),
    "extents": ("remediate.subcommands.extents", "read this node's copy for the other one, which runs this itself"),
    "repair": ("remediate.subcommands.repair", "what monitoring may have done here, where it is called for"),
    "clear": ("remediate.subcommands.clear", "go on after failed promotions"),
    "doctor": ("remediate.subcommands.doctor", "what can be found out about this node by trying it"),
    "journal": ("remediate.subcommands.journal", "what was done, why, and with what result"),
    "ledger": ("remediate.subcommands.ledger", "what is known of this node's copies"),
    "hold": ("remediate.subcommands.hold", "how this node holds itself back in CARP, and why"),
    "reach": ("remediate.subcommands.reach", "whether clients are served at an address"),
    "tickle": ("remediate.subcommands.tickle", "wake NFS clients that wait for a node that is gone"),
    "clients": ("remediate.subcommands.clients", "the NFS clients that are woken when the service comes to this node"),
    "self-test": ("remediate.subcommands.self_test", "prove the wiring from the kernel to hastwatch"),
    "tree": ("remediate.subcommands.tree", "what the other node asks of a file system while it salvages"),
    "answer": ("remediate.subcommands.answer", "answer what the other node asks, as the forced command of its key"),
    "submit": ("remediate.subcommands.submit", "run a check and send its result to Icinga, NRDP or Nagios"),
    "contrib": ("remediate.subcommands.contrib", "configuration for engines and least privilege, generated"),
    "rehearse": ("remediate.rehearsal.rehearse", "play failures on a simulated pair and see what the checks say"),
    "pair": ("remediate.rehearsal.pair_command", "run a simulated pair and reach it: up, down, exec, fault, state"),
}
"""Name: the module whose `main(words)` it is, one line."""

INTERRUPTED = 130


def main(words: list[str] | None = None) -> int:
    """Run a subcommand with the words after its name; the exit status."""
    words = sys.argv[1:] if words is None else words
    if words[:2] == ["pair", "exec"]:
        from remediate.rehearsal import exec_client

        return exec_client.main(words[2:])
    from remediate.printing import printed

    return printed(lambda: _called(words))


def _called(words: list[str]) -> int:
    if words[:1] in (["-h"], ["--help"]):
        sys.stdout.write(help_text())
        return 0
    if words[:1] in (["-V"], ["--version"]):
        from checks import VERSION

        sys.stdout.write(f"hastwatch {VERSION}\n")
        return 0
    if not words or words[0] not in SUBCOMMANDS:
        from remediate.exits import USAGE

        said = f"no subcommand {words[0]!r}" if words else "a subcommand is needed"
        sys.stderr.write(f"hastwatch: {said}: {', '.join(SUBCOMMANDS)} (see hastwatch --help)\n")
        return USAGE
    from importlib import import_module

    try:
        status: int = import_module(SUBCOMMANDS[words[0]][0]).main(words[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def help_text() -> str:
    """What `--help` prints."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in SUBCOMMANDS.items()]
    return "\n".join(["usage: hastwatch SUBCOMMAND ...", "", *lines, "", "hastwatch SUBCOMMAND --help says more\n"])


if __name__ == "__main__":
    sys.exit(main())
