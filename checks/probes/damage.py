"""What says that a write failed on a node's copy: the counters of hastd's worker, and lines of the log.

HAST calls such a copy complete (freebsd-facts: one-good-write-is-enough): a request that succeeded on one side is good,
and the extent is marked clean (primary.c, ggate_send_thread()). The counters are those of one worker and begin at 0
with the next (freebsd-facts: error-counters-are-one-workers); the lines of the kernel stay. What a worker logs itself
is lost (freebsd-facts: worker-lines-are-lost), and whoever has an account can write such a line. All of it is text from
outside: of a line nothing counts but its pattern, and only numbers and words of that pattern are shown. Whether it is
the kernel that has said it is for `remediate.failover.log_lines` to find out.

A delete or a flush counts as an error also where the disk does not know such a request (EOPNOTSUPP; primary.c and
secondary.c, `hr_localflush`): then each one of them fails, and nothing is damaged by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import damage_record
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource
from checks.probes.node import Node
from checks.probes.timestamps import utc_milliseconds

if TYPE_CHECKING:
    from checks.probes.geom import Graph

REQUESTS = 255
"""Requests of a worker that are idle when nothing is underway: one of 256 always waits for the next (primary.c,
HAST_HIO_MAX; recorded)."""
SHOWN = 5
"""Places of failed writes that are shown."""
DISK = r"(?a)(?P<disk>[a-z]+\d+)"
"""A disk of a driver, as it names itself in the log."""
HARD = r"(?a)kernel: (?P<name>[a-z]+\d+): hard error cmd=(?:write|delete|flush) (?:fsbn )?(?P<sector>\d+)"
"""sys/kern/subr_disk.c, disk_err()."""
CAM_REQUEST = r"(?a)kernel: \((?P<name>[a-z]+\d+):[^()]{1,40}\): (?P<op>[A-Z][A-Z0-9_() ]{2,40})\. (?:ACB|CDB|NCB):"
CAM_ENDS = r"(?a)kernel: \((?P<name>[a-z]+\d+):[^()]{1,40}\): Error \d+, (?:Retries exhausted|Unretryable error)"
"""sys/cam/cam_periph.c, cam_periph_error(): the request that fails for good is printed before."""
CHANGES = r"WRITE|FLUSH|SYNCHRONIZE|UNMAP|DSM|DATA.?SET|SEND_FPDMA"
GEOM = (
    r"(?a)kernel: GEOM_[A-Z0-9_]{1,20}: .*\b(?:failed|error)\b.* (?P<name>[A-Za-z0-9_./-]+)\[(?:WRITE|DELETE|FLUSH)\b"
)
"""g_print_bio() behind what a class says, as gmirror(8) does of a request that failed."""
VFS = (
    r"(?a)kernel: g_vfs_done\(\):(?P<name>hast/[A-Za-z0-9_./-]+)\[WRITE\(offset=(?P<offset>\d+), length=\d+\)\] ?"
    r"error = (?P<error>\d+)"
)
"""sys/geom/geom_vfs.c, g_vfs_done(): the device of HAST itself failed, with every side that there was."""
GONE = "6"
"""ENXIO: the device is gone, with its role."""
WORTH_A_LOOK = ("hard error cmd=", ". ACB:", ". CDB:", ". NCB:", "Retries exhausted", "Unretryable error", "[WRITE",
                "[DELETE", "[FLUSH")  # fmt: skip
"""In each line that a pattern is of, and in hardly another."""


class FailedWrite(NamedTuple):
    """A line that tells of a failed write: itself, and in words what and where."""

    line: str
    says: str


def by_counters(resource: Resource) -> str:
    """What the counters of hastd's worker prove of this node's copy, in words; empty where they prove nothing."""
    errors = resource.errors
    counts = [f"write {errors.write}"] if errors.write else []
    for word, failed, asked in (("delete", errors.delete, resource.deletes), ("flush", errors.flush, resource.flushes)):
        if failed and not _is_unknown_request(failed, asked, resource.queues):
            counts.append(f"{word} {failed} of {asked}")
    return f"hastd counts requests that failed on {resource.localpath}: {', '.join(counts)}" if counts else ""


def _is_unknown_request(failed: int, asked: int, queues: dict[str, int]) -> bool:
    """Whether all of them failed, but for those underway: so it is where the disk does not know such requests."""
    underway = max(0, REQUESTS - queues["idle"]) if "idle" in queues else 0
    return failed <= asked <= failed + underway


def written_down(node: Node, name: str) -> str:
    """What hastwatch has recorded of writes that failed on this copy, and that it was not recreated since; empty
    where it has recorded nothing, or nothing of the kind. Raises ProbeError."""
    known = damage_record.read(node, name)
    return "" if known is None else f"{known.says} (since {utc_milliseconds(known.at)}, {known.anew.sentence})"


def worth_a_look(text: str) -> list[str]:
    """The lines of a log that may be of failed writes; the rest is not looked at more closely."""
    if not any(word in text for word in WORTH_A_LOOK):
        return []
    return [line for line in text.splitlines() if any(word in line for word in WORTH_A_LOOK)]


def failed_writes(lines: Iterable[str], name: str, providers: frozenset[str]) -> Iterator[FailedWrite]:
    """The lines about the resource, or about one of the `providers` that its local provider is, or lies on alone."""
    before: dict[str, str] = {}
    for line in lines:
        if match := re.search(HARD, line):
            if match["name"] in providers:
                yield FailedWrite(line, f"the kernel: {match['name']}, sector {match['sector'][:20]}")
        elif match := re.search(CAM_REQUEST, line):
            before[match["name"]] = match["op"]
        elif match := re.search(CAM_ENDS, line):
            request = before.pop(match["name"], "")
            if match["name"] in providers and re.match(CHANGES, request):
                yield FailedWrite(line, f"the kernel: {match['name']}, {request.strip()}")
        elif match := re.search(GEOM, line):
            if match["name"] in providers:
                yield FailedWrite(line, f"the kernel: {match['name']}")
        elif (match := re.search(VFS, line)) and _is_on(match["name"], name) and match["error"] != GONE:
            yield FailedWrite(line, f"the kernel: {match['name'][:80]}, offset {match['offset'][:20]}")


def _is_on(device: str, name: str) -> bool:
    """Whether `hast/…` is the device of a resource, or a layer that GEOM has made of it."""
    from checks.probes.beneath import LAYERS

    rest = device.removeprefix(f"hast/{name}")
    return rest != device and (not rest or re.fullmatch(LAYERS, rest) is not None)


def providers_of(read: Callable[[], Graph], localpath: str) -> frozenset[str]:
    """The names under which the kernel may speak of errors of a local provider: its own, and those of what it lies on
    alone. Where the kernel's graph cannot be `read` its name tells, as far as that goes. Raises nothing."""
    from checks.probes import geom
    from checks.probes.beneath import LAYERS

    own = localpath.removeprefix(geom.DEVICES)
    try:
        graph = read()
    except ProbeError:
        match = re.match(DISK, own)
        return frozenset({own, match["disk"]} if match and re.fullmatch(LAYERS, own[match.end() :]) else {own})
    names, provider = {own}, geom.find(graph, localpath)
    while provider is not None and provider.name not in names - {own}:
        names.add(provider.name)
        provider = geom.find(graph, provider.lower[0]) if len(provider.lower) == 1 else None
    return frozenset(names)


def summary(writes: Iterable[FailedWrite]) -> str:
    """Several of them in one sentence."""
    sentences = list(dict.fromkeys(each.says for each in writes))
    more = f", and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more
