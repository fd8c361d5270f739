"""`hastwatch submit --all`: every check that watches the service of a node, in one file or to one receiver."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from checks.registry import OF_SERVICE
from remediate.state.journal import NAME, Journal
from remediate.timing import Timing
from tests.monitoring.submitter import Submitter

pytestmark = pytest.mark.slow
CHECKS = [each.name for each in OF_SERVICE]


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    """A node that does not answer, whose journal has a failover."""
    place = Submitter(tmp_path)
    place.config.write_text(f'via = "/nonexistent"\nstate_dir = "{tmp_path}/memory"\n')
    journal = Journal(str(tmp_path / "state" / NAME), "nfs001", Timing(), lambda level, line: None)
    journal.entry("promoted", resource="home", why="devd")
    return place


def written(path: Path) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples of a file by the names of their metrics."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_all_checks_are_in_one_file_with_what_was_done(place: Submitter, tmp_path: Path) -> None:
    file = tmp_path / "hastwatch.prom"
    words = ("--all", "--textfile", str(file), "--host", "nfs001", "--state-dir", str(tmp_path / "state"))
    done = place.submit(*words, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = written(file)
    assert found["hastwatch_check_state"] == [({"node": "nfs001", "check": name}, 3.0) for name in CHECKS]
    assert found["hastwatch_failovers_total"] == [({"node": "nfs001", "resource": "home"}, 1.0)]
    # what cannot be read is absent: a 0 would say that the other node serves
    assert not {"hastwatch_hast_primary", "hastwatch_carp_vhid_master"} & set(found)


def test_a_journal_that_cannot_be_counted_is_said_and_the_checks_are_written(place: Submitter, tmp_path: Path) -> None:
    os.chmod(tmp_path / "state", 0o777)
    file = tmp_path / "hastwatch.prom"
    done = place.submit("--all", "--textfile", str(file), "--state-dir", str(tmp_path / "state"), check=False)
    assert (done.returncode, done.stderr.count("\n")) == (73, 1)
    assert done.stderr.startswith("hastwatch submit: what was done is left out: ")
    found = written(file)
    assert len(found["hastwatch_check_state"]) == len(CHECKS)
    assert not {"hastwatch_failovers_total", "hastwatch_repairs_total"} & set(found)


def test_all_results_go_to_a_receiver_too(place: Submitter, tmp_path: Path) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with place.config.open("a") as config:
        config.write(
            f'[submit]\nto = "nagios-pipe"\nspool = "{place.root}"\n[nagios]\npipe = "{pipe}"\nhost = "nfs001"\n'
        )
    assert place.submit("--all", check=False).returncode == 0
    lines = os.read(descriptor, 1 << 16).decode().splitlines()
    os.close(descriptor)
    assert [line.split(";")[1:4] for line in lines] == [["nfs001", name, "3"] for name in CHECKS]


def test_a_file_alone_is_sent_nowhere_though_a_receiver_is_configured(place: Submitter, tmp_path: Path) -> None:
    with place.config.open("a") as config:
        config.write(f'[submit]\nto = "nagios-pipe"\nspool = "{place.root}"\n[nagios]\npipe = "{tmp_path}/none"\n')
    done = place.submit("--textfile", str(tmp_path / "thing.prom"))
    assert (done.returncode, done.stderr) == (0, "")
    assert not place.root.exists()
