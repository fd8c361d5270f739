"""Whether the hastd of a node works as primary, as far as that is known before it is tried.

FreeBSD bug 292322 (`bug_292322`) is the defect of two parts, and either repair is enough: a kernel whose reads end at a
control message (`control_message`), or a hastd that does not read beyond it. The kernel is asked; which hastd it is
tells only what was seen of it. So what was seen once is remembered with the kernel and with the file of hastd: as
primary it had its device and was connected (`remediate.failover.known_bug`), a promotion failed by the bug, or an
administrator let it try (`hastwatch doctor --try-hast`). Another kernel or another hastd makes it void.

`hastwatch-ask --as-primary` answers on the node with one JSON object, any user may ask:

    {"version": 1, "kernel": "15.1-RELEASE-p1 ...", "ends": false, "hastd": "3417-164328-1795874388000000000",
     "runs": true}
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import bug_292322
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import NotFound, NotUnderstood, ProbeError
from checks.probes.timestamps import since_1970, utc

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "as_primary.json"
PATH = f"/var/db/hastwatch/{NAME}"
QUESTION = ("hastwatch-ask", "--as-primary")
HASTD, PIDFILE = "/sbin/hastd", "/var/run/hastd.pid"
VERSION = 1


class HastdBuild(NamedTuple):
    """What it depends on, on one node."""

    kernel: str
    """uname(1) -r and -v: every kernel that is built has another one."""
    ends: bool | None
    """Whether a read of this kernel ends at a control message; None where that could not be told."""
    hastd: str
    """The file of hastd: inode, bytes, and when it was written (ns since 1970). Empty where there is none."""
    runs: bool | None
    """Whether the daemon that runs was started from this file: its pidfile was written after the file was put there.
    None where none runs, or its pidfile is elsewhere."""

    @property
    def known_as(self) -> tuple[str, str]:
        """What has to be the same for what was seen to hold."""
        return self.kernel, self.hastd


class HastdObservation(NamedTuple):
    """What was seen of a hastd: whether it works as primary, how that was seen, and when (seconds since 1970)."""

    works: bool
    how: str
    at: float
    known_as: tuple[str, str]


class PrimaryKnowledge(NamedTuple):
    """What is known. `seen`: of this kernel and this hastd, not only of their release."""

    as_primary: AsPrimary
    seen: bool
    why: str


def of_this_machine() -> HastdBuild:
    """The facts of the machine that this runs on, but for what its kernel has to be asked. Raises nothing."""
    ours = os.uname()
    hastd, placed = _file(HASTD)
    return HastdBuild(f"{ours.release} {ours.version}", None, hastd, _runs(placed))


@cache
def kernel_ends_reads() -> bool | None:
    """What this machine's kernel answers (`control_message`); asked once in a process, as it may take a moment. None
    where it is none of FreeBSD. Raises nothing."""
    from checks.probes.control_message import read_ends

    return read_ends() if sys.platform.startswith("freebsd") else None


def _file(path: str) -> tuple[str, int | None]:
    """Which file is there, and when it came there (ns since 1970; the change of its inode, stat(2))."""
    try:
        status = os.stat(path)
    except OSError:
        return "", None
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}", status.st_ctime_ns


def _runs(placed: int | None) -> bool | None:
    """pidfile_write(3) is called once, when the daemon starts (hastd.c main())."""
    try:
        return None if placed is None else placed < os.stat(PIDFILE).st_mtime_ns
    except OSError:
        return None


def answer() -> str:
    """The facts of this machine, as `hastwatch-ask` gives them."""
    return to_text(of_this_machine()._replace(ends=kernel_ends_reads()))


def to_text(facts: HastdBuild) -> str:
    """The JSON object of an answer."""
    import json

    return json.dumps({"version": VERSION, **facts._asdict()}) + "\n"


def facts(node: Node) -> HastdBuild:
    """The facts of a node. Raises ProbeError."""
    return parse_facts(node.run(*QUESTION).stdout)


def parse_facts(text: str) -> HastdBuild:
    """Out of an answer. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
        if values["version"] != VERSION or not all(isinstance(values[each], str) for each in ("kernel", "hastd")):
            raise ValueError("not of version 1")
        if not all(values[each] in (True, False, None) for each in ("ends", "runs")):
            raise ValueError("not known, yes or no")
        return HastdBuild(values["kernel"], values["ends"], values["hastd"], values["runs"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotUnderstood("the answer to " + " ".join(QUESTION), text) from None


def seen(node: Node) -> HastdObservation | None:
    """What was seen of the hastd of a node; None where nothing was. Raises ProbeError."""
    import json

    try:
        text = node.read(PATH)
    except NotFound:
        return None
    try:
        return from_values(json.loads(text))
    except (ValueError, RecursionError):
        raise NotUnderstood(NAME, text) from None


def from_values(values: object) -> HastdObservation | None:
    """Out of the object in its file; None out of an empty one. Raises NotUnderstood."""
    if not values:
        return None
    try:
        if not isinstance(values, dict) or values["version"] != VERSION or not isinstance(values["works"], bool):
            raise ValueError("not of version 1")
        known_as = (str(values["kernel"]), str(values["hastd"]))
        return HastdObservation(values["works"], str(values["how"]), since_1970(values["at"]), known_as)
    except (ValueError, KeyError, TypeError):
        raise NotUnderstood(NAME, repr(values)) from None


def to_values(observation: HastdObservation) -> dict[str, object]:
    """The object for the file."""
    kernel, hastd = observation.known_as
    what = {
        "works": observation.works,
        "how": observation.how,
        "at": utc(observation.at),
        "kernel": kernel,
        "hastd": hastd,
    }
    return {"version": VERSION, **what}


def known(node: Node, repaired: bool) -> PrimaryKnowledge:
    """What is known of the hastd of a node. `repaired`: an administrator says that it is. Raises ProbeError where not
    even its release can be read; what else cannot be read is said."""
    if repaired:
        return judge("", True, None, None)
    release, notes = bug_292322.release(node), list[str]()
    build: HastdBuild | None = None
    was: HastdObservation | None = None
    if not is_older(release):
        try:
            build = facts(node)
            was = seen(node)
        except ProbeError as error:
            notes.append(str(error))
    judged = judge(release, False, build, was)
    return judged._replace(why="; ".join([judged.why, *notes]))


def is_older(release: str) -> bool:
    """Whether a release is one from before the defect, of which nothing else has to be known."""
    return bug_292322.as_primary(release, repaired=False) is AsPrimary.WORKS


def judge(release: str, repaired: bool, build: HastdBuild | None, was: HastdObservation | None) -> PrimaryKnowledge:
    """What is known of a hastd, from its release, what the configuration says, the facts, and what was seen of it."""
    if repaired:
        return PrimaryKnowledge(AsPrimary.WORKS, False, "the configuration says that it is patched (hastd_repaired)")
    if is_older(release):
        return PrimaryKnowledge(AsPrimary.WORKS, False, f"{release} is not affected")
    if build is not None and build.ends:
        return PrimaryKnowledge(AsPrimary.WORKS, True, "reads of this kernel end at a control message")
    runs = ""
    if build is not None and was is not None and was.known_as == build.known_as:
        if build.runs is not False:
            return PrimaryKnowledge(
                AsPrimary.WORKS if was.works else AsPrimary.FAILS, True, f"{was.how}, {utc(was.at)}"
            )
        runs = ": the one that runs is not the one that is installed, and was not started again"
    by_release = bug_292322.as_primary(release, repaired=False)
    known = "has it" if by_release is AsPrimary.FAILS else "may have it"
    return PrimaryKnowledge(
        by_release, False, f"hastd of {release} {known}; this one was not seen to work as primary{runs}"
    )
