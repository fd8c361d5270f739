"""The manual pages of the hooks, which devd(8) and hastd(8) run: carp-hast-switch(8) and hastwatch-hast-event(8).

Usage, description and exit status are those of their `--help`; the examples are the configuration files of contrib/.
"""

from __future__ import annotations

import re
from pathlib import Path

from docs.manual import Block, Heading, Item, Items, Literal, Page, Paragraph, Usage, Word
from docs.options import options
from remediate import worker
from remediate.arguments import Parser
from remediate.local import add_options

CONTRIB = Path(__file__).resolve().parent.parent / "contrib" / "freebsd"
COMMAND = 8
"""The section."""
CARP_EVENTS = (
    ("VHID@IFACE MASTER|BACKUP|INIT", "A virtual host has this state now: what devd(8) passes for a CARP event."),
    ("master|slave|backup", "The same, for all virtual hosts, in the words of the old shell hook."),
    ("loN self-test", "The event of hastwatch-self-test(8): it is noted, and nothing else is done."),
)
HAST_EVENTS = (
    ("role RESOURCE OLD NEW", "The resource has another role."),
    ("connect RESOURCE", "The nodes are connected."),
    ("disconnect RESOURCE", "The connection is lost: writes underway may be missing on the other copy."),
    ("syncstart RESOURCE", "A synchronisation has begun: one copy is incomplete until it ends."),
    ("syncdone RESOURCE", "It has ended, and both copies are complete."),
    ("syncintr RESOURCE", "It was interrupted."),
    ("split-brain RESOURCE", "hastd has found a split-brain: the node steps down if it does not serve the clients."),
)


def carp() -> Page:
    """The page of the hook of devd(8)."""
    more = (
        "devd(8) waits for an action, so the hook returns at once. It writes the event into the state directory and"
        " leaves the rest to a process of its own, which brings the node to the state that CARP calls for. The words"
        " say only that something has changed: the process reads CARP, HAST, mounts and NFS anew, and takes up every"
        " newer event before it ends. Running the hook twice changes nothing the second time.",
        "hastwatch-converge(8) describes the steps, hastwatch-journal(8) shows what was done. check_devd(1) tells"
        " whether devd would run this hook for every event of the node, hastwatch-self-test(8) proves it.",
    )
    files = (
        ("/usr/local/sbin/carp-hast-switch", "Where devd's rule expects the hook."),
        ("/usr/local/etc/devd/hastwatch.conf", "That rule."),
    )
    rule = re.search(r"^notify .*?^};$", (CONTRIB / "devd-hastwatch.conf").read_text(), re.MULTILINE | re.DOTALL)
    example = "The rule of devd:\n\n" + (rule[0] if rule else "").expandtabs(8)
    about = "failover hook of hastwatch for devd"
    return _page("carp-hast-switch", about, worker.CARP_USAGE, CARP_EVENTS, more, files, example, ("devd.conf", 5))


def hast() -> Page:
    """The page of the hook of hastd(8)."""
    more = (
        "hastd(8) does not wait for what it runs. The hook leaves the work to a process of its own: it keeps the ledger"
        " (hastwatch-ledger(8)), by which a node with an incomplete copy is not promoted, and leaves the marker of a"
        " split-brain, which check_hast_splitbrain(1) reads. The recovery is described in hastwatch-recover(8).",
        "The script of the same name that hast.conf(5) names runs before it. While hastwatch changes the node, it only"
        " leaves a note for the process that is at work; everything else it hands over to this program. Neither is"
        " called by hand: what they are told of the copies is believed.",
    )
    files = (
        ("/usr/local/sbin/hastwatch-hast-event", "The script that hast.conf names."),
        ("/var/db/hastwatch/RESOURCE.ledger.json", "What is known of both copies."),
        ("/var/db/hastwatch/RESOURCE.split-brain", "The marker of a split-brain."),
    )
    line = re.search(r"^exec .*$", (CONTRIB / "hast.conf.sample").read_text(), re.MULTILINE)
    example = "The line of hast.conf:\n\n" + (line[0] if line else "")
    about = "event hook of hastwatch for hastd"
    return _page("hastwatch-hast-event", about, worker.HAST_USAGE, HAST_EVENTS, more, files, example, ("hast.conf", 5))


def _page(
    name: str,
    about: str,
    usage: str,
    events: tuple[tuple[str, str], ...],
    more: tuple[str, ...],
    files: tuple[tuple[str, str], ...],
    example: str,
    configured: tuple[str, int],
) -> Page:
    usages, _, described = usage.partition("\n\n")
    lines = [line.strip().removeprefix(f"{name} ") for line in usages.splitlines()]
    _, exit_status = worker.MORE.split("exit status: ")
    made = Parser(prog=name, description=described)
    add_options(made)
    places = (*files, ("/usr/local/etc/hastwatch.toml", "Configuration; may be absent."))
    described_in_full = [Paragraph(" ".join(text.split())) for text in (described, *more)]
    blocks: list[Block] = [Heading("DESCRIPTION"), *described_in_full]
    blocks += [Heading("EVENTS"), Items(tuple(Item((Word("Cm", words),), text) for words, text in events))]
    blocks += [Heading("OPTIONS"), options(made)]
    blocks += [Heading("FILES"), Items(tuple(Item((Word("Pa", path),), text) for path, text in places))]
    blocks += [Heading("EXIT STATUS"), Paragraph(" ".join(exit_status.split()) + ".")]
    blocks += [Heading("EXAMPLES"), Literal(example)]
    synopsis = tuple(Usage((Word("Nm", name), Word("Ar", "[options]"), Word("Ar", line))) for line in lines)
    see = (configured, ("hastwatch.toml", 5), ("devd", 8), ("hastd", 8), ("hastwatch", 8), ("hastwatch-converge", 8),
           ("hastwatch-journal", 8))  # fmt: skip
    return Page(name, COMMAND, about, synopsis, tuple(blocks), see)
