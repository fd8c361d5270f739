"""What is left to an operator where a repair did not help: the action of the finding that called for it, as of now."""

from __future__ import annotations

from checks.plugin.config import ConfigError
from checks.plugin.finding import Finding
from checks.plugin.output import see
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.events.repair_request import Remedy
from remediate.events.table import BY_FINDING
from remediate.failover.pair_checks import CheckFinding, run_checks
from remediate.failover.status_rules import is_about

NOT_KNOWN = "next: `hastwatch status`"


def next_step(context: Context, remedy: Remedy) -> str:
    """`next: ACTION; see: COMMAND`. Of the findings on this node the worst that calls for the repair counts, else the
    worst of any kind. Raises nothing."""
    try:
        name = context.here.node().name
        wrong = [each for each in run_checks(context) if not each.is_well]
    except (ConfigError, ProbeError):
        return NOT_KNOWN
    here = [each for each in wrong if is_about(each.finding, name)]
    calling = [each for each in here if _calls_for(each, remedy)]
    worst = next(iter((*calling, *here, *wrong)), None)
    return NOT_KNOWN if worst is None else sentence(worst.finding)


def sentence(finding: Finding) -> str:
    """For people."""
    action = f"next: {finding.action}; " if finding.action else ""
    return f"{action}see: {see(finding.reason)}"


def _calls_for(each: CheckFinding, remedy: Remedy) -> bool:
    rule = BY_FINDING.get((each.check, each.finding.reason))
    return rule is not None and rule.remedy is remedy
