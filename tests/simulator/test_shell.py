"""A node answers command lines as a small sh does."""

from __future__ import annotations

import pytest

from simulator.clock import Clock, Completion, Deadlock
from simulator.node import Node
from simulator.pair import Pair


@pytest.fixture(scope="module")
def node() -> Node:
    pair = Pair()
    pair.bring_up()
    return pair.nodes["nfs001"]


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("echo a  'b  c' \"d $?\"", "a b  c d 0\n", 0),
        ("false; echo $?", "1\n", 0),
        ("true && echo yes || echo no", "yes\n", 0),
        ("false && echo yes || echo no", "no\n", 0),
        ("printf 'b\\na\\n' | grep -c .", "2\n", 0),
        ("for x in 1 2; do echo n$x; done", "n1\nn2\n", 0),
        ("p=$(hostname); echo $p", "nfs001\n", 0),
        ("echo x 2>&1 >/dev/null", "", 0),
        ("(echo a; echo b) | tail -1", "b\n", 0),
        ("/sbin/sysctl -n net.inet.carp.preempt", "1\n", 0),
        ("ls /etc/*.conf", "/etc/devd.conf\n/etc/hast.conf\n/etc/rc.conf\n/etc/sysctl.conf\n", 0),
        ("sudo -n hostname", "nfs001\n", 0),
        ("sh -c 'exit 3'", "", 3),
        ("sh none", "", 127),
        ("timeout 2 sleep 9; echo $?", "124\n", 0),
    ],
)
def test_lines_are_understood(node: Node, line: str, out: str, status: int) -> None:
    result = node.run(line)
    assert (result.out, result.status) == (out, status)


def test_a_relative_path_begins_at_the_home_of_root(node: Node) -> None:
    assert node.run("echo one > here; cat /root/here; cat here; ls").out == "one\none\nhere\n"


def test_an_unknown_command_is_answered_as_by_a_shell(node: Node) -> None:
    result = node.run("/usr/bin/frobnicate --all")
    assert (result.status, result.out, result.err) == (127, "", "sh: /usr/bin/frobnicate: not found\n")


def test_a_line_that_cannot_be_read_is_a_syntax_error(node: Node) -> None:
    result = node.run("echo 'unfinished")
    assert (result.status, result.err) == (2, "sh: Syntax error: Unterminated quoted string\n")


def test_a_node_that_is_off_does_not_answer() -> None:
    pair = Pair()
    assert pair.nodes["nfs001"].run("true").status == 255


def test_a_wait_for_what_cannot_happen_any_more_is_an_error_and_not_a_loop() -> None:
    with pytest.raises(Deadlock):
        Clock().wait(Completion())


def test_timers_of_one_instant_run_in_the_order_in_which_they_were_set() -> None:
    clock = Clock()
    order: list[int] = []
    for number in range(5):
        clock.after(1, lambda number=number: order.append(number))  # type: ignore[misc]
    clock.advance(1)
    assert order == [0, 1, 2, 3, 4]


def test_tasks_take_turns_and_sleep_in_simulated_time() -> None:
    clock = Clock()
    turns: list[tuple[str, float]] = []

    def work(name: str, pause: float) -> None:
        for _ in range(2):
            clock.advance(pause)
            turns.append((name, clock.now))

    began = clock.now
    clock.run_task(lambda: work("slow", 3))
    clock.run_task(lambda: work("quick", 2))
    clock.advance(10)
    assert [(name, at - began) for name, at in turns] == [("quick", 2), ("slow", 3), ("quick", 4), ("slow", 6)]
