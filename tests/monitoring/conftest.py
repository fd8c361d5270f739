"""One real Icinga for all tests of this directory that ask for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.icinga_daemon import IcingaDaemon, why_not
from tests.monitoring.event_stream import MARKER
from tests.monitoring.submitter import PASSWORD, USER

SERVICES = ("check_thing", "another", MARKER, "check_devd", "check_hast")
OBJECTS = """
object CheckCommand "nothing" { command = [ "/bin/true" ] }
object Host "nfs001" { check_command = "nothing", enable_active_checks = false }
""" + "".join(
    f"""
object Service "{name}" {{
  host_name = "nfs001", check_command = "nothing", enable_active_checks = false, max_check_attempts = 1000
}}
"""
    for name in SERVICES
)


@pytest.fixture(scope="session")
def stopped_icinga(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcingaDaemon]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    icinga = IcingaDaemon(tmp_path_factory.mktemp("icinga"), OBJECTS)
    icinga.add_user(USER + "-little", PASSWORD, "actions/process-check-result")
    try:
        yield icinga
    finally:
        icinga.stop()


@pytest.fixture
def icinga(stopped_icinga: IcingaDaemon) -> IcingaDaemon:
    """It runs, whatever the test before did to it."""
    stopped_icinga.stop()
    for state in (stopped_icinga.directory / "lib").glob("icinga2.state*"):
        state.unlink()
    shutil.rmtree(stopped_icinga.directory / "lib" / "api", ignore_errors=True)  # comments and downtimes
    stopped_icinga.start()
    return stopped_icinga


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of a CA that Icinga's own certificate is not from."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return IcingaDaemon(tmp_path_factory.mktemp("other"), "").ca
