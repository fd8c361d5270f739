"""Where results go, as the configuration says: the receiver, its spool, and under which names it knows the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from remediate.monitoring.answer import Receiver
from remediate.monitoring.spool import Bounds, Spool
from remediate.monitoring.submission import Submission
from remediate.timing import Timing


class Destination(NamedTuple):
    """One way for results."""

    receiver: Receiver
    spool: Spool
    host: str
    services: Mapping[str, str]


def destination(way: str, submission: Submission, timing: Timing) -> Destination:
    """The way `icinga`, `nrdp` or `nagios-pipe`. Raises ConfigError where it is not configured to its end."""
    receiver, host, services = _receiver(way, submission)
    bounds = Bounds(submission.submit.most, submission.submit.keep)
    return Destination(receiver, Spool(submission.submit.spool, way, bounds, timing), host, services)


def _receiver(way: str, submission: Submission) -> tuple[Receiver, str, Mapping[str, str]]:
    if way == "icinga":
        from remediate.monitoring.icinga import Icinga

        return Icinga(submission.icinga), submission.icinga.host, submission.icinga.services
    if way == "nrdp":
        from remediate.monitoring.nrdp import Nrdp

        return Nrdp(submission.nrdp), submission.nrdp.host, submission.nrdp.services
    from remediate.monitoring.nagios_pipe import NagiosPipe

    return NagiosPipe(submission.nagios), submission.nagios.host, submission.nagios.services
