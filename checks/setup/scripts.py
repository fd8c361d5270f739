"""What runs by itself on a node: hastwatch's own scripts, and `hastctl create` where nothing should ever run it."""

from __future__ import annotations

import re
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
PERIODIC = re.compile(r"(?m)^[^#\n]*\bhastwatch\s+converge\s+--periodic\b")

ROWS = (
    SetupRow(Tier.MANUAL, "setup-hastctl-create", CRITICAL, "a script or a job runs `hastctl create`",
             "it wipes the metadata of a resource, of a running primary too: the copies can diverge unseen",
             "on {node}: remove line {line} of {file}; a copy is created once, by hand"),
    SetupRow(Tier.SAFE, "setup-rc-script", CRITICAL, "a script of hastwatch is not in /usr/local/etc/rc.d",
             "at boot nothing holds this node back, or nothing gives it its role",
             "on {node}: `install -m 555 {examples}/rc.d/{script} /usr/local/etc/rc.d/`"),
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


def read(audited: AuditedNode) -> ScriptFacts:
    """Raises ProbeError."""
    node = audited.node
    audited.needs_root("the crontabs")
    done = node.run("grep", "-rnsE", CREATES, *PLACES)
    if done.status not in (0, 1, 2):  # 2: one of the places is not there, which -s passes over
        raise CommandFailed(f"`grep -rnsE` exits with {done.status}: {done.words}")
    places = [":".join(line.split(":", 2)[:2]) for line in done.stdout.splitlines()]
    missing = [name for name in SCRIPTS if program.why_not(node, f"/usr/local/etc/rc.d/{name}")]
    return ScriptFacts(tuple(place for place in places if ":" in place), tuple(missing), _has_job(audited))


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
    if not facts.periodic:
        yield problem("setup-cron-job", "no crontab has it", examples=EXAMPLES)


GROUP = SetupGroup(
    "scripts", "rc.d scripts and cron job of hastwatch; `hastctl create` in what runs by itself",
    ROWS, ScriptFacts, read, judge,
)  # fmt: skip
