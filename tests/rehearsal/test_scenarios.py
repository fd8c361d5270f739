"""Every scenario ends as it must, shows what it is for, and fails where what it expects does not come."""

from __future__ import annotations

import pytest

from checks.plugin.config import CheckConfig, ResourceConfig
from remediate.config import RemediationConfig
from remediate.rehearsal.scenario import Scenario, Stage, play, ranges
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.story import JournalAction, NodeReaction, TypedCommand
from simulator.account.writes import LossCause, WriteFate
from tests.rehearsal.play import BY_NAME, looks, played, played_as, said, spared, stage_of

pytestmark = pytest.mark.slow

WITHOUT_FAULTS = {
    "switchover-clean", "switchover-documented", "switchover-automatic", "switchover-by-hook", "switchover", "reboot",
    "reboot-by-hook", "export-vanishes",
}  # fmt: skip
WITH_FAULTS = sorted(BY_NAME.keys() - WITHOUT_FAULTS)
DOCUMENTED = 10.0
"""Seconds without service in a planned handover by the documented hook (freebsd-facts:
costs-of-the-documented-hook)."""
AUTOMATIC = sorted(name for name, scenario in BY_NAME.items() if scenario.automatic)

OWN = RemediationConfig(
    CheckConfig(
        timeout=6,
        severity={"carp-demoted": "ok"},
        resource={
            "mail": ResourceConfig(vhid="7@em0", mount_point="/srv/mail", service_address="192.0.2.7"),
            "www": ResourceConfig(vhid="8@vlan0_100"),
        },
    )
)


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("name", BY_NAME)
def test_every_scenario_ends_as_it_must_and_explains_what_a_check_still_says(name: str, seed: int) -> None:
    outcome = played(name, seed=seed)
    assert outcome.trouble == ()
    wrong = {reason for one in looks(outcome)["after"].says for reason in one.wrong}
    assert {reason for reason, why in outcome.left if why} == wrong


@pytest.mark.parametrize("name", BY_NAME)
def test_every_scenario_ends_as_it_must_with_two_resources_of_the_users_own(name: str) -> None:
    outcome = played(name, config=OWN)
    assert outcome.trouble == ()
    assert any("mail" in one.line and "www" in one.line for one in looks(outcome)["before"].says)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_scenario_in_which_nothing_breaks_and_nobody_types_does_not_end_as_it_must(name: str) -> None:
    scenario = spared(BY_NAME[name], "breaks", "types")
    assert any("no check said" in text for text in played_as(scenario).trouble)


@pytest.mark.parametrize("name", WITH_FAULTS)
def test_a_scenario_whose_fault_does_not_come_does_not_end_as_it_must(name: str) -> None:
    scenario = spared(BY_NAME[name], "breaks")
    outcome = played_as(scenario)
    assert any("no check said" in text for text in outcome.trouble)
    assert not any("itself failed" in text for text in outcome.trouble)


@pytest.mark.quick
def test_the_same_seed_gives_the_same_story() -> None:
    one, other = played("stale-standby"), played("stale-standby")
    assert (one.entries, one.account) == (other.entries, other.account)


def test_the_clean_switchover_loses_nothing_and_the_documented_order_what_was_buffered() -> None:
    clean, documented = played("switchover-clean").account, played("switchover-documented").account
    assert clean.losses == ()
    assert [(loss.cause, loss.fate) for loss in documented.losses] == [(LossCause.STEPS, WriteFate.LOST)]
    assert documented.served + documented.missing == documented.acknowledged


def test_a_power_loss_costs_the_last_half_minute_of_new_files_and_the_return_of_the_node_costs_service() -> None:
    outcome = played("power-loss")
    (loss,) = outcome.account.losses
    assert loss.cause is LossCause.UFS_DELAY and 28 <= len(loss.numbers) <= 30
    promoted, returned = outcome.account.outages
    assert promoted > 60
    assert returned > 30
    assert said(looks(outcome)["the alarm"], "check_carp_hast") == (
        "CRITICAL",
        ("carp-master-hast-secondary",),
    )


