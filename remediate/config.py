"""The configuration file as remediation uses it: all of it, and every key validated.

What checks use of it: `checks.plugin.config`. The other tables:

[failover]                              # what `hastwatch converge` does and how long it waits: see remediate.policy
promote_stale = false

[split_brain]                           # what is done automatically: see remediate.policy
policy = "step-down"

[repair]                                # what a monitoring event may trigger: see remediate.policy
actions = ["devd", "converge"]

[submit]                                # passive results, with [icinga], [nrdp] and [nagios]: see remediate.monitoring
to = "icinga"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin import config as of_checks
from checks.plugin.config import ResourceConfig, interpreted
from checks.plugin.tables import table
from remediate import policy
from remediate.policy import Failover, Repair, SplitBrain

if TYPE_CHECKING:
    from remediate.monitoring.submission import Submission

SUBMISSION = ("submit", "icinga", "nrdp", "nagios")
"""The tables of `remediate.monitoring.submission`, which is imported only where the file has one of them."""


class RemediationConfig(NamedTuple):
    """What the file says; the defaults where it says nothing."""

    checks: of_checks.CheckConfig = of_checks.CheckConfig()
    failover: Failover = Failover()
    split_brain: SplitBrain = SplitBrain()
    repair: Repair = Repair()
    submission: Submission | None = None
    """None where the file has none of its tables."""

    @property
    def resource(self) -> Mapping[str, ResourceConfig]:
        """The resources that the file names."""
        return self.checks.resource

    def for_resource(self, name: str) -> ResourceConfig:
        """The settings of a resource, with the documented mount point where none is given."""
        return self.checks.for_resource(name)


def load(path: str | None) -> RemediationConfig:
    """The configuration at `path`, or at the default place, where it may be absent. Raises ConfigError."""
    return interpreted(path, from_tables)


def from_tables(values: dict[str, object]) -> RemediationConfig:
    """What the file's tables say. Raises TableError at the first thing that is not as documented."""
    return RemediationConfig(
        checks=of_checks.from_tables(values),
        failover=policy.failover(table(values, "failover")),
        split_brain=policy.split_brain(table(values, "split_brain")),
        repair=policy.repair(table(values, "repair")),
        submission=_submission(values) if set(values).intersection(SUBMISSION) else None,
    )


def _submission(values: dict[str, object]) -> Submission:
    """The tables on passive results. Raises TableError."""
    from remediate.monitoring.submission import submission

    return submission(values)
