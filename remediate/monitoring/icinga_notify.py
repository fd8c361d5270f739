"""What Icinga is told after a repair, as `[icinga] on_repair` says: a comment, an acknowledgement, a short downtime.

Best effort: a repair has been done whether anybody hears of it or not, so nothing of this is kept for later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from remediate.context import Context
from remediate.events.repair_request import Remedy
from remediate.monitoring.answer import ReceiverAnswer
from remediate.monitoring.submission import TOLD
from remediate.state.journal import WARNING

if TYPE_CHECKING:
    from remediate.monitoring.icinga import Icinga
    from remediate.monitoring.result import ObjectNames

CHECKS = {
    Remedy.DEVD: "check_devd",
    Remedy.CONVERGE: "check_carp_hast",
    Remedy.NFS: "check_nfs_export",
    Remedy.HASTD: "check_hast",
    Remedy.SPLIT_BRAIN: "check_hast_splitbrain",
}
"""The check whose findings lead to a repair; where several do, the one that is about nothing else."""
AUTHOR = "hastwatch"
DOWNTIME = 300.0
"""Seconds: a repair, and the checks that see it."""
ACKNOWLEDGED = 3600.0
"""Seconds after which an acknowledgement ends: what is still bad then needs an operator again."""
LONGEST = 1000
"""Characters of a comment."""
ACTIONS = {"comment": "add-comment", "acknowledge": "acknowledge-problem", "downtime": "schedule-downtime"}
NOT_FOUND, NO_PROBLEM = 404, 409
"""What Icinga answers where there is no such service or host, and to the acknowledgement of one that is well."""


def tell(context: Context, remedy: Remedy, sentence: str, helped: bool | None) -> str:
    """Tell of a repair: to the service of the check that leads to it, or to the host where there is no such service.
    Where the repair did not help nothing is acknowledged and no downtime begins: humans have to hear of it. Gives what
    was told, in one sentence; empty where nothing was to be told, or nothing could be. Raises nothing."""
    submission = context.config.submission
    wanted = submission.icinga.on_repair if submission else ()
    kinds = [kind for kind in TOLD if kind in wanted and (kind == "comment" or helped is not False)]
    if not submission or not kinds:
        return ""
    from remediate.monitoring.icinga import Icinga
    from remediate.monitoring.result import named

    names = named((CHECKS[remedy],), submission.icinga.host, submission.icinga.services)
    reported, troubles = [], []
    try:
        icinga = Icinga(submission.icinga)
        for kind in kinds:
            body = {"author": AUTHOR, "comment": plain(sentence, LONGEST), **_times(kind, context.timing.wall())}
            place, trouble = _told(icinga, ACTIONS[kind], names, body)
            reported += [f"{kind} on {place}"] if place else []
            troubles += [f"{kind}: {trouble}"] if trouble else []
    except ConfigError as error:
        troubles.append(str(error))
    if troubles:
        context.journal.entry("telling", why=f"repair {remedy.value}", result="; ".join(troubles), severity=WARNING)
    return f"sent to Icinga: {', '.join(reported)}" if reported else ""


def _told(icinga: Icinga, action: str, names: ObjectNames, body: dict[str, object]) -> tuple[str, str]:
    """Where an action was taken, and the trouble; both are empty where Icinga had no use for it: a service that is well
    can't be acknowledged (409)."""
    from remediate.monitoring.icinga import meaning

    service = f"{names.host}!{names.service}"
    trouble = ""
    for place, object_ in ((service, {"type": "Service", "service": service}),
                           (names.host, {"type": "Host", "host": names.host})):  # fmt: skip
        reply = icinga.post(action, {**object_, **body})
        if isinstance(reply, ReceiverAnswer):
            return "", reply.says
        if reply.status == 200:
            return place, ""
        if reply.status == NO_PROBLEM:
            return "", ""
        if reply.status != NOT_FOUND:
            return "", meaning(reply, place, icinga.user).says
        trouble = f"no {service} and no host {names.host}, or the user {icinga.user} may not (actions/{action})"
    return "", trouble


def _times(kind: str, now: float) -> dict[str, object]:
    """What an action needs beside author and comment."""
    if kind == "downtime":
        return {"start_time": now, "end_time": now + DOWNTIME, "fixed": True}
    if kind == "acknowledge":
        return {"expiry": now + ACKNOWLEDGED, "notify": False}
    return {}
