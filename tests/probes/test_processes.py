"""ps(1) as values, and who is taken for a daemon of the system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes import devd
from checks.probes.errors import NotUnderstood
from checks.probes.processes import COLUMNS, NFS_DAEMONS, Process, daemons, hastd_workers, processes, read_ps, running
from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.faults.faults import inflict
from tests import player
from tests.probes.test_geom import Answers

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
PS = f"ps -axww -o {COLUMNS}"
HEADER = "  PID  PPID JID RUID  UID STARTED                  COMMAND\n"
BOOT = "Sun Nov 22 08:31:39 2026"


def line(pid: int, comm: str, *, ppid: int = 1, jid: int = 0, ruid: int = 0, uid: int = 0, started: str = BOOT) -> str:
    """A line of ps, as wide as HEADER."""
    return f"{pid:>5} {ppid:>5} {jid:>3} {ruid:>4} {uid:>4} {started:<24} {comm}\n"


def listed(*lines: str) -> tuple[Process, ...]:
    return read_ps(HEADER + "".join(lines))[0]


def recorded() -> list[str]:
    """What the new columns would have been, in every state that a real pair showed."""
    outputs = []
    for folder in sorted(RECORDINGS.glob("*/nfs00?")):
        answer = player.processes(str(folder), PS.split())
        if answer and answer[2] == 0 and not folder.parent.name.startswith("made-"):
            outputs.append("".join(os.fsdecode(each) + "\n" for each in answer[0]))
    return outputs


RECORDED = recorded()


def test_every_recorded_listing_is_understood() -> None:
    assert len(RECORDED) > 40
    assert frozenset(NFS_DAEMONS) in {running(read_ps(text)[0]) for text in RECORDED}
    assert {len(daemons(read_ps(text)[0], "devd")) for text in RECORDED} == {1}


def test_a_line_is_read_with_its_start() -> None:
    assert listed(line(616, "mountd")) == (Process(616, 1, 0, 0, 0, BOOT, "mountd"),)
    assert listed(line(616, "Web Content", uid=1001))[0].comm == "Web Content"


def test_a_process_that_is_swapped_out_has_no_start_and_is_there() -> None:
    assert running(listed(line(616, "mountd", started="-"))) == {"mountd"}


@pytest.mark.parametrize("name", NFS_DAEMONS)
def test_a_daemon_of_a_user_is_none(name: str) -> None:
    comm = NFS_DAEMONS[name]
    assert running(listed(line(616, comm))) == {name}
    assert running(listed(line(616, comm, ruid=1001, uid=1001))) == frozenset()


def test_a_set_user_id_program_of_a_user_is_no_daemon() -> None:
    """A hard link to su(1) has the name that the user gave it, and waits for a password with the rights of root."""
    assert running(listed(line(616, "mountd", ruid=1001))) == frozenset()


def test_a_daemon_of_a_jail_is_none() -> None:
    assert running(listed(line(616, "rpcbind", jid=3), line(617, "mountd", jid=3))) == frozenset()


JAILED = line(90, "rpcbind", jid=2) + line(91, "rpc.statd", jid=3) + line(92, "devd", jid=4)


def seen(lines: str, jails: str | None) -> frozenset[str]:
    """Which daemons run by ps and jls; without jails, jls is not there."""
    answers = {PS: HEADER + lines} | ({} if jails is None else {"jls jid name": jails})
    return running(processes(Answers(answers)))


def test_a_daemon_in_a_service_jail_of_its_script_is_the_hosts() -> None:
    assert seen(JAILED, "2 svcj-rpcbind\n3 svcj-statd\n4 svcj-devd\n") == {"rpcbind", "statd"}
    assert [process.jid for process in processes(Answers({PS: HEADER + JAILED, "jls jid name": ""}))] == [2, 3, 4]


@pytest.mark.parametrize(
    "jails",
    ["", "2 mail\n3 www\n", "2 svcj-statd\n3 svcj-rpcbind\n", "2 www.svcj-rpcbind\n3 svcj-statd2\n", "nonsense", None],
)
def test_a_daemon_in_any_other_jail_is_none(jails: str | None) -> None:
    assert seen(JAILED, jails) == frozenset()


def test_a_user_in_a_service_jail_is_no_daemon() -> None:
    ours = line(90, "rpcbind", jid=2) + line(93, "rpc.statd", jid=2, ruid=1001, uid=1001)
    assert seen(ours, "2 svcj-rpcbind\n") == {"rpcbind"}


def test_jails_are_asked_for_only_where_a_daemon_of_root_is_in_one() -> None:
    assert seen(line(90, "rpcbind") + line(91, "hastd", jid=89, ruid=845, uid=845), None) == {"rpcbind"}


def test_a_program_that_only_sounds_like_a_daemon_is_none() -> None:
    assert running(listed(line(616, "mountd-watch"), line(617, "rpcbind2"), line(618, "nfsdx"))) == frozenset()
    assert devd.find(listed(line(384, "devd-tap"))) is None


def test_of_nfsd_and_its_server_the_master_is_the_daemon() -> None:
    processes = listed(line(625, "nfsd"), line(627, "nfsd", ppid=625))
    assert [each.pid for each in daemons(processes, "nfsd")] == [625]


def test_a_server_that_has_outlived_its_master_still_is_nfsd() -> None:
    assert running(listed(line(627, "nfsd"))) == {"nfsd"}


def test_a_child_that_devd_has_just_forked_is_not_devd() -> None:
    processes = listed(line(384, "devd"), line(300, "devd", ppid=384))
    assert devd.find(processes) == processes[0]


def test_workers_are_the_children_of_hastd_and_those_it_left() -> None:
    hastd, worker = line(964, "hastd"), line(1029, "hastd", ppid=964, jid=89, ruid=845, uid=845)
    users = line(1100, "hastd", ruid=1001, uid=1001)
    assert [each.pid for each in hastd_workers(listed(hastd, worker, users))] == [1029]
    left = line(1029, "hastd", jid=89, ruid=845, uid=845)
    assert [each.pid for each in hastd_workers(listed(left, users))] == [1029]


FORGED = [
    "a\n9 1 0 0 0 - mountd",
    "\n9 1 0 0 0 - mountd",
    "\n\n\n\nmountd",
    "\n",
    "x\n" + 17 * r"\xff",
]


@pytest.mark.parametrize("comm", FORGED)
def test_a_name_with_line_ends_makes_no_process_and_hides_none(comm: str) -> None:
    processes = listed(line(500, comm, ruid=1001, uid=1001), line(616, "rpcbind"))
    assert [(each.pid, each.comm) for each in processes] == [(500, comm), (616, "rpcbind")]


@settings(max_examples=300)
@given(st.text(alphabet="\n 0-9mountd:Nov2026", max_size=19))
def test_no_name_of_a_user_is_ever_taken_for_a_daemon(comm: str) -> None:
    processes = listed(line(500, comm, ruid=1001, uid=1001, started="-"), line(501, comm, jid=2), line(616, "rpcbind"))
    assert running(processes) == {"rpcbind"} and [each.pid for each in processes] == [500, 501, 616]


@pytest.mark.parametrize(
    "text",
    ["", "PID COMMAND\n", "PID PPID COMMAND\n1 0 init\n", "ps: illegal option\n", HEADER.strip("\n"),
     f"{HEADER}x 1 y\n", HEADER + line(1, "init")[:-1], HEADER + line(1, "init").replace("2026", "20x6"),
     HEADER + line(384, "devd") + "  616\n"],
)  # fmt: skip
def test_what_ps_does_not_print_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        read_ps(text)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(RECORDED), st.data())
def test_garbled_output_gives_an_error_of_ours_or_values(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    garbled = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    try:
        read_ps(garbled)
    except NotUnderstood as error:
        assert str(error).isprintable()


PRETENDERS = (
    ("user-process", "/usr/sbin/mountd"),
    ("user-process", "nfsd: master"),
    ("user-process", "x\n9 1 0 0 0 - rpcbind"),
    ("user-runs-as-root", "/tmp/rpc.statd"),
    ("jail-daemon", "rpcbind"),
    ("jail-daemon", "mountd"),
)


@pytest.mark.parametrize(("fault", "what"), PRETENDERS)
def test_who_pretends_to_be_a_daemon_on_the_simulated_pair_is_none(fault: str, what: str) -> None:
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    node = pair.nodes["nfs002"]
    pair.must(node, "service nfsd onestop; service mountd onestop; service lockd onestop; service statd onestop")
    before = read_ps(node.run(PS).out)[0]
    inflict(pair, fault, "nfs002", what)
    after = read_ps(node.run(PS).out)[0]
    assert len(after) == len(before) + 1 and running(after) == running(before) == {"rpcbind"}
