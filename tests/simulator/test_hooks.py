"""devd waits for its hook and delivers events one at a time; hastd does not wait; hooks are ordinary blocking code."""

from __future__ import annotations

from itertools import pairwise

from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair


def test_devd_delivers_the_next_event_only_when_the_hook_has_returned() -> None:
    pair = Pair()
    began: list[tuple[str, float]] = []

    def slow(node: Node, argv: list[str]) -> None:
        if node.name == "nfs001":
            began.append((argv[-1], node.clock.now))
            node.run("sleep 20")

    pair.on_carp_event(slow)
    pair.bring_up()
    pair.clock.advance(60)
    began.clear()
    first = pair.nodes["nfs001"]
    first.run("ifconfig vtnet1 down")
    pair.clock.advance(1)
    first.run("ifconfig vtnet1 up")
    pair.clock.advance(100)
    assert [state for state, _ in began] == ["INIT", "BACKUP", "MASTER"]
    times = [at for _, at in began]
    assert [round(later - earlier) for earlier, later in pairwise(times)] == [20, 20]


def test_a_command_line_that_runs_during_a_hook_is_not_held_up() -> None:
    pair = Pair()
    pair.on_carp_event(lambda node, argv: node.run("sleep 50") and None)
    pair.bring_up()
    before = pair.clock.now
    assert pair.nodes["nfs001"].run("hastctl status").status == 0
    assert pair.clock.now - before < 1


def test_hooks_of_both_nodes_run_at_the_same_time() -> None:
    pair = Pair()
    spans: dict[str, list[float]] = {}

    def hook(node: Node, argv: list[str]) -> None:
        if argv[-1] == "MASTER":
            began = node.clock.now
            node.run("sleep 10")
            spans[node.name] = [began, node.clock.now]

    pair.on_carp_event(hook)
    pair.bring_up()
    pair.clock.advance(30)
    spans.clear()
    inflict(pair, "cut")
    pair.clock.advance(2)
    pair.nodes["nfs001"].run("ifconfig vtnet1 vhid 2 state backup")
    pair.clock.advance(60)
    assert set(spans) == {"nfs001", "nfs002"}
    assert all(9.9 < end - begin < 11 for begin, end in spans.values())
    assert spans["nfs001"][0] < spans["nfs002"][1]


def test_hastd_goes_on_while_its_hook_runs() -> None:
    pair = Pair()
    heard: list[str] = []

    def slow(node: Node, argv: list[str]) -> None:
        heard.append(" ".join(argv[1:]))
        node.run("sleep 30")

    pair.bring_up()
    pair.on_hast_event(slow)
    before = pair.clock.now
    pair.must(pair.nodes["nfs002"], "hastctl role init home")
    pair.must(pair.nodes["nfs002"], "hastctl role secondary home")
    assert pair.clock.now - before < 1
    pair.clock.advance(40)
    assert "role home init secondary" in heard
    assert "connect home" in heard


def test_the_exception_of_a_hook_is_kept_and_ends_it_with_status_one() -> None:
    pair = Pair()

    def broken(node: Node, argv: list[str]) -> None:
        raise ValueError("a bug")

    pair.on_carp_event(broken)
    pair.bring_up()
    assert [str(error) for error in pair.hook_errors[:1]] == ["a bug"]


def test_events_while_devd_is_dead_come_late_and_a_dropped_one_never() -> None:
    pair = Pair()
    heard: list[str] = []
    pair.on_carp_event(lambda node, argv: heard.append(f"{node.name} {argv[-1]}"))
    pair.bring_up()
    heard.clear()
    inflict(pair, "kill", "nfs002", "devd")
    inflict(pair, "power-off", "nfs001")
    pair.clock.advance(10)
    assert heard == []
    pair.must(pair.nodes["nfs002"], "service devd onestart")
    pair.clock.advance(1)
    assert heard == ["nfs002 MASTER"]
    heard.clear()
    inflict(pair, "drop-devd-event", "nfs002")
    pair.nodes["nfs002"].run("ifconfig vtnet1 vhid 2 state backup")
    pair.clock.advance(1)
    assert heard == []


def test_the_same_seed_and_the_same_calls_give_the_same_story() -> None:
    def story() -> list[tuple[float, str, str]]:
        pair = Pair()
        pair.on_carp_event(lambda node, argv: node.run("hastctl status; sleep 1") and None)
        pair.bring_up()
        client = pair.client()
        client.write("mail")
        inflict(pair, "cut")
        pair.clock.advance(50)
        inflict(pair, "heal")
        pair.clock.advance(50)
        return [(note.at, note.node, note.text) for note in pair.notes]

    assert story() == story()
