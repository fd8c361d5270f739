"""FreeBSD bug 292322: what is said of a degraded primary that it may keep from connecting."""

import pytest

from checks.probes.bug_292322 import AsPrimary, as_primary, signs
from checks.probes.hast import parse_list
from checks.probes.hast_log import LOGS
from tests.probes.test_geom import Answers

LISTING = """\
home:
  role: {role}
  provname: home
  localpath: /dev/vtbd1
  extentsize: 2097152 (2.0MB)
  keepdirty: 64
  remoteaddr: tcp4://10.1.102.4:8457
  replication: fullsync
  status: {status}
  workerpid: 2157
  dirty: 0 (0B)
  statistics:
    reads: 0
    writes: 0
    deletes: 0
    flushes: 0
    activemap updates: 0
    local errors: read: 0, write: 0, delete: 0, flush: 0
"""
DEGRADED = parse_list(LISTING.format(role="primary", status="degraded"), "home")
GREP = " ".join(("grep", "-h", "hastd", *LOGS))
LINE = "Nov 28 16:34:09 nfs002 hastd[999]: Unable to receive header from tcp://10.1.102.3:21468: Operation timed out."
DATE = "date +%Y-%m-%dT%H:%M:%S"
PS = "ps -axww -o pid,ppid,jid,ruid,uid,lstart,comm"
STOCK = {"uname -r": "15.1-RELEASE-p1\n", DATE: "2026-11-28T16:38:00\n"}
LISTENS = {"nc -z -w 1 10.1.102.4 8457": ""}


class Other(Answers):
    """The node that accepts the connections."""

    label = "nfs002"


def other(line: str = LINE, now: str = "2026-11-28T16:38:00") -> Other:
    """The other node, with a line in its log."""
    listing = LISTING.format(role="secondary", status="-").replace("10.1.102.4", "10.1.102.3")
    node = Other({GREP: line, DATE: now, "hastctl list home": listing})
    node.known_as("nfs002")
    return node


def said(here: dict[str, str], peer: Other | None = None, repaired: bool = False) -> str:
    return signs(Answers(STOCK | here), peer, DEGRADED, repaired)


@pytest.mark.parametrize(
    ("release", "works"),
    [
        ("13.2-RELEASE", AsPrimary.WORKS),
        ("14.5-RELEASE-p2", AsPrimary.WORKS),
        ("15.0-RELEASE", AsPrimary.FAILS),
        ("15.1-RELEASE-p1", AsPrimary.FAILS),
        ("16.0-CURRENT", AsPrimary.FAILS),
        ("15.2-RELEASE", AsPrimary.NOT_KNOWN),
        ("Linux", AsPrimary.NOT_KNOWN),
    ],
)
def test_a_release_says_whether_its_hastd_works_as_primary(release: str, works: AsPrimary) -> None:
    assert as_primary(release, repaired=False) is works
    assert as_primary(release, repaired=True) is AsPrimary.WORKS


def test_the_line_is_looked_for_in_the_log_of_the_node_that_accepts() -> None:
    assert said(LISTENS, other()) == (
        "FreeBSD bug 292322: nfs002 logged `Unable to receive header from tcp://10.1.102.3:21468: Operation timed out`"
    )
    assert "logged" not in said({GREP: LINE, **LISTENS}, None)


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("10.1.102.3", "10.1.102.9"),
        LINE.replace("Operation timed out", "Connection reset by peer"),
        LINE.replace("Nov 28", "Nov 26"),
        "Nov 28 16:34:09 nfs002 hastd[999]: [home] (secondary) Unable to receive header: Operation timed out.",
    ],
)
def test_a_line_of_another_peer_of_another_time_or_of_other_words_proves_nothing(line: str) -> None:
    assert said(LISTENS, other(line)) == "perhaps FreeBSD bug 292322: hastd of the other node listens"


def test_a_line_from_before_the_worker_was_started_is_of_another_one() -> None:
    header = f"{'  PID  PPID JID RUID UID STARTED':<52}COMMAND"
    worker = f"{' 2157  1008  89  845 845 Sat Nov 28 16:37:00 2026':<52}hastd"
    listed = {PS: f"{header}\n{worker}\n"}
    assert "logged" in said(listed | LISTENS, other(now="2026-11-28T16:36:00"))
    assert "logged" not in said(listed | LISTENS, other(now="2026-11-28T16:38:00"))


def test_the_device_tells_where_it_can_be_looked_for() -> None:
    assert said({"ls /dev/hast": "home\n", **LISTENS}) == ""
    assert said({"ls /dev/hast": "home\n", **LISTENS}, other()).startswith("FreeBSD bug 292322: nfs002 logged")
    assert said({"ls /dev/hast": "mail\n"}) == "FreeBSD bug 292322: /dev/hast/home is not there"


def test_without_a_peer_that_listens_a_degraded_primary_is_nothing_odd() -> None:
    class Refused(Answers):
        def run(self, tool: str, *arguments: str):  # type: ignore[no-untyped-def]
            done = super().run(tool, *arguments)
            return done._replace(status=1) if tool == "nc" else done

    assert signs(Refused(STOCK | LISTENS), None, DEGRADED, False) == ""
    assert said({}) == "perhaps FreeBSD bug 292322"


def test_a_repaired_hastd_an_older_release_and_a_connected_primary_are_not_suspected() -> None:
    assert said(LISTENS, other(), repaired=True) == ""
    assert said({"uname -r": "14.5-RELEASE\n"} | LISTENS, other()) == ""
    complete = parse_list(LISTING.format(role="primary", status="complete"), "home")
    assert signs(Answers(STOCK), other(), complete, False) == ""
