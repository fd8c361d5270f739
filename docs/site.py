"""What the documentation site adds to its pages: the index of runbooks, and links from each reason to its runbook and
from each manual page that a text names to that page.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from checks.plugin.finding import COULD_NOT_LOOK, Row
from checks.registry import REGISTRY
from remediate.subcommands.registry import SUBCOMMANDS

COMMANDS = "commands"
"""The directory of the manual pages; not in git."""
RUNBOOKS = "runbooks"
"""The directory of the runbooks, and the page that lists them."""
INDEX = "<!-- index of runbooks -->"
"""What the table stands for on that page."""
LISTED = re.compile(r"^\| `(?P<reason>[a-z][a-z0-9-]+)` \|", re.MULTILINE)
"""A reason that begins a row of a table."""
EXPLAINED = re.compile(r"(?<!\[)`hastwatch explain (?P<reason>[a-z][a-z0-9-]+)`(?!\])")
"""What the terminal has in place of a link."""
MANUAL = re.compile(r"(?<![\w`/.-])(?P<name>hastwatch[a-z.-]*|check_[a-z_]+)\((?P<section>[158])\)")
CODE_OR_LINK = re.compile(
    r"(^```.*?^```$|^ {4}[^\n]*$|^#[^\n]*$|`[^`\n]+`|\[[^\]]*\]\([^)]*\))", re.MULTILINE | re.DOTALL
)
"""Where a name stays as it is."""
OWN = {"hastwatch", "hastwatch.toml", "hastwatch-ask", "hastwatch-event-handler", *(each.name for each in REGISTRY)}
OWN |= {f"hastwatch-{name}" for name in SUBCOMMANDS}


def reasons() -> dict[str, tuple[Row, list[str]]]:
    """Each reason with its row, and the checks that give it."""
    rows: dict[str, tuple[Row, list[str]]] = {}
    for each in REGISTRY:
        for row in each.load().table.own:
            rows.setdefault(row.reason, (row, []))[1].append(each.name)
    return rows | {row.reason: (row, ["every check"]) for row in COULD_NOT_LOOK}


def with_index(text: str, runbooks: Collection[str]) -> str:
    """The page of the runbooks with its table, the most severe first, and its part of the navigation. A runbook that is
    no reason's own stands in the navigation alone."""
    lines = ["| reason | state | check | when |", "|---|---|---|---|"]
    for reason, (row, names) in sorted(reasons().items(), key=lambda each: (-each[1][0].severity.rank, each[0])):
        shown = f"[`{reason}`]({RUNBOOKS}/{reason}.md)" if reason in runbooks else f"`{reason}`"
        lines.append(f"| {shown} | {row.severity.name} | {', '.join(names)} | {row.when} |")
    if runbooks:
        lines += ["", "```{toctree}", ":hidden:", ":glob:", "", f"{RUNBOOKS}/*", "```"]
    return text.replace(INDEX, "\n".join(lines))


def linked(text: str, name: str, runbooks: Collection[str]) -> str:
    """A page with links to runbooks, from the reasons that its tables list and from `hastwatch explain REASON`; `name`
    is its path without suffix."""

    def link(match: re.Match[str]) -> str:
        reason = match["reason"]
        return f"| [`{reason}`]({up(name)}{RUNBOOKS}/{reason}.md) |" if reason in runbooks else match[0]

    def runbook(match: re.Match[str]) -> str:
        reason = match["reason"]
        return f"[{match[0]}]({up(name)}{RUNBOOKS}/{reason}.md)" if reason in runbooks else match[0]

    return EXPLAINED.sub(runbook, LISTED.sub(link, text))


def with_manual_links(text: str, name: str) -> str:
    """A page with links from each manual page of ours that it names, outside of code, to that page."""

    def link(match: re.Match[str]) -> str:
        if match["name"] not in OWN or name.endswith(f"/{match['name']}"):
            return match[0]
        return f"[{match[0]}]({up(name)}{COMMANDS}/{match['name']}.md)"

    parts = CODE_OR_LINK.split(text)
    return "".join(part if number % 2 else MANUAL.sub(link, part) for number, part in enumerate(parts))


def up(name: str) -> str:
    """The way from a page to the top."""
    return "../" * name.count("/")
