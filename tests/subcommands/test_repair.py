"""`hastwatch repair`, as processes, on a pair that runs by itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.state import held
from remediate.state.journal_reading import read
from remediate.state.store import Store
from tests.engines.node_programs import install
from tests.state.child import ROOT
from tests.subcommands.running_pair import COMMAND, OTHER, RunningPair, running
from tests.waiting import LIMIT, awaited

pytestmark = pytest.mark.slow

AT_ONCE = 50
PS = "ps -axww -o pid,ppid,command"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[RunningPair]:
    with running(tmp_path / "d", "--automatic", "--no-cron", "--speed", "10") as pair:
        yield pair


def words_of(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def journal(pair: RunningPair, node: str) -> list[tuple[str, str, str]]:
    """Event, step and result of what was journalled."""
    entries = read(str(pair.state(node) / "journal.jsonl"))
    return [(entry.event, entry.step, entry.result) for entry in entries]


def runs_devd(pair: RunningPair, node: str = "nfs001") -> bool:
    return "/sbin/devd" in pair.on(node, PS)


def at_once(command: list[str]) -> list[tuple[str, str, int]]:
    """So many processes at once: what each printed, and its exit status."""
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=nothing, stdout=pipe, stderr=pipe, text=True) for _ in range(AT_ONCE)
    ]
    return [(*child.communicate(timeout=2 * LIMIT), child.returncode) for child in children]


def begun(entries: list[tuple[str, str, str]]) -> int:
    """How many repairs of devd were begun, by the journal."""
    return entries.count(("repair", "devd", "begins"))


def ended(pair: RunningPair) -> int:
    """How many requests about nfs001 were answered, by the journal, and by what it does not tell of yet."""
    answers = [result for event, _, result in journal(pair, "nfs001") if event in ("held-back", "repair")]
    counted = [re.match(r"(\d+) more requests? until", result) for result in answers if result != "begins"]
    untold = sum(one.untold for one in held.read(Store(str(pair.state("nfs001")))))
    return untold + sum(int(count[1]) if count else 1 for count in counted)


def test_fifty_repairs_at_once_act_once(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs001", "devd")
    answers = at_once([*COMMAND, "repair", "devd", *pair.options("nfs001")])
    assert {status for _, _, status in answers} <= {0, 75}, answers
    assert runs_devd(pair)
    entries = journal(pair, "nfs001")
    assert [step for event, step, _ in entries if event == "step"] == ["start-devd"]
    assert [out for out, _, _ in answers].count("helped\n") == 1
    assert (begun(entries), ended(pair)) == (1, AT_ONCE)


def test_fifty_handlers_at_once_act_once(pair: RunningPair, tmp_path: Path) -> None:
    handler = install(pair, "nfs001", tmp_path / "programs") / "hastwatch-event-handler"
    pair.command("fault", "kill", "nfs001", "devd")
    answers = at_once([str(handler), "--check", "check_devd", "--state", "CRITICAL", "--type", "HARD", "--attempt", "3",
                    "--downtime", "0", "--output", "DEVD CRITICAL - [devd-not-running]"])  # fmt: skip
    asked = (
        "a node/check_devd CRITICAL HARD 3 [devd-not-running]: the repair `devd` is asked for, because devd calls no"
    )
    assert Counter(answers) == {(f"{asked} hook: a failover is missed\n", "", 0): AT_ONCE}
    assert awaited(lambda: ended(pair) == AT_ONCE)
    entries = journal(pair, "nfs001")
    assert [step for event, step, _ in entries if event == "step"] == ["start-devd"]
    assert begun(entries) == 1 and runs_devd(pair)


@pytest.mark.parametrize("node", OTHER)
@pytest.mark.parametrize("remedy", ["devd", "converge", "nfs", "hastd", "split-brain"])
def test_on_a_healthy_node_there_is_nothing_to_do(kept: RunningPair, node: str, remedy: str) -> None:
    message = "nothing to do: no repair is needed\n"
    assert words_of(kept.hastwatch(node, "repair", remedy)) == (0, message, "")
    assert words_of(kept.hastwatch(node, "repair", remedy, "--dry-run")) == (0, message, "")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    """A pair in service; a test leaves it as it was."""
    with running(tmp_path_factory.mktemp("pair") / "d", "--automatic", "--no-cron", "--speed", "10") as pair:
        yield pair


def test_the_engines_word_is_only_written_down(kept: RunningPair) -> None:
    done = kept.hastwatch("nfs001", "repair", "devd", "--held", "downtime")
    assert words_of(done) == (0, "held back: the monitoring engine has a downtime\n", "")
    assert ("held-back", "devd", "the monitoring engine has a downtime") in journal(kept, "nfs001")


def test_a_dry_run_shows_the_command_lines_and_changes_nothing(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs001", "nfsd")
    shown = pair.hastwatch("nfs001", "repair", "nfs", "-n")
    assert words_of(shown) == (
        0,
        "needed: nfsd does not run\n"
        "restart-nfs: restart what answers clients\n"
        "    kill -USR1 `nfsd`\n"
        "    kill -TERM `mountd`\n"
        "    service mountd onestart\n"
        "    service nfsd onestart\n"
        "restart-all-of-nfs: restart all of NFS, in order (where the step before does not help)\n"
        "    kill -USR1 `nfsd`\n"
        "    kill -TERM `mountd`\n"
        "    kill -TERM `lockd`\n"
        "    kill -TERM `statd`\n"
        "    kill -TERM `rpcbind`\n"
        "    service rpcbind onestart\n"
        "    service statd onestart\n"
        "    service lockd onestart\n"
        "    service mountd onestart\n"
        "    service nfsd onestart\n"
        "then converge:\n"
        "    start-serving nfsd: start NFS, with mountd restarted after the mount, then the other services\n"
        "        service nfsd onestart\n"
        "    verify home: verify that clients are served at the service address: MNT and GETATTR, not the export list\n"
        "    wake home: wake the clients that still wait for an answer from the other node\n",
        "",
    )
    assert "nfsd: master" not in pair.on("nfs001", PS)
    assert not [event for event, _, _ in journal(pair, "nfs001") if event in ("repair", "held-back")]

    done = pair.hastwatch("nfs001", "repair", "nfs", "-v")
    assert (done.returncode, done.stdout) == (0, "helped\n")
    assert done.stderr.splitlines()[0].endswith(" s  restart-nfs")
    assert "nfsd: master" in pair.on("nfs001", PS)


def test_programs_are_told_in_json(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs002", "hastd")
    shown = json.loads(pair.hastwatch("nfs002", "repair", "hastd", "-n", "--json").stdout)
    assert [step["commands"] for step in shown["steps"]] == [["/usr/sbin/service hastd onestart"]]
    done = pair.hastwatch("nfs002", "repair", "hastd", "--json")
    values = json.loads(done.stdout)
    assert (done.returncode, values["result"], values["guard"], values["steps"]) == (0, "helped", "", ["start-hastd"])
    pair.command("fault", "kill", "nfs002", "hastd")
    again = pair.hastwatch("nfs002", "repair", "hastd", "--json")
    values = json.loads(again.stdout)
    assert (again.returncode, values["result"], values["guard"]) == (1, "held", "cool-down")


def test_a_detached_repair_returns_at_once_and_is_done(pair: RunningPair) -> None:
    pair.command("fault", "kill", "nfs001", "devd")
    message = "devd: checking in the background whether a repair is needed; hastwatch journal has the result\n"
    assert words_of(pair.hastwatch("nfs001", "repair", "devd", "--detach")) == (0, message, "")
    assert awaited(lambda: ("repair", "devd", "helped") in journal(pair, "nfs001"))
    assert runs_devd(pair)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["repair"], 2, "the following arguments are required: REPAIR"),
        (["repair", "everything"], 2, "invalid choice: 'everything'"),
        (["repair", "devd", "--held", "boredom"], 2, "invalid choice: 'boredom'"),
        (["repair", "devd", "-n", "--detach"], 2, "it cannot be detached"),
    ],
)
def test_what_is_typed_wrong_is_refused_in_one_line(words: list[str], status: int, said: str) -> None:
    done = subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_node_that_does_not_answer_is_not_repaired(tmp_path: Path) -> None:
    options = ["--via", "/usr/bin/false", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run([*COMMAND, "repair", "devd", *options], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=LIMIT)  # fmt: skip
    assert done.returncode != 0 and done.stderr.startswith("hastwatch repair: ")
    assert not (tmp_path / "state" / "repairs.json").exists()
