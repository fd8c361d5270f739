"""Which package may import which, and that no modules import each other in a circle."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("checks", "remediate", "simulator", "hooks")
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in OURS
    for path in sorted((ROOT / folder).rglob("*.py"))
}

BEGINS_THE_REHEARSAL = {"remediate.command"}
"""The command line of hastwatch begins `hastwatch rehearse` and `hastwatch pair`."""
READS_THE_WHOLE_FILE = ("checks.plugin.config", "remediate.config")
"""One configuration file serves both, and a check refuses a mistake in any table of it: remediation, which would refuse
it in the middle of a failover, is loaded for that where the file has a table of remediation."""
OF_THE_SAME_STANDING = [
    {"checks.ask", "checks.batch"},
    {"checks.plugin.command", "checks.plugin.runtime"},
    set(READS_THE_WHOLE_FILE),
    {"remediate.failover.converge", "remediate.failover.patience", "remediate.failover.proofs"},
    {"remediate.failover.reach", "remediate.machine", "remediate.context"},
    {"remediate.recovery.remote_target", "remediate.recovery.targets"},
    {"remediate.subcommands.verify", "remediate.subcommands.verify_repair"},
]
"""Modules that name each other: one loads the other when it is called, or only a type checker does."""
SHARED_WITH_THE_SIMULATOR = {
    "CarpState", "DevdConfiguration", "DevdRule", "Export", "Metadata", "Mount", "Node", "Provider", "RcConf",
    "Registration", "Role", "TcpConnection", "Usage", "Vhid",
    "If", "Loop", "Pipeline", "Simple", "Word",
}  # fmt: skip
"""What both the product and the simulator have a class for: the same thing of FreeBSD, and the syntax of sh(1)."""


@functools.cache
def trees() -> dict[str, ast.Module]:
    """The sources, parsed: when a test asks for them, as that takes a second."""
    return {module: ast.parse(path.read_text()) for module, path in PATHS.items()}


def named(nodes: list[ast.stmt], at_start: bool) -> Iterator[str]:
    """The modules that statements import; `at_start`: those that are imported when the module is."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in PATHS else node.module for name in names)
        elif not at_start or not _comes_later(node):
            for part in ("body", "orelse", "finalbody"):
                yield from named(getattr(node, part, []), at_start)
            for handler in getattr(node, "handlers", []):
                yield from named(handler.body, at_start)


def _comes_later(node: ast.stmt) -> bool:
    """It is not run when the module is imported."""
    return isinstance(node, ast.FunctionDef) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")


def imports(at_start: bool) -> dict[str, set[str]]:
    """From each module of ours to those that it imports."""
    return {module: set(named(tree.body, at_start)) - {module} for module, tree in trees().items()}


def is_in(module: str, *packages: str) -> bool:
    """Whether a module is one of these packages or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The largest sets of modules that reach each other."""
    reached = {module: _reached(graph, module) for module in graph}
    sets = {frozenset(other for other in reached[module] if module in reached.get(other, ())) for module in graph}
    return [set(circle) for circle in sets if len(circle) > 1]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    left = [start]
    reached: set[str] = set()
    while left:
        for module in graph.get(left.pop(), set()) - reached:
            reached.add(module)
            left.append(module)
    return reached


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("simulator", ("checks", "remediate", "hooks", "tests")),
        ("checks", ("remediate", "simulator", "hooks", "tests")),
        ("remediate", ("hooks", "tests")),
        ("hooks", ("simulator", "remediate.rehearsal", "tests")),
    ],
)
def test_imports_point_one_way(package: str, never: tuple[str, ...]) -> None:
    wrong = {
        (module, name)
        for module, names in imports(at_start=False).items()
        if is_in(module, package)
        for name in names
        if is_in(name, *never)
    }
    assert wrong - {READS_THE_WHOLE_FILE} == set()


def test_only_the_rehearsal_knows_the_simulator() -> None:
    users = {
        module
        for module, names in imports(at_start=False).items()
        if any(is_in(name, "simulator", "remediate.rehearsal") for name in names)
        and not is_in(module, "simulator", "remediate.rehearsal")
    }
    assert users == BEGINS_THE_REHEARSAL


def test_the_simulator_needs_the_standard_library_alone() -> None:
    names = {name for module, each in imports(at_start=False).items() if is_in(module, "simulator") for name in each}
    assert {name.partition(".")[0] for name in names} - {"simulator"} <= sys.stdlib_module_names


def test_no_modules_import_each_other_at_their_start() -> None:
    assert circles(imports(at_start=True)) == []


def test_modules_that_name_each_other_are_known() -> None:
    cycles = circles(imports(at_start=False))
    assert sorted(cycles, key=sorted) == sorted(OF_THE_SAME_STANDING, key=sorted)


def classes(*packages: str) -> Counter[str]:
    """How often the name of a public class stands in these packages."""
    parsed = [tree for module, tree in trees().items() if is_in(module, *packages)]
    nodes = [node for tree in parsed for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return Counter(node.name for node in nodes if not node.name.startswith("_"))


@pytest.mark.parametrize("packages", [("checks", "remediate", "hooks"), ("simulator",)])
def test_a_class_has_a_name_of_its_own(packages: tuple[str, ...]) -> None:
    assert [name for name, times in classes(*packages).items() if times > 1] == []


def test_a_class_of_the_simulator_has_the_name_of_one_of_the_product_only_where_it_is_the_same_thing() -> None:
    both = classes("simulator").keys() & classes("checks", "remediate", "hooks").keys()
    assert both == SHARED_WITH_THE_SIMULATOR


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [{"a", "b", "c"}]


@pytest.mark.slow
def test_the_picture_is_drawn_from_these_sources() -> None:
    words = [sys.executable, str(ROOT / "docs" / "structure.py"), "--check"]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_what_the_page_names_is_there() -> None:
    named = re.findall(
        r"`((?:checks|remediate|simulator|hooks|docs|tests)/[\w./]*)`", (ROOT / "docs" / "architecture.md").read_text()
    )
    assert len(named) > 20
    assert [name for name in named if name != "checks/NAME.py" and not (ROOT / name).exists()] == []
