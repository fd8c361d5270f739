"""Who calls a subcommand that acts, whether they may, what they confirm, and how an error is told: in one line."""

from __future__ import annotations

import argparse
import select
from collections.abc import Callable

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate import exits, local
from remediate.console import Console
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace, places
from remediate.invocation import OWN, Invocation
from remediate.local import LocalOptions
from remediate.printing import NotPrinted
from remediate.state.journal import CRIT
from remediate.state.store import StateError

REFUSED = 1
"""Done nothing, with the reason."""


CONFIRMATION = "yes"
"""What an operator types to confirm something, the same word everywhere."""


class NotConfirmed(Exception):
    """Nobody said that it is to be done."""


def run(
    prog: str,
    options: argparse.Namespace,
    act: Callable[[Context], int],
    acts: bool = True,
    invocation: Invocation = OWN,
) -> int:
    """Do what a subcommand does in the context of its options; the exit status. `acts`: it changes the node, which only
    root may do unless the options name another way to it."""
    console = invocation.console
    if why := invocation.no_node(local.where(options)):
        return refuse(console, prog, why, exits.UNAVAILABLE)
    if acts and not console.is_root and not (options.via or options.state_dir):
        why = "only root may do this (or name a way to the node, --via, and a --state-dir of your own)"
        return refuse(console, prog, why, exits.NOT_PERMITTED)
    try:
        context = invocation.context(local.where(options))
        if acts:
            invocation.see_it_through(context)
        return act(context)
    except ConfigError as error:
        return refuse(console, prog, str(error), exits.CONFIG)
    except StateError as error:
        return refuse(console, prog, str(error), exits.CANNOT_KEEP)
    except ProbeError as error:
        return refuse(console, prog, str(error), exits.UNAVAILABLE)
    except (StepFailed, NotConfirmed) as error:
        return refuse(console, prog, str(error), REFUSED)
    except NotPrinted:
        raise
    except OSError as error:
        return refuse(console, prog, error.strerror or str(error), exits.NO_PROCESS)
    except Exception as error:
        return refuse(console, prog, _internal(invocation, prog, options, error), exits.INTERNAL)


def _internal(invocation: Invocation, prog: str, options: argparse.Namespace, error: Exception) -> str:
    """A fault of our own, recorded: cron(8) has nobody who reads what is printed."""
    why = invocation.console.internal(error)
    invocation.bare(LocalOptions(state_dir=options.state_dir)).journal.entry(
        "command", why=prog, result=why, severity=CRIT
    )
    return why


def refuse(console: Console, prog: str, why: str, status: int) -> int:
    """One line on standard error; the exit status."""
    console.err.write(f"{prog}: {plain(why, 1000)}\n")
    return status


def named(context: Context, names: list[str]) -> dict[str, ResourcePlace]:
    """The resources that are named, all of hast.conf where none is. Raises StepFailed for one that it does not have,
    and ProbeError."""
    resources = places(context.here.node(), context.config)
    for name in names:
        if name not in resources:
            raise StepFailed(f"hast.conf has no resource {name}; there are {', '.join(resources) or 'none'}")
    return {name: place for name, place in resources.items() if not names or name in names}


def confirm(
    console: Console,
    options: argparse.Namespace,
    question: str,
    otherwise: str = "not confirmed, nothing was done",
    seconds: float | None = None,
) -> None:
    """Have an operator type `yes`, within so many seconds where they are limited, unless --yes was given. Raises
    NotConfirmed, which says `otherwise`."""
    if options.yes:
        return
    refuse_unasked(console, options)
    asked = console.asked
    assert asked is not None
    console.err.write(f"{question}\nType {CONFIRMATION} to go on: ")
    console.err.flush()
    if seconds is not None and not select.select([asked], [], [], seconds)[0]:
        console.err.write("\n")
        raise NotConfirmed(f"no answer within {seconds:g} s: {otherwise}")
    if asked.readline().strip() != CONFIRMATION:
        raise NotConfirmed(otherwise)


def refuse_unasked(console: Console, options: argparse.Namespace) -> None:
    """Raise NotConfirmed where nobody can answer, and --yes was not given."""
    if console.asked is None and not options.yes:
        raise NotConfirmed("there is no terminal to ask on: nothing is done without --yes")


def add_yes(parser: argparse.ArgumentParser) -> None:
    """The option that stands for an operator's confirmation."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; required without a terminal")
