"""docs/operation/three-nights.md: the nights as they are played, with what was printed.

python -m tests.nights.page >docs/operation/three-nights.md
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from checks.plugin.text import say_count, say_duration
from remediate.rehearsal.service import Account
from tests.failover.installed_pair import state_directory
from tests.nights.administrator import Entry
from tests.nights.nights import FILE, NIGHTS, SALVAGE, Morning, Night, played

HEAD = """\
# Three nights

Three nights of a tired administrator, played on [the simulated pair](../rehearse.md): cron runs, `periodic_promotion`
is off, and monitoring repairs nothing by itself. Whatever is typed was printed before: by a check (the line after
`->`), by a command that it named (`next:`), or by the runbook that it sent to. What is left to a human is to boot a
machine, to repair a cable, to replace a disk, to say which node the clients reach, and to choose a directory and a
file.

A test plays them (`tests/nights`), and fails where what is printed does not lead to the end. Times are minutes and
seconds since the beginning. Long outputs are shortened (`...`).
"""
LONGEST, FIRST, LAST = 24, 12, 6
"""Lines of an output that is shown whole; of a longer one those at its beginning and at its end."""
WIDTH = 120
PID = re.compile(r"process \d+")
INCIDENT = re.compile(r"(?<=[-. ])[0-9a-f]{16}\b")
AN_INCIDENT = "bba5eb627d6c5120"
"""In the place of an id that is another one each time."""
LABELS = {"monitoring": "monitoring", "hands": "by hand"}


def page(mornings: Mapping[str, Morning]) -> str:
    """The whole page."""
    chapters = [line for name, morning in mornings.items() for line in chapter(NIGHTS[name], morning)]
    return "\n".join([HEAD, *chapters[:-1]]) + "\n"


def chapter(night: Night, morning: Morning) -> Iterator[str]:
    """One night."""
    yield from (f"## {night.title}", "", *textwrap.wrap(night.text, WIDTH), "", "```text")
    for entry in morning.administrator.story:
        yield from (line.replace(str(morning.salvage), SALVAGE) for line in _told(entry, morning.pair.began))
    yield from ("```", "", *textwrap.wrap(_ending(morning), WIDTH), "")


def _told(entry: Entry, began: float) -> Iterator[str]:
    minutes, seconds = divmod(round(entry.at - began), 60)
    at = f"{minutes:3}:{seconds:02}  "
    who = LABELS.get(entry.where, f"{entry.where} #")
    lines = _same_each_time(entry.what).splitlines()
    yield f"{at}{who:<10}  {lines[0]}"
    yield from (f"{'':20}{line}" for line in lines[1:])
    output = _same_each_time(entry.output).splitlines()
    if entry.what.startswith("hastwatch explain "):
        output = ["..."]
    if len(output) > LONGEST:
        output = [*output[:FIRST], "...", *output[-LAST:]]
    yield from (f"{'':20}{line}".rstrip() for line in output)


def _same_each_time(text: str) -> str:
    return PID.sub("process 1429", INCIDENT.sub(AN_INCIDENT, text))


def _ending(morning: Morning) -> str:
    account = morning.pair.clients.account(morning.salvage)
    without = say_duration(round(account.without_service))
    service = f"Clients had no service for {without}." if account.outages else "Clients were always served."
    return f"In the morning everything is OK. {service} {_losses(account)}"


def _losses(account: Account) -> str:
    if not account.missing:
        return "No acknowledged write is lost."
    causes = sorted({loss.cause.value for loss in account.losses if len(loss.kept) < len(loss.numbers)})
    lost = f"Lost: {say_count(account.lost, 'acknowledged write')} ({'; '.join(causes)})." if account.lost else \
        "No acknowledged write is lost."  # fmt: skip
    kept = f" {say_count(account.kept, 'acknowledged write')} of the copy that was given up are in the salvage, from " \
        f"which `{FILE}` was given back." if account.kept else ""  # fmt: skip
    return lost + kept


def main() -> int:
    """Play them and print the page."""
    with ExitStack() as stack:
        mornings = {name: played(night, stack.enter_context(state_directory())) for name, night in NIGHTS.items()}
        sys.stdout.write(page(mornings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
