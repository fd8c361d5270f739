"""The local providers of the resources and the metadata on them: as large, and divided alike, on both nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list, say_size
from checks.probes import hast, hast_conf
from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = (
    SetupRow(Tier.MANUAL, "setup-copies-unlike", CRITICAL, "the copies differ in size, or in that of their extents",
             "hastd refuses the connection: nothing is replicated",
             "recreate the copy on the standby with `hastctl create`, with -e and -m as on the primary"),
    SetupRow(Tier.MANUAL, "setup-providers-unlike", WARNING, "the local providers of a resource are not equally large",
             "a new copy that is created on the larger one does not fit on the other: hastd refuses it",
             "use providers of one size, or give `hastctl create` the smaller one with -m, on both nodes"),
)  # fmt: skip


class CopyFacts(NamedTuple):
    """By resource: the bytes of the provider, and of the data and an extent as its metadata have them, in digits."""

    providers: Mapping[str, str] = {}
    data: Mapping[str, str] = {}
    extents: Mapping[str, str] = {}


def read(audited: AuditedNode) -> CopyFacts:
    """Raises ProbeError."""
    node = audited.node
    try:
        resources = hast_conf.configured(node)
    except (NotFound, NotUnderstood):
        return CopyFacts()  # why hastd refuses the file is said of the file
    providers, data, extents = {}, {}, {}
    for name, resource in resources.items():
        metadata = hast.metadata(node, name)
        data[name], extents[name] = str(metadata.datasize), str(metadata.extentsize)
        providers[name] = _size(audited, resource.local)
    return CopyFacts(providers, data, extents)


def _size(audited: AuditedNode, provider: str) -> str:
    """diskinfo(8): device, sector size, media size in bytes, and more."""
    done = audited.node.run("diskinfo", provider)
    fields = done.stdout.split("\t")
    if done.status != 0 or len(fields) < 3 or not fields[2].isdecimal():
        raise CommandFailed(f"`diskinfo {provider}` exits with {done.status}: {done.words}")
    return fields[2]


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """Resource by resource."""
    for name in here.facts.data.keys() & there.facts.data.keys():
        both = (here.facts, there.facts)
        unlike = [
            f"{what} {name_list([say_size(int(values[name])) for values in pair])}"
            for what, pair in (("data", [each.data for each in both]), ("extents", [each.extents for each in both]))
            if pair[0][name] != pair[1][name]
        ]
        if unlike:
            yield problem("setup-copies-unlike", f"{name} has {name_list(unlike)}")
        elif both[0].providers[name] != both[1].providers[name]:
            sizes = name_list([f"{each.providers[name]} bytes" for each in both])
            yield problem("setup-providers-unlike", f"the providers of {name} have {sizes}")


GROUP = SetupGroup(
    "copies", "sizes of the providers, of the data and its extents, equal on both nodes",
    ROWS, CopyFacts, read, judge_pair=judge_pair,
)  # fmt: skip
