"""After a repair a real Icinga is told what `[icinga] on_repair` says, and a failure is one entry of the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.config import load
from remediate.context import Context
from remediate.events.repair_request import Remedy
from remediate.monitoring.icinga_notify import CHECKS, tell
from remediate.rehearsal.context import context_of
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.state.journal_reading import read
from remediate.timing import Timing
from simulator.pair import Pair
from tests.engines.icinga_daemon import IcingaDaemon
from tests.monitoring.submitter import PASSWORD, USER, Submitter

ALL = 'on_repair = ["comment", "acknowledge", "downtime"]\n'


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair() -> Pair:
    return healthy_pair(layout_of(load(None), 1), hooked=False)


def context(pair: Pair, place: Submitter, icinga: IcingaDaemon, more: str = ALL) -> Context:
    place.configure_icinga(icinga.url, icinga.ca, more=more)
    place.credentials_say(icinga.PASSWORD)
    settings = context_of(pair.nodes["nfs001"], place.directory / "state", load(str(place.config)))
    return settings._replace(timing=Timing())  # Icinga refuses a downtime in the simulated pair's past


def make_bad(icinga: IcingaDaemon, service: str) -> None:
    icinga.post(
        "actions/process-check-result",
        {"type": "Service", "service": f"nfs001!{service}", "exit_status": 2, "plugin_output": "bad"},
    )


def comments(icinga: IcingaDaemon) -> list[tuple[str, str, str]]:
    """Service, author and text of all comments, those of downtimes and acknowledgements left out."""
    return [
        (str(comment["service_name"]), str(comment["author"]), str(comment["text"]))
        for comment in (objects["attrs"] for objects in icinga.get("objects/comments"))
        if isinstance(comment, dict) and comment["entry_type"] == 1
    ]


def said(context: Context) -> list[str]:
    return [entry.sentence() for entry in read(context.journal.path)]


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    return Submitter(tmp_path)


def test_all_three_are_told(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    make_bad(icinga, "check_devd")
    node_context = context(pair, place, icinga)
    sentence = tell(node_context, Remedy.DEVD, "devd restarted; home serves", True)
    whose = "on nfs001!check_devd"
    assert sentence == f"sent to Icinga: comment {whose}, acknowledge {whose}, downtime {whose}"
    assert comments(icinga) == [("check_devd", "hastwatch", "devd restarted; home serves")]
    service = icinga.service("nfs001", "check_devd")
    assert (service["acknowledgement"], service["downtime_depth"]) == (1, 1)
    assert said(node_context) == []


def test_where_a_repair_did_not_help_there_is_only_the_comment(
    pair: Pair, place: Submitter, icinga: IcingaDaemon
) -> None:
    make_bad(icinga, "check_devd")
    assert (
        tell(context(pair, place, icinga), Remedy.DEVD, "no", False) == "sent to Icinga: comment on nfs001!check_devd"
    )
    service = icinga.service("nfs001", "check_devd")
    assert (service["acknowledgement"], service["downtime_depth"]) == (0, 0)


def test_a_service_that_is_well_again_is_not_acknowledged(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    icinga.post(
        "actions/process-check-result",
        {"type": "Service", "service": "nfs001!check_hast", "exit_status": 0, "plugin_output": "well"},
    )
    node_context = context(pair, place, icinga, 'on_repair = ["acknowledge"]\n')
    assert (tell(node_context, Remedy.HASTD, "hastd started", True), said(node_context)) == ("", [])


def test_a_service_that_is_not_there_is_told_on_the_host(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    node_context = context(pair, place, icinga, 'on_repair = ["comment"]\n')
    assert tell(node_context, Remedy.NFS, "mountd reloaded", None) == "sent to Icinga: comment on nfs001"
    assert comments(icinga) == [("", "hastwatch", "mountd reloaded")]


def test_what_is_told_cannot_break_a_line(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    tell(context(pair, place, icinga, 'on_repair = ["comment"]\n'), Remedy.DEVD, "a\nb\x1b[31m", True)
    assert comments(icinga) == [("check_devd", "hastwatch", "a\\x0ab\\x1b[31m")]


def test_without_permission_there_is_one_entry(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    node_context = context(pair, place, icinga)
    place.credentials.write_text(f'user = "{USER}-little"\npassword = "{PASSWORD}"\n')
    assert tell(node_context, Remedy.DEVD, "devd restarted", True) == ""
    (entry,) = said(node_context)
    assert entry.startswith("telling: repair devd - comment: no nfs001!check_devd and no host nfs001, or the user ")


def test_while_icinga_is_away_there_is_one_entry(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    node_context = context(pair, place, icinga, 'on_repair = ["comment"]\n')
    icinga.stop()
    assert tell(node_context, Remedy.DEVD, "devd restarted", True) == ""
    (entry,) = said(node_context)
    assert f"comment: no connection to {icinga.url} (Connection refused)" in entry


def test_credentials_that_others_can_read_are_one_entry(pair: Pair, place: Submitter, icinga: IcingaDaemon) -> None:
    node_context = context(pair, place, icinga)
    place.credentials.chmod(0o644)
    assert tell(node_context, Remedy.DEVD, "devd restarted", True) == ""
    assert "others than its owner may use it" in said(node_context)[0]


def test_where_nothing_is_configured_nothing_is_told(pair: Pair, place: Submitter) -> None:
    context = context_of(pair.nodes["nfs001"], place.directory / "state", load(None))
    assert (tell(context, Remedy.DEVD, "devd restarted", True), said(context)) == ("", [])


def test_every_repair_has_the_check_that_leads_to_it() -> None:
    assert set(CHECKS) == set(Remedy)
