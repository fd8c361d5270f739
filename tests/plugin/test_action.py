"""What a finding says to do next: its row's action, with the names of what it is about."""

import pytest

from checks.plugin.finding import CRITICAL, Row, Table

TABLE = Table(Row("thing-broken", CRITICAL, "broken", "nobody can use it", "{resource}: {node}, then {peer}"))


def action(subject: str, *names: str) -> str:
    """What the finding of that subject says to do, where nodes of these names are known."""
    return TABLE.finding("thing-broken", subject, "seen").addressed(names).action


@pytest.mark.parametrize(
    ("subject", "names", "expected"),
    [
        ("home on nfs001", ("nfs001", "nfs002"), "home: nfs001, then nfs002"),
        ("home on nfs002", ("nfs001", "nfs002"), "home: nfs002, then nfs001"),
        ("home on nfs001", ("nfs001",), "home: nfs001, then the other node"),
        ("the marker of home on nfs001", ("nfs001", "nfs002"), "home: nfs001, then nfs002"),
        ("nfs001", ("nfs001", "nfs002"), "RESOURCE: nfs001, then nfs002"),
        ("home on nfs001 and nfs002", ("nfs001", "nfs002"), "home: the node, then the other node"),
        ("the pair", ("nfs001", "nfs002"), "RESOURCE: the node, then the other node"),
    ],
)
def test_an_action_names_what_its_finding_is_about(subject: str, names: tuple[str, ...], expected: str) -> None:
    assert action(subject, *names) == expected


def test_a_name_that_looks_like_a_placeholder_is_not_filled_in() -> None:
    assert action("{peer} on nfs001", "nfs001", "nfs002") == "{peer}: nfs001, then nfs002"


@pytest.mark.parametrize("reason", ["tool-missing", "file-missing"])
def test_on_a_machine_that_is_not_a_node_the_way_to_one_is_named(reason: str) -> None:
    told = TABLE.finding(reason, "monitor", "seen").addressed(("monitor",)).action
    assert "on monitor: " in told and "--via" in told
