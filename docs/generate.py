"""Write what follows from the code: the manual pages, the reference of all reasons, what is generated in contrib/.

python docs/generate.py            writes docs/man/*.1, docs/reasons.md, the files of `hastwatch contrib`, and the lists
                                   of checks in README.md and in contrib's other files
python docs/generate.py --check    writes nothing; exit status 1 where they are not what would be written
"""

import argparse
import importlib
import sys
import textwrap
from pathlib import Path

from checks import VERSION, ask
from checks.plugin.command import CheckCommand, parser
from checks.plugin.finding import COULD_NOT_LOOK, Row
from checks.registry import REGISTRY
from remediate.contrib import lists
from remediate.events import handler
from remediate.rehearsal.rehearse import listing as scenarios
from remediate.subcommands.contrib import GENERATED
from remediate.subcommands.contrib import text as contrib
from remediate.subcommands.registry import SUBCOMMANDS
from simulator.faults.faults import listing as faults

DOCS = Path(__file__).resolve().parent
DATE = "November 25, 2026"
"""Of the last change of what the pages say, as mdoc(7) wants it; not of the day they are written."""


def commands() -> list[CheckCommand]:
    """The checks, by name."""
    return [each.load() for each in sorted(REGISTRY)]


def manual(check: CheckCommand) -> str:
    """The manual page of one check, mdoc(7)."""
    lines = [f".Dd {DATE}", f".Dt {check.name.upper()} 1", ".Os", ".Sh NAME", f".Nm {check.name}"]
    module = importlib.import_module(check.parts.__module__)
    lines += [f".Nd {escaped((module.__doc__ or '').partition(': ')[2].strip().rstrip('.'))}"]
    lines += [".Sh SYNOPSIS", ".Nm", ".Op Ar options", ".Sh DESCRIPTION", escaped(check.about), ".Sh OPTIONS"]
    lines += [".Bl -tag -width Ds", *options(parser(check)), ".El"]
    lines += [".Sh STATES", "The worst one counts: CRITICAL, UNKNOWN, WARNING, OK.", ".Bl -tag -width Ds"]
    for row in check.table:
        lines += [f".It Sy {row.severity.name} {row.reason}", escaped(f"{row.when}: {row.means}.")]
    lines += [".El", ".Sh PERFORMANCE DATA"]
    lines += [".Bl -tag -width Ds"] if check.perfdata else ["None."]
    for label, meaning in check.perfdata:
        lines += [f".It {escaped(label)}", escaped(meaning)]
    lines += [".El"] if check.perfdata else []
    lines += [".Sh FILES", ".Bl -tag -width Ds"]
    lines += [".It Pa /usr/local/etc/hastwatch.toml", "Configuration; may be absent."]
    lines += [".It Pa /var/tmp/hastwatch-UID", "What is remembered between runs.", ".El"]
    lines += [".Sh EXIT STATUS", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN and wrong usage."]
    lines += [".Sh SEE ALSO", *[f".Xr {name} {section}{mark}" for name, section, mark in SEE_ALSO]]
    return "\n".join(lines) + "\n"


SEE_ALSO = (("carp", 4, " ,"), ("devd", 8, " ,"), ("hast.conf", 5, " ,"), ("hastctl", 8, " ,"), ("hastd", 8, ""))


def options(made: argparse.ArgumentParser) -> list[str]:
    """The options as items of a list."""
    lines = []
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        value = ""
        if action.nargs != 0:
            value = f" Ar {action.metavar or '|'.join(map(str, action.choices or []))}"
        flags = " , ".join(f"Fl {flag.removeprefix('-')}{value}" for flag in action.option_strings)
        lines += [f".It {flags or value.strip()}", escaped(str(action.help) % {**vars(action), "prog": made.prog})]
    return lines


def hastwatch() -> str:
    """The manual page of hastwatch: its subcommands, the scenarios and the faults, mdoc(7)."""
    lines = [f".Dd {DATE}", ".Dt HASTWATCH 1", ".Os", ".Sh NAME", ".Nm hastwatch"]
    lines += [f".Nd {'; '.join(line.partition(':')[0] for _, line in SUBCOMMANDS.values())}", ".Sh SYNOPSIS"]
    described: list[str] = []
    for name, (module, _) in SUBCOMMANDS.items():
        made: argparse.ArgumentParser = importlib.import_module(module).parser()
        within = [action.choices for action in made._actions if isinstance(action, argparse._SubParsersAction)]
        described += [f".Ss hastwatch {name}", *prose(str(made.description))]
        parts = within[0] if within else {"": made}
        for part, own in parts.items():
            lines += [f".Nm hastwatch {name} {part}".rstrip(), *synopsis(own)]
            described += [".Pp", f"{'Options of' if part else 'Its options:'} {part}{':' if part else ''}".rstrip()]
            described += [".Bl -tag -width Ds", *options(own), ".El"]
    lines += [".Sh DESCRIPTION", *described]
    lines += [".Sh SCENARIOS", ".Bl -tag -width Ds"]
    for row in scenarios():
        scenario, _, line = row.partition(" ")
        lines += [f".It Cm {scenario}", escaped(line.strip())]
    lines += [".El", ".Sh FAULTS", ".Bl -tag -width Ds"]
    for usage, line in faults():
        lines += [f".It Cm {usage}", escaped(f"{line}.")]
    lines += [".El", ".Sh FILES", ".Bl -tag -width Ds"]
    lines += [".It Pa DIR/pair.sock", "Where a pair answers.", ".It Pa DIR/pair.log", "Its last words."]
    lines += [".It Pa DIR/hooks.log", "What hooks wrote.", ".El", ".Sh SEE ALSO"]
    seen = [*((check.name, 1, " ,") for check in commands()), *SEE_ALSO]
    return "\n".join([*lines, *[f".Xr {name} {section}{mark}" for name, section, mark in seen]]) + "\n"


def event_handler() -> str:
    """The manual page of hastwatch-event-handler: its options, and its table, mdoc(7)."""
    made = handler.parser()
    about = str(made.description).partition("\n")[0]
    lines = [f".Dd {DATE}", f".Dt {made.prog.upper()} 1", ".Os", ".Sh NAME", f".Nm {made.prog}"]
    lines += [f".Nd {about.partition(': ')[2].rstrip('.')}", ".Sh SYNOPSIS", f".Nm {made.prog}", *synopsis(made)]
    lines += [
        ".Sh DESCRIPTION",
        *prose(str(made.description)),
        ".Sh OPTIONS",
        ".Bl -tag -width Ds",
        *options(made),
        ".El",
    ]
    lines += [".Sh WHAT A FINDING CALLS FOR", ".Bd -literal", handler.table().rstrip(), ".Ed"]
    return (
        "\n".join([*lines, ".Sh SEE ALSO", *[f".Xr {check.name} 1 ," for check in commands()], ".Xr hastwatch 1"])
        + "\n"
    )


def ask_command() -> str:
    """The manual page of hastwatch-ask: what it admits, mdoc(7)."""
    about, _, rest = str(ask.__doc__).partition("\n\n")
    lines = [f".Dd {DATE}", ".Dt HASTWATCH-ASK 1", ".Os", ".Sh NAME", ".Nm hastwatch-ask"]
    lines += [f".Nd {about.partition(': ')[2].rstrip('.')}", ".Sh SYNOPSIS", ".Nm hastwatch-ask Ar LINE"]
    lines += [".Nm hastwatch-ask Fl -list", ".Sh DESCRIPTION", *prose(f"{about}\n\n{rest}")]
    lines += [".Sh WHAT IS ADMITTED", ".Bd -literal", ask.listing().strip(), ".Ed", ".Sh SEE ALSO"]
    return "\n".join([*lines, ".Xr hastwatch 1 ,", ".Xr doas.conf 5 ,", ".Xr sudoers 5 ,", ".Xr sshd 8"]) + "\n"


def synopsis(made: argparse.ArgumentParser) -> list[str]:
    """The words of a command line after its name."""
    needed = [action for action in made._actions if action.required or not action.option_strings]
    lines = [".Op Ar options"]
    for action in sorted(needed, key=lambda action: not action.option_strings):
        flag = "".join(f"Fl {flag.removeprefix('-')} " for flag in action.option_strings[:1])
        more = " ..." if action.nargs in ("*", "+") else ""
        optional = "Op " if action.nargs == "*" else ""
        lines.append(f".{optional}{flag}Ar {action.metavar}{more}")
    return lines


def prose(text: str) -> list[str]:
    """Paragraphs; indented ones are shown as they are."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("    "):
            lines += [".Bd -literal -offset indent", textwrap.dedent(paragraph.strip("\n")), ".Ed"]
        else:
            lines += [".Pp", escaped(paragraph)]
    return lines[1:] if lines[:1] == [".Pp"] else lines


def escaped(text: str) -> str:
    """Text as mdoc takes it: short lines, none begins with a control character, no backslash is an escape."""
    lines = textwrap.wrap(text.replace("\\", "\\e"), 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)


def reasons() -> str:
    """All reasons of all checks, as a page to link runbooks to."""
    lines = ["# Reasons", "", f"What the checks of hastwatch {VERSION} can find, by the names they print in brackets,"]
    lines += ["that `--severity` and the configuration override, and that event handlers and runbooks refer to.", ""]
    for check in commands():
        lines += [f"## {check.name}", "", "| reason | state | when | what it means |", "|---|---|---|---|"]
        lines += [*map(table_row, check.table.own), ""]
    lines += ["## every check", "", "| reason | state | when | what it means |", "|---|---|---|---|"]
    return "\n".join([*lines, *map(table_row, COULD_NOT_LOOK)]) + "\n"


def table_row(row: Row) -> str:
    """One reason as a row of a Markdown table."""
    return f"| `{row.reason}` | {row.severity.name} | {row.when} | {row.means} |"


def main() -> int:
    """Write the pages, or compare them."""
    pages = {DOCS / "reasons.md": reasons()}
    pages |= {DOCS / "man" / f"{check.name}.1": manual(check) for check in commands()}
    pages[DOCS / "man" / "hastwatch.1"] = hastwatch()
    pages[DOCS / "man" / "hastwatch-event-handler.1"] = event_handler()
    pages[DOCS / "man" / "hastwatch-ask.1"] = ask_command()
    pages |= {DOCS.parent / "contrib" / path: contrib(what) for what, (path, _) in GENERATED.items()}
    listing = {path: (DOCS.parent / path).read_text() for path in lists.PATHS}
    pages |= {DOCS.parent / path: text for path, text in lists.updated(listing).items()}
    if sys.argv[1:] == ["--check"]:
        stale = [
            str(path.relative_to(DOCS.parent))
            for path, text in pages.items()
            if not path.exists() or path.read_text() != text
        ]
        sys.stdout.write("".join(f"{name} is not what the commands say: run docs/generate.py\n" for name in stale))
        return 1 if stale else 0
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
