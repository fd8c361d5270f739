"""check_hast over time: what is remembered between runs, and what a rate says."""

import re
import sys
import time
from pathlib import Path

import pytest

from checks.hast import CHECK
from checks.hast_resource import errors_grew, rate
from checks.probes.hast import LocalErrorCounters, Resource, Role, Status, parse_list
from checks.probes.state_cache import Memory

MIB = 1 << 20
LISTING = """\
home:
  role: primary
  provname: home
  localpath: /dev/ada1
  extentsize: 2097152 (2.0MB)
  keepdirty: 64
  remoteaddr: tcp4://10.1.101.4:8457
  replication: fullsync
  status: {status}
  workerpid: 1029
  dirty: {dirty} (0B)
  statistics:
    reads: 0
    writes: 0
    deletes: 0
    flushes: 0
    activemap updates: 0
    local errors: read: 0, write: 0, delete: 0, flush: 0
"""


def say(tmp_path: Path, capfd: pytest.CaptureFixture[str], dirty: int, status: str = "complete") -> tuple[int, str]:
    """What the check says of a primary with so many dirty bytes."""
    (tmp_path / "answer").write_text(LISTING.format(dirty=dirty, status=status))
    answer = f"open({str(tmp_path / 'answer')!r}).read()"
    (tmp_path / "way").write_text(
        f"import sys\nif 'cat ' in sys.argv[-1]:\n    sys.exit('cat: No such file or directory')\n"
        f"print('nfs001' if 'hostname' in sys.argv[-1] else {answer})"
    )
    words = ["-r", "home", "--role", "any", "--state-dir", str(tmp_path / "kept")]
    code = CHECK.main([*words, "--via", f"{sys.executable} -I -S {tmp_path / 'way'}"])
    return code, capfd.readouterr().out.partition(" | ")[0].rstrip("\n")


def went_by(tmp_path: Path, seconds: float) -> None:
    """Let the last run have been that long ago."""
    memory = Memory(str(tmp_path / "kept"))
    remembered = memory.get("check_hast-nfs001-home")
    memory.put("check_hast-nfs001-home", remembered | {"at": time.time() - seconds})


def test_a_synchronisation_says_how_much_is_left_at_what_rate_and_until_when(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert say(tmp_path, capfd, 1000 * MIB) == (
        1,
        "HAST WARNING - home on nfs001: primary, complete, fullsync, 1000 MiB dirty to synchronise, rate not known yet"
        " - until it is done the other copy cannot take over without loss [hast-synchronising]",
    )
    went_by(tmp_path, 100)
    status, line = say(tmp_path, capfd, 500 * MIB)
    assert status == 1
    match = re.search(r"500 MiB dirty, falling ([\d.]+) MiB/s, 1 min (\d+) s left \(\d\d:\d\d\) -", line)
    assert match and float(match[1]) <= 5 and int(match[2]) >= 40


def test_a_synchronisation_stays_one_while_dirty_falls_below_what_is_normal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    say(tmp_path, capfd, 132 * MIB)
    went_by(tmp_path, 60)
    assert "[hast-synchronising]" in say(tmp_path, capfd, 74 * MIB)[1]
    went_by(tmp_path, 60)
    assert say(tmp_path, capfd, 74 * MIB)[0] == 0


def test_after_a_degraded_time_what_falls_is_a_synchronisation(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert say(tmp_path, capfd, 100 * MIB, "degraded")[0] == 2
    went_by(tmp_path, 60)
    assert "[hast-synchronising]" in say(tmp_path, capfd, 50 * MIB)[1]
    went_by(tmp_path, 60)
    assert say(tmp_path, capfd, 0)[0] == 0


def test_the_last_dirty_extents_of_a_busy_primary_are_normal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert say(tmp_path, capfd, 128 * MIB) == (
        0,
        "HAST OK - home on nfs001: primary, complete, fullsync, 128 MiB dirty, as a busy primary has up to 128 MiB,"
        " or the end of a synchronisation [hast-in-sync]",
    )


FOUND = parse_list(LISTING.format(status="complete", dirty=10 * MIB), "home")


def before(**changes: object) -> dict[str, object]:
    return {"dirty": 20 * MIB, "at": 100.0, "workerpid": 1029, "errors": [0, 0, 0, 0], "errors_grew": None} | changes


def test_a_rate_needs_a_fall_of_the_same_worker_in_time_that_went_on() -> None:
    assert rate(before(), FOUND, 110.0) == MIB
    assert rate({}, FOUND, 110.0) is None
    assert rate(before(workerpid=7), FOUND, 110.0) is None
    assert rate(before(dirty=10 * MIB), FOUND, 110.0) is None
    assert rate(before(), FOUND, 100.0) is None
    assert rate(before(), FOUND, 90.0) is None
    assert rate(before(dirty="many", at=None), FOUND, 110.0) is None


def failing(read: int, pid: int = 1029) -> Resource:
    assert FOUND.role is Role.PRIMARY and FOUND.status is Status.COMPLETE
    return FOUND._replace(errors=LocalErrorCounters(read, 0, 0, 0), workerpid=pid)


def test_errors_are_new_when_first_seen_when_they_grow_and_with_a_new_worker() -> None:
    assert errors_grew({}, failing(0), 50.0) is None
    assert errors_grew({}, failing(1), 50.0) == 50.0
    assert errors_grew(before(errors=[1, 0, 0, 0], errors_grew=10.0), failing(1), 50.0) == 10.0
    assert errors_grew(before(errors=[1, 0, 0, 0], errors_grew=10.0), failing(2), 50.0) == 50.0
    assert errors_grew(before(errors=[1, 0, 0, 0], errors_grew=10.0), failing(1, pid=9), 50.0) == 50.0
    assert errors_grew(before(errors=[9, 0, 0, 0], errors_grew=10.0), failing(0, pid=9), 50.0) == 10.0
    assert errors_grew(before(errors=[0, 0, 0, 0], errors_grew=10.0), failing(0, pid=9), 4000.0) is None
    assert errors_grew(before(errors=["x"], errors_grew="y"), failing(1), 50.0) == 50.0
