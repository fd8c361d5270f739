"""hastwatch.toml(5): keys, types and defaults are those of the configuration's own definitions, and the words those of
the sample that users copy. A key that one of the two lacks is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from checks.plugin.config import PATH, CheckConfig, ResourceConfig, SetupConfig
from docs.manual import Block, Heading, Item, Items, Literal, Page, Paragraph, Word
from remediate.monitoring.submission import IcingaSettings, NagiosSettings, NrdpSettings, SubmitSettings
from remediate.policy import Failover, Repair, SplitBrain

SAMPLE = Path(__file__).resolve().parent.parent / "contrib" / "hastwatch.toml.sample"
KEY = re.compile(r"# (?P<key>[a-z_]+) = (?P<value>.+?)(?:\s+# (?P<text>.+))?$")
TABLE = re.compile(r"# \[(?P<table>[a-z_]+)(?:\.\w+)?\](?:\s+# (?P<text>.+))?$")
OF_ANOTHER_TABLE = ("severity", "resource", "setup", "hastd_repaired")
"""Fields of CheckConfig that are no keys of the file's top."""
DEFINITIONS: dict[str, tuple[type, tuple[str, ...]]] = {
    "": (CheckConfig, OF_ANOTHER_TABLE),
    "resource": (ResourceConfig, ()),
    "setup": (SetupConfig, ()),
    "failover": (Failover, ()),
    "split_brain": (SplitBrain, ()),
    "repair": (Repair, ()),
    "submit": (SubmitSettings, ()),
    "icinga": (IcingaSettings, ()),
    "nrdp": (NrdpSettings, ()),
    "nagios": (NagiosSettings, ()),
}
"""Each table, the definition of its keys, and fields of that which are none."""
ABOUT = {
    "resource": "One table for each resource, such as [resource.home].",
    "nrdp": "The keys have the meaning that they have in [icinga].",
    "nagios": "For a Nagios that runs on this machine. The keys have the meaning that they have in [icinga].",
}


class SampleKey(NamedTuple):
    """A key as the sample has it: an example value, and what it says of it."""

    value: str
    text: str


class Sample(NamedTuple):
    """The sample: what it says of each table, and the keys by table and name."""

    tables: dict[str, str]
    keys: dict[tuple[str, str], SampleKey]


class KeyMissing(Exception):
    """The definitions and the sample do not have the same keys; the text names them."""


def read_sample(text: str) -> Sample:
    """The tables and keys of the sample. A remark on the line of a key is about it, one above it too where that line
    has none, and so is one below it that is indented."""
    tables: dict[str, str] = {}
    keys: dict[tuple[str, str], SampleKey] = {}
    table, above = "", ""
    last: tuple[str, str] | None = None
    for line in text.splitlines():
        if match := TABLE.match(line):
            table, last = match["table"], None
            tables[table] = match["text"] or above
            above = ""
        elif match := KEY.match(line):
            last = (table, match["key"])
            keys[last] = SampleKey(match["value"], match["text"] or above)
            above = ""
        elif line.startswith("#   ") and last:
            keys[last] = keys[last]._replace(text=f"{keys[last].text} {' '.join(line[1:].split())}")
        else:
            above = f"{above} {line.lstrip('# ')}".strip() if line else ""
    return Sample(tables, keys)


def defaults() -> dict[tuple[str, str], object]:
    """The default of each key, by table and name."""
    found: dict[tuple[str, str], object] = {("failover", "hastd_repaired"): CheckConfig().hastd_repaired}
    for table, (kind, others) in DEFINITIONS.items():
        fields: dict[str, object] = kind._field_defaults  # type: ignore[attr-defined]  # of every NamedTuple
        found |= {(table, key): default for key, default in fields.items() if key not in others}
    return found


def page() -> Page:
    """The page. Raises KeyMissing."""
    sample, default = read_sample(SAMPLE.read_text()), defaults()
    differ = sorted(".".join(filter(None, key)) for key in set(default) ^ set(sample.keys))
    if differ:
        raise KeyMissing(f"{SAMPLE.name} and the definitions differ: {', '.join(differ)}")
    blocks: list[Block] = [
        Heading("DESCRIPTION"),
        Paragraph(f"The configuration of hastwatch, TOML, at {PATH}. It may be absent, and everything in it is"
                  " optional: what is given on a command line wins. The file names commands that are run, so it is"
                  " refused when everybody may write it, and by root when it belongs to somebody else. An unknown key"
                  " or a value of another type is an error, which every check reports."),
        Paragraph("Times are in seconds. A word in brackets is the type, followed by the default."),
        Heading("KEYS OF ALL COMMANDS"),
        keys_of("", sample, default),
        Heading("SEVERITY"),
        Paragraph(f"[severity]: {sample.tables['severity'][0].lower()}{sample.tables['severity'][1:]} The states are"
                  " ok, warning and critical."),
    ]  # fmt: skip
    for table in DEFINITIONS:
        if table:
            remark = ABOUT.get(table, sample.tables[table])
            blocks += [Heading(table.upper().replace("_", "-")), Paragraph(f"[{table}]: {remark}")]
            blocks.append(keys_of(table, sample, default))
    example = 'via = "sudo -n /usr/local/hastwatch/bin/hastwatch-ask"\npeer = "ssh nfs002"\n\n'
    example += '[severity]\ncarp-backup-nfs-running = "warning"\n\n[failover]\nmanagement = "10.1.103.4"'
    blocks += [Heading("FILES"), Items((
        Item((Word("Pa", PATH),), "The configuration."),
        Item((Word("Pa", "/usr/local/hastwatch/share/examples/hastwatch/hastwatch.toml.sample"),), (
            "A sample with every key, commented out.")),
    )), Heading("EXIT STATUS"), Paragraph(
        "A check that refuses the configuration ends with 3, every other command with 78."
    ), Heading("EXAMPLES"), Literal(example)]  # fmt: skip
    see = (("hastwatch", 8), ("hastwatch-converge", 8), ("hastwatch-repair", 8), ("hastwatch-submit", 8))
    return Page("hastwatch.toml", 5, "configuration of hastwatch and its checks", (), tuple(blocks), see)


def keys_of(table: str, sample: Sample, default: dict[tuple[str, str], object]) -> Items:
    """The keys of a table, in the order of the sample."""
    entries = []
    for (of, key), known in sample.keys.items():
        if of == table:
            text = known.text or sample.keys.get(("icinga", key), known).text
            sentence = f"{text.rstrip('.')}. " if text else ""
            shown = said(default[of, key])
            example = "" if shown.endswith(f", {known.value}") else f" Example: {known.value}"
            entries.append(Item((Word("Cm", key),), f"{sentence}[{shown}]{example}"))
    return Items(tuple(entries))


def said(value: object) -> str:
    """The type of a value and the value itself, as TOML writes it."""
    match value:
        case bool():
            return f"true or false, {str(value).lower()}"
        case int() | float():
            return f"number, {value:g}"
        case str():
            return f'text, "{value}"' if value else "text, empty"
        case tuple():
            listed = ", ".join(f'"{word}"' for word in value)
            return f"list of texts, [{listed}]"
        case _:
            return "table, empty"
