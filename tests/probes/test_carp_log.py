"""The kernel's lines about CARP, as syslogd has written them; the lines are those of the recorded runs."""

from __future__ import annotations

from datetime import datetime

from checks.probes.carp_log import PRECISION, parse

NOW = datetime(2026, 11, 28, 15, 30, 1)
UP = "Nov 28 15:22:22 nfs002 syslogd: kernel boot file is /boot/kernel/kernel\n"
BACKUP = "Nov 28 15:23:27 nfs002 kernel: carp: 2@vtnet1: MASTER -> BACKUP (more frequent advertisement received)\n"
MASTER = "Nov 28 15:29:55 nfs002 kernel: carp: 2@vtnet1: BACKUP -> MASTER (preempting a slower master)\n"
OTHER = "Nov 28 15:29:58 nfs002 kernel: carp: 3@vtnet1: MASTER -> BACKUP (more frequent advertisement received)\n"
DEMOTED = "Nov 28 15:30:00 nfs002 kernel: carp: demoted by 240 to 240 (sysctl)\n"


def ago(*lines: str) -> float | None:
    return parse("".join(lines), "2@vtnet1", NOW)


def test_the_kernels_line_tells_when_a_vhid_became_master() -> None:
    assert ago(UP, BACKUP, MASTER, OTHER, DEMOTED) == 6 + PRECISION
    assert ago(f"<5>1 2026-11-28T15:29:55.123456+00:00 nfs002{MASTER[22:]}") == 6 + PRECISION
    assert (
        ago("<5>1 2026-11-28T15:29:55.123456+00:00 nfs002 kernel - - - carp: 2@vtnet1: BACKUP -> MASTER (x)\n") is None
    )


def test_a_log_without_the_line_or_with_a_later_change_tells_nothing() -> None:
    assert ago() is None
    assert ago(UP, OTHER) is None
    assert ago(MASTER.replace("2@vtnet1", "2@vtnet11")) is None
    assert ago(MASTER, BACKUP.replace("15:23:27", "15:29:59")) is None
    assert ago(BACKUP.replace("MASTER -> BACKUP", "INIT -> MASTER")) is None


def test_a_line_of_a_syslogd_that_has_just_started_tells_nothing() -> None:
    assert ago(UP.replace("15:22:22", "15:29:54"), MASTER) is None
    assert ago(UP.replace("15:22:22", "15:29:40"), MASTER) == 6 + PRECISION


def test_a_line_of_the_future_tells_nothing() -> None:
    assert ago(MASTER.replace("15:29:55", "15:30:02")) is None
