"""devd's rule and the failover hook, with its interpreter: the rows of check_devd that are about the set-up."""

from __future__ import annotations

from typing import NamedTuple

from checks.devd import HOOK, TABLE, judge_hook, judge_rules
from checks.devd_resource import HookFile
from checks.plugin.judging import Judgement
from checks.probes import carp, devd, devd_conf, processes, program
from checks.probes.devd_wiring import DevdWiring, wiring
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

ROWS = tuple(
    SetupRow(Tier.SAFE, *TABLE.by_reason[reason])
    for reason in (
        "devd-configuration-refused", "devd-hook-missing", "devd-hook-unmatched", "devd-hook-shadowed",
        "devd-hook-arguments", "devd-hook-not-executable", "devd-hook-cannot-start", "devd-hook-writable",
        "devd-hook-unclear",
    )
)  # fmt: skip


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
        yield problem(reason, text)


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
