"""The clocks of the nodes, and what sets them."""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.finding import WARNING
from checks.probes import processes, rc_conf
from checks.probes.errors import NotUnderstood
from checks.probes.sh_values import says_yes
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

MOST = 10
"""Seconds by which the clocks may differ: the answers take a few."""
SERVICES = {"ntpd": "ntpd_enable", "openntpd": "openntpd_enable", "chronyd": "chronyd_enable"}
"""What sets a clock, by script of rc.d."""
STEP, STEP_BEFORE = "ntpd_sync_on_start", "ntpdate_enable"

ROWS = (
    SetupRow(Tier.SAFE, "setup-clock-not-set", WARNING, "rc.conf starts no ntpd",
             "the clocks drift apart: what happened first on which node cannot be told",
             "on {node}: `sysrc ntpd_enable=YES`, `service ntpd start`"),
    SetupRow(Tier.SAFE, "setup-clock-stopped", WARNING, "ntpd is enabled and does not run",
             "it ends where the clock is off by more than 1000 s: the clocks drift apart",
             "on {node}: `service ntpd start`, then `tail -20 /var/log/messages`"),
    SetupRow(Tier.SAFE, "setup-clock-no-step", WARNING, "ntpd may not step the clock when it starts",
             "a node that boots with a wrong clock keeps it: ntpd ends at an offset of 1000 s",
             "on {node}: `sysrc ntpd_sync_on_start=YES`; it holds from the next boot on"),
    SetupRow(Tier.MANUAL, "setup-clocks-differ", WARNING, f"the clocks of the nodes differ by more than {MOST} s",
             "what happened first on which node cannot be told; certificates and tickets fail after a failover",
             "`date` and `service ntpd status` on both nodes: which one is wrong? There `service ntpd restart`"),
)  # fmt: skip


class ClockFacts(NamedTuple):
    """The node's time, seconds since 1970, and what sets it."""

    now: str = ""
    enabled: tuple[str, ...] = ()
    """Of SERVICES, those that rc(8) starts."""
    runs: bool = False
    steps: bool = False


def read(audited: AuditedNode) -> ClockFacts:
    """Raises ProbeError."""
    node = audited.node
    names = {script: (name,) for script, name in SERVICES.items()}
    asked = {**names, "ntpd": (*names["ntpd"], STEP), "ntpdate": (STEP_BEFORE,)}
    variables = rc_conf.read(node, asked)
    running = {process.comm for process in processes.processes(node)}
    now = node.run("date", "+%s").stdout.strip()
    if not now.isdecimal():
        raise NotUnderstood("date +%s", now)
    return ClockFacts(
        now,
        tuple(script for script, name in SERVICES.items() if says_yes(variables.get(script, name))),
        bool(running & {"ntpd", "chronyd"}),
        says_yes(variables.get("ntpd", STEP)) or says_yes(variables.get("ntpdate", STEP_BEFORE)),
    )


def judge(facts: ClockFacts) -> Problems:
    """One node."""
    if not facts.enabled:
        yield problem("setup-clock-not-set", "no ntpd is enabled")
    elif not facts.runs:
        yield problem("setup-clock-stopped", f"{facts.enabled[0]} does not run")
    if "ntpd" in facts.enabled and not facts.steps:
        yield problem("setup-clock-no-step", f"{STEP} is not YES, nor is {STEP_BEFORE}")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """How far each is ahead of the asker's clock."""
    ahead = [float(each.facts.now) - each.at for each in (here, there)]
    if abs(apart := ahead[0] - ahead[1]) > MOST:
        yield problem("setup-clocks-differ", f"{here.label} is {apart:+.0f} s from {there.label}")


GROUP = SetupGroup("clock", "what sets the clocks, and whether they agree", ROWS, ClockFacts, read, judge, judge_pair)
