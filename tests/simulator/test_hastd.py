"""hastd where the recordings are not enough: two primaries, workers that linger, keepalives, reloads."""

from __future__ import annotations

from simulator.faults.faults import inflict
from simulator.layout import PairLayout
from simulator.pair import Pair


def test_primary_beside_a_primary_has_its_device_at_once_and_serves_it_after_the_timeout(pair: Pair) -> None:
    """Two primaries with the link up; recorded: the device within two seconds (freebsd-facts:
    primary-beside-a-primary)."""
    second = pair.nodes["nfs002"]
    began = pair.clock.now
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(1)
    assert second.run("ls /dev/hast").out == "home\n"
    pair.must(second, "fstyp /dev/hast/home")
    assert 10 < pair.clock.now - began < 13
    refused = pair.nodes["nfs001"].files.read("/var/log/messages")
    assert refused.count("We act as primary for the resource and not as secondary as requested by") >= 10


def test_role_primary_ends_a_lingering_secondary_worker_by_itself() -> None:
    """At once after the power cut, device after 0.19 s (freebsd-facts: role-primary-ends-the-worker)."""
    pair = Pair(PairLayout(file_after_taste=False))
    pair.bring_up()
    second = pair.nodes["nfs002"]
    inflict(pair, "power-off", "nfs001")
    pair.clock.advance(3)
    assert "complete secondary" in second.run("hastctl status").out
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(0.5)
    assert second.run("ls /dev/hast").out == "home\n"
    assert "degraded primary" in second.run("hastctl status").out


def test_role_primary_without_metadata_exits_zero_and_only_a_second_look_tells() -> None:
    """freebsd-facts: role-exits-0-at-once."""
    pair = Pair()
    pair.power_on()
    first = pair.nodes["nfs001"]
    assert first.run("hastctl role primary home").status == 0
    assert "init" in first.run("hastctl status").out


def test_after_a_clean_switchover_the_new_primary_resynchronises_what_is_kept_dirty(pair: Pair) -> None:
    """localcnt unchanged on both (freebsd-facts: dirty-after-a-switchover)."""
    first, second = pair.nodes.values()
    pair.must(first, "dd if=/dev/random of=/hast/home/big bs=1m count=100")
    pair.must(first, "umount /hast/home; hastctl role secondary home")
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(2)
    dirty = int(second.run("hastctl list home").out.split("  dirty: ")[1].split()[0])
    assert 64 << 20 < dirty <= 128 << 20
    pair.clock.advance(60)
    for node in (first, second):
        assert "localcnt: 0\n    remotecnt: 0" in node.run("hastctl dump home").out


def test_a_reload_adds_a_resource_in_role_init_and_leaves_the_other_alone(pair: Pair) -> None:
    first = pair.nodes["nfs001"]
    worker = first.hastd.resources["home"].worker
    conf = first.files.read("/etc/hast.conf")
    first.files.write("/etc/hast.conf", conf + conf[conf.index("resource") :].replace("home", "more"))
    pair.must(first, "service hastd reload")
    assert "more\t-        init" in pair.must(first, "hastctl status")
    assert first.hastd.resources["home"].worker is worker


def test_a_stopped_secondary_worker_interrupts_a_synchronisation_after_the_timeout(pair: Pair) -> None:
    first, second = pair.nodes.values()
    pair.must(first, "dd if=/dev/random of=/hast/home/big bs=1m count=60")
    pair.must(second, "hastctl role init home; hastctl create home; hastctl role secondary home")
    pair.clock.advance(30)
    assert "complete" in first.run("hastctl status").out
    inflict(pair, "hang", "nfs002", "worker")
    pair.clock.advance(15)
    assert "degraded" in first.run("hastctl status").out
    assert "hast syncintr home" in [note.text for note in pair.notes]


def test_an_idle_primary_that_gets_no_answers_gives_up_after_the_recorded_time(pair: Pair) -> None:
    """38 s, although its own keepalives arrive (freebsd-facts: complete-lags-behind)."""
    inflict(pair, "cut-from", "nfs002")
    pair.clock.advance(20)
    assert "complete" in pair.nodes["nfs001"].run("hastctl status").out
    pair.clock.advance(25)
    assert "degraded" in pair.nodes["nfs001"].run("hastctl status").out


def test_a_write_is_delivered_when_the_link_is_back_before_the_timeout(pair: Pair) -> None:
    inflict(pair, "cut-replication")
    writing = pair.client().write("mail")
    pair.clock.advance(4)
    assert not writing.done
    inflict(pair, "heal")
    pair.clock.advance(1)
    assert writing.done
    assert "localcnt: 0" in pair.nodes["nfs001"].run("hastctl dump home").out
    assert "complete" in pair.nodes["nfs001"].run("hastctl status").out


def test_a_read_is_lost_while_the_secondary_has_the_newer_copy_and_answered_after_the_synchronisation(
    pair: Pair,
) -> None:
    """primary.c, ggate_recv_thread(): with HAST_SYNCSRC_SECONDARY the request gets into no send queue."""
    first, second = pair.nodes.values()
    second.power_off()
    pair.clock.advance(30)
    pair.must(first, "dd if=/dev/random of=/hast/home/big bs=1m count=100")
    pair.must(first, "umount /hast/home; hastctl role secondary home")
    pair.clock.wait(second.power_on())
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(0.5)
    assert " dirty: 0 " not in pair.must(second, "hastctl list home")
    lost = second.start_command("fstyp /dev/hast/home")
    pair.clock.advance(120)
    assert " dirty: 0 " in pair.must(second, "hastctl list home") and not lost.done
    assert pair.must(second, "fstyp /dev/hast/home") == "ufs\n"
