"""GEOM of a node as the kernel tells it: `kern.geom.confxml`, in the form of `geom_dump.c`.

What there is on a node: its disks and partitions, the devices of HAST, each of which reads from its local disk through
a consumer of its own (recorded: `geom gate list`), and the layers on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape


class Geom(NamedTuple):
    """A geom: its class, its name, the providers that it is attached to and those that it has, by name."""

    kind: str
    name: str
    consumes: tuple[str, ...]
    provides: tuple[str, ...]
    file: str = ""
    """Of a memory disk what it shows."""
    mode: str = "r1w1e1"
    """How often its providers are open: to read, to write, exclusively."""
    size: int = 268430848
    """Bytes of each of them."""


def disk(name: str, size: int = 4 << 30, mode: str = "r1w1e1") -> Geom:
    """A disk of a driver."""
    return Geom("DISK", name, (), (name,), mode=mode, size=size)


def confxml(geoms: Iterable[Geom]) -> str:
    """The text, g_conf_specific()."""
    listed = tuple(geoms)
    references = {name: f"0x{number:x}" for number, name in enumerate(_names(listed), 0xFFFFF80003000000)}
    text = "<mesh>\n"
    for at, kind in enumerate(dict.fromkeys(each.kind for each in listed), 0xFFFFFFFF81000000):
        text += f'  <class id="0x{at:x}">\n    <name>{escape(kind)}</name>\n'
        for number, each in enumerate(listed, 0xFFFFF80004000000):
            if each.kind == kind:
                text += _geom(each, f"0x{at:x}", f"0x{number:x}", references)
        text += "  </class>\n"
    return f"{text}</mesh>\n"


def _names(geoms: Iterable[Geom]) -> list[str]:
    return list(dict.fromkeys(name for each in geoms for name in (*each.consumes, *each.provides)))


def _geom(each: Geom, kind: str, mine: str, references: dict[str, str]) -> str:
    """g_conf_geom(), with the configuration that the classes of disks and labels add."""
    text = f'    <geom id="{mine}">\n      <class ref="{kind}"/>\n      <name>{escape(each.name)}</name>\n'
    text += "      <rank>1</rank>\n\t<config>\n\t</config>\n"
    for number, name in enumerate(each.consumes):
        text += f'\t<consumer id="{mine}{number}">\n\t  <geom ref="{mine}"/>\n'
        text += f'\t  <provider ref="{references[name]}"/>\n\t  <mode>r1w1e1</mode>\n\t</consumer>\n'
    for name in each.provides:
        text += f'\t<provider id="{references[name]}">\n\t  <geom ref="{mine}"/>\n\t  <mode>{each.mode}</mode>\n'
        text += f"\t  <name>{escape(name)}</name>\n\t  <mediasize>{each.size}</mediasize>\n"
        text += "\t  <sectorsize>512</sectorsize>\n\t  <stripesize>0</stripesize>\n\t  <stripeoffset>0</stripeoffset>\n"
        text += "\t  <config>\n"
        text += f"\t    <file>{escape(each.file)}</file>\n" if each.file else "\t    <offset>0</offset>\n"
        text += "\t  </config>\n\t</provider>\n"
    return f"{text}    </geom>\n"
