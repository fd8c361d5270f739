"""What the log of a node tells late, and what it does not tell at all."""

from __future__ import annotations

from simulator.faults.faults import inflict
from simulator.host.log import MESSAGES
from simulator.pair import Pair


def lines_since(before: str, pair: Pair) -> list[str]:
    """What was added to the log of nfs002: the time and the rest, without the name of the node."""
    added = pair.nodes["nfs002"].files.read(MESSAGES).removeprefix(before)
    return [line[:15] + line[22:] for line in added.splitlines()]


def test_a_syslogd_that_starts_reads_what_the_kernel_said_before_and_gives_it_its_own_time() -> None:
    pair = Pair()
    pair.bring_up()
    node = pair.nodes["nfs002"]
    inflict(pair, "kill", "nfs002", "syslogd")
    before = node.files.read(MESSAGES)
    node.kernel_log("carp: 2@vtnet1: BACKUP -> MASTER (master timed out)")
    node.syslog(MESSAGES, "hastd[570]: lost")
    pair.clock.advance(100)
    assert lines_since(before, pair) == []
    now = pair.must(node, "date '+%b %e %H:%M:%S'").strip()
    pair.must(node, "service syslogd onestart")
    started, line = lines_since(before, pair)[:2]
    assert started.endswith(" syslogd: kernel boot file is /boot/kernel/kernel") and started[:12] == now[:12]
    assert line == f"{started[:15]} kernel: carp: 2@vtnet1: BACKUP -> MASTER (master timed out)"


def test_a_stopped_syslogd_reads_everything_when_it_goes_on() -> None:
    pair = Pair()
    pair.bring_up()
    node = pair.nodes["nfs002"]
    inflict(pair, "hang", "nfs002", "syslogd")
    before = node.files.read(MESSAGES)
    node.kernel_log("carp: demoted by 240 to 240 (sysctl)")
    node.syslog(MESSAGES, "hastd[570]: kept")
    pair.clock.advance(100)
    assert lines_since(before, pair) == []
    inflict(pair, "resume", "nfs002", "syslogd")
    assert [line[16:] for line in lines_since(before, pair)] == [
        "kernel: carp: demoted by 240 to 240 (sysctl)",
        "hastd[570]: kept",
    ]
