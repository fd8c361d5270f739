"""A session between the nodes: what is a message and what is none, and deadlines and bounds on what is read."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.errors import ToolMissing
from remediate.session import (
    LONGEST,
    MOST_NAMED,
    Message,
    MessageKind,
    PipeChannel,
    RefusalReason,
    SessionEnded,
    begin,
    parse,
)

TEXT = st.text(max_size=200)
MESSAGES = st.builds(
    Message,
    st.sampled_from(MessageKind),
    by=TEXT,
    resources=st.lists(TEXT, max_size=5).map(tuple),
    clients=st.lists(st.lists(TEXT, max_size=3).map(tuple), max_size=5).map(tuple),
    reason=st.none() | st.sampled_from(RefusalReason),
    words=TEXT,
    seconds=st.floats(0, 1e6),
    processes=st.integers(0, 1000),
    extents=st.lists(st.integers(0, 1 << 40), max_size=5).map(tuple),
    digests=st.lists(st.text("0123456789abcdef", max_size=64), max_size=5).map(tuple),
    told=st.none() | st.dictionaries(TEXT, st.integers() | TEXT, max_size=5),
)


def pipes() -> tuple[PipeChannel, PipeChannel]:
    """The two ends of a session."""
    (here, to_here), (there, to_there) = os.pipe(), os.pipe()
    return PipeChannel(here, to_there), PipeChannel(there, to_here)


@given(MESSAGES)
def test_what_is_said_is_heard(message: Message) -> None:
    line = message.line()
    assert line.isascii() and line.count("\n") == 1
    assert parse(line) == message


def test_both_ends_speak_and_the_end_is_heard() -> None:
    here, there = pipes()
    here.say(Message(MessageKind.PREPARE, by="nfs001", resources=("home",)))
    here.say(Message(MessageKind.YOURS))
    assert [there.hear(1), there.hear(1), there.hear(0)] == [
        Message(MessageKind.PREPARE, by="nfs001", resources=("home",)), Message(MessageKind.YOURS), None,
    ]  # fmt: skip
    there.say(Message(MessageKind.READY))
    there.close()
    assert here.hear(1) == Message(MessageKind.READY)
    with pytest.raises(SessionEnded, match="ended the session"):
        here.hear(1)
    with pytest.raises(SessionEnded):
        here.say(Message(MessageKind.YOURS))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2}, {"version": "1"}, {"version": None}, {"say": "yours!"}, {"say": None}, {"more": 1},
        {"resources": "home"}, {"resources": [1]}, {"clients": ["10.0.0.1"]}, {"clients": [["10.0.0.1", 0]]},
        {"clients": [["10.0.0.1", True]]}, {"clients": [["10.0.0.1", 70000]]}, {"clients": [[5, 5]]},
        {"words": "x" * 2000}, {"resources": ["r"] * (MOST_NAMED + 1)}, {"reason": "none of them"}, {"reason": []},
        {"seconds": -1}, {"seconds": "1"}, {"seconds": True}, {"extents": [-1]}, {"extents": [True]},
        {"extents": [0.5]}, {"extents": [1 << 48]}, {"extents": 5}, {"digests": [None]}, {"told": []},
        {"told": {str(number): 0 for number in range(100)}},
    ],
)  # fmt: skip
def test_what_is_no_message_ends_the_session(changed: dict[str, object]) -> None:
    whole: dict[str, object] = {"version": 1, "say": "yours"}
    assert parse(json.dumps(whole)).say is MessageKind.YOURS
    with pytest.raises(SessionEnded):
        parse(json.dumps(whole | changed))


@given(st.text())
def test_no_text_is_a_message_by_chance(text: str) -> None:
    with pytest.raises(SessionEnded):
        parse(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "1", "[]", '{"version": 1, "say": "step", "seconds": NaN}'])
def test_json_that_is_no_message_ends_the_session(text: str) -> None:
    with pytest.raises(SessionEnded):
        parse(text)


def test_a_line_without_end_is_given_up() -> None:
    """Before all of the machine's memory is full of it."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reads)
            while True:
                os.write(writes, b"y" * 65536)
        finally:
            os._exit(0)
    os.close(writes)
    line = PipeChannel(reads, os.open(os.devnull, os.O_WRONLY))
    with pytest.raises(SessionEnded, match=f"more than {LONGEST} bytes"):
        line.hear(30)
    line.close()
    os.waitpid(child, 0)


def test_nobody_is_waited_for_longer_than_was_said() -> None:
    here, _ = pipes()
    began = time.monotonic()
    assert here.hear(0.2) is None
    assert 0.2 <= time.monotonic() - began < 2


@pytest.mark.slow
def test_an_end_that_takes_nothing_is_given_up() -> None:
    here, _ = pipes()
    with pytest.raises(SessionEnded, match="taken nothing"):
        for _ in range(100):
            here.say(Message(MessageKind.YOURS, resources=("x" * 900,) * 100))


def test_a_program_says_itself_why_there_is_no_session() -> None:
    """As an older hastwatch does, or ssh(1)."""
    line = begin((sys.executable, "-c", "import sys; sys.exit('no subcommand take-over')"))
    with pytest.raises(SessionEnded, match=r"^no subcommand take-over$"):
        line.hear(20)
    line.close()


def test_a_program_is_talked_to_and_ends_with_the_session() -> None:
    line = begin(("/bin/cat",))
    line.say(Message(MessageKind.READY))
    assert line.hear(10) == Message(MessageKind.READY)
    line.close()


def test_a_program_that_does_not_end_with_its_input_is_killed() -> None:
    line = begin(("/bin/sleep", "1000"))
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 5


def test_a_program_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(ToolMissing):
        begin(("/nonexistent/ssh",))
