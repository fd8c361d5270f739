"""Exit statuses of `hastwatch`: the one table from which the code takes them and every help says them."""

from __future__ import annotations

from collections.abc import Mapping

USAGE, UNAVAILABLE, INTERNAL, NO_PROCESS, CANNOT_KEEP, NOT_PRINTED, BUSY, NOT_PERMITTED, CONFIG = (
    2, 69, 70, 71, 73, 74, 75, 77, 78,
)  # fmt: skip
"""As in sysexits(3), but for 2: EX_UNAVAILABLE, EX_SOFTWARE, EX_OSERR, EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL, EX_NOPERM,
EX_CONFIG."""
MEANS = {
    USAGE: "wrong usage",
    UNAVAILABLE: "the node cannot be read",
    INTERNAL: "an internal error of hastwatch",
    NO_PROCESS: "no process could be started",
    CANNOT_KEEP: "the state directory can't be read or written",
    NOT_PRINTED: "standard output is full or closed",
    BUSY: "another one runs",
    NOT_PERMITTED: "not root",
    CONFIG: "the configuration is refused",
}
"""What each means, unless a subcommand says it more exactly of itself."""
OF_EVERY_SUBCOMMAND = (USAGE, NOT_PRINTED)
OF_LOOKING = (*OF_EVERY_SUBCOMMAND, UNAVAILABLE, INTERNAL, NO_PROCESS, CANNOT_KEEP, CONFIG)
"""How what `subcommands.caller.run` runs can end."""
OF_ACTING = (*OF_LOOKING, NOT_PERMITTED)
WIDTH = 118
"""Columns, as those of the texts that it follows."""


def described(own: Mapping[int, str], common: tuple[int, ...] = OF_EVERY_SUBCOMMAND) -> str:
    """A paragraph for a help: what a subcommand says of itself, and what is common to several."""
    import textwrap

    statuses = {status: MEANS[status] for status in common} | dict(own)
    listed = ", ".join(f"{status} {statuses[status]}" for status in sorted(statuses))
    return textwrap.fill(f"Exit status: {listed}.", WIDTH, break_on_hyphens=False)
