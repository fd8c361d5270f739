"""The command line of `hastwatch submit`: what is wrong is said in one line, with its own exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.subcommands import submit
from tests.monitoring.submitter import Submitter


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    submitter = Submitter(tmp_path)
    submitter.configure("nagios-pipe", f'[nagios]\npipe = "{tmp_path}/nagios.cmd"\nhost = "nfs001"')
    return submitter


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a check is needed, after --, or --all"),
        (["--"], "a check is needed, after --, or --all"),
        (["--all", "--", "check_hast"], "--all runs check_hast_pair, not check_hast"),
        (["--all", "--flush"], "--flush and --all are two things"),
        (["--all", "--service", "x"], "--all takes no --service: each check has its own"),
        (["--flush", "--push"], "--flush and --push are two things"),
        (["--flush", "--", "check_hast"], "--flush runs no other check"),
        (["--push", "--to", "icinga"], "--push goes where the configuration says"),
        (["--push", "--ttl", "5"], "--push goes with none of --host, --service, --ttl and --textfile"),
    ],
)
def test_wrong_usage_is_2_and_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(words) == 2
    assert capsys.readouterr().err == f"hastwatch submit: {says} (see hastwatch submit --help)\n"


@pytest.mark.parametrize(
    "words",
    [["--to", "nsca"], ["--ttl", "0"], ["--ttl", "nan"], ["--timeout", "-1"], ["--host", "a!b"], ["--service", "a;b"],
     ["--service", "a\nb"], ["--service", "caf\udce9"], ["check_hast"], ["--unknown"], ["--fl"]],
)  # fmt: skip
def test_a_wrong_option_is_2_and_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        submit.main([*words, "--", "check_hast"])
    output = capsys.readouterr().err
    assert (ended.value.code, output.count("\n"), output[:-1].isprintable()) == (2, 1, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[submit]\nto = 5", "`submit.to` must be text"),
        ("", "where to? Give --to, or `to` in [submit]"),
        ("[submit]\nto = 'icinga'", "`icinga.url` and `icinga.credentials` are needed"),
        ("[submit]\nto = 'nrdp'\n[nrdp]\nurl = 'https://n/'", "`nrdp.url` and `nrdp.credentials` are needed"),
        (
            "[submit]\nto = 'nrdp'\n[nrdp]\nurl = 'https://n/'\ncredentials = '/nowhere/secret'",
            "/nowhere/secret: No such file or directory",
        ),
    ],
)
def test_a_configuration_that_is_refused_is_78_and_no_check_is_run(place: Submitter, config: str, says: str) -> None:
    place.config.write_text(config)
    place.plugin.write_text(f"#!/bin/sh\ntouch {place.directory}/ran\n")
    done = place.submit()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
    assert says in done.stderr
    assert not (place.directory / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("ca", "says"), [("", "No such file"), ("no certificate", "no certificate")])
def test_a_file_that_is_no_certificate_is_78(place: Submitter, ca: str, says: str) -> None:
    path = place.directory / "ca.crt"
    if ca:
        path.write_text(ca)
    place.configure_icinga("https://localhost:1", path)
    done = place.submit()
    assert (done.returncode, says in done.stderr) == (78, True)


def test_nothing_to_flush_is_well(place: Submitter) -> None:
    done = place.submit("--flush", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_what_still_waits_after_a_flush_is_75(place: Submitter) -> None:
    place.submit()
    done = place.submit("--flush", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)


@pytest.mark.slow
def test_what_is_dropped_is_said(place: Submitter) -> None:
    place.configure("nagios-pipe", f'[nagios]\npipe = "{place.directory}/nagios.cmd"', "most = 2")
    for number in range(2):
        place.plugin_says(f"THING OK - {number}\n")
        place.submit("--service", "once" if number == 0 else "often")
    place.plugin_says("THING OK - 2\n")
    done = place.submit("--service", "often")
    assert "2 results wait in the spool; dropped from the spool without being sent: 1 (more than 2 wait)" in done.stderr
    assert place.waiting("nagios-pipe") == ["THING OK - 0", "THING OK - 2"]


def test_a_name_of_a_check_that_is_no_name_of_a_service_is_refused(place: Submitter) -> None:
    odd = place.directory / "check;thing"
    place.plugin.rename(odd)
    place.plugin = odd
    done = place.submit()
    assert (done.returncode, "give --host and --service" in done.stderr) == (78, True)