def test_a_split_brain_grows_while_the_link_is_cut_and_is_found_when_it_heals() -> None:
    rounds = looks(played("link-cut"))
    assert said(rounds["both primary"], "check_hast_splitbrain") == ("CRITICAL", ("splitbrain-growing",))
    assert said(rounds["link healed"], "check_hast_splitbrain") == ("CRITICAL", ("splitbrain",))
    assert said(rounds["after"], "check_hast_splitbrain") == ("OK", ())


def test_a_failover_that_a_dead_devd_missed_is_excused_for_the_grace_period_and_then_critical() -> None:
    outcome = played("devd-dies")
    rounds = looks(outcome)
    assert said(rounds["devd is dead"], "check_devd", "nfs002")[0] == "CRITICAL"
    assert said(rounds["address moved"], "check_carp_hast") == ("WARNING", ("failover-in-progress",))
    assert said(rounds["the alarm"], "check_carp_hast")[0] == "CRITICAL"
    roles = [entry.text for entry in outcome.entries if isinstance(entry, NodeReaction) and entry.node == "nfs002"]
    assert "hastd: home secondary -> primary" in roles


def test_the_documented_hook_makes_two_primaries_of_a_boot_with_the_flap() -> None:
    outcome = played("boot-flap")
    assert "hast-both-primary" in said(looks(outcome)["two primaries"], "check_carp_hast")[1]
    assert not [entry for entry in outcome.entries if isinstance(entry, TypedCommand) and "role" in entry.line]


@pytest.mark.parametrize("name", AUTOMATIC)
def test_an_automatic_scenario_tells_what_hastwatch_did_and_why_in_the_order_of_time(name: str) -> None:
    entries = played(name).entries
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    deeds = [entry.text for entry in entries if isinstance(entry, JournalAction)]
    assert any("the service address is" in text for text in deeds)


@pytest.mark.parametrize("name", AUTOMATIC)
def test_where_hastwatch_acts_nobody_types_a_step_of_a_failover(name: str) -> None:
    typed = [entry.line.split()[0] for entry in played(name).entries if isinstance(entry, TypedCommand)]
    assert set(typed) <= {"sysctl", "hastctl", "hastwatch", "shutdown"}
    step = "role primary" if name == "disk-fails-writes-automatic" else "role"  # there an operator makes a copy anew
    assert not [entry for entry in played(name).entries if isinstance(entry, TypedCommand) and step in entry.line]


def test_by_itself_a_service_that_is_moved_by_hand_loses_nothing() -> None:
    """Without a session, and through rc(8), it takes about as long as the documented hook, which lost seconds of it."""
    account = played("switchover-automatic").account
    assert account.losses == ()
    assert account.without_service < 1.2 * DOCUMENTED
    assert account.errors == {}


def test_by_itself_a_power_loss_costs_a_tenth_of_what_it_costs_by_hand() -> None:
    automatic, by_hand = played("power-loss-automatic").account, played("power-loss").account
    assert automatic.without_service < by_hand.without_service / 10
    assert [loss.cause for loss in automatic.losses] == [LossCause.UFS_DELAY]


def test_a_preferred_node_that_returns_takes_nothing_from_the_node_that_serves() -> None:
    returned = played("preferred-node-returns")
    assert len(returned.account.outages) == 1
    assert not [
        entry for entry in returned.entries if isinstance(entry, NodeReaction) and entry.text.endswith("> primary")
    ][1:]


def test_a_boot_with_the_flap_promotes_nothing_where_hastwatch_is() -> None:
    outcome = played("boot-flap-automatic")
    assert not [
        entry for entry in outcome.entries if isinstance(entry, NodeReaction) and entry.text.endswith("> primary")
    ]
    assert outcome.account.losses == ()


def test_a_stale_standby_is_known_before_it_is_promoted() -> None:
    rounds = looks(played("stale-standby"))
    assert said(rounds["replication cut"], "check_hast_splitbrain") == ("WARNING", ("copy-behind",))
    assert said(rounds[next(moment for moment in rounds if moment.endswith("is back"))], "check_hast_splitbrain") == (
        "WARNING",
        ("splitbrain-predicted",),
    )


