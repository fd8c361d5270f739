"""The console script `hastwatch`: finds the module of a subcommand and nothing else.

Every subcommand is imported only when it is asked for, and `pair exec`, which stands in a `--via` prefix and is started
for every probe command, before anything else. Exit status 2: no such subcommand; 74: standard output is full or
closed; 130: interrupted from the keyboard; otherwise that of the subcommand.
"""

import sys

from remediate.subcommands.registry import SUBCOMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from remediate.invocation import Invocation

INTERRUPTED = 130


def main(words: list[str] | None = None) -> int:
    """Run a subcommand with the words after its name; the exit status."""
    words = sys.argv[1:] if words is None else words
    if words[:2] == ["pair", "exec"]:
        from remediate.rehearsal import exec_client

        return exec_client.main(words[2:])
    from remediate.printing import printed

    return printed(lambda: called(words))


def called(words: list[str], invocation: "Invocation | None" = None) -> int:
    """The same, as it is invoked on a node of the simulated pair where `invocation` is given; without a look at whether
    standard output takes what is printed. Raises SystemExit too."""
    out, err = (sys.stdout, sys.stderr) if invocation is None else (invocation.console.out, invocation.console.err)
    if words[:1] in (["-h"], ["--help"]):
        out.write(help_text())
        return 0
    if words[:1] in (["-V"], ["--version"]):
        from checks import VERSION

        out.write(f"hastwatch {VERSION}\n")
        return 0
    if not words or words[0] not in SUBCOMMANDS:
        from remediate.exits import USAGE

        error = f"no subcommand {words[0]!r}" if words else "a subcommand is needed"
        err.write(f"hastwatch: {error}: {', '.join(SUBCOMMANDS)} (see hastwatch --help)\n")
        return USAGE
    from importlib import import_module

    try:
        module = import_module(SUBCOMMANDS[words[0]][0])
        status: int = module.main(words[1:]) if invocation is None else module.main(words[1:], invocation)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def help_text() -> str:
    """What `--help` prints."""
    from checks.plugin.help_text import columns, fitted

    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in SUBCOMMANDS.items()]
    text = "\n".join(["usage: hastwatch SUBCOMMAND ...", "", *lines, "", "hastwatch SUBCOMMAND --help says more\n"])
    return fitted(text, columns()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
