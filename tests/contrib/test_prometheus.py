"""The shipped rules and samples for Prometheus, as promtool sees them, and that each rule is tested."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remediate.contrib.definitions import definitions
from remediate.subcommands import submit
from tests.contrib.test_dashboards import BOARD, EXPRESSIONS
from tests.state.child import ROOT

CONTRIB = ROOT / "contrib" / "prometheus"
RULES, TESTS = "hastwatch.rules.yml", "hastwatch.rules.test.yml"
TEXT = (CONTRIB / RULES).read_text()
NAMES = re.findall(r"- (?:record|alert): (\S+)", TEXT)

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def promtool(*words: str, place: Path = CONTRIB) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], cwd=place, capture_output=True, text=True, timeout=60, check=False)


def without(name: str) -> str:
    """The rules without one of them."""
    blocks = re.split(r"(?m)^(?=      - (?:record|alert): )", TEXT)
    assert sum(f": {name}\n" in block.splitlines(keepends=True)[0] for block in blocks) == 1
    return "".join(block for block in blocks if f": {name}\n" not in block.splitlines(keepends=True)[0])


def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", RULES)
    assert (done.returncode, f"SUCCESS: {len(NAMES)} rules found" in done.stdout) == (0, True), done.stderr


def test_the_rules_do_what_their_tests_say() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_rule_can_be_left_out_unnoticed(tmp_path: Path, name: str) -> None:
    (tmp_path / RULES).write_text(without(name))
    (tmp_path / TESTS).write_text((CONTRIB / TESTS).read_text())
    assert promtool("check", "rules", RULES, place=tmp_path).returncode == 0
    assert promtool("test", "rules", TESTS, place=tmp_path).returncode != 0


def test_promtool_takes_the_sample_with_the_rules_beside_it(tmp_path: Path) -> None:
    shutil.copy(CONTRIB / RULES, tmp_path)
    shutil.copy(CONTRIB / "prometheus.yml.sample", tmp_path / "prometheus.yml")
    done = promtool("check", "config", "prometheus.yml", place=tmp_path)
    assert (done.returncode, "SUCCESS: 1 rule files found" in done.stdout) == (0, True), done.stderr


def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [*EXPRESSIONS, *(each["expr"] for each in BOARD["annotations"]["list"])]
    plain = [each.replace("$__range", "1h").replace("$pair", ".*").replace("$node", ".*") for each in expressions]
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(plain)]
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", "panels.yml", place=tmp_path)
    assert done.returncode == 0, done.stderr


def test_every_reason_that_rules_or_their_tests_name_is_one() -> None:
    texts = TEXT + (CONTRIB / TESTS).read_text()
    named = {word for found in re.findall(r'reason=~?"([a-z|-]+)"', texts) for word in found.split("|")}
    known = {reason for each in definitions() for reason in each.check.table.by_reason}
    assert named
    assert named <= known


def test_an_alert_pages_or_waits_or_is_for_the_record() -> None:
    alerts = re.findall(r"(?s)- alert: \S+.*?severity: (\w+)\n\s+annotations:\s+summary: .*?description: ", TEXT)
    assert len(alerts) == TEXT.count("- alert: ")
    assert set(alerts) == {"page", "ticket", "notice"}


def test_crons_lines_are_ones_that_submit_takes() -> None:
    lines = (CONTRIB / "cron-hastwatch-prometheus").read_text().splitlines()
    commands = [line.split("\t")[6].split() for line in lines if re.match(r"[0-9*]", line)]
    checks = {each.name for each in definitions()}
    assert [words[:2] for words in commands] == [["/usr/local/hastwatch/bin/hastwatch", "submit"]] * 2
    for words in commands:
        cut = words.index("--") if "--" in words else len(words)
        options = submit.parser().parse_args(words[2:cut])
        assert options.textfile.endswith(".prom")
        assert options.all != (set(words[cut + 1 :]) <= checks and cut < len(words))
