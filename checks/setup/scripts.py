"""What runs by itself on a node: hastwatch's own scripts, and `hastctl create` where nothing should ever run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.probes import program
from checks.probes.errors import CommandFailed, NotFound
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem
from checks.setup.hast_conf import EXAMPLES

PLACES = (
    "/etc/rc.local", "/etc/rc.shutdown.local", "/etc/crontab", "/etc/cron.d", "/usr/local/etc/cron.d", "/var/cron/tabs",
    "/usr/local/etc/rc.d", "/usr/local/etc/devd", "/etc/devd", "/etc/devd.conf", "/usr/local/sbin",
    "/usr/local/etc/periodic", "/etc/periodic",
)  # fmt: skip
"""Where rc(8), cron(8), periodic(8) and devd(8) find what they run; in /usr/local/sbin are the hooks."""
CREATES = "^[^#]*hastctl[[:space:]]+(-[a-z]+[[:space:]]+)*create([[:space:]]|$)"
"""For grep -E: a line that creates a resource, and not a comment before it."""
SCRIPTS = ("hastwatch", "hastwatch_hold")
CRON = "/etc/cron.d/hastwatch"
KEYWORD = re.compile(r"# (?P<name>PROVIDE|REQUIRE|BEFORE|KEYWORD)(?:(?<!BEFORE)S)?:(?P<words>.*)")
"""A line that rcorder(8) reads; of a script it reads one block of them, the first (rcorder.c, crunch_file())."""
ORDER = {
    "hastwatch_hold": {"BEFORE": ("netif",)},
    "hastwatch": {"REQUIRE": ("hastd",), "KEYWORD": ("shutdown",)},
}
"""What has to stand there: the hold before the network configures CARP, the roles after hastd, and before hastd is
stopped. No clock is set by then: ntpdate and ntpd need the network (rc.d/ntpdate, rc.d/ntpd)."""
AFTER_EACH_OTHER = (
    ("hastwatch_hold", "netif"), ("hastwatch_hold", "devd"), ("hastd", "hastwatch"), ("hastwatch", "mountd"),
    ("hastwatch", "nfsd"),
)  # fmt: skip
"""What has to come out of that, where both are there. Scripts of packages can form a circle with ours, and rcorder(8)
passes over a line of it then."""
RCORDER = "rcorder /etc/rc.d/* /usr/local/etc/rc.d/* 2>/dev/null"
"""As /etc/rc does it."""
PERIODIC = re.compile(r"(?m)^[^#\n]*\bhastwatch\s+converge\s+--periodic\b")

ROWS = (
    SetupRow(Tier.MANUAL, "setup-hastctl-create", CRITICAL, "a script or a job runs `hastctl create`",
             "it wipes the metadata of a resource, of a running primary too: the copies can diverge unseen",
             "on {node}: remove line {line} of {file}; a copy is created once, by hand"),
    SetupRow(Tier.SAFE, "setup-rc-script", CRITICAL, "a script of hastwatch is not in /usr/local/etc/rc.d",
             "at boot nothing holds this node back, or nothing gives it its role",
             "on {node}: `install -m 555 {examples}/rc.d/{script} /usr/local/etc/rc.d/`"),
    SetupRow(Tier.SAFE, "setup-rc-order", CRITICAL, "rcorder puts a script of hastwatch at a wrong place of the boot",
             "CARP takes the address before the hold, the role comes before hastd, or a shutdown stops hastd first",
             "on {node}: `install -m 555 {examples}/rc.d/{script} /usr/local/etc/rc.d/`"),
    SetupRow(Tier.MANUAL, "setup-boot-order", CRITICAL, "rcorder(8) puts scripts of the boot into another order",
             "CARP takes the address before the hold, the role comes before hastd, or NFS before both",
             "on {node}: `rcorder /etc/rc.d/* /usr/local/etc/rc.d/*` names the scripts of a circle; correct one"),
    SetupRow(Tier.SAFE, "setup-cron-job", WARNING, "cron does not run `hastwatch converge --periodic`",
             "what devd missed is never repaired: CARP and HAST drift apart",
             "on {node}: `install -m 644 {examples}/cron-hastwatch /etc/cron.d/hastwatch`"),
)  # fmt: skip


class ScriptFacts(NamedTuple):
    """Lines as FILE:NUMBER; their text stays on the node, which may have a password in it."""

    creates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Of SCRIPTS, those that are not there or cannot be run."""
    periodic: bool = False
    misplaced: Mapping[str, str] = {}
    """Of the others what of ORDER they lack."""
    swapped: tuple[str, ...] = ()
    """Of AFTER_EACH_OTHER, where ORDER is kept: what rcorder(8) puts first, as `netif hastwatch_hold`."""


