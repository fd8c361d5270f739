"""The pages of the manual, out of what the commands say of themselves: sections 1 (the plugins), 5 and 8.

A plugin is run by any user, the monitoring one, so it stays in section 1; what administers a node is in section 8.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

from checks import ask
from checks.plugin.command import CheckCommand, parser
from checks.plugin.finding import Row
from checks.plugin.help_text import fitted
from checks.registry import REGISTRY
from docs import hook_pages, toml_page
from docs.manual import WIDTH, Block, Heading, Item, Items, Literal, Page, Paragraph, Usage, Word, prose
from docs.options import options
from remediate.events import handler
from remediate.rehearsal.rehearse import listing as scenarios
from remediate.subcommands.registry import SUBCOMMANDS
from simulator.faults.faults import listing as faults

SYSTEM = (("carp", 4), ("hast.conf", 5), ("devd", 8), ("hastctl", 8), ("hastd", 8))
"""Pages of FreeBSD that every page refers to."""
CONFIGURATION = ("hastwatch.toml", 5)
PLUGIN, COMMAND = 1, 8
"""Sections."""
CONFIG_FILE = Item((Word("Pa", "/usr/local/etc/hastwatch.toml"),), "Configuration; may be absent.")
STATE = Item((Word("Pa", "/var/db/hastwatch"),), "The state of the node: journal, ledger, holds; root's own.")
EXAMPLES = {
    "check_hast": ("check_hast", "check_hast -r home -w 256M --verified 35d"),
    "check_hast_splitbrain": ("check_hast_splitbrain --peer 'ssh nfs002'",),
    "check_carp": ("check_carp", "check_carp --expect MASTER --peer 'ssh nfs002'"),
    "check_carp_hast": (
        "check_carp_hast --peer 'ssh nfs002'",
        "check_carp_hast --via 'ssh nfs001' --peer 'ssh nfs002'",
    ),
    "check_devd": ("check_devd", "check_devd --hook /usr/local/sbin/carp-hast-switch"),
    "check_hast_mount": ("check_hast_mount", "check_hast_mount -r home -w 85 -c 95 --depth read"),
    "check_nfs_export": ("check_nfs_export -H 10.1.101.5 --export /hast/home=10.1.101.0/24",),
}
"""Command lines of EXAMPLES; a check without an entry has its bare name."""
EXIT_OF_CHECKS = Paragraph("0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN and wrong usage.")


def all_pages() -> list[Page]:
    """Every page, by section and name."""
    pages = [*(of_check(each.load()) for each in REGISTRY), toml_page.page(), hastwatch(), event_handler(), ask_page()]
    pages += [hook_pages.carp(), hook_pages.hast()]
    pages += [of_subcommand(name) for name in SUBCOMMANDS]
    return sorted(pages, key=lambda page: (page.section, page.name))


def of_check(check: CheckCommand) -> Page:
    """The page of a check."""
    module = importlib.import_module(check.parts.__module__)
    about = one_line(module.__doc__).partition(": ")[2]
    rows = tuple(map(of_row, check.table))
    perfdata = tuple(Item((Word("", label),), meaning) for label, meaning in check.perfdata)
    remembered = Item((Word("Pa", "/var/tmp/hastwatch-UID"),), "What is remembered between runs.")
    blocks: list[Block] = [
        *(Heading("DESCRIPTION"), *prose(fitted(check.about, WIDTH)), Heading("OPTIONS"), options(parser(check))),
        *(Heading("STATES"), Paragraph("The worst one counts: CRITICAL, UNKNOWN, WARNING, OK."), Items(rows)),
        *(Heading("PERFORMANCE DATA"), Items(perfdata) if perfdata else Paragraph("None.")),
        *(Heading("FILES"), Items((CONFIG_FILE, remembered)), Heading("EXIT STATUS"), EXIT_OF_CHECKS),
        *(Heading("EXAMPLES"), Literal("\n".join(EXAMPLES.get(check.name, (check.name,))))),
    ]
    usage = Usage((Word("Nm", check.name), Word("Ar", "[options]")))
    see = (*SYSTEM, CONFIGURATION, ("hastwatch", COMMAND))
    return Page(check.name, PLUGIN, about.rstrip("."), (usage,), tuple(blocks), see)


def of_row(row: Row) -> Item:
    """A state of a check."""
    action = f" -> {row.words}" if row.action else ""
    return Item((Word("Sy", f"{row.severity.name} {row.reason}"),), f"{row.when}: {row.means}.{action}")


def hastwatch() -> Page:
    """The page of the command itself: what it has subcommands for, each of which has a page."""
    entries = tuple(Item((Word("Cm", name),), f"{line}: see {of_it(name)}.") for name, (_, line) in SUBCOMMANDS.items())
    blocks: tuple[Block, ...] = (
        Heading("DESCRIPTION"),
        Paragraph("Performs the failover of FreeBSD's highly available NFS pair (HAST, CARP, devd, NFS), repairs what"
                  " its checks find, and recovers from a split-brain. Each subcommand has a page of its own."),
        Heading("COMMANDS"),
        Items(entries),
        Heading("FILES"),
        Items((CONFIG_FILE, STATE)),
        Heading("EXIT STATUS"),
        Paragraph("0 means done; 1 that it was not done, or is not so, and the reason is reported. Each page has the"
                  " statuses of its command. The others are those of sysexits.h: 69 the node cannot be read, 70 an"
                  " internal error, 73 the state directory cannot be read or written, 74 standard output is full or"
                  " closed, 75 try again, 77 not root, 78 the configuration is refused. Wrong usage is 2."),
        Heading("EXAMPLES"),
        Literal("hastwatch status\nhastwatch converge --dry-run\nhastwatch rehearse"),
    )  # fmt: skip
    see = (*SYSTEM, CONFIGURATION, *((each.name, PLUGIN) for each in REGISTRY))
    see += tuple((f"hastwatch-{name}", COMMAND) for name in SUBCOMMANDS)
    see += (("carp-hast-switch", COMMAND), ("hastwatch-hast-event", COMMAND))
    usage = Usage((Word("Nm", "hastwatch"), Word("Ar", "command"), Word("Ar", "[options]")))
    about = "failover, repairs and recovery for FreeBSD's highly available NFS pair"
    return Page("hastwatch", COMMAND, about, (usage,), blocks, see)


def of_it(subcommand: str) -> str:
    """How a text names the page of a subcommand."""
    return f"hastwatch-{subcommand}({COMMAND})"


def of_subcommand(name: str) -> Page:
    """The page of a subcommand."""
    module, line = SUBCOMMANDS[name]
    made: argparse.ArgumentParser = importlib.import_module(module).parser()
    described, examples, exit_status = parts_of(str(made.description))
    usages: list[Usage] = []
    listed: list[Block] = []
    for part, own in commands_of(made).items():
        words = (Word("Nm", f"hastwatch {name} {part}".rstrip()), *arguments(own))
        usages.append(Usage(words))
        listed += [Paragraph(f"Options of {part}:")] if part else []
        listed.append(options(own))
    blocks: list[Block] = [Heading("DESCRIPTION"), *described, Heading("OPTIONS"), *listed, *lists_of(name)]
    blocks += [Heading("FILES"), Items((CONFIG_FILE, STATE))] if name not in ("pair", "rehearse") else []
    blocks += [Heading("EXIT STATUS"), Paragraph(exit_status)] if exit_status else []
    blocks += [Heading("EXAMPLES"), Literal(examples or f"hastwatch {name}")]
    see = (*SYSTEM, CONFIGURATION, ("hastwatch", COMMAND))
    return Page(f"hastwatch-{name}", COMMAND, line, tuple(usages), tuple(blocks), see)


def lists_of(name: str) -> list[Block]:
    """What the pages of the simulated pair list: scenarios and faults."""
    if name == "rehearse":
        rows = [row.partition(" ") for row in scenarios()]
        return [Heading("SCENARIOS"), Items(tuple(Item((Word("Cm", row[0]),), row[2].strip()) for row in rows))]
    if name == "pair":
        files = (
            ("pair.sock", "Where a pair answers."),
            ("pair.log", "Its last words."),
            ("hooks.log", "What hooks wrote."),
        )
        return [
            Heading("FAULTS"),
            Items(tuple(Item((Word("Cm", usage),), f"{line}.") for usage, line in faults())),
            Heading("FILES"),
            Items(tuple(Item((Word("Pa", f"DIR/{file}"),), line) for file, line in files)),
        ]
    return []


def event_handler() -> Page:
    """The page of hastwatch-event-handler: its options, and its table."""
    made = handler.parser()
    described, examples, exit_status = parts_of(str(made.description))
    title = one_line(str(made.description)).partition(": ")[2].rstrip(".")
    blocks = (
        *(Heading("DESCRIPTION"), *described, Heading("OPTIONS"), options(made)),
        *(Heading("WHAT A FINDING CALLS FOR"), Literal(handler.table().rstrip())),
        *(Heading("EXIT STATUS"), Paragraph(exit_status), Heading("EXAMPLES"), Literal(examples)),
    )
    see = (*((each.name, PLUGIN) for each in REGISTRY), ("hastwatch", COMMAND), ("hastwatch-repair", COMMAND))
    usage = Usage((Word("Nm", made.prog), *arguments(made)))
    return Page(made.prog, COMMAND, title, (usage,), blocks, see)


def ask_page() -> Page:
    """The page of hastwatch-ask: what it admits."""
    described, examples, exit_status = parts_of(str(ask.__doc__))
    blocks = (
        *(Heading("DESCRIPTION"), *described, Heading("WHAT IS ADMITTED"), Literal(ask.listing().strip())),
        *(Heading("EXIT STATUS"), Paragraph(exit_status), Heading("EXAMPLES"), Literal(examples)),
    )
    usages = (
        Usage((Word("Nm", "hastwatch-ask"), Word("Ar", "LINE"))),
        Usage((Word("Nm", "hastwatch-ask"), Word("Fl", "--list"))),
    )
    see = (("doas.conf", 5), ("sudoers", 5), ("sshd", 8), ("hastwatch", COMMAND), ("hastwatch-answer", COMMAND))
    about = one_line(ask.__doc__).partition(": ")[2].rstrip(".")
    return Page("hastwatch-ask", COMMAND, about, usages, blocks, see)


def parts_of(description: str) -> tuple[list[Block], str, str]:
    """What `--help` says as blocks of prose, the examples among it, and the exit status."""
    described: list[Block] = []
    examples: list[str] = []
    exit_status = ""
    for block in prose(description):
        if isinstance(block, Literal) and block.text.startswith(("hastwatch", "check_")):
            examples.append(block.text)
        elif isinstance(block, Paragraph) and block.text.startswith("Exit status: "):
            exit_status = block.text.removeprefix("Exit status: ")
        else:
            described.append(block)
    return described, "\n".join(examples), exit_status


def commands_of(made: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands within a command, by name; itself with an empty name where it has none."""
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {"": made}


def arguments(made: argparse.ArgumentParser) -> Iterator[Word]:
    """What follows the name of a command: options, and whatever is required."""
    yield Word("Ar", "[options]")
    needed = [action for action in made._actions if action.required or not action.option_strings]
    for action in sorted(needed, key=lambda action: not action.option_strings):
        if isinstance(action, argparse._SubParsersAction):
            continue
        more = " ..." if action.nargs in ("*", "+") else ""
        if action.option_strings:
            yield Word("Fl", f"{action.option_strings[0]} {action.metavar}{more}")
        else:
            yield Word("Ar", f"[{action.metavar}{more}]" if action.nargs in ("*", "?") else f"{action.metavar}{more}")


def one_line(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return " ".join((text or "").partition("\n\n")[0].split())