def test_what_a_power_cut_had_lost_is_not_the_doing_of_the_recovery_after_it() -> None:
    causes = {loss.cause: len(loss.numbers) for loss in played("stale-standby").account.losses}
    assert causes.keys() == {LossCause.OVERWRITTEN, LossCause.UFS_DELAY}
    assert causes[LossCause.UFS_DELAY] == 29 < causes[LossCause.OVERWRITTEN]


def test_a_command_that_ends_otherwise_than_expected_is_trouble_with_its_words() -> None:
    stage = stage_of()
    stage.types(stage.standby, "umount /hast/home")
    assert stage.trouble == [
        "nfs002: `umount /hast/home` exited with 1, must be 0: umount: /hast/home: not a file system root directory"
    ]


def test_an_error_in_a_scenario_is_its_trouble_and_no_traceback() -> None:
    def breaks_down(stage: Stage) -> None:
        stage.looks("before")
        raise KeyError("nobody expected this")

    outcome = play(Scenario("broken", "an error", breaks_down), stage_of())
    assert not outcome.well
    assert outcome.trouble[-1] == "the rehearsal itself failed: KeyError: 'nobody expected this'"


def test_an_unexpected_reason_at_the_end_is_trouble() -> None:
    stage = stage_of()
    stage.types(stage.standby, "service nfsd onestart")
    stage.ends()
    assert any("carp-backup-nfs-running" in text for text in stage.trouble)


def test_a_write_that_may_not_be_lost_is_trouble() -> None:
    stage = stage_of()
    stage.types(stage.active, "hastctl role secondary home")
    stage.ends()
    assert any("acknowledged writes were lost that must not be" in text for text in stage.trouble)
    assert any("clients have had no service" in text for text in stage.trouble)


def test_a_command_that_hangs_costs_a_check_its_share_of_simulated_time_and_no_real_time() -> None:
    stage = stage_of()
    stage.breaks("hang", "nfs001", "worker")
    began = stage.now
    stage.looks("a stopped worker", "hastctl-hangs")
    assert stage.trouble == []
    assert 3 < stage.now - began < 8


def test_names_are_unique_and_every_scenario_is_told_in_one_line() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    assert all(scenario.line and "\n" not in scenario.line for scenario in SCENARIOS)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((), ""), ((3,), "3"), ((3, 4, 5, 9), "3-5, 9"), (tuple(range(0, 40, 2)), "0, 2, 4, 6, 8, 10, ..., 38")],
)
def test_numbers_are_told_as_runs(numbers: tuple[int, ...], text: str) -> None:
    assert ranges(numbers) == text


def test_a_recovered_split_brain_costs_clients_only_what_was_kept_before_anything_was_destroyed() -> None:
    outcome = played("split-brain-recovered")
    texts = [entry.text for entry in outcome.entries if isinstance(entry, JournalAction) and entry.node == "nfs002"]
    order = ["recovery: human root", "salvage: ", "salvage-verified: ", "/sbin/hastctl create", "recovered: "]
    assert [next(index for index, text in enumerate(texts) if text.startswith(each)) for each in order] == sorted(
        index for index, text in enumerate(texts) if text.startswith(tuple(order))
    )
    (loss,) = outcome.account.losses
    assert (loss.cause, loss.fate) == (LossCause.OVERWRITTEN, WriteFate.LOST)
    assert sum(outcome.account.outages) < 10


def test_a_rolling_upgrade_by_hand_ends_without_service_and_with_hastwatch_in_a_warning() -> None:
    by_hand, with_hastwatch = played("rolling-upgrade-documented"), played("rolling-upgrade")
    cannot = ("CRITICAL", ("hast-cannot-be-primary",))
    assert said(looks(by_hand)["upgraded"], "check_carp_hast") == cannot
    assert said(looks(by_hand)["the outage"], "check_carp_hast") == ("CRITICAL", ("carp-master-not-mounted",))
    assert by_hand.account.without_service > 100
    assert said(looks(with_hastwatch)["after"], "check_carp_hast") == cannot
    assert with_hastwatch.account.without_service == 0
    assert with_hastwatch.account.losses == ()