def read(audited: AuditedNode) -> ScriptFacts:
    """Raises ProbeError."""
    node = audited.node
    audited.needs_root("the crontabs")
    done = node.run("grep", "-rnsE", CREATES, *PLACES)
    if done.status not in (0, 1, 2):  # 2: one of the places is not there, which -s passes over
        raise CommandFailed(f"`grep -rnsE` exits with {done.status}: {done.words}")
    places = [":".join(line.split(":", 2)[:2]) for line in done.stdout.splitlines()]
    missing = [name for name in SCRIPTS if program.why_not(node, f"/usr/local/etc/rc.d/{name}")]
    misplaced = {name: lack for name in SCRIPTS if name not in missing and (lack := _lack(audited, name))}
    creates = tuple(place for place in places if ":" in place)
    swapped = () if missing or misplaced else _swapped(audited)
    return ScriptFacts(creates, tuple(missing), _has_job(audited), misplaced, swapped)


def _swapped(audited: AuditedNode) -> tuple[str, ...]:
    """Raises ProbeError."""
    done = audited.node.run("sh", "-c", RCORDER)
    names = [line.rpartition("/")[2] for line in done.stdout.splitlines()]
    places = {name: place for place, name in enumerate(names)}
    if not set(SCRIPTS) <= places.keys():
        raise CommandFailed(
            f"`rcorder` exits with {done.status} and does not list the scripts of hastwatch: {done.words}"
        )
    there = [each for each in AFTER_EACH_OTHER if places.keys() >= set(each)]
    return tuple(f"{later} {first}" for first, later in there if places[later] < places[first])


def _lack(audited: AuditedNode, script: str) -> str:
    """What of ORDER a script does not have, as its line would be. Raises ProbeError."""
    words: dict[str, list[str]] = {}
    for line in audited.node.read(f"/usr/local/etc/rc.d/{script}").splitlines():
        if keyword := KEYWORD.match(line):
            words.setdefault(keyword["name"], []).extend(keyword["words"].split())
        elif words:
            break
    lacks = [f"{name}: {each}" for name, needed in ORDER[script].items() for each in needed
             if each not in words.get(name, [])]  # fmt: skip
    return ", ".join(lacks)


def _has_job(audited: AuditedNode) -> bool:
    for path in (CRON, "/usr/local/etc/cron.d/hastwatch", "/etc/crontab", "/var/cron/tabs/root"):
        try:
            if PERIODIC.search(audited.node.read(path)):
                return True
        except NotFound:
            continue
    return False


def judge(facts: ScriptFacts) -> Problems:
    """One node."""
    for place in facts.creates:
        file, _, line = place.rpartition(":")
        yield problem("setup-hastctl-create", f"line {line} of {file} runs hastctl create", file=file, line=line)
    for script in facts.missing:
        says = f"no executable /usr/local/etc/rc.d/{script}"
        yield problem("setup-rc-script", says, script=script, examples=EXAMPLES)
    for script, lack in facts.misplaced.items():
        says = f"/usr/local/etc/rc.d/{script} has no `{lack}`"
        yield problem("setup-rc-order", says, script=script, examples=EXAMPLES)
    for pair in facts.swapped:
        first, _, later = pair.partition(" ")
        yield problem("setup-boot-order", f"rcorder has {first} before {later}")
    if not facts.periodic:
        yield problem("setup-cron-job", "no crontab has it", examples=EXAMPLES)


GROUP = SetupGroup(
    "scripts", "rc.d scripts of hastwatch, their place in the boot, the cron job; `hastctl create` in what runs alone",
    ROWS, ScriptFacts, read, judge,
)  # fmt: skip
