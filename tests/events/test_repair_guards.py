"""What holds a repair back: each guard, said in the journal, and nothing done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.plugin.config import ConfigError
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.config import RemediationConfig, load
from remediate.events import guards
from remediate.events.guards import Guard
from remediate.events.repair import Ending, dry_run, repair
from remediate.events.repair_request import EngineHold, Remedy, RepairRequest
from remediate.failover import carp_demotion
from remediate.policy import REPAIRS, Repair, SplitBrain
from remediate.rehearsal.context import context_of
from remediate.state import maintenance, repairs
from remediate.state.lock import Lock
from remediate.state.store import StateNotKept
from simulator.node import Node
from tests.events.repair_command import ALL, EAGER, held_back
from tests.events.repair_command import repairs as repaired
from tests.failover.installed_pair import InstalledPair, installed_pair
from tests.state.child import ROOT

pytestmark = pytest.mark.slow

COOL_DOWN = Repair().cool_down


def pair_without_devd(state: Path, config: RemediationConfig | None = None) -> InstalledPair:
    pair = installed_pair(state, config)
    pair.breaks("kill", "nfs001", "devd")
    return pair


@pytest.mark.quick
def test_the_configuration_knows_every_repair() -> None:
    assert tuple(remedy.value for remedy in Remedy) == REPAIRS


def test_every_guard_has_a_name_and_a_sentence_of_its_own() -> None:
    rows = [guard for guard in vars(guards).values() if isinstance(guard, Guard)]
    assert len({guard.name for guard in rows}) == len({guard.says for guard in rows}) == len(rows) > 0


def suspend(pair: InstalledPair) -> None:
    maintenance.begin(pair.store(pair.active), pair.active.now, None, "new disk", "alice")


def ago(pair: InstalledPair, seconds: float) -> repairs.Moment:
    return repairs.Moment(pair.active.now - seconds, pair.pair.clock.now - seconds)


def tried_just_now(pair: InstalledPair) -> None:
    repairs.begin(pair.store(pair.active), "devd", ago(pair, 1))


def tried_often(pair: InstalledPair) -> None:
    for remedy in ("nfs", "hastd", "converge", "nfs", "nfs", "converge"):
        repairs.begin(pair.store(pair.active), remedy, ago(pair, COOL_DOWN))


def unreadable_record(pair: InstalledPair) -> None:
    (pair.state / "nfs001" / "repairs.json").write_text("no record")


def lock(name: str) -> Callable[[InstalledPair], Lock]:
    def held(pair: InstalledPair) -> Lock:
        context = context_of(pair.active, pair.state, pair.config)
        lock = Lock(context.store, name, "another one", context.timing)
        assert lock.acquire(0)
        return lock

    return held


def shutting_down(pair: InstalledPair) -> None:
    boot = pair.active.boot_mark
    pair.does(
        pair.active, lambda context: carp_demotion.hold(context, boot, {DemotionReason(DemotionCause.SHUTDOWN)}, 240)
    )


def blind(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs001", "ps")


HOLDING: dict[str, tuple[Callable[[InstalledPair], object], RemediationConfig, int, str]] = {
    "not-allowed": (lambda pair: None, RemediationConfig(repair=Repair(actions=("nfs",))), 1, "does not name it"),
    "maintenance": (suspend, RemediationConfig(), 1, "(new disk)"),
    "repair-runs": (lock("repair"), RemediationConfig(), 75, "another one"),
    "convergence-runs": (lock("converge"), RemediationConfig(), 75, "another one"),
    "leaving": (shutting_down, RemediationConfig(), 1, "shuts down"),
    "not-seen": (blind, RemediationConfig(), 1, "`ps -axww -o pid,ppid,jid,ruid,uid,lstart,comm` timed out"),
    "cool-down": (tried_just_now, RemediationConfig(), 1, "and was not ended; not again for 9 min"),
    "hourly-limit": (tried_often, RemediationConfig(), 1, "6, of at most 6"),
    "no-record": (unreadable_record, RemediationConfig(), 1, "repairs.json cannot be read: it is invalid JSON"),
}


@pytest.mark.parametrize("name", HOLDING)
def test_a_guard_holds_the_repair_back_and_says_so(state: Path, name: str) -> None:
    begin, config, status, says = HOLDING[name]
    pair = pair_without_devd(state, config)
    attempt = begin(pair)
    outcome = repaired(pair, pair.active, Remedy.DEVD)
    assert (outcome.ending, outcome.guard and outcome.guard.name, outcome.status) == (Ending.HELD, name, status)
    assert says in outcome.said
    assert held_back(pair, pair.active) == [name]
    assert pair.active.devd.process is None and not pair.entries(pair.active, "step")
    shown = pair.does(pair.active, lambda context: dry_run(context, RepairRequest(Remedy.DEVD)))
    assert name in [held.guard.name for held in shown.held]
    if isinstance(attempt, Lock):
        attempt.release()
        assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED


@pytest.mark.parametrize("remedy", ALL)
@pytest.mark.parametrize("held", EngineHold)
def test_what_the_engine_holds_back_is_only_written_down(state: Path, remedy: Remedy, held: EngineHold) -> None:
    pair = pair_without_devd(state)
    outcome = repaired(pair, pair.active, remedy, held)
    assert (outcome.status, outcome.guard and outcome.guard.name) == (0, held.value)
    entry = pair.told_once(pair.active, "monitoring engine", "held-back")
    assert (entry.step, entry.why) == (remedy.value, held.value)
    assert pair.active.devd.process is None


def test_the_engines_word_comes_before_what_is_not_allowed(state: Path) -> None:
    pair = pair_without_devd(state, RemediationConfig(repair=Repair(actions=())))
    assert repaired(pair, pair.active, Remedy.DEVD, EngineHold.DOWNTIME).status == 0
    assert repaired(pair, pair.active, Remedy.DEVD).status == 1
    assert held_back(pair, pair.active) == ["downtime", "not-allowed"]


def test_what_cannot_be_written_down_is_not_done(state: Path) -> None:
    pair = pair_without_devd(state)
    (pair.state / "nfs001" / ".repairs.json.new").mkdir()  # where it is written first: as on a disk that is full
    outcome = repaired(pair, pair.active, Remedy.DEVD)
    assert (outcome.guard, outcome.status) == (guards.NO_RECORD, 1)
    assert pair.active.devd.process is None and not pair.entries(pair.active, "step")


def test_where_there_can_be_no_lock_nothing_is_done(state: Path) -> None:
    pair = pair_without_devd(state)
    for place in ("nfs001", "nfs001.run"):
        (pair.state / place / ".repair.lock").unlink(missing_ok=True)
        (pair.state / place / ".repair.lock").mkdir(parents=True)
    with pytest.raises(StateNotKept):
        repaired(pair, pair.active, Remedy.DEVD)
    assert pair.active.devd.process is None


def test_a_policy_of_none_leaves_a_split_brain_to_a_human(state: Path) -> None:
    pair = installed_pair(state, RemediationConfig(split_brain=SplitBrain(policy="none")))
    assert repaired(pair, pair.standby, Remedy.SPLIT_BRAIN).status == 1
    assert held_back(pair, pair.standby) == ["no-policy"]


def test_what_holds_back_again_is_counted_and_the_count_said_when_another_guard_does(state: Path) -> None:
    pair = pair_without_devd(state)
    suspend(pair)
    for _ in range(3):
        repaired(pair, pair.active, Remedy.DEVD)
    assert held_back(pair, pair.active) == ["maintenance"]
    repaired(pair, pair.active, Remedy.DEVD, EngineHold.FLAPPING)
    assert held_back(pair, pair.active) == ["maintenance", "maintenance", "flapping"]
    assert "2 more requests until " in pair.entries(pair.active, "held-back")[1].result


def test_maintenance_that_begins_while_a_repair_acts_ends_it(state: Path) -> None:
    pair = pair_without_devd(state)
    pair.breaks("hang", "nfs001", "mountd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    assert pair.until(lambda: "begins" in [entry.result for entry in pair.entries(pair.active, "repair")])
    pair.passes(2)  # the exports are being read
    suspend(pair)
    assert pair.until(lambda: task.done)
    assert "maintenance: new disk" in pair.told_once(pair.active, "maintenance", "superseded").why
    assert [entry.step for entry in pair.entries(pair.active, "step")] == ["reread-exports"]


def test_nfs_that_was_stopped_is_started_again_though_maintenance_begins_meanwhile(state: Path) -> None:
    pair = pair_without_devd(state)
    pair.breaks("hang", "nfs001", "mountd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    assert pair.until(lambda: not pair.active.nfs.running("nfsd"))
    suspend(pair)
    assert pair.until(lambda: task.done)
    assert pair.serves(pair.active), pair.story()


# --- cool-down and limit -------------------------------------------------------------------------------------------


def kills_devd(pair: InstalledPair, node: Node) -> None:
    pair.breaks("kill", node.name, "devd")


def test_after_the_cool_down_the_same_is_tried_again(state: Path) -> None:
    pair = pair_without_devd(state)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    kills_devd(pair, pair.active)
    assert repaired(pair, pair.active, Remedy.DEVD).guard is guards.COOL_DOWN
    pair.passes(COOL_DOWN)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED


def test_the_cool_down_is_of_one_repair_and_of_one_node(state: Path) -> None:
    pair = pair_without_devd(state)
    kills_devd(pair, pair.standby)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    assert repaired(pair, pair.standby, Remedy.DEVD).ending is Ending.HELPED
    pair.breaks("kill", "nfs001", "nfsd")
    assert repaired(pair, pair.active, Remedy.NFS).ending is Ending.HELPED


def test_what_is_not_called_for_does_not_count(pair: InstalledPair) -> None:
    for _ in range(8):
        assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.NOTHING
    kills_devd(pair, pair.active)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED


def test_what_is_not_called_for_any_more_is_not_held_back(state: Path) -> None:
    pair = pair_without_devd(state)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.NOTHING


@pytest.mark.parametrize("step", ["-7200", "7200"])
def test_a_clock_that_is_stepped_neither_unlocks_nor_locks_for_longer(state: Path, step: str) -> None:
    pair = pair_without_devd(state)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    kills_devd(pair, pair.active)
    pair.breaks("clock-skew", "nfs001", step)
    assert repaired(pair, pair.active, Remedy.DEVD).guard is guards.COOL_DOWN
    pair.passes(COOL_DOWN + 1)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED


def test_no_more_than_so_many_are_tried_in_an_hour(state: Path) -> None:
    pair = installed_pair(state, RemediationConfig(repair=Repair(cool_down=0, hourly_limit=3)))
    for _ in range(3):
        kills_devd(pair, pair.active)
        assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    kills_devd(pair, pair.active)
    assert repaired(pair, pair.active, Remedy.DEVD).guard is guards.HOURLY_LIMIT
    pair.passes(3600)
    assert repaired(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED


def test_where_nothing_may_be_tried_nothing_is(state: Path) -> None:
    pair = pair_without_devd(state, EAGER._replace(repair=Repair(hourly_limit=0)))
    assert repaired(pair, pair.active, Remedy.DEVD).guard is guards.HOURLY_LIMIT


# --- the configuration ---------------------------------------------------------------------------------------------


def loaded(tmp_path: Path, text: str) -> Repair:
    path = tmp_path / "hastwatch.toml"
    path.write_text(text)
    return load(str(path)).repair


def test_the_table_of_the_configuration_is_read(tmp_path: Path) -> None:
    text = '[repair]\nactions = ["nfs", "split-brain"]\ncool_down = 60\nhourly_limit = 2\nlooks = 5.5\n'
    text += "retry_after_flapping = 900\nretry_after_downtime = 7200\n"
    assert loaded(tmp_path, text) == Repair(("nfs", "split-brain"), 60.0, 2, 5.5, 900.0, 7200.0)
    assert loaded(tmp_path, "[repair]\nactions = []\n").actions == ()
    assert loaded(tmp_path, "") == Repair(REPAIRS, 600.0, 6, 30.0, 1200.0, 86400.0)


def test_the_sample_shows_the_defaults(tmp_path: Path) -> None:
    sample = (ROOT / "contrib" / "hastwatch.toml.sample").read_text()
    table = sample[sample.index("# [repair]") :].partition("\n\n")[0]
    assert loaded(tmp_path, re.sub("(?m)^# ", "", table)) == Repair()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nosuch = 1", "unknown key `repair.nosuch`"),
        ('actions = "devd"', "`repair.actions` must be a list of texts"),
        ('actions = ["reboot"]', "`repair.actions` must be devd, converge, nfs, hastd or split-brain, not 'reboot'"),
        ("actions = [1]", "`repair.actions` must be"),
        ("cool_down = -1", "`repair.cool_down` must be a number of seconds from 0"),
        ("cool_down = true", "`repair.cool_down` must be"),
        ("cool_down = nan", "`repair.cool_down` must be"),
        ("looks = inf", "`repair.looks` must be"),
        ("hourly_limit = 2.5", "`repair.hourly_limit` must be a whole number"),
        ("hourly_limit = 61", "`repair.hourly_limit` must be"),
        ("hourly_limit = false", "`repair.hourly_limit` must be"),
    ],
)
def test_a_mistake_in_it_is_refused(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        loaded(tmp_path, f"[repair]\n{line}\n")
