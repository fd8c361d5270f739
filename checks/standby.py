"""What check_hast and check_carp_hast say of a standby that could not be primary (`checks.probes.as_primary`)."""

from __future__ import annotations

from checks.plugin.finding import CRITICAL, WARNING, Row
from checks.plugin.judging import Judgement
from checks.plugin.session import Session
from checks.probes import as_primary, bug_292322
from checks.probes.as_primary import PrimaryKnowledge
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import ProbeError
from checks.probes.node import Node

CANNOT = Row("hast-cannot-be-primary", CRITICAL,
             "not primary, and hastd does not work as primary (FreeBSD bug 292322)",
             "it cannot take over until hastd is patched",
             "on {node}: install a hastd with the fix (docs/compatibility.md); "
             "until then do not switch over to it")  # fmt: skip
NOT_TRIED = Row("hast-primary-not-tried", WARNING,
                "not primary, 15 or later, and not known whether hastd works as primary (FreeBSD bug 292322)",
                "whether it could take over is unknown",
             "on {node}: `hastwatch doctor --try-hast`; until then do not switch over to it")  # fmt: skip
QUESTIONS = (("uname", "-r"), ("cat", as_primary.PATH))
"""What is asked ahead; a node of 15 and later is asked for its kernel by itself (`as_primary.QUESTION`)."""


def hastd_of(session: Session, node: Node) -> PrimaryKnowledge | None:
    """What is known of the hastd of a node, asked once; what cannot be read of it is remarked on."""
    try:
        known = session.hastds.get(node) or as_primary.known(node, session.config.hastd_repaired)
    except ProbeError as error:
        session.remarks.append(f"whether hastd of {node.label} works as primary is not known: {error}")
        return None
    session.hastds[node] = known
    return known


def judge_standby(known: PrimaryKnowledge) -> Judgement:
    """What is wrong with the hastd of a node that is not primary for a resource."""
    if known.as_primary is AsPrimary.FAILS:
        yield CANNOT.reason, f"{bug_292322.NAME}: {known.why}"
    elif known.as_primary is AsPrimary.NOT_KNOWN:
        yield NOT_TRIED.reason, f"{bug_292322.NAME}: {known.why}"
