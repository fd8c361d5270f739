"""Whether the hastd of a node works as primary: the kernel's own answer, and what was seen before."""

from __future__ import annotations

import json
import socket
import threading
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import as_primary
from checks.probes.as_primary import (
    HastdBuild,
    HastdObservation,
    from_values,
    judge,
    known,
    parse_facts,
    to_text,
    to_values,
)
from checks.probes.bug_292322 import AsPrimary
from checks.probes.control_message import Pair, read_ends
from checks.probes.errors import NotUnderstood, ProbeError
from tests.probes.test_geom import Answers


class Queue:
    """The receiving side of a socket pair: what was sent, and whether the other end is closed. `ends`: as
    soreceive_generic() of 13.2 reads it; else as uipc_soreceive_stream_or_seqpacket() of 15.1 does."""

    def __init__(self, ends: bool) -> None:
        self.ends, self.closed = ends, False
        self.sent: list[bytes | None] = []
        """Data, and None for each control message."""
        self.change = threading.Condition()

    def put(self, data: bytes | None) -> None:
        with self.change:
            self.sent.append(data)
            self.change.notify_all()

    def get(self, size: int) -> bytes:
        got = b""
        with self.change:
            while len(got) < size:
                if not self.sent and self.closed:
                    break
                self.change.wait_for(lambda: bool(self.sent) or self.closed)
                if not self.sent:
                    continue
                first = self.sent.pop(0)
                if first is not None:
                    got += first
                elif self.ends and got:
                    break
        return got


