"""devd's rule and the failover hook, with its interpreter: the rows of check_devd that are about the set-up."""

from __future__ import annotations

from typing import NamedTuple

from checks.devd import HOOK, TABLE, judge_hook, judge_rules
from checks.devd_resource import HookFile
from checks.plugin.judging import Judgement
from checks.probes import carp, devd, devd_conf, processes, program
from checks.probes.devd_wiring import DevdWiring, wiring
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem
from checks.setup.hast_conf import EXAMPLES

RULE = "/usr/local/etc/devd/hastwatch.conf"
PROGRAM = "/usr/local/hastwatch/bin/carp-hast-switch"
"""What the hook is a link to, where hastwatch is installed."""
OUR_RULE = (
    "on {node}: `mkdir -p {directory}`, `install -m 644 {examples}/devd-hastwatch.conf {rule}`, `service devd restart`"
)
OUR_HOOK = "on {node}: `ln -sf {program} {hook}`, `chmod 755 {hook}`, `hastwatch self-test`"
REMEDIES = {
    "devd-configuration-refused": (
        Tier.MANUAL,
        "on {node}: correct the file that the finding names before devd is restarted; then `hastwatch self-test`",
    ),
    "devd-hook-missing": (Tier.SAFE, OUR_RULE),
    "devd-hook-unmatched": (Tier.SAFE, OUR_RULE),
    "devd-hook-shadowed": (
        Tier.MANUAL,
        "on {node}: remove the rule that the finding names, then `service devd restart`, `hastwatch self-test`",
    ),
    "devd-hook-arguments": (Tier.SAFE, OUR_RULE),
    "devd-hook-not-executable": (Tier.SAFE, OUR_HOOK),
    "devd-hook-cannot-start": (Tier.SAFE, f"{OUR_HOOK}; or install hastwatch anew"),
    "devd-hook-writable": (
        Tier.SAFE,
        "on {node}: `chown root:wheel {hook}`, `chmod 755 {hook}`; was it changed? Then install hastwatch anew",
    ),
    "devd-hook-unclear": (Tier.SAFE, OUR_RULE),
}
"""The tier of each remedy, and what is typed. A rule in a file of somebody else stays: it may have more in it."""
ROWS = tuple(
    SetupRow(tier, *TABLE.by_reason[reason]._replace(action=action)) for reason, (tier, action) in REMEDIES.items()
)
VALUES = {"directory": "/usr/local/etc/devd", "examples": EXAMPLES, "rule": RULE, "program": PROGRAM, "hook": HOOK}


class DevdFacts(NamedTuple):
    """What DevdWiring has, and what keeps the hook from being run."""

    refused: str = ""
    file: str = ""
    others: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    missing: str = ""
    writer: str = ""
    trouble: str = ""


def read(audited: AuditedNode) -> DevdFacts:
    """Raises ProbeError."""
    node = audited.node
    daemon = devd.find(processes.processes(node))
    state = processes.state(node, daemon.pid) if daemon else None
    try:
        configuration = devd.configured(node, daemon if state and not state.dead else None)
    except (devd_conf.DevdConfError, devd_conf.DevdConfMissing) as error:
        return DevdFacts(refused=str(error))
    wired = wiring(configuration, HOOK, [each.name for each in carp.vhids(node) if each.number])
    facts = DevdFacts(
        file=wired.file, others=wired.others, missed=wired.missed, before=wired.before, wrong=wired.wrong,
        unclear=wired.unclear, missing=program.why_not(node, HOOK) if wired.file else "",
    )  # fmt: skip
    if not wired.file or facts.missing:
        return facts
    return facts._replace(writer=program.look(node, HOOK).writer, trouble=program.cannot_start(node, HOOK, wired.path))


def judge(facts: DevdFacts) -> Problems:
    """As check_devd does."""
    for reason, text, *_ in _judged(facts):
        yield problem(reason, text, **VALUES)


def _judged(facts: DevdFacts) -> Judgement:
    if facts.refused:
        yield "devd-configuration-refused", f"devd does not start with {facts.refused}"
        return
    wired = DevdWiring(facts.file, facts.others, facts.missed, facts.before, facts.wrong, facts.unclear)
    yield from judge_rules(HOOK, wired)
    yield from judge_hook(HookFile(HOOK, facts.missing, facts.writer, facts.trouble))


GROUP = SetupGroup(
    "devd", "devd's rule for CARP, the hook that it calls, and its interpreter", ROWS, DevdFacts, read, judge
)
