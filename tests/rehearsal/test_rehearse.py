"""`hastwatch rehearse` as a command: output, exit status, and that the checks say what their commands say."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal import rehearse
from remediate.rehearsal.faults import FAULTS
from remediate.rehearsal.observer import CheckReport, Observer
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.server import Server
from tests.rehearsal.play import BY_NAME, spared

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HASTWATCH = [sys.executable, "-m", "remediate.command"]
QUICK = "export-vanishes"


def hastwatch(*words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HASTWATCH, *words], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.fixture(scope="module")
def default_run() -> subprocess.CompletedProcess[str]:
    """`hastwatch rehearse` as the README begins with it, into a pipe."""
    return hastwatch("rehearse", seconds=240)


# --- the command ------------------------------------------------------------------------------------------------


def test_the_tour_plays_every_scenario_and_ends_with_0() -> None:
    tour = hastwatch("rehearse", "--all", "--speed", "max", seconds=240)
    assert (tour.returncode, tour.stderr) == (0, "")
    for scenario in SCENARIOS:
        assert f"{scenario.name}: {scenario.line}" in tour.stdout
    assert tour.stdout.endswith(f"\n{len(SCENARIOS)} scenarios, all passed\n")


def test_without_arguments_each_fault_is_a_row_that_passes(default_run: subprocess.CompletedProcess[str]) -> None:
    assert (default_run.returncode, default_run.stderr) == (0, "")
    assert not set("\x1b\r") & set(default_run.stdout)
    for fault in FAULTS:
        assert re.search(rf"^{fault.name} .* (\d+) s .* (\d+) s .* PASS$", default_run.stdout, re.M)
    assert default_run.stdout.endswith(f"\n{2 * len(FAULTS)} scenarios, all passed\n")


def test_without_arguments_a_scenario_is_told_in_few_lines(default_run: subprocess.CompletedProcess[str]) -> None:
    *stories, _ = default_run.stdout.split("\n\n")[: 2 * len(FAULTS) + 1]
    assert len(stories) == 2 * len(FAULTS)
    assert max(story.count("\n") for story in stories) <= 16


def test_the_table_says_what_the_stories_measured() -> None:
    """Both are of the same run, as the numbers of another one would differ with the seed."""
    values = json.loads(hastwatch("rehearse", "--speed", "max", "--seed", "7", "--json", seconds=240).stdout)
    told = {each["name"]: each for each in values["scenarios"]}
    for row in values["faults"]:
        for column in ("by_hand", "with_hastwatch"):
            data = told[row[column]["scenario"]]["data"]
            kept = sum(len(loss["kept"]) for loss in data["missing"])
            assert row[column]["kept"] == kept
            assert row[column]["lost"] == data["acknowledged"] - data["served"] - kept
    split = next(row for row in values["faults"] if row["fault"] == "split-brain")
    assert split["with_hastwatch"]["kept"] > 0 == split["with_hastwatch"]["lost"]


def test_a_scenario_that_does_not_end_as_it_must_ends_the_command_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    options = rehearse.parser().parse_args(["--speed", "max"])
    run = rehearse.Rehearsal(options, RemediationConfig(), layout_of(RemediationConfig(), 1))
    assert run.run([spared(BY_NAME["power-loss"], "breaks"), BY_NAME[QUICK]]) == 1
    out = capsys.readouterr().out
    assert "no check said node-unreachable" in out
    assert out.endswith("1 of 2 scenarios FAILED: power-loss\n")


def test_output_into_a_pipe_is_plain_and_has_no_progress() -> None:
    piped = hastwatch("rehearse", "--speed", "max", QUICK)
    assert piped.returncode == 0
    assert not set("\x1b\r") & set(piped.stdout)
    assert "         CRITICAL  check_carp_hast        both    carp-master-not-exported\n" in piped.stdout
    assert re.search(r"clients +no service for \d+ s; errors: \d+ x Input/output error\n", piped.stdout)


@pytest.mark.quick
def test_verbose_shows_the_whole_line_of_every_check() -> None:
    lines = hastwatch("rehearse", "--speed", "max", "-v", QUICK).stdout
    assert "CARP HAST CRITICAL - home on nfs001: CARP MASTER, HAST primary, mounted, NFS runs - clients get" in lines
    assert "DEVD OK - nfs002: devd runs, " in lines


def on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*HASTWATCH, *words], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment}
    )
    os.close(theirs)
    shown = io.BytesIO()
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown.write(chunk)
    os.close(ours)
    assert child.wait() == 0
    return shown.getvalue().decode()


def test_a_terminal_gets_colour_and_a_line_that_is_rewritten() -> None:
    shown = on_a_terminal(["rehearse", "--speed", "200", QUICK], {"TERM": "xterm", "NO_COLOR": ""})
    assert "\x1b[31;1mCRITICAL" in shown
    assert re.search(r"\r\x1b\[K[^\r\n]*\[1/1\] export-vanishes", shown)


def test_no_colour_where_the_user_wants_none() -> None:
    shown = on_a_terminal(["rehearse", "--speed", "max", QUICK], {"TERM": "xterm", "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*m", shown)


def test_speed_is_waited_for_and_changes_nothing_else() -> None:
    slow, fast = hastwatch("rehearse", "--speed", "100", QUICK), hastwatch("rehearse", "--speed", "max", QUICK)
    assert slow.stdout == fast.stdout


@pytest.mark.quick
def test_the_list_names_every_scenario() -> None:
    listed = hastwatch("rehearse", "--list")
    assert listed.returncode == 0
    for scenario in SCENARIOS:
        assert re.search(rf"^{scenario.name} +{re.escape(scenario.line)}( \[[^]]+\])?$", listed.stdout, re.M)
    assert re.search(r"^switchover .* \[planned handover, with hastwatch\]$", listed.stdout, re.M)


def test_the_list_is_there_for_programs_too() -> None:
    values = {each["name"]: each for each in json.loads(hastwatch("rehearse", "--list", "--json").stdout)}
    assert {name: each["about"] for name, each in values.items()} == {each.name: each.line for each in SCENARIOS}


def test_what_hastwatch_does_is_in_the_story_for_people_and_for_programs() -> None:
    words = ["rehearse", "--speed", "max", "power-loss-automatic"]
    assert re.search(r"^ +\d+ s  nfs002>   mount home \(0\.\d s\)$", hastwatch(*words).stdout, re.M)
    story = json.loads(hastwatch(*words, "--json").stdout)["scenarios"][0]["story"]
    did = [entry for entry in story if entry["kind"] == "hastwatch"]
    assert {entry["node"] for entry in did} == {"nfs002"}


def test_json_is_one_object_with_the_whole_story() -> None:
    values = json.loads(hastwatch("rehearse", "--speed", "max", "--json", "power-loss", QUICK).stdout)
    assert values["as_it_must"] is True
    assert [each["name"] for each in values["scenarios"]] == ["power-loss", QUICK]
    first = values["scenarios"][0]
    assert {entry["kind"] for entry in first["story"]} == {"checks", "command", "event", "fault", "remark"}
    assert first["data"]["acknowledged"] == first["data"]["served"] + len(first["data"]["missing"][0]["writes"])
    assert first["data"]["missing"][0]["cause"] == "ufs_delay"
    assert first["clients"]["without_service"] == sum(first["clients"]["outages"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "no scenario 'nosuch'"),
        ([""], "no scenario ''"),
        (["--speed", "0"], "'0' is not a number above 0"),
        (["--speed", "fast"], "'fast' is not a number above 0"),
        (["--seed", "x"], "invalid int value"),
        (["--nosuch"], "unrecognized arguments"),
        (["--config", "/nonexistent.toml"], "/nonexistent.toml: no such file"),
    ],
)
def test_wrong_usage_is_one_line_and_2(words: list[str], said: str) -> None:
    wrong = hastwatch("rehearse", *words)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert said in wrong.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[resource.home]\nvhid = 'two'\n", "'two' is not a vhid"),
        ("[resource.home]\nvhid = '300@em0'\n", "'300@em0' is not a vhid"),
        ("[resource.home]\nmount_point = 'here'\n", "mount_point"),
        ("[severity]\nnode-unreachable = 'ok'\n", "refused, a check that could not look is never OK"),
        ("nosuch = 1\n", "unknown key `nosuch`"),
        ("= broken", "Invalid"),
    ],
)
def test_a_configuration_that_cannot_be_rehearsed_is_one_line_and_2(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "hastwatch.toml"
    file.write_text(text)
    file.chmod(0o600)
    wrong = hastwatch("rehearse", "--config", str(file))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert said in wrong.stderr


def test_the_users_configuration_is_what_the_pair_is_built_with(tmp_path: Path) -> None:
    file = tmp_path / "hastwatch.toml"
    file.write_text("[resource.mail]\nvhid = '7@em0'\nmount_point = '/srv/mail'\nservice_address = '192.0.2.7'\n")
    file.chmod(0o600)
    shown = hastwatch("rehearse", "--config", str(file), "--speed", "max", "-v", QUICK)
    assert shown.returncode == 0
    assert "nfs001#   mount /dev/hast/mail /srv/mail" in shown.stdout
    assert "7@em0 (192.0.2.7/32) MASTER" in shown.stdout


def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    child = subprocess.Popen(
        [*HASTWATCH, "rehearse", "--speed", "max"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 74


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux and FreeBSD have /dev/full")
def test_a_full_disk_behind_the_output_is_one_line_and_74() -> None:
    with open("/dev/full", "w") as full:
        child = subprocess.run(
            [*HASTWATCH, "rehearse", "--speed", "max", QUICK],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (child.returncode, child.stderr.count("\n")) == (74, 1)
    assert child.stderr.startswith("hastwatch: standard output: No space left")


def test_an_interrupt_from_the_keyboard_ends_it_with_130_and_no_traceback() -> None:
    child = subprocess.Popen(
        [*HASTWATCH, "rehearse", "--speed", "1"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (130, "")


# --- hastwatch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["nosuch"], ["--nosuch"]])
def test_without_a_subcommand_hastwatch_says_one_line_and_ends_with_2(words: list[str]) -> None:
    wrong = hastwatch(*words)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert "rehearse, pair" in wrong.stderr


def test_hastwatch_names_its_subcommands_and_its_version() -> None:
    assert re.search(r"^  rehearse +play", hastwatch("--help").stdout, re.M)
    assert re.fullmatch(r"hastwatch \d+\.\d+\.\d+\n", hastwatch("-V").stdout)


def test_pair_exec_through_hastwatch_imports_next_to_nothing() -> None:
    heavy = "{'argparse', 'json', 'dataclasses', 'subprocess', 're', 'checks', 'importlib.util'}"
    program = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {str(ROOT)!r}); from remediate import command\n"
        "status = command.main(['pair', 'exec', '--dir', '/nonexistent', 'nfs001', 'true'])\n"
        f"print(status, *sorted((set(sys.modules) - before) & {heavy}))"
    )
    answer = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "255\n"


# --- the checks are the real ones -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, tuple[CheckReport, ...]]]:
    """A healthy pair behind its socket, and what the checks said in process just before; a --via prefix up to NODE."""
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    pair.must(pair.nodes["nfs002"], "service nfsd onestart")
    says = Observer(pair).look(pair.clock.wait)
    folder = tmp_path_factory.mktemp("served")
    (folder / "exec").write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m remediate.command pair exec --dir {folder} "$@"\n'
    )
    (folder / "exec").chmod(0o755)
    server = Server(pair, folder, speed=1.0)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield str(folder / "exec"), says
    hastwatch("pair", "down", "--dir", str(folder))
    thread.join(10)


@pytest.mark.parametrize(
    ("check", "node"),
    [
        ("carp_hast", "both"),
        ("carp", "both"),
        ("hast_splitbrain", "both"),
        ("hast", "nfs001"),
        ("hast_mount", "nfs001"),
        ("devd", "nfs002"),
    ],
)
def test_the_command_through_pair_exec_says_what_is_said_in_process(
    served: tuple[str, tuple[CheckReport, ...]], tmp_path: Path, check: str, node: str
) -> None:
    prefix, says = served
    expected = next(one for one in says if (one.check, one.node) == (f"check_{check}", node))
    program = f"import sys; from checks.{check} import main; sys.exit(main())"
    both = ("nfs002", "nfs001") if check == "carp_hast" else ("nfs001", "nfs002")  # what is wrong is of nfs002
    asked, other = both if node == "both" else (node, "")
    words = ["--via", f"{prefix} {asked}", "--state-dir", str(tmp_path / "kept")]
    words += ["--peer", f"{prefix} {other}"] if other else []
    run = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.partition(" | ")[0].strip() == expected.line.partition(" | ")[0]
    assert ("OK", "WARNING", "CRITICAL", "UNKNOWN")[run.returncode] == expected.state


# --- the picture ------------------------------------------------------------------------------------------------


def test_the_picture_of_the_readme_is_what_is_printed_now() -> None:
    words = [sys.executable, str(ROOT / "docs" / "picture.py"), "--check"]
    checked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_the_picture_is_well_formed_and_shows_the_table_and_two_timelines() -> None:
    root = ElementTree.parse(ROOT / "docs" / "rehearse.svg").getroot()
    texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {fault.name for fault in FAULTS} <= set(texts)
    assert texts.count("PASS") == len(FAULTS)
    assert texts.count("clients wait") == 2