class End:
    """One end of it, with what the probe uses of a socket."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def sendall(self, data: bytes) -> None:
        self.queue.put(data)

    def sendmsg(self, data: list[bytes], control: list[tuple[int, int, bytes]]) -> None:
        assert not data and [each[:2] for each in control] == [(socket.SOL_SOCKET, socket.SCM_RIGHTS)]
        self.queue.put(None)

    def recv(self, size: int, flags: int) -> bytes:
        assert flags == socket.MSG_WAITALL
        return self.queue.get(size)

    def shutdown(self, how: int) -> None:
        with self.queue.change:
            self.queue.closed = True
            self.queue.change.notify_all()

    def close(self) -> None:
        """Nothing is left."""


def kernel(ends: bool) -> Pair:
    """The socket pairs of a kernel."""
    queue = Queue(ends)
    return cast(Pair, lambda: (End(queue), End(queue)))


@pytest.mark.parametrize("ends", [True, False])
def test_a_kernel_tells_whether_its_reads_end_at_a_control_message(ends: bool) -> None:
    assert read_ends(kernel(ends)) is ends


def test_a_read_that_waits_is_not_waited_for_and_its_sockets_are_closed() -> None:
    sockets: list[socket.socket] = []

    def pair() -> tuple[socket.socket, socket.socket]:
        sockets.extend(socket.socketpair())
        return sockets[0], sockets[1]

    assert read_ends(pair) is False  # Linux sends no control message without data, so the read waits
    assert [each.fileno() for each in sockets] == [-1, -1]


def test_a_kernel_without_socket_pairs_tells_nothing() -> None:
    def pair() -> tuple[socket.socket, socket.socket]:
        raise OSError(23, "Too many open files in system")

    assert read_ends(pair) is None


FACTS = HastdBuild("15.1-RELEASE-p1 GENERIC", False, "3417-164328-1", True)
WORKS = HastdObservation(True, "seen", 0.0, FACTS.known_as)
FAILS = WORKS._replace(works=False)


@pytest.mark.parametrize(
    ("release", "facts", "observation", "expected"),
    [
        ("14.5-RELEASE", None, FAILS, (AsPrimary.WORKS, False)),
        ("15.1-RELEASE-p1", None, None, (AsPrimary.FAILS, False)),
        ("15.1-RELEASE-p1", None, WORKS, (AsPrimary.FAILS, False)),
        ("15.1-RELEASE-p1", FACTS, None, (AsPrimary.FAILS, False)),
        ("15.1-RELEASE-p1", FACTS._replace(ends=True), None, (AsPrimary.WORKS, True)),
        ("15.1-RELEASE-p1", FACTS._replace(ends=True), FAILS, (AsPrimary.WORKS, True)),
        ("15.1-RELEASE-p1", FACTS._replace(ends=None), WORKS, (AsPrimary.WORKS, True)),
        ("15.1-RELEASE-p1", FACTS, WORKS, (AsPrimary.WORKS, True)),
        ("15.1-RELEASE-p1", FACTS, FAILS, (AsPrimary.FAILS, True)),
        ("15.1-RELEASE-p1", FACTS._replace(runs=None), WORKS, (AsPrimary.WORKS, True)),
        ("15.1-RELEASE-p1", FACTS._replace(runs=False), WORKS, (AsPrimary.FAILS, False)),
        ("15.1-RELEASE-p1", FACTS._replace(kernel="another"), WORKS, (AsPrimary.FAILS, False)),
        ("15.1-RELEASE-p1", FACTS._replace(hastd="another"), WORKS, (AsPrimary.FAILS, False)),
        ("15.9-RELEASE", FACTS, None, (AsPrimary.NOT_KNOWN, False)),
        ("15.9-RELEASE", FACTS, FAILS, (AsPrimary.FAILS, True)),
        ("15.9-RELEASE", FACTS._replace(hastd="another"), FAILS, (AsPrimary.NOT_KNOWN, False)),
        ("15.9-RELEASE", FACTS, WORKS, (AsPrimary.WORKS, True)),
    ],
)
def test_what_was_seen_counts_for_the_same_kernel_and_hastd_alone(
    release: str, facts: HastdBuild | None, observation: HastdObservation | None, expected: tuple[AsPrimary, bool]
) -> None:
    assert judge(release, False, facts, observation)[:2] == expected
    assert judge(release, True, facts, observation).as_primary is AsPrimary.WORKS


UNAME, ASK, CAT = "uname -r", "hastwatch-ask --as-primary", f"cat {as_primary.PATH}"


def test_a_node_of_an_older_release_is_asked_nothing_else() -> None:
    node = Answers({UNAME: "14.5-RELEASE\n"})
    assert known(node, repaired=False).as_primary is AsPrimary.WORKS
    assert node.asked == [UNAME]


def test_a_node_tells_its_kernel_its_hastd_and_what_was_seen_of_it() -> None:
    answers = {UNAME: "15.1-RELEASE-p1\n", ASK: to_text(FACTS), CAT: json.dumps(to_values(WORKS))}
    assert known(Answers(answers), repaired=False) == judge("15.1-RELEASE-p1", False, FACTS, WORKS)


@pytest.mark.parametrize("missing", [ASK, CAT])
def test_what_a_node_does_not_tell_is_said_and_proves_nothing(missing: str) -> None:
    answers = {UNAME: "15.1-RELEASE-p1\n", ASK: to_text(FACTS), CAT: json.dumps(to_values(WORKS))}
    del answers[missing]
    knowledge = known(Answers(answers), repaired=False)
    assert (knowledge.as_primary, knowledge.seen) == (AsPrimary.FAILS, False)
    assert missing in knowledge.why


def test_a_node_that_does_not_tell_its_release_is_not_judged() -> None:
    with pytest.raises(ProbeError):
        known(Answers({}), repaired=False)


def test_a_node_whose_hastd_was_repaired_is_not_asked() -> None:
    assert known(Answers({}), repaired=True).as_primary is AsPrimary.WORKS


@given(st.builds(HastdBuild, st.text(), st.sampled_from([True, False, None]), st.text(), st.sampled_from([True, None])))
def test_an_answer_is_read_as_it_was_given(facts: HastdBuild) -> None:
    assert parse_facts(to_text(facts)) == facts


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.dictionaries(
    st.sampled_from(["version", "works", "how", "at", "kernel", "hastd", "ends", "runs"]), each)))  # fmt: skip
def test_an_answer_or_a_file_of_another_kind_is_not_understood(values: object) -> None:
    with pytest.raises(NotUnderstood):
        parse_facts(json.dumps(values))
    if values:
        with pytest.raises(NotUnderstood):
            from_values(values)


@pytest.mark.parametrize("observation", [WORKS, FAILS])
def test_what_was_seen_is_read_as_it_was_written(observation: HastdObservation) -> None:
    assert from_values(to_values(observation)) == observation


def test_this_machine_answers_in_the_same_way() -> None:
    assert parse_facts(as_primary.answer()).kernel.startswith(as_primary.of_this_machine().kernel[:4])
