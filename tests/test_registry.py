"""Checks and subcommands are registered once: what lists them elsewhere says the same, and a new check is one line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from checks.registry import PREFIX, REGISTRY, CheckEntry
from remediate.contrib import lists
from remediate.events.repair_request import REQUESTS
from remediate.subcommands.answer import ORDERS
from remediate.subcommands.registry import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
README = (ROOT / "README.md").read_text()


def having(folder: str, name: str) -> set[str]:
    """The modules of a folder that define a name at their top."""
    names = set()
    for path in (ROOT / folder).glob("*.py"):
        if re.search(rf"^(def )?{name}\b", path.read_text(), re.MULTILINE):
            names.add(".".join((*Path(folder).parts, path.stem)))
    return names


# --- checks --------------------------------------------------------------------------------------------------


def test_the_console_scripts_of_the_checks_are_the_registered_ones() -> None:
    scripts = {name: target for name, target in SCRIPTS.items() if name.startswith(PREFIX)}
    assert scripts == {each.name: f"{each.module}:main" for each in REGISTRY}


def test_every_module_with_a_check_is_registered() -> None:
    assert having("checks", "CHECK") == {each.module for each in REGISTRY}


@pytest.mark.parametrize("each", REGISTRY, ids=lambda each: each.name)
def test_a_check_is_what_its_registration_says(each: CheckEntry) -> None:
    check = each.load()
    assert check.name == each.name
    assert each.on_node or not check.uses_peer


# --- a new check ---------------------------------------------------------------------------------------------

TOUCHED = ("checks/thing.py", "checks/registry.py", "pyproject.toml")
"""What a new check needs by hand before `docs/generate.py` makes the rest of what is shipped. Beside them stand its
rows in `remediate/events/table.py`, its test, and a line of CHANGELOG.md: six files."""
SHIPPED = ("checks", "remediate", "simulator", "docs", "contrib", "README.md", "pyproject.toml")
GENERATED = (
    "README.md",
    "contrib/icinga2/director-basket.json",
    "contrib/icinga2/hastwatch-commands.conf",
    "contrib/icinga2/hastwatch-services.conf",
    "contrib/nagios/hastwatch-commands.cfg",
    "contrib/nagios/hastwatch-pair.cfg.sample",
    "contrib/nagios/hastwatch-templates.cfg",
    "contrib/nrpe/hastwatch.cfg",
    "contrib/zabbix/hastwatch.conf",
    "docs/checks.md",
    "docs/checks/check_thing.md",
    "docs/icinga2-commands.md",
    "docs/man/check_thing.1",
    "docs/man/hastwatch-event-handler.8",
    "docs/man/hastwatch-submit.8",
    "docs/man/hastwatch.8",
    "docs/reasons.md",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with a new check in the files of TOUCHED."""
    directory = tmp_path_factory.mktemp("project")
    for name in SHIPPED:
        source, copy = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    (directory / "tests").symlink_to(ROOT / "tests")  # the examples on the pages of the checks
    check, registry, scripts = (directory / name for name in TOUCHED)
    check.write_text((ROOT / "checks" / "devd.py").read_text().replace("check_devd", "check_thing"))
    text = registry.read_text()
    registry.write_text(text.replace("REGISTRY = (\n", 'REGISTRY = (\n    CheckEntry("check_thing", "a thing"),\n'))
    line = 'check_devd = "checks.devd:main"\n'
    scripts.write_text(scripts.read_text().replace(line, line + line.replace("devd", "thing")))
    return directory


def python(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python within a copy of the project, whose modules it finds before those that are installed."""
    environment = {"PYTHONPATH": str(project)}
    return subprocess.run([sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_what_is_shipped_has_a_new_check_once_it_is_generated(project: Path) -> None:
    stale = python(project, "docs/generate.py", "--check").stdout
    assert sorted(line.partition(" ")[0] for line in stale.splitlines()) == sorted(GENERATED)
    assert python(project, "docs/generate.py").returncode == 0
    assert [name for name in GENERATED if "check_thing" not in (project / name).read_text()] == []


@pytest.mark.slow
def test_a_rehearsal_asks_a_new_check(project: Path) -> None:
    code = "from remediate.rehearsal.observer import OF_A_NODE; print(*(check.name for check in OF_A_NODE))"
    assert "check_thing" in python(project, "-c", code).stdout.split()


def test_a_list_whose_place_is_gone_is_an_error() -> None:
    files = {path: (ROOT / path).read_text() for path in lists.PATHS}
    with pytest.raises(lists.MissingAnchor, match=r"README\.md: no '\| command"):
        lists.updated({**files, "README.md": "# hastwatch\n"})
    with pytest.raises(lists.MissingAnchor, match="no '\\\\n`check_hast --help`'"):
        lists.updated({**files, "README.md": README.replace("`check_hast --help`", "The help")})


# --- subcommands ---------------------------------------------------------------------------------------------


def test_every_subcommand_module_is_registered() -> None:
    registered = {module for module, _ in SUBCOMMANDS.values()}
    assert having("remediate/subcommands", "main") == {name for name in registered if ".subcommands." in name}


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommand_has_the_command_line_of_its_name(name: str) -> None:
    module = import_module(SUBCOMMANDS[name][0])
    assert module.parser().prog == f"hastwatch {name}"
    assert callable(module.main)


def test_the_command_starts_without_what_it_does_not_use() -> None:
    code = "import sys, remediate.command; print([name for name in sys.modules if name.startswith('remediate.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "['remediate.subcommands', 'remediate.subcommands.registry', 'remediate.command']\n"


def test_the_readme_names_only_registered_subcommands() -> None:
    named = set(re.findall(r"^\| `hastwatch ([a-z-]+)", README, re.MULTILINE))
    assert {"converge", "repair"} <= named <= set(SUBCOMMANDS)


def test_what_may_be_asked_for_from_outside_is_a_registered_subcommand() -> None:
    asked = {request.words[0] for request in REQUESTS} | {words.split()[0] for _, words, _ in ORDERS}
    assert {"repair", "take-over"} <= asked - {"--version"} <= set(SUBCOMMANDS)
