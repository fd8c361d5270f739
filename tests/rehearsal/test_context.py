"""hastwatch as a program of a simulated node: its time, its two ways, its state, and its death at any moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from checks.probes.errors import Hangs, Unreachable
from remediate.config import RemediationConfig
from remediate.context import Context, Transport
from remediate.rehearsal.context import CONNECT_TIMEOUT, context_of
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.state.lock import Lock
from simulator.clock import Task
from simulator.dying import SIGKILLED, Killed, KillPoint, Life
from simulator.faults.faults import inflict
from simulator.host.programs import PythonHook
from simulator.node import Node
from simulator.pair import Pair

T = TypeVar("T")


@pytest.fixture
def pair() -> Pair:
    return healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)


@pytest.fixture
def node(pair: Pair) -> Node:
    return pair.nodes["nfs001"]


@pytest.fixture
def context(node: Node, tmp_path: Path) -> Context:
    return context_of(node, tmp_path, RemediationConfig())


def way(context: Context) -> Transport:
    """To the peer."""
    assert context.peer is not None
    return context.peer


def as_task(pair: Pair, call: Callable[[], T]) -> Task[T]:
    """Run to its end as a task."""
    task = pair.clock.run_task(call)
    pair.clock.wait(task)
    return task


# --- time ----------------------------------------------------------------------------------------------------


def test_its_time_is_that_of_the_pair_and_of_the_nodes_clock(pair: Pair, context: Context) -> None:
    inflict(pair, "clock-skew", "nfs001", "90")
    assert context.timing.now() == pair.clock.now
    assert context.timing.wall() == pair.clock.now + 90
    began = pair.clock.now
    assert as_task(pair, lambda: context.timing.until(lambda: pair.clock.now >= began + 3, 10)).value is True
    assert pair.clock.now - began == pytest.approx(3, abs=0.1)
    assert as_task(pair, lambda: context.timing.until(lambda: False, 2)).value is False


def test_what_is_done_together_takes_the_time_of_the_longest(pair: Pair, context: Context) -> None:
    began = pair.clock.now

    def sleeping(seconds: float) -> Callable[[], float]:
        def call() -> float:
            context.timing.sleep(seconds)
            return seconds

        return call

    task = as_task(pair, lambda: context.timing.together([sleeping(2), sleeping(5), sleeping(3)]))
    assert task.value == [2, 5, 3]
    assert pair.clock.now - began == pytest.approx(5)
    assert as_task(pair, lambda: context.timing.together([sleeping(1)])).value == [1]


def test_the_first_error_of_several_is_raised_when_all_have_ended(pair: Pair, context: Context) -> None:
    ended: list[float] = []

    def failing(seconds: float, error: Exception) -> Callable[[], None]:
        def call() -> None:
            context.timing.sleep(seconds)
            ended.append(seconds)
            raise error

        return call

    task = as_task(pair, lambda: context.timing.together([failing(3, KeyError("a")), failing(1, ValueError("b"))]))
    assert isinstance(task.error, KeyError)
    assert ended == [1, 3]


# --- the two ways --------------------------------------------------------------------------------------------


def test_a_command_is_run_on_the_node_and_takes_simulated_time(pair: Pair, context: Context, node: Node) -> None:
    began = pair.clock.now
    done = as_task(pair, lambda: context.here.act(("/bin/sh", "-c", "sleep 2; hostname; exit 3"), 10)).value
    assert done is not None
    assert (done.stdout, done.status) == ("nfs001\n", 3)
    assert pair.clock.now - began == pytest.approx(2 + 3 * pair.layout.costs.process)  # sh, sleep, hostname
    assert as_task(pair, lambda: context.here.node().name).value == "nfs001"
    assert as_task(pair, lambda: way(context).node().name).value == "nfs002"


def test_a_command_that_hangs_is_killed_at_its_deadline(pair: Pair, context: Context, node: Node) -> None:
    inflict(pair, "hang-command", "nfs001", "umount")
    began = pair.clock.now
    task = as_task(pair, lambda: context.here.act(("/sbin/umount", "/hast/home"), 7))
    assert isinstance(task.error, Hangs)
    assert pair.clock.now - began == pytest.approx(7)
    inflict(pair, "release-command", "nfs001", "umount")
    pair.clock.advance(5)
    assert "/hast/home" in node.run("mount").out


def test_the_peer_is_asked_over_the_management_network(pair: Pair, context: Context) -> None:
    inflict(pair, "cut")
    done = as_task(pair, lambda: way(context).act(("/bin/hostname",), 5)).value
    assert done is not None and done.stdout == "nfs002\n"
    inflict(pair, "cut-management")
    began = pair.clock.now
    assert isinstance(as_task(pair, lambda: way(context).act(("/bin/hostname",), 5)).error, Unreachable)
    assert pair.clock.now - began == pytest.approx(CONNECT_TIMEOUT)


def test_a_peer_that_refuses_is_not_waited_for(pair: Pair, context: Context) -> None:
    pair.must(pair.nodes["nfs002"], "pkill -KILL sshd")
    began = pair.clock.now
    assert isinstance(as_task(pair, lambda: way(context).node().run("hostname")).error, Unreachable)
    assert pair.clock.now == began


# --- state and journal ---------------------------------------------------------------------------------------


def test_its_state_is_in_real_files_that_the_node_shows(context: Context, node: Node, tmp_path: Path) -> None:
    context.store.write("ledger.home", {"complete": True})
    assert json.loads((tmp_path / "nfs001" / "ledger.home").read_text()) == {"complete": True}
    assert json.loads(node.run("cat /var/db/hastwatch/ledger.home").out) == {"complete": True}
    assert context_of(node, tmp_path, RemediationConfig()).store.read("ledger.home") == {"complete": True}


def test_an_entry_of_the_journal_is_also_a_line_of_the_nodes_messages(context: Context, node: Node) -> None:
    context.journal.entry("step", resource="home", why="because")
    values = json.loads(node.run("tail -1 /var/db/hastwatch/journal.jsonl").out)
    assert (values["node"], values["resource"]) == ("nfs001", "home")
    assert values["boot"] == (node.boot_mark or "not known")
    assert " nfs001 hastwatch[" in node.run("tail -1 /var/log/messages").out


# --- death ---------------------------------------------------------------------------------------------------


LINES = ("a", "b", "c", "d")


def program(context: Context) -> None:
    """Four commands that leave their marks on the node, and a note of each in the state directory."""
    for name in LINES:
        context.here.act(("/bin/sh", "-c", f"sleep 1; touch /tmp/{name}"), 10)
        context.store.write(name, {"done": True})


def done(node: Node) -> str:
    return "".join(name for name in LINES if node.files.exists(f"/tmp/{name}"))


def noted(node: Node) -> str:
    return "".join(name for name in LINES if node.files.exists(f"/var/db/hastwatch/{name}"))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_before_its_nth_command_it_has_begun_one_less(
    pair: Pair, node: Node, tmp_path: Path, number: int
) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(before_command=number)))
    assert isinstance(as_task(pair, lambda: program(context)).error, Killed)
    pair.clock.advance(10)
    assert (done(node), noted(node)) == ("abcd"[: number - 1], "abcd"[: number - 1])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_during_its_nth_command_that_goes_on_without_it(
    pair: Pair, node: Node, tmp_path: Path, number: int
) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(during_command=number)))
    assert isinstance(as_task(pair, lambda: program(context)).error, Killed)
    assert done(node) == "abcd"[: number - 1]
    pair.clock.advance(10)
    assert (done(node), noted(node)) == ("abcd"[:number], "abcd"[: number - 1])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_before_its_nth_note_the_command_before_it_is_done(
    pair: Pair, node: Node, tmp_path: Path, number: int
) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(before_write=number)))
    assert isinstance(as_task(pair, lambda: program(context)).error, Killed)
    assert (done(node), noted(node)) == ("abcd"[:number], "abcd"[: number - 1])


def test_a_life_counts_so_that_every_moment_can_be_tried(pair: Pair, node: Node, tmp_path: Path) -> None:
    life = Life()
    context = context_of(node, tmp_path, RemediationConfig(), life)
    assert as_task(pair, lambda: program(context)).error is None
    assert (life.commands, life.writes) == (4, 4)


def test_once_dead_it_does_nothing_for_good(pair: Pair, node: Node, tmp_path: Path) -> None:
    life = Life(KillPoint(before_command=1))
    context = context_of(node, tmp_path, RemediationConfig(), life)
    first = as_task(pair, lambda: program(context))
    attempts: list[Callable[[], object]] = [
        lambda: context.here.act(("/usr/bin/true",), 1),
        lambda: context.here.node(),
        lambda: way(context).node(),
        lambda: context.store.write("x", {"y": 1}),
        lambda: context.store.remove("x"),
        lambda: context.store.append("x", "y"),
        lambda: context.store.update("x", lambda before: {"y": 1}),
        lambda: context.store.read("x"),
        lambda: context.journal.entry("x"),
        lambda: context.timing.now(),
        lambda: context.timing.wall(),
        lambda: context.timing.sleep(1),
        lambda: context.timing.together([]),
    ]
    assert all(isinstance(as_task(pair, call).error, Killed) for call in (*attempts, lambda: program(context)))
    assert isinstance(first.error, Killed)
    assert list((tmp_path / "nfs001").iterdir()) == []


def test_what_handles_errors_does_not_take_death_for_one(pair: Pair, node: Node, tmp_path: Path) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(before_command=2)))
    survived: list[str] = []

    def careful() -> None:
        for _ in LINES:
            try:
                context.here.act(("/usr/bin/true",), 1)
            except Exception:  # what a careless handler would catch
                survived.append("an error")

    assert isinstance(as_task(pair, careful).error, Killed)
    assert survived == []


def test_death_in_one_of_several_calls_is_the_death_of_all(pair: Pair, node: Node, tmp_path: Path) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(before_command=2)))

    def long() -> None:
        context.here.act(("/bin/sleep", "50"), 100)

    def short() -> None:
        context.timing.sleep(3)
        context.here.act(("/bin/sleep", "1"), 100)

    began = pair.clock.now
    assert isinstance(as_task(pair, lambda: context.timing.together([long, short])).error, Killed)
    assert pair.clock.now - began == pytest.approx(3)


def test_a_power_cut_ends_what_waits_at_that_instant(pair: Pair, node: Node, tmp_path: Path) -> None:
    context = context_of(node, tmp_path, RemediationConfig())
    inflict(pair, "hang-command", "nfs002", "hastctl")
    waits: list[Callable[[], object]] = [
        lambda: context.timing.sleep(1000),
        lambda: context.here.act(("/bin/sleep", "1000"), 2000),
        lambda: way(context).act(("/sbin/hastctl", "list", "home"), 2000),  # the other node answers this command
    ]
    tasks = [pair.clock.run_task(call) for call in waits]
    pair.clock.advance(5)
    assert not any(task.done for task in tasks)
    node.power_off()
    pair.clock.advance(0)
    assert [type(task.error) for task in tasks] == [Killed] * 3


def test_what_ran_before_a_power_cut_touches_nothing_after_the_next_boot(
    pair: Pair, node: Node, tmp_path: Path
) -> None:
    context = context_of(node, tmp_path, RemediationConfig())
    task = pair.clock.run_task(lambda: program(context))
    pair.clock.advance(1.5)
    node.power_off()
    pair.clock.wait(node.power_on())
    pair.clock.advance(30)
    assert isinstance(task.error, Killed)
    assert (done(node), noted(node)) == ("a", "a")
    assert as_task(pair, lambda: program(context_of(node, tmp_path, RemediationConfig()))).error is None
    assert noted(node) == "abcd"


def test_a_power_cut_of_the_peer_is_no_death_here(pair: Pair, context: Context) -> None:
    task = pair.clock.run_task(lambda: way(context).node().run("hostname"))
    pair.nodes["nfs002"].power_off()
    pair.clock.wait(task)
    assert isinstance(task.error, Unreachable)


def test_a_dead_owner_does_not_keep_a_lock(pair: Pair, node: Node, tmp_path: Path) -> None:
    context = context_of(node, tmp_path, RemediationConfig(), Life(KillPoint(during_command=1)))

    def holding(mine: Context) -> bool:
        with Lock(mine.store, "converge", "a test", mine.timing):
            mine.here.act(("/bin/sleep", "5"), 10)
        return True

    assert isinstance(as_task(pair, lambda: holding(context)).error, Killed)
    assert as_task(pair, lambda: holding(context_of(node, tmp_path, RemediationConfig()))).value is True


def test_a_hook_that_is_killed_ends_like_a_killed_process(pair: Pair, node: Node, tmp_path: Path) -> None:
    def hook(here: Node, argv: list[str]) -> None:
        program(context_of(here, tmp_path, RemediationConfig(), Life(KillPoint(before_command=2))))

    node.install("/usr/local/sbin/hook", PythonHook(hook))
    assert node.run("/usr/local/sbin/hook").status == SIGKILLED
    assert pair.hook_errors == []


def test_every_process_of_a_node_has_the_same_state_and_the_peer_another(
    pair: Pair, node: Node, tmp_path: Path
) -> None:
    other = context_of(pair.nodes["nfs002"], tmp_path, RemediationConfig())
    context_of(node, tmp_path, RemediationConfig()).store.write("mine", {"a": 1})
    assert other.store.read("mine") == {}
    assert context_of(node, tmp_path, RemediationConfig()).store.read("mine") == {"a": 1}
