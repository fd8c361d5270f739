"""The few rules of the structure: imports point one way, and a check pays only for what it uses."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
CHECKS = {name: target.partition(":")[0] for name, target in SCRIPTS.items() if name.startswith("check_")}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("folder", "never"),
    [
        ("checks/probes", ("checks.plugin", "remediate", "hooks", "tests", "nagiosplugin", "argparse")),
        ("checks", ("remediate", "hooks", "tests")),
        ("remediate", ("hooks", "tests")),
        ("hooks", ("tests",)),
    ],
)
def test_imports_point_one_way(folder: str, never: tuple[str, ...]) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        wrong = {name for name in imported(path) for start in never if name == start or name.startswith(f"{start}.")}
        assert not wrong, path


def test_a_probe_imports_no_check() -> None:
    checks = {path.stem for path in (ROOT / "checks").glob("*.py")} - {"__init__"}
    for path in (ROOT / "checks" / "probes").glob("*.py"):
        assert not {
            name for name in imported(path) if name.split(".")[:1] == ["checks"] and name.split(".")[1] in checks
        }


@pytest.mark.parametrize("module", CHECKS.values())
def test_a_check_starts_without_what_it_does_not_use(module: str) -> None:
    unwanted = [
        "psutil",
        "requests",
        "nagiosplugin",
        "dataclasses",
        "logging",
        "json",
        "tomllib",
        "hashlib",
        "datetime",
    ]
    code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_only_one_module_starts_processes() -> None:
    users = {path.name for path in (ROOT / "checks").rglob("*.py") if "subprocess" in imported(path)}
    assert users == {"process.py"}
