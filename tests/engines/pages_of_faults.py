"""How many pages a fault costs, with the shipped configuration in a real engine: every notification that it sends.

    python -m tests.engines.pages_of_faults [--engine nagios|icinga] [FAULT ...]

prints the table, and ends with 1 where a fault costs more than its aim, or somebody was not told who had to be. All
intervals are shortened alike; a fault takes some three minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.engines.faults_paged import FAULTS, MINUTE, QUIET, PagedFault, client, configuration
from tests.engines.icinga_pages import IcingaPages
from tests.engines.nagios_pair import OF_SERVICE, NagiosPair
from tests.subcommands.running_pair import running

WATCHED = (*OF_SERVICE, "check_nfs_export")
"""Without the audit, which is looked at once an hour."""


def nagios_sends(directory: Path, fault: PagedFault) -> list[str]:
    """What Nagios sends, beside recoveries."""
    with running(directory / "pair", *fault.options) as pair:
        settings = {"interval_length": f"{MINUTE:g}", "max_concurrent_checks": "3"}
        watched = NagiosPair(directory, pair, WATCHED, settings, configuration(fault))
        client(pair, directory / "programs" / "nfs001" / "bin" / "check_nfs_export")
        with watched.all_up():
            watched.nagios.wait_for("all is OK", watched.all_are_ok, 120)
            fault.happens(pair)
            time.sleep(QUIET * MINUTE)
        return [page.removeprefix("PROBLEM ") for page in watched.nagios.pages if page.startswith("PROBLEM")]


def icinga_sends(directory: Path, fault: PagedFault) -> list[str]:
    """What Icinga 2 sends, beside recoveries."""
    icinga = IcingaPages(directory, MINUTE, configuration(fault))
    with icinga.up(), icinga.running(*fault.options):
        icinga.watch_all()
        fault.happens(icinga.pair)
        time.sleep(QUIET * MINUTE)
        return icinga.pages


ENGINES: dict[str, Callable[[Path, PagedFault], list[str]]] = {"nagios": nagios_sends, "icinga": icinga_sends}


def aim(engine: str, fault: PagedFault) -> int:
    """How many pages are no more than there is to do."""
    return fault.aim + (fault.more_in_icinga if engine == "icinga" else 0)


def is_as_wanted(engine: str, fault: PagedFault, pages: list[str]) -> bool:
    """Whether somebody is told of what matters, and of not much more."""
    return set(fault.told) <= set(pages) and len(pages) <= aim(engine, fault)


def row(engine: str, fault: PagedFault, pages: list[str]) -> str:
    """A row of the table."""
    return f"{engine:<8}{fault.name:<24}{len(pages):>3} (aim {aim(engine, fault)})  {', '.join(pages)}"


def main() -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.pages_of_faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--engine", choices=ENGINES, action="append", help="(default: all)")
    parser.add_argument("fault", nargs="*", metavar="FAULT", help=f"one of: {', '.join(names)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.fault) - set(names):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    status = 0
    for engine in options.engine or ENGINES:
        for fault in FAULTS:
            if options.fault and fault.name not in options.fault:
                continue
            with tempfile.TemporaryDirectory(prefix="p-") as directory:
                Path(directory).chmod(0o755)
                pages = ENGINES[engine](Path(directory), fault)
            print(row(engine, fault, pages), flush=True)
            status |= not is_as_wanted(engine, fault, pages)
    return status


if __name__ == "__main__":
    sys.exit(main())
