"""A page for each check: what it needs, what it looks at, examples out of the recordings, states, troubleshooting.

What no code has is in `docs/notes/CHECK.md`. The examples are what a test expects of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from checks.plugin.command import CheckCommand, parser
from checks.registry import REGISTRY, CheckEntry
from docs.manual import Item, Literal, Paragraph, prose
from docs.options import options
from tests.expected import RECORDINGS, Block, read

NOTES = Path(__file__).resolve().parent / "notes"
NEEDS = {
    "check_hast": "hastd; `/etc/hast.conf`",
    "check_hast_splitbrain": "hastd; the right to read the disk (root, or `hastwatch-ask`)",
    "check_carp": "CARP in the kernel",
    "check_carp_hast": "hastd, CARP; `/etc/hast.conf`",
    "check_devd": "devd, and a failover hook that it calls",
    "check_hast_mount": "hastd; `/etc/hast.conf`",
    "check_hast_pair": "what its checks need",
    "check_nfs_export": "a reserved source port: root, or the capability CAP_NET_BIND_SERVICE",
}
HOW_OFTEN = {30: "every 30 s", 60: "once a minute", 3600: "once an hour"}
"""By the seconds between two runs."""
STATES = ("OK", "WARNING", "CRITICAL")


class Example(NamedTuple):
    """An example: a recorded node, and a command line that its expected file has."""

    node: str
    command: str


EXAMPLES = {
    "check_hast": (
        Example("healthy/nfs001", "check_hast"),
        Example("recovery-synchronising/nfs001", "check_hast"),
        Example("hastd-killed-on-secondary/nfs001", "check_hast"),
    ),
    "check_hast_splitbrain": (
        Example("healthy/nfs001", "check_hast_splitbrain --peer"),
        Example("degraded-peer-hastd-stopped/nfs001", "check_hast_splitbrain --peer"),
        Example("split-brain/nfs001", "check_hast_splitbrain --peer"),
    ),
    "check_carp": (
        Example("healthy/nfs001", "check_carp --peer"),
        Example("made-freebsd-15-vrrp/nfs001", "check_carp"),
        Example("split-brain-predicted-link-cut/nfs001", "check_carp --peer"),
    ),
    "check_carp_hast": (
        Example("healthy/nfs001", "check_carp_hast"),
        Example("carp-master-on-hast-secondary/nfs001", "check_carp_hast"),
        Example("split-brain-predicted-link-cut/nfs001", "check_carp_hast --peer"),
    ),
    "check_devd": (
        Example("healthy/nfs001", "check_devd"),
        Example("made-devd-spinning/nfs002", "check_devd"),
        Example("freebsd-15-healthy/nfs001", "check_devd"),
    ),
    "check_hast_mount": (
        Example("healthy/nfs001", "check_hast_mount"),
        Example("made-almost-full/nfs001", "check_hast_mount -w 99.5 -c 100"),
        Example("mountd-down/nfs001", "check_hast_mount"),
    ),
}
"""By check. One that runs from outside has its examples in its notes."""


def page(entry: CheckEntry) -> str:
    """The page of a check, Markdown."""
    check = entry.load()
    lines = [f"# {entry.name}", "", f"{entry.about[:1].upper()}{entry.about[1:]}.", ""]
    lines += ["## Fact sheet", "", "| | |", "|---|---|", *facts(entry, check), ""]
    lines += ["## What it looks at", "", *about(check.about)]
    notes = NOTES / f"{entry.name}.md"
    lines += examples(entry.name)
    lines += ["## States", "", "The worst one counts: CRITICAL, UNKNOWN, WARNING, OK. Every check also has the",
              "[reasons of every check](../reasons.md#every-check).", ""]  # fmt: skip
    lines += ["| reason | state | when | what it means | what to do next |", "|---|---|---|---|---|"]
    rows = ((f"`{row.reason}`", row.severity.name, row.when, row.means, row.words) for row in check.table.own)
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "## Performance data", ""]
    lines += ["| name | meaning |", "|---|---|"] if check.perfdata else ["None."]
    lines += [f"| `{label}` | {meaning} |" for label, meaning in check.perfdata]
    lines += [
        "",
        "## Options",
        "",
        "| option | meaning |",
        "|---|---|",
        *map(option, options(parser(check)).entries),
        "",
    ]
    lines += [notes.read_text()] if notes.exists() else []
    return "\n".join(lines).rstrip() + "\n"


def about(text: str) -> Iterator[str]:
    """What a check says of itself: paragraphs, and indented lines as they are."""
    for block in prose(text):
        match block:
            case Paragraph(words):
                yield from (words, "")
            case Literal(lines):
                yield from ("```text", lines, "```", "")


def facts(entry: CheckEntry, check: CheckCommand) -> list[str]:
    """The rows of the fact sheet."""
    where = "on each node, or from anywhere with `--via`" if entry.on_node else "anywhere, best on the monitoring host"
    if not entry.on_node:
        other = "not used"
    elif check.uses_peer:
        other = "judged too with `--peer`"
    else:
        other = "asked with `--peer` for maintenance, and to explain a finding"
    changes = "nothing, but for an empty file with `--depth write`" if entry.name == "check_hast_mount" else "nothing"
    reads = sorted({f"`{' '.join(words).replace('{name}', 'NAME')}`" for words in check.questions})
    rows = {
        "Runs": where,
        "Other node": other,
        "How often": HOW_OFTEN[entry.interval],
        "Needs": NEEDS.get(entry.name, ""),
        "Privileges": ""
        if not entry.on_node
        else "root for hastctl and the disk; another user asks through"
        " `hastwatch-ask`, with `--via` or `via` in the configuration",
        "Time": f"{check.timeout:g} s at most (`-t`), whatever hangs",
        "Changes": f"{changes} on the node",
        "Remembers": "`/var/tmp/hastwatch-UID` (`--state-dir`)",
        "Reads": "; ".join(reads) + "; more where these call for it" if reads else "",
        "Manual page": f"{entry.name}(1)",
    }
    return [f"| {name} | {text} |" for name, text in rows.items() if text]


def examples(name: str) -> list[str]:
    """The section with the examples of a check."""
    if name not in EXAMPLES:
        return []
    lines = [
        "## Examples",
        "",
        "What it prints for a recorded pair (`tests/recordings`); `--peer` alone stands for the",
    ]
    lines += ["way to the other node.", ""]
    for example in EXAMPLES[name]:
        block = expected(example)
        lines += [f"{STATES[block.status]}, recording `{example.node}`:", "", "```", f"$ {block.command}"]
        first, *further = block.output.split("\n")
        lines += [first.partition(" | ")[0], *further, "```", ""]
    whole = expected(EXAMPLES[name][0]).output.partition("\n")[0]
    lines += ["With performance data, the whole first line of the first example:", "", "```", whole, "```", ""]
    return lines


def expected(example: Example) -> Block:
    """The block of an example. Raises StopIteration for one that no file has."""
    blocks = read(RECORDINGS / f"{example.node}.expected")
    return next(block for block in blocks if block.command == example.command)


def option(entry: Item) -> str:
    """An option as a row of a table."""
    term = " ".join(word.text for word in entry.term).replace(" , ", ", ").replace("|", "\\|")
    return f"| `{term}` | {entry.text.replace('|', chr(92) + '|')} |"


def index() -> str:
    """The page that lists the checks, with its part of the navigation."""
    lines = [
        "# Checks",
        "",
        "Plugins for Nagios, Icinga and compatible engines. Each prints one line, exits with 0 to 3,",
    ]
    lines += ["and ends its line with the name of what it found: see the [runbooks](runbooks.md).", ""]
    lines += ["| check | what it looks at | runs |", "|---|---|---|"]
    for entry in REGISTRY:
        where = "each node" if entry.on_node else "anywhere"
        lines.append(f"| [{entry.name}](checks/{entry.name}.md) | {entry.about} | {where} |")
    combined = next(entry.name for entry in REGISTRY if entry.combines)
    lines += ["", f"A new pair needs all of them but `{combined}`, which runs six of them at once. If you start with"]
    lines += ["one, take `check_carp_hast`.", ""]
    lines += ["```{toctree}", ":hidden:", "", *(f"checks/{entry.name}" for entry in REGISTRY), "```"]
    return "\n".join(lines) + "\n"
