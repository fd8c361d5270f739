"""The chain from the kernel to the state directory: each link broken in turn, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig
from remediate import wiring
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.rehearsal.context import context_of
from remediate.rehearsal.installed import Installed
from remediate.rehearsal.observer import Observer
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.wiring import ExpectedWiring, WiringCheck
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair

RULES = "/etc/devd/carp.conf"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    Installed(pair, tmp_path, RemediationConfig())
    return pair


@pytest.fixture
def node(pair: Pair) -> Node:
    return pair.nodes["nfs001"]


@pytest.fixture
def context(node: Node, tmp_path: Path) -> Context:
    return context_of(node, tmp_path, RemediationConfig())


def chain(pair: Pair, context: Context, seconds: float = 10.0) -> list[WiringCheck]:
    """All links that were looked at. Afterwards the interface is gone, whatever happened."""
    task = pair.clock.run_task(lambda: list(wiring.chain(context, ExpectedWiring(seconds=seconds))))
    pair.clock.wait(task)
    if task.error is not None:
        raise task.error
    assert task.value is not None
    assert "lo9123" not in pair.nodes["nfs001"].run("ifconfig -l").out
    return task.value


def broken(links: list[WiringCheck]) -> dict[str, str]:
    """What does not hold."""
    return {link.name: link.says for link in links if not link.holds}


def test_all_of_it_holds_on_a_healthy_pair(pair: Pair, context: Context) -> None:
    links = chain(pair, context)
    assert [(link.name, link.holds) for link in links] == [
        ("devd", True), ("rule", True), ("hook", True), ("event", True),
    ]  # fmt: skip
    assert links[-1].says.startswith(f"lo9123 was noted in {context.store.directory} after 0.")
    points = list(wiring.setup(context))
    assert (broken(points), [link.name for link in points]) == (
        {},
        ["carp", "loader", "rc.conf", "hast.conf", "peer"],
    )


def dropped(pair: Pair, node: Node) -> list[str]:
    """What devd logs, by the next event, of clients that have gone."""
    pair.must(node, "ifconfig lo7 create")
    pair.must(node, "ifconfig lo7 destroy")
    return [line for line in node.files.read("/var/log/messages").splitlines() if "dropping" in line]


def test_neither_the_self_test_nor_the_check_is_a_client_of_devd(pair: Pair, context: Context, node: Node) -> None:
    node.run("nc -U -w 1 /var/run/devd.pipe")
    assert len(dropped(pair, node)) == 1  # so it would be seen
    chain(pair, context)
    says = Observer(pair).look(pair.clock.wait)
    assert [report.state for report in says if report.check == "check_devd"] == ["OK", "OK"]
    assert len(dropped(pair, node)) == 1


def test_only_where_the_event_does_not_arrive_devd_is_listened_to(pair: Pair, context: Context, node: Node) -> None:
    inflict(pair, "drop-devd-event", "nfs001", "1000")
    assert "event" in broken(chain(pair, context, seconds=2))
    node.devd.drop_next = 0
    assert len(dropped(pair, node)) == 1


def test_the_whole_ends_in_a_few_seconds(pair: Pair, context: Context) -> None:
    began = pair.clock.now
    chain(pair, context)
    pair.clock.wait(pair.clock.run_task(lambda: list(wiring.setup(context))))
    assert pair.clock.now - began < 8


def test_it_waits_no_longer_than_timeout_of_the_configuration(pair: Pair, node: Node, tmp_path: Path) -> None:
    context = context_of(node, tmp_path, RemediationConfig(CheckConfig(timeout=3.0)))
    inflict(pair, "hang-command", "nfs001", "carp-hast-switch")
    inflict(pair, "hang-command", "nfs002", "hastwatch")
    inflict(pair, "drop-devd-event", "nfs001", "1000")
    began = pair.clock.now
    task = pair.clock.run_task(lambda: [*wiring.chain(context, ExpectedWiring()), *wiring.setup(context)])
    pair.clock.wait(task)
    assert task.value is not None
    assert {"event", "peer"} <= broken(task.value).keys()
    assert pair.clock.now - began < 3 * 3.0 + 6  # the event, listening for it, the other node; and the audit


def test_a_self_test_changes_nothing_else(pair: Pair, context: Context, node: Node) -> None:
    before = (node.run("ifconfig -a").out, node.run("sysctl net.inet.carp").out, node.run("mount").out)
    chain(pair, context)
    assert (node.run("ifconfig -a").out, node.run("sysctl net.inet.carp").out, node.run("mount").out) == before


def test_a_dead_devd_is_named(pair: Pair, context: Context) -> None:
    inflict(pair, "kill", "nfs001", "devd")
    assert broken(chain(pair, context)) == {"devd": "devd is not running (service devd start)"}


def test_a_rule_that_is_missing_for_the_self_test_is_named(pair: Pair, context: Context, node: Node) -> None:
    node.files.write(RULES, node.files.read(RULES).partition("\n\n")[0], 0.0)
    assert broken(chain(pair, context)) == {
        "rule": "no rule that devd would run for IFNET lo9123 ATTACH calls /usr/local/sbin/carp-hast-switch"
    }


def test_a_rule_that_misses_an_event_of_carp_is_named(pair: Pair, context: Context, node: Node) -> None:
    node.files.write(RULES, node.files.read(RULES).replace("(MASTER|BACKUP|INIT)", "(MASTER|BACKUP)"), 0.0)
    message = "no rule that devd would run for CARP 2@vtnet1 INIT calls /usr/local/sbin/carp-hast-switch"
    assert broken(chain(pair, context)) == {"rule": message}


def test_another_rule_in_front_of_ours_is_named(pair: Pair, context: Context, node: Node) -> None:
    rule = 'notify 100 {\n\tmatch "system" "CARP";\n\taction "/usr/bin/logger carp";\n};\n'
    node.files.write("/etc/devd/zzz.conf", rule, 0.0)
    message = "no rule that devd would run for CARP 2@vtnet1 INIT calls /usr/local/sbin/carp-hast-switch"
    assert broken(chain(pair, context)) == {"rule": message}


def test_a_hook_that_is_missing_or_not_executable_is_named(pair: Pair, context: Context, node: Node) -> None:
    hook = "/usr/local/sbin/carp-hast-switch"
    node.files.remove(hook)
    assert broken(chain(pair, context)) == {"hook": f"{hook} does not exist"}
    node.files.write(hook, "", 0.0, mode="rw-r--r--")
    assert broken(chain(pair, context)) == {"hook": f"{hook} is not an executable file"}


def test_an_event_that_devd_is_not_told_of_is_named(pair: Pair, context: Context) -> None:
    inflict(pair, "drop-devd-event", "nfs001", "1000")
    problems = broken(chain(pair, context, seconds=2))
    assert problems == {
        "event": "devd did not receive the event of a new interface: the kernel's event does not reach it"
    }


def test_a_devd_that_has_not_read_the_rule_is_named(pair: Pair, context: Context, node: Node) -> None:
    rules = node.files.read(RULES)
    node.files.write(RULES, "", 0.0)
    pair.must(node, "service devd restart")
    node.files.write(RULES, rules, 0.0)
    (sentence,) = broken(chain(pair, context, seconds=2)).values()
    assert sentence.startswith("devd received the event of lo9123, but nothing was noted in ")
    assert "has devd read the rule (service devd restart)?" in sentence


def test_an_interface_that_is_there_already_is_not_taken(pair: Pair, context: Context, node: Node) -> None:
    pair.must(node, "ifconfig lo9123 create")
    with pytest.raises(StepFailed, match="there is an interface lo9123 already"):
        list(wiring.chain(context, ExpectedWiring()))
    assert "lo9123" in node.run("ifconfig -l").out


@pytest.mark.parametrize(
    ("line", "point", "said"),
    [
        ("sysctl net.inet.carp.preempt=0", "carp", "net.inet.carp.preempt is 0 [setup-preempt-off]"),
        ("sysrc mountd_enable=YES", "rc.conf", "mountd_enable is YES for rc.d/mountd [setup-nfs-at-boot]"),
        (
            "sysrc hastwatch_hold_enable=NO",
            "rc.conf",
            "hastwatch_hold_enable is not YES: rc(8) does not start hastwatch_hold [setup-service-disabled]",
        ),
        ("ifconfig vtnet1 10.1.101.5 -alias", "carp", "2@vtnet1 is in rc.conf alone [setup-vhid-not-running]"),
    ],
)
def test_a_set_up_that_is_not_the_documented_one_is_named(
    pair: Pair, context: Context, node: Node, line: str, point: str, said: str
) -> None:
    node.run(line)
    assert broken(list(wiring.setup(context)))[point] == said


def test_a_loader_that_does_not_load_carp_is_named(context: Context, node: Node) -> None:
    node.files.write("/boot/loader.conf", 'geom_gate_load="YES"\n', 0.0)
    assert broken(list(wiring.setup(context))) == {"loader": 'no carp_load="YES" in loader.conf [setup-carp-at-boot]'}


def test_what_cannot_be_looked_at_does_not_hold(pair: Pair, context: Context) -> None:
    inflict(pair, "hang-command", "nfs001", "kldstat")
    assert {"carp", "loader"} <= broken(list(wiring.setup(context))).keys()
    assert "rc.conf" not in broken(list(wiring.setup(context)))


def test_another_hook_of_hastd_is_named(pair: Pair, context: Context, node: Node) -> None:
    text = node.files.read("/etc/hast.conf")
    node.files.write("/etc/hast.conf", text.replace("exec /usr/local/sbin/hastwatch-hast-event\n", ""), 0.0)
    assert broken(list(wiring.setup(context))) == {
        "hast.conf": "home has no `exec` in hast.conf [setup-hast-exec-missing]"
    }
    pair.nodes["nfs002"].power_off()
    assert "Operation timed out" in broken(list(wiring.setup(context)))["peer"]
