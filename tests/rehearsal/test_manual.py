"""The manual page of hastwatch is what the commands say of themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.rehearsal.pair_command import SUBCOMMANDS
from remediate.rehearsal.scenarios import SCENARIOS
from simulator.faults.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "man" / "hastwatch.1"


@pytest.mark.slow
def test_the_page_is_as_the_command_lines_are() -> None:
    words = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    checked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.stderr == ""
    assert PAGE.name not in checked.stdout, "run docs/generate.py"


def test_it_names_every_subcommand_scenario_and_fault() -> None:
    text = PAGE.read_text()
    for name in SUBCOMMANDS:
        assert f"\n.Nm hastwatch pair {name}\n" in text
    for scenario in SCENARIOS:
        assert f"\n.It Cm {scenario.name}\n" in text
    for name in FAULTS:
        assert f"\n.It Cm {name}" in text


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_finds_no_error_in_it() -> None:
    linted = subprocess.run(["mandoc", "-Tlint", "-W", "error", str(PAGE)], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
