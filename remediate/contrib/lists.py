"""What lists all checks within a file that is otherwise written by hand: `docs/generate.py` brings it up to date.

A list stands between two lines of its file, which stay; the blocks of checks that run on a node are all the same but
for what ICINGA says. A check from outside has more to say than a list does: its block is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from checks.registry import OF_SERVICE, ON_NODE, REGISTRY, CheckEntry
from remediate.contrib.definitions import EVERY_MINUTE
from remediate.contrib.icinga2 import command
from remediate.contrib.pair_objects import OF_THE_SERVICE
from remediate.monitoring.metrics import METRICS

ICINGA = {
    "check_hast_splitbrain": (
        "/* Looked at more often: when a copy has to step down, every write until then is lost. */\n"
    ),
    "check_hast_setup": "/* An audit: what it looks at changes when somebody changes it. */\n",
}
"""What stands before the service of a check."""
APPLY = """\
{before}apply Service "{name}" {{
  import "hastwatch-on-node"
  check_command = "{command}"
{more}  command_endpoint = host.vars.agent_endpoint
  assign where host.vars.hastwatch_node
}}

"""
SIX = """\
/* For many pairs: with `const HastwatchOneLook = true` in constants.conf one service of each node stands for those that
 * watch its service (docs/monitoring.md, "Many pairs"). */
if (!globals.contains("HastwatchOneLook")) {{
  const HastwatchOneLook = false
}}

if (!HastwatchOneLook) {{

{each}}} else {{

{together}}}

"""
TEMPLATE = """\
define service {{
    name                    hastwatch-{name}
    use                     hastwatch-service
    register                0
    service_description     {name}
    check_command           hastwatch-{name}
    _HASTWATCH_CHECK        {name}
    servicegroups           {group}
{more}}}

"""


class MissingAnchor(Exception):
    """A file has not the lines between which its list stands; the text names them."""


class List(NamedTuple):
    """A list in a file, and where it stands."""

    path: str
    """Of the file, from the root of the project."""
    after: str
    before: str
    """What the list stands between."""
    text: Callable[[], str]

    def in_place(self, file: str) -> str:
        """The file with the list as it is now. Raises MissingAnchor."""
        head, begin, rest = file.partition(self.after)
        _, end, tail = rest.partition(self.before)
        if not (begin and end):
            raise MissingAnchor(f"{self.path}: no {(self.before if begin else self.after)!r}")
        return "".join((head, begin, self.text(), end, tail))


def rows() -> str:
    """The rows of the README's table."""
    return "".join(f"| `{each.name}` | {each.about} |\n" for each in REGISTRY)


def applied() -> str:
    """Icinga 2: a service for each check of a node."""
    services: dict[CheckEntry, str] = {}
    for each in REGISTRY:
        if each.on_node:
            before = ICINGA.get(each.name, "")
            more = f"  check_interval = {_icinga(each.interval)}\n" if each.interval != EVERY_MINUTE else ""
            text = APPLY.format(name=each.name, command=command(each.name), before=before, more=more)
            services[each] = text
    six = SIX.format(
        each="".join(services[each] for each in OF_SERVICE),
        together="".join(services[each] for each in services if each.combines),
    )
    return six + "".join(services[each] for each in ON_NODE if each not in OF_SERVICE)


def _icinga(seconds: int) -> str:
    """A duration of Icinga 2's language."""
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"


def templates() -> str:
    """Nagios: the template of each check; an interval is in minutes, where `interval_length` is the default."""
    groups = {True: "hastwatch-on-nodes", False: "hastwatch-from-outside"}
    return "".join(TEMPLATE.format(name=each.name, group=groups[each.on_node], more=_nagios(each)) for each in REGISTRY)


def _nagios(entry: CheckEntry) -> str:
    """What is looked at more often than others is HARD before them, as what depends on it wants it."""
    lines = [f"    check_interval          {entry.interval / 60:g}\n"] if entry.interval != EVERY_MINUTE else []
    lines += ["    retry_interval          0.25\n"] if entry.interval < EVERY_MINUTE else []
    lines += ["    first_notification_delay 1.5\n"] if entry.name in OF_THE_SERVICE else []
    return "".join(lines)


def metrics() -> str:
    """The rows of the table of Prometheus's metrics."""
    return "".join(
        f"| `{each.name}` | {each.kind.value} | {', '.join(each.labels)} | {each.help} |\n" for each in METRICS
    )


LISTS = (
    List("README.md", "| command | what it looks at |\n|---|---|\n", "\n`check_hast --help`", rows),
    List("docs/prometheus.md",
         "| metric | type | labels | what it is |\n|---|---|---|---|\n", "\n## Rules and alerts", metrics),
    List("contrib/icinga2/hastwatch-services.conf",
         '  event_command = "hastwatch-event-handler"\n}\n\n', "/* As a client sees it:", applied),
    List("contrib/nagios/hastwatch-templates.cfg",
         "# One for each check; its event handler is told by _HASTWATCH_CHECK which table is meant.\n\n",
         "# NRPE itself,", templates),
)  # fmt: skip


def updated(files: Mapping[str, str]) -> dict[str, str]:
    """The files of PATHS, by path, with their lists as they are now. Raises MissingAnchor."""
    texts = dict(files)
    for each in LISTS:
        texts[each.path] = each.in_place(texts[each.path])
    return texts


PATHS = tuple(dict.fromkeys(each.path for each in LISTS))
"""The files that have a list."""
