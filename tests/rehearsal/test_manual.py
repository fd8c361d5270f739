"""The pages of the manual are what the commands say of themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from checks.registry import REGISTRY
from remediate.failover.hook_arguments import EVENTS
from remediate.rehearsal.pair_command import SUBCOMMANDS as OF_THE_PAIR
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.subcommands.registry import SUBCOMMANDS
from simulator.faults.faults import FAULTS

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "man"
PAGES = sorted(MANUAL.iterdir())
CHECKS = [each.name for each in REGISTRY]
COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
LIST = [
    *(f"{name}.{1 if name in CHECKS else 8}" for name in COMMANDS),
    *(f"hastwatch-{name}.8" for name in SUBCOMMANDS),
    "hastwatch.toml.5",
]


def section(page: Path, title: str) -> str:
    """What stands below a heading of a page."""
    match = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    assert match, f"{page.name} has no {title}"
    return match[1]


@pytest.mark.slow
def test_the_pages_are_as_the_command_lines_are() -> None:
    words = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    checked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.stderr == ""
    assert "docs/man" not in checked.stdout, "run docs/generate.py"


def test_every_command_and_the_configuration_has_a_page() -> None:
    assert sorted(page.name for page in PAGES) == sorted(LIST)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_its_name_on_one_line_examples_and_the_exit_status(page: Path) -> None:
    name, about = section(page, "NAME").splitlines()
    assert (name, about[:4]) == (f".Nm {page.stem}", ".Nd ")
    assert section(page, "EXAMPLES").startswith(".Bd -literal")
    assert len(section(page, "EXIT STATUS").split()) > 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_refers_only_to_pages_that_exist_here_or_on_freebsd(page: Path) -> None:
    freebsd = {"carp.4", "hast.conf.5", "devd.8", "devd.conf.5", "hastctl.8", "hastd.8"}
    freebsd |= {"doas.conf.5", "sudoers.5", "sshd.8"}
    named = {f"{name}.{number}" for name, number in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.MULTILINE)}
    assert named and named <= {*LIST, *freebsd}


def test_the_page_of_hastds_hook_has_every_event() -> None:
    page = (MANUAL / "hastwatch-hast-event.8").read_text()
    assert set(re.findall(r"^\.It Cm (\S+) RESOURCE", page, re.MULTILINE)) == {"role", "split-brain", *EVENTS}


def test_the_pages_of_the_simulated_pair_name_every_command_scenario_and_fault() -> None:
    pair, rehearse = ((MANUAL / f"hastwatch-{name}.8").read_text() for name in ("pair", "rehearse"))
    for name in OF_THE_PAIR:
        assert f"\n.Nm hastwatch pair {name}\n" in pair
    for scenario in SCENARIOS:
        assert f"\n.It Cm {scenario.name}\n" in rehearse
    for name in FAULTS:
        assert f"\n.It Cm {name}" in pair


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_finds_no_error_in_them() -> None:
    words = ["mandoc", "-Tlint", "-W", "error", *map(str, PAGES)]
    linted = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
