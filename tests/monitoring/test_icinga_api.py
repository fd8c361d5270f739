"""`hastwatch submit --to icinga` against a real Icinga 2 with its own CA. What arrived is told by its event stream."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remediate.monitoring.answer import Disposition
from remediate.monitoring.icinga import Icinga
from remediate.monitoring.result import CheckResult
from remediate.monitoring.submission import IcingaSettings as Settings
from tests.engines.icinga_daemon import IcingaDaemon
from tests.monitoring.event_stream import EventStream, taken
from tests.monitoring.relay import LARGE, LosingRelay
from tests.monitoring.submitter import PASSWORD, USER, Submitter, a_result
from tests.state.child import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path, icinga: IcingaDaemon) -> Submitter:
    submitter = Submitter(tmp_path)
    submitter.credentials_say(icinga.PASSWORD)
    submitter.configure_icinga(icinga.url, icinga.ca)
    submitter.plugin_says("THING CRITICAL - bad\n", 2)
    return submitter


def bad(service: str = "check_thing", number: int = 0) -> CheckResult:
    return a_result(service, number, status=2, output=f"THING CRITICAL - {number}")


def api(place: Submitter, icinga: IcingaDaemon) -> Icinga:
    return Icinga(Settings(url=icinga.url, ca=str(icinga.ca), credentials=str(place.credentials)))


def last(icinga: IcingaDaemon, service: str = "check_thing") -> dict[str, object]:
    result = icinga.service("nfs001", service)["last_check_result"]
    assert isinstance(result, dict)
    return result


# --- what arrives --------------------------------------------------------------------------------------------


def test_a_result_arrives_with_all_that_the_check_said(place: Submitter, icinga: IcingaDaemon) -> None:
    place.plugin_says("THING CRITICAL - bad ✗ | n=1;2;3 'm m'=4s\nmore\nand more\n", 2)
    done = place.submit("--ttl", "600")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    result = last(icinga)
    assert (result["state"], result["output"]) == (2, "THING CRITICAL - bad ✗\nmore\nand more")
    assert (result["performance_data"], result["ttl"], result["active"]) == (["n=1;2;3", "'m m'=4s"], 600, False)
    started, ended = result["execution_start"], result["execution_end"]
    assert isinstance(started, float | int) and isinstance(ended, float | int) and 0 <= ended - started < 60
    assert place.waiting("icinga") == []


def test_names_come_from_the_options_or_the_configuration(place: Submitter, icinga: IcingaDaemon) -> None:
    assert place.submit("--service", "another").returncode == 0
    assert last(icinga, "another")["output"] == "THING CRITICAL - bad"
    place.configure_icinga(icinga.url, icinga.ca, more='services = { check_thing = "check_hast" }')
    assert place.submit().returncode == 0
    assert last(icinga, "check_hast")["output"] == "THING CRITICAL - bad"


def test_a_plugin_that_is_killed_arrives_as_unknown(place: Submitter, icinga: IcingaDaemon) -> None:
    place.plugin.write_text("#!/bin/sh\nkill -9 $$\n")
    assert place.submit().returncode == 0
    assert last(icinga)["state"] == 3


def test_the_one_permission_to_submit_is_enough(place: Submitter, icinga: IcingaDaemon) -> None:
    place.credentials.write_text(f'user = "{USER}-little"\npassword = "{PASSWORD}"\n')
    place.spool("icinga").put(bad(number=1))
    assert place.submit().returncode == 0
    assert taken(icinga) == 2


# --- what is refused -----------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_and_the_result_goes_out_when_it_is_mended(
    place: Submitter, icinga: IcingaDaemon
) -> None:
    place.credentials_say("not the password")
    done = place.submit()
    assert done.returncode == 75
    assert done.stderr == (
        f"hastwatch submit: 1 result waits in the spool; {icinga.url}: "
        "user or password is wrong (`[icinga] credentials`)\n"
    )
    place.credentials_say(icinga.PASSWORD)
    assert place.submit("--flush", check=False).returncode == 0
    assert (taken(icinga), place.waiting("icinga")) == (1, [])


def test_an_unknown_service_is_said_and_set_aside_and_stops_no_other(place: Submitter, icinga: IcingaDaemon) -> None:
    place.spool("icinga").put(bad("nothing", 1))
    place.spool("icinga").put(bad("another", 2))
    done = place.submit("--service", "nowhere")
    assert done.returncode == 65
    assert "no service nfs001!nowhere, or the user hastwatch may not submit" in done.stderr
    assert "no service nfs001!nothing" in done.stderr
    assert place.submit().returncode == 0
    assert (taken(icinga, "another"), taken(icinga)) == (1, 1)
    assert place.waiting("icinga") == []
    assert len(list((place.root / "icinga" / "refused").iterdir())) == 2


# --- whom it is told to --------------------------------------------------------------------------------------


def test_a_certificate_of_another_ca_is_refused(place: Submitter, icinga: IcingaDaemon, other_ca: Path) -> None:
    place.configure_icinga(icinga.url, other_ca)
    done = place.submit()
    assert (done.returncode, taken(icinga)) == (75, 0)
    assert done.stderr.startswith(
        f"hastwatch submit: 1 result waits in the spool; {icinga.url}: the certificate of {icinga.url} is not accepted"
    )
    assert done.stderr.count("\n") == 1


def test_a_certificate_for_another_name_is_refused(place: Submitter, icinga: IcingaDaemon) -> None:
    place.configure_icinga(f"https://127.0.0.1:{icinga.port}", icinga.ca)
    done = place.submit()
    assert done.returncode == 75
    assert "the certificate of https://127.0.0.1" in done.stderr


def test_the_environment_decides_nothing(place: Submitter, icinga: IcingaDaemon, other_ca: Path) -> None:
    proxy = {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    wrong = {"REQUESTS_CA_BUNDLE": str(other_ca), "CURL_CA_BUNDLE": str(other_ca), **proxy}
    assert place.submit(environment=wrong).returncode == 0
    place.configure_icinga(icinga.url, other_ca)
    assert place.submit(environment={"REQUESTS_CA_BUNDLE": str(icinga.ca)}).returncode == 75


def test_an_address_that_is_not_icingas_is_a_humans_to_mend(place: Submitter, icinga: IcingaDaemon) -> None:
    place.configure_icinga(f"{icinga.url}/elsewhere", icinga.ca)
    done = place.submit()
    assert (done.returncode, taken(icinga)) == (75, 0)
    assert "is `url` that of its API?" in done.stderr


# --- away and back -------------------------------------------------------------------------------------------


def test_while_icinga_is_away_results_wait_and_all_come_once_and_in_order(
    place: Submitter, icinga: IcingaDaemon
) -> None:
    icinga.stop()
    place.plugin_says("THING CRITICAL - 1\n", 2)
    done = place.submit()
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert f"no connection to {icinga.url} (Connection refused)" in done.stderr
    for number in (2, 3):
        place.spool("icinga").put(a_result(number=number, started=4e9 + number, ended=4e9 + number))
    icinga.start()
    with EventStream(icinga) as heard:
        place.spool("icinga").put(a_result("another", 4))
        assert place.submit("--flush", check=False).returncode == 0
        assert place.submit("--flush", check=False).returncode == 0
        assert heard.results() == [
            ("check_thing", 2, "THING CRITICAL - 1"),
            ("check_thing", 0, "THING OK - 2"),
            ("check_thing", 0, "THING OK - 3"),
            ("another", 0, "THING OK - 4"),
        ]
    assert place.waiting("icinga") == []


def test_a_process_that_was_killed_after_sending_does_not_make_it_come_twice(
    place: Submitter, icinga: IcingaDaemon
) -> None:
    result = bad(number=1)
    place.spool("icinga").put(result)
    assert api(place, icinga).send(result).fate is Disposition.TAKEN
    assert place.submit("--flush", check=False).returncode == 0
    assert (taken(icinga), place.waiting("icinga")) == (1, [])


def test_a_result_whose_answer_is_lost_comes_once(place: Submitter, icinga: IcingaDaemon) -> None:
    place.plugin_says(f"THING CRITICAL - large\n{('x' * 900 + chr(10)) * (LARGE // 900 + 2)}", 2)
    relay = LosingRelay(icinga.port, lambda: taken(icinga) == 1)
    place.configure_icinga(f"https://localhost:{relay.port}", icinga.ca)
    done = place.submit()
    relay.close()
    assert (done.returncode, done.stderr, relay.lost, taken(icinga)) == (0, "", 1, 1)


def test_an_older_result_does_not_replace_a_newer_one(place: Submitter, icinga: IcingaDaemon) -> None:
    place.spool("icinga").put(bad(number=1))
    assert api(place, icinga).send(bad(number=2)).fate is Disposition.TAKEN
    assert place.submit("--flush", check=False).returncode == 0
    assert (last(icinga)["output"], taken(icinga)) == ("THING CRITICAL - 2", 1)


def test_processes_at_once_send_every_result_once(place: Submitter, icinga: IcingaDaemon) -> None:
    for number in range(30):
        place.spool("icinga").put(bad(number=number))
    command = place.command("--flush", check=False)
    flushes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in flushes] == [("", 0)] * 4
    assert (taken(icinga), last(icinga)["output"]) == (30, "THING CRITICAL - 29")


# --- a full disk ---------------------------------------------------------------------------------------------


def test_with_a_full_disk_a_result_is_sent_at_once_and_that_is_said(place: Submitter, icinga: IcingaDaemon) -> None:
    done = place.submit(largest_file=0)
    assert (done.returncode, taken(icinga)) == (0, 1)
    assert done.stderr == f"hastwatch submit: {place.root}/icinga: File too large\n"


def test_with_a_full_disk_and_icinga_away_the_loss_is_73(place: Submitter, icinga: IcingaDaemon) -> None:
    icinga.stop()
    done = place.submit(largest_file=0)
    assert (done.returncode, done.stderr.count("\n")) == (73, 1)
    assert "File too large" in done.stderr and "Connection refused" in done.stderr


def test_no_secret_is_ever_said(place: Submitter, icinga: IcingaDaemon, other_ca: Path) -> None:
    output = place.submit().stderr
    place.configure_icinga(icinga.url, other_ca)
    output += place.submit().stderr
    icinga.stop()
    output += place.submit().stderr
    assert output.count("\n") == 2
    assert icinga.PASSWORD not in output
