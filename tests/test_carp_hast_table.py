"""The table of check_carp_hast: every state has a verdict, and what serves clients stands first."""

from __future__ import annotations

import itertools

import pytest

from checks.carp_hast_table import RULES, TABLE, judge
from checks.plugin.finding import CRITICAL, OK, Finding
from checks.plugin.output import status_line
from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState, NfsState, ServiceState
from checks.probes.vhid import STATES
from tests.plugin.sample_check import report

ALL = [
    ServiceState(*each)
    for each in itertools.product((*STATES, None), HastRole, MountState, NfsState, (True, False))
    if each[0] is CarpState.BACKUP or each[3] is not NfsState.FOR_ANOTHER
]
ROWS = list(TABLE.by_reason)
SERVES = [rule.row.reason for rule in RULES if CarpState.MASTER in rule.carp and rule.row.severity is CRITICAL]


def test_every_state_has_a_verdict_and_every_rule_a_state() -> None:
    assert {judge(state).row.reason for state in ALL} == {rule.row.reason for rule in RULES}


def test_only_a_node_that_serves_and_one_that_stands_by_are_well() -> None:
    assert [state for state in ALL if judge(state).row.severity is OK] == [
        ServiceState(CarpState.BACKUP, HastRole.SECONDARY, MountState.NOTHING, nfs, exported=exported)
        for nfs in (NfsState.NONE, NfsState.FOR_ANOTHER)
        for exported in (True, False)
    ] + [ServiceState(CarpState.MASTER, HastRole.PRIMARY, MountState.WRITABLE, NfsState.ALL, exported=True)]


@pytest.mark.parametrize("unclear", ["carp-absent", "hast-role-unknown", "standby-blank", "carp-backup-hastd-down"])
@pytest.mark.parametrize("reason", ["carp-master-hast-secondary", "carp-master-nfs-stopped", "wrong-device-mounted",
                                    "pool-suspended", "hast-no-primary", "carp-init-hast-primary"])  # fmt: skip
def test_what_fails_to_serve_is_said_before_what_is_broken_elsewhere(reason: str, unclear: str) -> None:
    elsewhere = TABLE.finding(unclear, "home on nfs001", "broken")
    serves: Finding = TABLE.finding(reason, "home on nfs002", "broken")
    line = status_line(report(TABLE, [elsewhere, serves], [], "check_carp_hast"))
    assert line.index(f"[{reason}]") < line.index(f"[{unclear}]")


def test_every_verdict_on_a_master_stands_above_those_that_are_on_no_master() -> None:
    last = max(ROWS.index(reason) for reason in SERVES if reason != "hast-role-unknown")
    others = [rule.row for rule in RULES if CarpState.MASTER not in rule.carp and rule.row.severity is CRITICAL]
    assert all(ROWS.index(row.reason) > last for row in others)
